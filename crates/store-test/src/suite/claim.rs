//! Claiming: each notification to one lease, lanes by quota, tenants in turn, the oldest first.

use std::collections::{BTreeMap, BTreeSet};

use angaros_domain::{Channel, Lane, Notification, NotificationId, Outlet, Priority, Status, TenantId};
use angaros_store::{Allowance, ClaimParams, ClaimedLease, OutletSet, Store};

use super::checks;
use crate::fixture::{NOW, elaborate, lanes, notification, notification_id, notifications, retry};
use crate::steps::{
    claim, claim_at_most, claim_params, get, ids, leases_of, promote, put, put_batch, settle_all, stats,
    tenant, timeline, told,
};

checks!(claim:
    nothing_ready_is_no_lease,
    a_lease_tells_what_it_holds,
    a_claimed_one_is_processing_and_nothing_else_changes,
    nothing_is_claimed_twice,
    each_lane_gives_its_quota_in_the_order_asked,
    lanes_that_are_not_asked_keep_theirs,
    the_oldest_comes_first,
    tenants_take_turns,
    small_claims_pass_no_tenant_over,
    an_unused_share_goes_to_the_others,
    a_retry_gets_in_behind_what_was_ready_before,
    a_lane_may_be_served_twice_within_the_limits,
);

async fn nothing_ready_is_no_lease(store: &dyn Store) {
    assert_eq!(claim_at_most(store, 10, NOW).await, None);
    put(store, &notifications(NOW, 1)).await;
    assert_eq!(claim_at_most(store, 0, NOW).await, None, "a quota of none takes none");
    let no_lanes = ClaimParams { lanes: vec![], ..claim_params("w", 0, NOW) };
    assert_eq!(store.claim(no_lanes).await.unwrap(), None);
    assert_eq!(leases_of(store, "w", NOW).await, 0, "there is no empty lease");
}

async fn a_lease_tells_what_it_holds(store: &dyn Store) {
    let all = [notification(NOW), elaborate(NOW)];
    put(store, &all).await;
    let now = NOW.plus_seconds(3);
    let params = claim_params("w", 10, now);
    let id = params.lease;
    let lease = store.claim(params).await.unwrap().expect("two are ready");
    assert_eq!((lease.id, lease.claimed_at), (id, now));
    let mut held: Vec<Notification> = lease.claims.iter().map(|claim| claim.notification.clone()).collect();
    held.sort_by_key(|n| n.id);
    assert_eq!(held, all, "the notifications as they are stored");
    let slots: BTreeSet<i64> = lease.claims.iter().map(|claim| claim.slot).collect();
    assert_eq!(slots.len(), 2, "each has a slot of its own");
    assert_eq!(leases_of(store, "w", now).await, 1, "one lease for all lanes");
}

async fn a_claimed_one_is_processing_and_nothing_else_changes(store: &dyn Store) {
    let stored = put_batch(store, NOW, vec![elaborate(NOW)]).await;
    let (n, batch) = (stored.notifications[0].clone(), stored.batch.unwrap().id);
    assert_eq!(store.claimed_at(n.tenant, &[n.id]).await.unwrap(), [None]);
    let now = NOW.plus_seconds(3);
    claim(store, now).await;

    let expected = Notification { status: Status::Processing, ..n.clone() };
    assert_eq!(get(store, n.id).await, expected, "updated_at too stays as it was");
    let unknown = notification_id(now);
    assert_eq!(store.claimed_at(n.tenant, &[unknown, n.id]).await.unwrap(), [None, Some(now)]);
    let view = store.batch(n.tenant, batch).await.unwrap().unwrap();
    assert_eq!(view.counts, BTreeMap::from([(Status::Processing, 1)]));
    assert_eq!(
        told(timeline(store, n.id).await),
        told(vec![n.created_event()]),
        "the attempt is logged when it is settled"
    );
    let numbers = stats(store, now).await;
    assert_eq!((numbers.depths.len(), numbers.in_flight, numbers.oldest_queued), (0, 1, None));
}

