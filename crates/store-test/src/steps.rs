//! Short ways to bring a store where a check begins, and to look at what came of it.
//!
//! Each panics when the store answers an error: a check that gets that far has failed.

use angaros_domain::event::Event;
use angaros_domain::lifecycle::Change;
use angaros_domain::webhook_endpoint::Heard;
use angaros_domain::{EventId, LeaseId, Notification, NotificationId, Status, TenantId, Timestamp};
use angaros_store::{
    Allowance, Cancelled, Claim, ClaimParams, ClaimedLease, Expiry, NotificationFilter, PageRequest,
    Position, Promotion, RescueParams, Settled, SettledItem, Settlement, Stats, Store, Submission, Submitted,
    TimelineFilter,
};

use crate::fixture::{api_key, batch, lanes, lease_id, submission, worker};

/// How long leases of [`claim`] live, in seconds.
pub const LEASE_SECONDS: i64 = 30;

/// Submits one submission.
pub async fn submit(store: &dyn Store, submission: Submission) -> Submitted {
    let outcomes = store.submit(vec![submission]).await.unwrap();
    let [outcome] = outcomes.try_into().expect("one outcome for one submission");
    outcome
}

/// Stores notifications; where their events end.
pub async fn put(store: &dyn Store, notifications: &[Notification]) -> Position {
    match submit(store, submission(notifications.to_vec())).await {
        Submitted::Stored(position) => position,
        other => panic!("a submission without a key was not stored: {other:?}"),
    }
}

/// Stores notifications as a batch; the submission, with its members as they are stored.
pub async fn put_batch(store: &dyn Store, at: Timestamp, members: Vec<Notification>) -> Submission {
    let submission = batch(at, members);
    assert!(matches!(submit(store, submission.clone()).await, Submitted::Stored(_)));
    submission
}

/// Makes a tenant.
pub async fn tenant(store: &dyn Store, name: &str, at: Timestamp) -> TenantId {
    let number = name.bytes().fold(0, |sum: u64, byte| (sum * 31 + u64::from(byte)) & 0xffff_ffff_ffff);
    store.key_insert(api_key(name, number, at)).await.unwrap()
}

/// What a worker asks for that takes at most `quota` of every lane.
pub fn claim_params(name: &str, quota: usize, now: Timestamp) -> ClaimParams {
    ClaimParams {
        worker: worker(name),
        lease: lease_id(),
        lanes: lanes().into_iter().map(|lane| (lane, quota)).collect(),
        allowance: Allowance::new(usize::MAX),
        now,
        until: now.plus_seconds(LEASE_SECONDS),
    }
}

/// Claims at most `quota` of every lane as worker `w`.
pub async fn claim_at_most(store: &dyn Store, quota: usize, now: Timestamp) -> Option<ClaimedLease> {
    store.claim(claim_params("w", quota, now)).await.unwrap()
}

/// Claims everything that is ready as worker `w`; there must be something.
pub async fn claim(store: &dyn Store, now: Timestamp) -> ClaimedLease {
    claim_at_most(store, 1_000, now).await.expect("something is ready")
}

/// The claim of a notification.
pub fn claim_of(lease: &ClaimedLease, id: NotificationId) -> &Claim {
    lease.claims.iter().find(|claim| claim.notification.id == id).expect("the lease holds it")
}

/// Ids of what a lease holds, in its order.
pub fn ids(lease: &ClaimedLease) -> Vec<NotificationId> {
    lease.claims.iter().map(|claim| claim.notification.id).collect()
}

/// The result of a claim after a change.
pub fn item(claim: &Claim, change: Change, now: Timestamp) -> SettledItem {
    let mut notification = claim.notification.clone();
    let (heard, suppress) = (Heard::of(&change), change.suppress());
    let events = notification.apply(change, now).expect("a claimed notification takes every result");
    SettledItem { slot: claim.slot, notification, events, heard, suppress }
}

/// Settles items under a lease; the outcome of each.
pub async fn settle_items(store: &dyn Store, lease: LeaseId, items: Vec<SettledItem>) -> Vec<Settled> {
    let outcomes = store.settle(vec![Settlement { lease, items }]).await.unwrap();
    let [outcomes] = outcomes.try_into().expect("one list of outcomes for one settlement");
    outcomes
}

/// Settles one item under a lease.
pub async fn settle_item(store: &dyn Store, lease: LeaseId, item: SettledItem) -> Settled {
    let [outcome] =
        settle_items(store, lease, vec![item]).await.try_into().expect("one outcome for one item");
    outcome
}

/// Settles everything that a lease holds in the same way; it must still hold it. Answers what is stored now.
pub async fn settle_all(
    store: &dyn Store,
    lease: &ClaimedLease,
    change: impl Fn() -> Change,
    now: Timestamp,
) -> Vec<Notification> {
    let items: Vec<SettledItem> = lease.claims.iter().map(|claim| item(claim, change(), now)).collect();
    let stored = items.iter().map(|item| item.notification.clone()).collect();
    let outcomes = settle_items(store, lease.id, items).await;
    assert!(outcomes.iter().all(|o| matches!(o, Settled::Applied(_))), "a live lease settles: {outcomes:?}");
    stored
}

