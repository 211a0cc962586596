//! Leases: renewed by their worker, taken over when they ran out, and never held by two.

use std::collections::BTreeSet;

use angaros_domain::{LeaseId, Notification, NotificationId, Status, Timestamp};
use angaros_store::{ClaimParams, ClaimedLease, RescueParams, Settled, Store};

use super::checks;
use crate::fixture::{NOW, deliver, notifications, retry};
use crate::steps::{
    claim, claim_at_most, claim_of, claim_params, get, ids, item, leases_of, promote, put, rescue_all,
    rescue_params, settle_all, settle_item, stats, status, story,
};

checks!(lease:
    a_worker_renews_all_of_its_own,
    a_renewed_lease_is_not_lost,
    nothing_lost_is_no_lease,
    a_lease_is_lost_after_its_end_and_not_before,
    a_lease_that_ran_out_settles_until_it_is_rescued,
    a_rescued_lease_moves_to_the_rescuer,
    a_rescue_logs_nothing,
    a_lost_workers_late_result_is_stale,
    what_was_settled_is_not_rescued,
    what_was_rescued_can_be_lost_again,
    the_end_of_time_takes_every_lease,
    many_lost_leases_become_one,
    a_rescue_takes_only_so_many_leases,
    the_rescuers_own_worker_is_spared,
    a_lease_may_be_taken_over_by_its_name,
    a_retry_is_rescued_as_it_is_stored,
);

const ENDED: Timestamp = NOW.plus_seconds(30);

/// Stores `count` notifications and claims them as a worker, until [`ENDED`].
async fn held_by(store: &dyn Store, worker: &str, count: usize) -> ClaimedLease {
    put(store, &notifications(NOW, count)).await;
    store.claim(claim_params(worker, count, NOW)).await.unwrap().expect("they are ready")
}

async fn rescue(store: &dyn Store, ended_before: Timestamp) -> Option<ClaimedLease> {
    store.rescue(rescue_params(ended_before, ended_before.plus_seconds(30))).await.unwrap()
}

fn sorted_ids(leases: &[&ClaimedLease]) -> Vec<NotificationId> {
    let mut all: Vec<NotificationId> = leases.iter().flat_map(|lease| ids(lease)).collect();
    all.sort_unstable();
    all
}

async fn a_worker_renews_all_of_its_own(store: &dyn Store) {
    held_by(store, "one", 2).await;
    held_by(store, "other", 1).await;
    held_by(store, "one", 1).await;
    assert_eq!(leases_of(store, "nobody", ENDED).await, 0);
    assert_eq!(leases_of(store, "other", ENDED).await, 1);
    assert_eq!(leases_of(store, "one", ENDED).await, 2);
}

async fn a_renewed_lease_is_not_lost(store: &dyn Store) {
    let kept = [held_by(store, "one", 1).await, held_by(store, "one", 1).await];
    let lost = held_by(store, "other", 1).await;
    leases_of(store, "one", ENDED.plus_seconds(20)).await;
    let now = ENDED.plus_seconds(10);
    assert_eq!(ids(&rescue(store, now).await.unwrap()), ids(&lost), "only the other worker's");
    for lease in &kept {
        settle_all(store, lease, || deliver(NOW), now).await;
    }
}

async fn nothing_lost_is_no_lease(store: &dyn Store) {
    assert_eq!(rescue_all(store, ENDED).await, None);
    held_by(store, "one", 1).await;
    assert_eq!(rescue(store, NOW).await, None);
    assert_eq!(leases_of(store, "rescuer", ENDED).await, 0);
}

async fn a_lease_is_lost_after_its_end_and_not_before(store: &dyn Store) {
    let lease = held_by(store, "one", 1).await;
    assert_eq!(rescue(store, ENDED).await, None, "it lives until then");
    let rescued = rescue(store, ENDED.plus_millis(1)).await.expect("it is lost");
    assert_eq!(ids(&rescued), ids(&lease));
}

async fn a_lease_that_ran_out_settles_until_it_is_rescued(store: &dyn Store) {
    let lease = held_by(store, "one", 1).await;
    let id = lease.claims[0].notification.id;
    assert_eq!(status(store, id).await, Status::Processing);
    settle_all(store, &lease, || deliver(NOW), ENDED.plus_seconds(3600)).await;
    assert_eq!(status(store, id).await, Status::Delivered);
}

