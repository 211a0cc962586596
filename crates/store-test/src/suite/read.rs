//! Reading single things: notifications, batches, keys.

use std::collections::BTreeMap;

use angaros_domain::{BatchId, Notification, Status, TenantId, Timestamp};
use angaros_store::Store;

use super::checks;
use crate::fixture::{
    NOW, batch_id, deliver, elaborate, fail, idempotency_key, notification, notification_id, notifications,
    retry, scheduled, send,
};
use crate::steps::{
    cancel, claim, claim_at_most, get, item, promote, put, put_batch, put_settled, settle_all, settle_item,
};

checks!(read:
    notifications_come_in_the_order_asked,
    a_live_lease_shows_until_it_is_settled,
    a_batch_counts_its_members_where_they_stand,
    a_batch_counts_only_its_own,
    what_is_unknown_is_none,
    it_answers,
);

async fn notifications_come_in_the_order_asked(store: &dyn Store) {
    let all = [elaborate(NOW), notification(NOW), scheduled(NOW, NOW.plus_seconds(60))];
    put(store, &all).await;
    let unknown = notification_id(NOW);
    let asked = [all[2].id, unknown, all[0].id, all[1].id, all[2].id];
    let found = store.notifications(TenantId::DEFAULT, &asked).await.unwrap();
    let expected =
        [Some(all[2].clone()), None, Some(all[0].clone()), Some(all[1].clone()), Some(all[2].clone())];
    assert_eq!(found, expected);
    assert_eq!(store.notifications(TenantId::DEFAULT, &[]).await.unwrap(), []);
}

async fn a_live_lease_shows_until_it_is_settled(store: &dyn Store) {
    let n = notification(NOW);
    put(store, std::slice::from_ref(&n)).await;
    let claimed_at = || async { store.claimed_at(TenantId::DEFAULT, &[n.id]).await.unwrap()[0] };
    assert_eq!(claimed_at().await, None);

    let first = claim(store, NOW.plus_seconds(1)).await;
    assert_eq!(claimed_at().await, Some(NOW.plus_seconds(1)));
    let due = NOW.plus_seconds(9);
    let retrying = settle_all(store, &first, || retry(NOW, due), NOW.plus_seconds(2)).await.remove(0);
    assert_eq!((claimed_at().await, get(store, n.id).await), (None, retrying.clone()));

    promote(store, due).await;
    claim(store, due).await;
    assert_eq!(claimed_at().await, Some(due));
    assert_eq!(get(store, n.id).await, Notification { status: Status::Processing, ..retrying });
}

/// The counts of a batch of the default tenant.
async fn counts(store: &dyn Store, id: BatchId) -> BTreeMap<Status, u64> {
    store.batch(TenantId::DEFAULT, id).await.unwrap().expect("the batch is there").counts
}

async fn a_batch_counts_its_members_where_they_stand(store: &dyn Store) {
    let mut members = notifications(NOW, 7);
    members.push(scheduled(NOW, NOW.plus_seconds(60)));
    let stored = put_batch(store, NOW, members).await;
    let id = stored.batch.unwrap().id;
    assert_eq!(counts(store, id).await, BTreeMap::from([(Status::Pending, 1), (Status::Queued, 7)]));

    let lease = claim_at_most(store, 6, NOW).await.unwrap();
    let changes = [deliver(NOW), deliver(NOW), send(NOW), fail(NOW), retry(NOW, NOW.plus_seconds(9))];
    for (claim, change) in lease.claims.iter().zip(changes) {
        settle_item(store, lease.id, item(claim, change, NOW)).await;
    }
    cancel(store, stored.notifications[7].id, NOW).await;
    let expected = [
        (Status::Queued, 1),
        (Status::Processing, 1),
        (Status::Retrying, 1),
        (Status::Sent, 1),
        (Status::Delivered, 2),
        (Status::Failed, 1),
        (Status::Cancelled, 1),
    ];
    assert_eq!(counts(store, id).await, BTreeMap::from(expected), "each once, and no status with none");
}

async fn a_batch_counts_only_its_own(store: &dyn Store) {
    put(store, &notifications(NOW, 3)).await;
    let mut ids = Vec::new();
    for size in [2, 1] {
        let stored = put_batch(store, NOW, notifications(NOW, size)).await;
        ids.push(stored.batch.unwrap().id);
    }
    assert_eq!(counts(store, ids[0]).await, BTreeMap::from([(Status::Queued, 2)]));
    claim(store, NOW).await;
    assert_eq!(counts(store, ids[1]).await, BTreeMap::from([(Status::Processing, 1)]));
}

async fn what_is_unknown_is_none(store: &dyn Store) {
    put_settled(store, notification(NOW), || deliver(NOW), NOW).await;
    let tenant = TenantId::DEFAULT;
    assert_eq!(store.claimed_at(tenant, &[notification_id(NOW)]).await.unwrap(), [None::<Timestamp>]);
    assert_eq!(store.batch(tenant, batch_id(NOW)).await.unwrap(), None);
    assert_eq!(store.idempotent(tenant, &idempotency_key("k")).await.unwrap(), None);
}

async fn it_answers(store: &dyn Store) {
    store.ping().await.unwrap();
}