async fn nothing_is_claimed_twice(store: &dyn Store) {
    put(store, &notifications(NOW, 3)).await;
    let first = claim_at_most(store, 2, NOW).await.unwrap();
    let second = claim(store, NOW).await;
    assert_eq!((first.claims.len(), second.claims.len()), (2, 1));
    assert!(!ids(&first).contains(&ids(&second)[0]));
    assert_eq!(claim_at_most(store, 1, NOW.plus_seconds(3600)).await, None, "time alone frees nothing");
}

/// Deliveries live in a space of their own, and so do their lanes.
fn tenant_of(lane: Lane) -> TenantId {
    if lane.outlet == Outlet::Endpoints { TenantId::DEFAULT.deliveries() } else { TenantId::DEFAULT }
}

/// One notification in every lane, `count` times over.
async fn fill_lanes(store: &dyn Store, count: usize) {
    for _ in 0..count {
        let one = |lane: Lane| Notification {
            tenant: tenant_of(lane),
            channel: lane.outlet.channel(),
            priority: lane.priority,
            ..notification(NOW)
        };
        let all: Vec<Notification> = lanes().into_iter().map(one).collect();
        put(store, &all).await;
    }
}

fn lanes_of(lease: &ClaimedLease) -> Vec<Lane> {
    lease.claims.iter().map(|claim| claim.notification.lane()).collect()
}

async fn each_lane_gives_its_quota_in_the_order_asked(store: &dyn Store) {
    fill_lanes(store, 4).await;
    let lane = |channel: Channel, priority| Lane { outlet: channel.into(), priority };
    let low = lane(Channel::Push, Priority::Low);
    let high = lane(Channel::Email, Priority::High);
    let normal = lane(Channel::Push, Priority::Normal);
    let lanes = vec![(low, 1), (high, 3), (normal, 9)];
    let params = ClaimParams { lanes, ..claim_params("w", 0, NOW) };
    let lease = store.claim(params).await.unwrap().expect("all lanes are full");
    assert_eq!(lanes_of(&lease), [low, high, high, high, normal, normal, normal, normal]);
}

async fn lanes_that_are_not_asked_keep_theirs(store: &dyn Store) {
    fill_lanes(store, 1).await;
    let sms = Lane { outlet: Channel::Sms.into(), priority: Priority::High };
    for expected in [Some(vec![sms]), None] {
        let params = ClaimParams { lanes: vec![(sms, 5)], ..claim_params("w", 0, NOW) };
        assert_eq!(store.claim(params).await.unwrap().as_ref().map(lanes_of), expected);
    }
    assert_eq!(claim(store, NOW).await.claims.len(), Lane::COUNT - 1);
}

async fn the_oldest_comes_first(store: &dyn Store) {
    let all: Vec<Notification> = (0..6).map(|seconds| notification(NOW.plus_seconds(seconds))).collect();
    for pair in all.chunks(2) {
        put(store, pair).await;
    }
    let expected: Vec<NotificationId> = all.iter().map(|n| n.id).collect();
    let now = NOW.plus_seconds(10);
    let mut claimed = Vec::new();
    for quota in [1, 3, 5] {
        claimed.extend(ids(&claim_at_most(store, quota, now).await.unwrap()));
    }
    assert_eq!(claimed, expected);
}

/// Makes tenants `0`, `1` and so on, and queues so many notifications of each, one tenant after the other.
async fn queue_of_tenants(store: &dyn Store, counts: &[usize]) -> Vec<TenantId> {
    let mut tenants = Vec::new();
    for (index, count) in counts.iter().enumerate() {
        let tenant = tenant(store, &index.to_string(), NOW).await;
        let all: Vec<Notification> =
            (0..*count).map(|_| Notification { tenant, ..notification(NOW) }).collect();
        put(store, &all).await;
        tenants.push(tenant);
    }
    tenants
}

/// How many of each tenant a lease holds; within a tenant they must be the oldest first.
fn shares(lease: &ClaimedLease, tenants: &[TenantId]) -> Vec<usize> {
    let of_tenant = |tenant: &TenantId| {
        let own = lease.claims.iter().filter(|claim| claim.notification.tenant == *tenant);
        let ids: Vec<NotificationId> = own.map(|claim| claim.notification.id).collect();
        assert!(ids.is_sorted(), "the oldest first within a tenant");
        ids.len()
    };
    tenants.iter().map(of_tenant).collect()
}