async fn a_rescued_lease_moves_to_the_rescuer(store: &dyn Store) {
    let lease = held_by(store, "one", 3).await;
    let params = rescue_params(ENDED.plus_seconds(1), ENDED.plus_seconds(60));
    let token = params.lease;
    let rescued = store.rescue(params).await.unwrap().expect("it is lost");
    assert_eq!((rescued.id, rescued.claimed_at), (token, NOW), "the token is new, the claim is not");
    assert_eq!(sorted_ids(&[&rescued]), sorted_ids(&[&lease]));
    for claim in &rescued.claims {
        let stored = claim_of(&lease, claim.notification.id).notification.clone();
        assert_eq!(claim.notification, stored, "as it is stored");
        let seen = Notification { status: Status::Processing, ..stored.clone() };
        assert_eq!(get(store, stored.id).await, seen, "it is still somebody's");
        assert_eq!(store.claimed_at(stored.tenant, &[stored.id]).await.unwrap(), [Some(NOW)]);
    }
    assert_eq!((leases_of(store, "one", ENDED).await, leases_of(store, "rescuer", ENDED).await), (0, 1));
    settle_all(store, &rescued, || deliver(NOW), ENDED.plus_seconds(2)).await;
    assert_eq!(leases_of(store, "rescuer", ENDED).await, 0);
}

async fn a_rescue_logs_nothing(store: &dyn Store) {
    let lease = held_by(store, "one", 1).await;
    let before = put(store, &notifications(NOW, 1)).await;
    rescue_all(store, ENDED).await;
    assert_eq!(story(store, lease.claims[0].notification.id).await, ["queued"]);
    assert_eq!(put(store, &notifications(NOW, 1)).await.0, before.0 + 1);
}

/// Settles everything of a lease one by one under a token; how many results were taken.
async fn taken(store: &dyn Store, token: LeaseId, lease: &ClaimedLease, now: Timestamp) -> usize {
    let mut taken = 0;
    for claim in &lease.claims {
        let outcome = settle_item(store, token, item(claim, deliver(NOW), now)).await;
        taken += usize::from(outcome != Settled::Stale);
    }
    taken
}

async fn a_lost_workers_late_result_is_stale(store: &dyn Store) {
    let lease = held_by(store, "one", 2).await;
    let rescued = rescue_all(store, ENDED).await.unwrap();
    let late = ENDED.plus_seconds(1);
    assert_eq!(taken(store, lease.id, &lease, late).await, 0);
    for id in ids(&lease) {
        assert_eq!((status(store, id).await, story(store, id).await.len()), (Status::Processing, 1));
    }
    let due = late.plus_seconds(60);
    settle_all(store, &rescued, || retry(NOW, due), late).await;
    assert_eq!(
        taken(store, lease.id, &lease, late.plus_seconds(1)).await,
        0,
        "nor after the rescuer's decision"
    );
    assert_eq!(promote(store, due).await.moved, 2);
    claim(store, due).await;
    assert_eq!(
        taken(store, lease.id, &lease, due.plus_seconds(1)).await,
        0,
        "nor while another attempt is made"
    );
    assert_eq!(stats(store, due).await.in_flight, 2);
}

async fn what_was_settled_is_not_rescued(store: &dyn Store) {
    let lease = held_by(store, "one", 3).await;
    let (settled, rest) = lease.claims.split_first().unwrap();
    settle_item(store, lease.id, item(settled, deliver(NOW), NOW)).await;
    let rescued = rescue_all(store, ENDED).await.unwrap();
    let expected: BTreeSet<NotificationId> = rest.iter().map(|claim| claim.notification.id).collect();
    assert_eq!(ids(&rescued).into_iter().collect::<BTreeSet<_>>(), expected);
    assert_eq!(status(store, settled.notification.id).await, Status::Delivered);
}

async fn what_was_rescued_can_be_lost_again(store: &dyn Store) {
    let lease = held_by(store, "one", 1).await;
    let first = rescue(store, ENDED.plus_seconds(1)).await.unwrap();
    assert_eq!(rescue(store, ENDED.plus_seconds(10)).await, None, "the rescuer's lease lives");
    let second = rescue(store, ENDED.plus_seconds(60)).await.unwrap();
    assert_eq!(ids(&second), ids(&lease));
    let late = ENDED.plus_seconds(61);
    assert_eq!(taken(store, first.id, &first, late).await, 0);
    assert_eq!(taken(store, second.id, &second, late).await, 1);
}