/// Stores a notification, claims everything that is ready with it, and settles all that in the same way.
pub async fn put_settled(
    store: &dyn Store,
    notification: Notification,
    change: impl Fn() -> Change,
    now: Timestamp,
) -> Notification {
    let id = notification.id;
    put(store, &[notification]).await;
    let lease = claim(store, now).await;
    settle_all(store, &lease, change, now).await.into_iter().find(|n| n.id == id).expect("it was claimed")
}

/// Takes over everything that is held, as worker `rescuer`.
pub async fn rescue_all(store: &dyn Store, until: Timestamp) -> Option<ClaimedLease> {
    store.rescue(rescue_params(Timestamp::MAX, until)).await.unwrap()
}

/// Taking over leases that ended before a time, as worker `rescuer`.
pub fn rescue_params(ended_before: Timestamp, until: Timestamp) -> RescueParams {
    RescueParams {
        ended_before,
        worker: worker("rescuer"),
        spare: worker("spared"),
        lease: lease_id(),
        until,
        leases_max: 1_000,
        only: None,
    }
}

/// Promotes everything that is due.
pub async fn promote(store: &dyn Store, now: Timestamp) -> Promotion {
    store.promote(now, 1_000).await.unwrap()
}

/// Gives up everything that waits beyond its end.
pub async fn expire(store: &dyn Store, now: Timestamp) -> Expiry {
    store.expire(now, 1_000).await.unwrap()
}

/// Cancels one notification of the default tenant.
pub async fn cancel(store: &dyn Store, id: NotificationId, now: Timestamp) -> Cancelled {
    let outcomes = store.cancel(vec![(TenantId::DEFAULT, id)], now).await.unwrap();
    let [outcome] = outcomes.try_into().expect("one outcome for one id");
    outcome
}

/// Reads a notification of the default tenant.
pub async fn find(store: &dyn Store, id: NotificationId) -> Option<Notification> {
    let found = store.notifications(TenantId::DEFAULT, &[id]).await.unwrap();
    let [found] = found.try_into().expect("one answer for one id");
    found
}

/// Reads a notification of the default tenant that must be there.
pub async fn get(store: &dyn Store, id: NotificationId) -> Notification {
    find(store, id).await.expect("it is stored")
}

/// The status of a notification of the default tenant.
pub async fn status(store: &dyn Store, id: NotificationId) -> Status {
    get(store, id).await.status
}

/// The whole timeline of a notification of the default tenant, earliest first.
pub async fn timeline(store: &dyn Store, id: NotificationId) -> Vec<Event> {
    let page = PageRequest { limit: 1_000, after: None };
    store
        .message_timeline(TenantId::DEFAULT, &id.to_string(), &TimelineFilter::default(), page)
        .await
        .unwrap()
}

/// Events without their ids: those are given by the log.
pub fn told(events: Vec<Event>) -> Vec<Event> {
    events.into_iter().map(|event| Event { id: EventId(uuid::Uuid::nil()), ..event }).collect()
}

/// The names of the events of a timeline.
pub async fn story(store: &dyn Store, id: NotificationId) -> Vec<String> {
    timeline(store, id).await.into_iter().map(|event| event.name).collect()
}

/// Every notification that a filter lets through, newest first, read in pages of `limit`.
pub async fn list(
    store: &dyn Store,
    tenant: TenantId,
    filter: &NotificationFilter,
    limit: usize,
) -> Vec<Notification> {
    /// Far more than any check stores: who comes here goes in circles.
    const PAGES_MAX: usize = 10_000;
    let mut items = Vec::new();
    let mut after = None;
    for _ in 0..PAGES_MAX {
        let page = store.notification_page(tenant, filter, PageRequest { limit, after }).await.unwrap();
        assert!(page.items.len() <= limit, "a page of {limit} holds {}", page.items.len());
        items.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return items,
        }
    }
    panic!("a list does not end");
}

/// Numbers of the default tenant, with lists in a fixed order.
pub async fn stats(store: &dyn Store, now: Timestamp) -> Stats {
    sorted(store.stats(Some(TenantId::DEFAULT), now).await.unwrap())
}

/// The same numbers with lists in a fixed order: a store may answer them in any.
pub fn sorted(mut stats: Stats) -> Stats {
    stats.depths.sort_by_key(|depth| depth.lane);
    stats.activity.sort_by_key(|activity| activity.status);
    stats
}

/// How many leases a worker has, asked by renewing them until `until`.
pub async fn leases_of(store: &dyn Store, name: &str, until: Timestamp) -> usize {
    store.renew(&worker(name), until).await.unwrap()
}