async fn tenants_take_turns(store: &dyn Store) {
    let tenants = queue_of_tenants(store, &[50, 10, 10]).await;
    let lease = claim_at_most(store, 9, NOW).await.unwrap();
    assert_eq!(shares(&lease, &tenants), [3, 3, 3], "who came first with many does not hold up the others");
    let lease = claim_at_most(store, 4, NOW).await.unwrap();
    let mut uneven = shares(&lease, &tenants);
    uneven.sort_unstable();
    assert_eq!(uneven, [1, 1, 2], "nobody is a whole turn ahead");
}

async fn small_claims_pass_no_tenant_over(store: &dyn Store) {
    let (second, third) = (tenant(store, "second", NOW).await, tenant(store, "third", NOW).await);
    for of in [TenantId::DEFAULT, second, third] {
        let ready: Vec<Notification> =
            notifications(NOW, 30).into_iter().map(|n| Notification { tenant: of, ..n }).collect();
        put(store, &ready).await;
    }
    let mut served: BTreeMap<TenantId, usize> = BTreeMap::new();
    for _ in 0..30 {
        let lease = claim_at_most(store, 1, NOW).await.expect("ninety are ready");
        *served.entry(lease.claims[0].notification.tenant).or_default() += 1;
    }
    assert!(served.len() == 3 && served.values().all(|count| *count >= 3), "{served:?}");
}

async fn an_unused_share_goes_to_the_others(store: &dyn Store) {
    let tenants = queue_of_tenants(store, &[1, 50, 2]).await;
    let lease = claim_at_most(store, 12, NOW).await.unwrap();
    assert_eq!(shares(&lease, &tenants), [1, 9, 2]);
}

async fn a_retry_gets_in_behind_what_was_ready_before(store: &dyn Store) {
    let all = notifications(NOW, 3);
    put(store, &all).await;
    let first = claim_at_most(store, 1, NOW).await.unwrap();
    let due = NOW.plus_seconds(60);
    let stored = settle_all(store, &first, || retry(NOW, due), NOW).await;
    let later = notifications(due.plus_seconds(1), 1);
    put(store, &later).await;
    assert_eq!(promote(store, due.plus_seconds(2)).await.moved, 1);
    let second = claim_at_most(store, 10, due.plus_seconds(2)).await.unwrap();
    assert_eq!(ids(&second), [all[1].id, all[2].id, all[0].id, later[0].id], "by when each was ready");
    assert_eq!(second.claims[2].notification, stored[0], "as it is stored: retrying");
    let expected = Notification { status: Status::Processing, ..stored[0].clone() };
    assert_eq!(get(store, all[0].id).await, expected);
}

async fn a_lane_may_be_served_twice_within_the_limits(store: &dyn Store) {
    let sms = notifications(NOW, 10);
    let push: Vec<Notification> =
        notifications(NOW, 10).into_iter().map(|n| Notification { channel: Channel::Push, ..n }).collect();
    put(store, &sms).await;
    put(store, &push).await;
    let (of_sms, of_push) = (sms[0].lane(), push[0].lane());
    let mut allowance = Allowance::new(9);
    for set in OutletSet::all().filter(|set| set.contains(Channel::Sms.into())) {
        let alone = set.outlets().count() == 1;
        allowance.limit(set, if alone { 4 } else { 8 });
    }
    let lanes = vec![(of_sms, 2), (of_push, 1), (of_sms, 100), (of_push, 100)];
    let params = ClaimParams { lanes, allowance, ..claim_params("w", 0, NOW) };
    let lease = store.claim(params).await.unwrap().unwrap();
    let expected: Vec<NotificationId> =
        [&sms[..2], &push[..1], &sms[2..4], &push[1..4]].concat().iter().map(|n| n.id).collect();
    assert_eq!(ids(&lease), expected);
}