async fn the_end_of_time_takes_every_lease(store: &dyn Store) {
    let one = held_by(store, "one", 2).await;
    let endless = claim_params("endless", 1, NOW);
    put(store, &notifications(NOW, 1)).await;
    let other = store.claim(ClaimParams { until: Timestamp::MAX, ..endless }).await.unwrap().unwrap();
    let rescued = rescue_all(store, ENDED).await.unwrap();
    assert_eq!(sorted_ids(&[&rescued]), sorted_ids(&[&one, &other]), "those too that would never end");
}

async fn many_lost_leases_become_one(store: &dyn Store) {
    let one = held_by(store, "one", 2).await;
    put(store, &notifications(NOW, 1)).await;
    let claimed_later = NOW.plus_seconds(5);
    let other = claim_at_most(store, 1, claimed_later).await.unwrap();
    let rescued = rescue(store, ENDED.plus_seconds(60)).await.unwrap();
    assert_eq!(sorted_ids(&[&rescued]), sorted_ids(&[&one, &other]));
    assert!((NOW..=claimed_later).contains(&rescued.claimed_at), "claimed when they were");
    assert_eq!(leases_of(store, "rescuer", ENDED.plus_seconds(90)).await, 1);
    settle_all(store, &rescued, || deliver(NOW), ENDED.plus_seconds(61)).await;
}

async fn a_rescue_takes_only_so_many_leases(store: &dyn Store) {
    let held: Vec<ClaimedLease> = vec![
        held_by(store, "one", 2).await,
        held_by(store, "one", 2).await,
        held_by(store, "other", 2).await,
    ];
    let mut rescued = Vec::new();
    for expected in [4, 2] {
        // The rescuer's own leases live on, so the second call finds what the first one left.
        let params =
            RescueParams { leases_max: 2, ..rescue_params(ENDED.plus_seconds(1), ENDED.plus_seconds(60)) };
        let lease = store.rescue(params).await.unwrap().expect("some are left");
        assert_eq!(lease.claims.len(), expected);
        rescued.push(lease);
    }
    assert_eq!(sorted_ids(&rescued.iter().collect::<Vec<_>>()), sorted_ids(&held.iter().collect::<Vec<_>>()));
    assert_eq!(rescue(store, ENDED.plus_seconds(1)).await, None);
}

async fn a_retry_is_rescued_as_it_is_stored(store: &dyn Store) {
    let lease = held_by(store, "one", 1).await;
    let stored = settle_all(store, &lease, || retry(NOW, ENDED), NOW).await;
    promote(store, ENDED).await;
    claim(store, ENDED).await;
    let rescued = rescue_all(store, ENDED.plus_seconds(60)).await.unwrap();
    assert_eq!(rescued.claims[0].notification, stored[0]);
    assert_eq!(status(store, stored[0].id).await, Status::Processing);
}

async fn a_lease_may_be_taken_over_by_its_name(store: &dyn Store) {
    let held = held_by(store, "spared", 2).await;
    held_by(store, "other", 2).await;
    let of = |id| RescueParams { only: Some(id), ..rescue_params(NOW, ENDED.plus_seconds(60)) };
    assert_eq!(store.rescue(of(crate::fixture::lease_id())).await.unwrap(), None, "there is no such lease");
    let rescued = store.rescue(of(held.id)).await.unwrap().expect("whoever held it, and before its end");
    assert_eq!(ids(&rescued), ids(&held));
    assert_eq!(store.rescue(of(held.id)).await.unwrap(), None);
    assert_eq!(taken(store, held.id, &held, NOW).await, 0, "the former holder's results are stale");
}

async fn the_rescuers_own_worker_is_spared(store: &dyn Store) {
    held_by(store, "alive", 2).await;
    let params = RescueParams {
        spare: crate::fixture::worker("alive"),
        ..rescue_params(ENDED.plus_seconds(9), ENDED.plus_seconds(60))
    };
    assert_eq!(store.rescue(params.clone()).await.unwrap(), None, "its clock may be wrong, but it is there");
    let everything = RescueParams { ended_before: Timestamp::MAX, ..params };
    assert_eq!(store.rescue(everything).await.unwrap(), None);
}
