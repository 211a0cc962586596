//! Settling: results are stored with their events while the lease holds the row, and leave no trace afterwards.

use angaros_domain::lifecycle::Change;
use angaros_domain::{FailureReason, LeaseId, Notification, Status, Timestamp};
use angaros_store::{ClaimedLease, Position, Settled, SettledItem, Settlement, Store};

use super::checks;
use crate::fixture::{NOW, deliver, elaborate, fail, lease_id, notification, notifications, retry, send};
use crate::steps::{
    claim, claim_at_most, claim_of, get, ids, item, leases_of, promote, put, settle_all, settle_item,
    settle_items, stats, status, timeline, told,
};

checks!(settle:
    a_result_is_stored_with_its_events,
    a_sent_one_waits_for_its_receipt,
    a_failed_one_is_not_tried_again,
    a_retry_waits_for_its_time,
    a_release_costs_no_attempt,
    positions_end_at_each_items_events,
    a_partial_settle_keeps_the_rest,
    an_empty_lease_is_gone,
    a_second_result_is_stale,
    an_unknown_lease_is_stale,
    another_leases_slot_is_stale,
    outcomes_are_per_settlement_and_item,
    two_settlements_of_one_lease_work_in_order,
    nothing_settled_is_nothing_done,
);

/// When the attempts of these checks are settled.
const LATER: Timestamp = NOW.plus_seconds(2);

/// Stores notifications and claims them.
async fn claimed(store: &dyn Store, all: &[Notification]) -> ClaimedLease {
    put(store, all).await;
    claim(store, NOW).await
}

/// Settles a fresh notification with a change and checks that row and log tell of exactly that.
async fn settled_with(store: &dyn Store, change: Change) -> Notification {
    let n = elaborate(NOW);
    let lease = claimed(store, std::slice::from_ref(&n)).await;
    let result = item(&lease.claims[0], change, LATER);
    assert!(matches!(settle_item(store, lease.id, result.clone()).await, Settled::Applied(_)));

    assert_eq!(get(store, n.id).await, result.notification);
    let mut expected = vec![n.created_event()];
    expected.extend(result.events);
    expected.sort_by_key(|event| event.occurred_at);
    assert_eq!(told(timeline(store, n.id).await), told(expected));
    assert_eq!(store.claimed_at(n.tenant, &[n.id]).await.unwrap(), [None]);
    assert_eq!(claim_at_most(store, 10, LATER).await, None, "it is in no lane");
    result.notification
}

async fn a_result_is_stored_with_its_events(store: &dyn Store) {
    let n = settled_with(store, deliver(NOW)).await;
    assert_eq!((n.status, n.sent_at, n.delivered_at), (Status::Delivered, Some(LATER), Some(LATER)));
    let numbers = stats(store, LATER).await;
    assert_eq!((numbers.in_flight, numbers.deferred, numbers.depths.len()), (0, 0, 0));
}

async fn a_sent_one_waits_for_its_receipt(store: &dyn Store) {
    let n = settled_with(store, send(NOW)).await;
    assert_eq!((n.status, n.sent_at, n.delivered_at), (Status::Sent, Some(LATER), None));
}

async fn a_failed_one_is_not_tried_again(store: &dyn Store) {
    let n = settled_with(store, fail(NOW)).await;
    assert_eq!((n.status, n.failure_reason), (Status::Failed, Some(FailureReason::Permanent)));
    let promotion = promote(store, LATER.plus_seconds(7 * 24 * 3600)).await;
    assert_eq!((promotion.moved, promotion.next_due), (0, None));
}

async fn a_retry_waits_for_its_time(store: &dyn Store) {
    let due = LATER.plus_seconds(30);
    let n = settled_with(store, retry(NOW, due)).await;
    assert_eq!((n.status, n.attempts, n.next_retry_at), (Status::Retrying, 1, Some(due)));
    assert_eq!(stats(store, LATER).await.deferred, 1);
    assert_eq!(promote(store, LATER).await.next_due, Some(due));

    promote(store, due).await;
    let lease = claim(store, due).await;
    let n = settle_all(store, &lease, || deliver(due), due).await.remove(0);
    assert_eq!((n.status, n.attempts), (Status::Delivered, 2));
    assert_eq!(get(store, n.id).await, n);
}

async fn a_release_costs_no_attempt(store: &dyn Store) {
    let n = settled_with(store, Change::release(LATER)).await;
    assert_eq!((n.status, n.attempts), (Status::Retrying, 0));
    assert_eq!(promote(store, LATER).await.moved, 1, "it is due at once");
    assert_eq!(ids(&claim(store, LATER).await), [n.id]);
}

async fn positions_end_at_each_items_events(store: &dyn Store) {
    let all = notifications(NOW, 3);
    let Position(start) = put(store, &all).await;
    let lease = claim(store, NOW).await;
    let changes = [deliver(NOW), retry(NOW, LATER), Change::release(LATER)];
    let items =
        all.iter().zip(changes).map(|(n, change)| item(claim_of(&lease, n.id), change, LATER)).collect();
    let outcomes = settle_items(store, lease.id, items).await;
    // Three events of a delivery, two of a retry, one of a release.
    assert_eq!(outcomes, [3, 5, 6].map(|events| Settled::Applied(Position(start + events))));
}

async fn a_partial_settle_keeps_the_rest(store: &dyn Store) {
    let all = notifications(NOW, 3);
    let lease = claimed(store, &all).await;
    let middle = item(claim_of(&lease, all[1].id), deliver(NOW), LATER);
    assert!(matches!(settle_item(store, lease.id, middle).await, Settled::Applied(_)));
    for (n, expected) in all.iter().zip([Status::Processing, Status::Delivered, Status::Processing]) {
        assert_eq!(status(store, n.id).await, expected);
    }
    assert_eq!(stats(store, LATER).await.in_flight, 2);
    assert_eq!(leases_of(store, "w", LATER).await, 1);

    let rest = [0, 2].map(|i| item(claim_of(&lease, all[i].id), deliver(NOW), LATER)).to_vec();
    let outcomes = settle_items(store, lease.id, rest).await;
    assert!(outcomes.iter().all(|o| matches!(o, Settled::Applied(_))), "{outcomes:?}");
}

async fn an_empty_lease_is_gone(store: &dyn Store) {
    let lease = claimed(store, &notifications(NOW, 2)).await;
    assert_eq!(leases_of(store, "w", LATER).await, 1);
    settle_all(store, &lease, || deliver(NOW), LATER).await;
    assert_eq!(leases_of(store, "w", LATER).await, 0);
}

/// A result that comes too late changes neither the row nor the log.
async fn is_stale(store: &dyn Store, lease: LeaseId, late: SettledItem) {
    let id = late.notification.id;
    let (row, log) = (get(store, id).await, timeline(store, id).await);
    let Position(before) = put(store, &[notification(NOW)]).await;
    assert_eq!(settle_item(store, lease, late).await, Settled::Stale);
    assert_eq!(put(store, &[notification(NOW)]).await, Position(before + 1), "nothing was logged");
    assert_eq!((get(store, id).await, timeline(store, id).await), (row, log));
}

async fn a_second_result_is_stale(store: &dyn Store) {
    let lease = claimed(store, &notifications(NOW, 2)).await;
    let first = &lease.claims[0];
    settle_item(store, lease.id, item(first, retry(NOW, LATER.plus_seconds(60)), LATER)).await;
    // The lease still lives, for it holds the other one; only the slot is no longer its own.
    is_stale(store, lease.id, item(first, deliver(NOW), LATER.plus_seconds(1))).await;
    settle_item(store, lease.id, item(&lease.claims[1], fail(NOW), LATER)).await;
    is_stale(store, lease.id, item(&lease.claims[1], deliver(NOW), LATER.plus_seconds(1))).await;
    assert_eq!(promote(store, LATER.plus_seconds(60)).await.moved, 1, "the first result counts");
}

async fn an_unknown_lease_is_stale(store: &dyn Store) {
    let lease = claimed(store, &notifications(NOW, 1)).await;
    is_stale(store, lease_id(), item(&lease.claims[0], deliver(NOW), LATER)).await;
    settle_all(store, &lease, || deliver(NOW), LATER).await;
}

async fn another_leases_slot_is_stale(store: &dyn Store) {
    put(store, &notifications(NOW, 2)).await;
    let one = claim_at_most(store, 1, NOW).await.unwrap();
    let other = claim_at_most(store, 1, NOW).await.unwrap();
    is_stale(store, other.id, item(&one.claims[0], deliver(NOW), LATER)).await;
    settle_all(store, &one, || deliver(NOW), LATER).await;
    settle_all(store, &other, || deliver(NOW), LATER).await;
}

async fn outcomes_are_per_settlement_and_item(store: &dyn Store) {
    let Position(start) = put(store, &notifications(NOW, 3)).await;
    let one = claim_at_most(store, 2, NOW).await.unwrap();
    let other = claim(store, NOW).await;
    let release =
        |lease: &ClaimedLease, index: usize| item(&lease.claims[index], Change::release(LATER), LATER);
    let outcomes = store
        .settle(vec![
            Settlement { lease: lease_id(), items: vec![release(&one, 0)] },
            Settlement { lease: one.id, items: vec![release(&one, 1), release(&other, 0), release(&one, 1)] },
            Settlement { lease: other.id, items: vec![] },
            Settlement { lease: other.id, items: vec![release(&other, 0)] },
        ])
        .await
        .unwrap();
    let applied = |events| Settled::Applied(Position(start + events));
    let expected =
        [vec![Settled::Stale], vec![applied(1), Settled::Stale, Settled::Stale], vec![], vec![applied(2)]];
    assert_eq!(outcomes, expected);
    assert_eq!(status(store, one.claims[0].notification.id).await, Status::Processing);
}

async fn two_settlements_of_one_lease_work_in_order(store: &dyn Store) {
    let lease = claimed(store, &notifications(NOW, 2)).await;
    let (first, second) = (&lease.claims[0], &lease.claims[1]);
    let outcomes = store
        .settle(vec![
            Settlement { lease: lease.id, items: vec![item(first, deliver(NOW), LATER)] },
            Settlement {
                lease: lease.id,
                items: vec![item(second, fail(NOW), LATER), item(first, fail(NOW), LATER)],
            },
        ])
        .await
        .unwrap();
    assert!(matches!(outcomes[0][..], [Settled::Applied(_)]), "{outcomes:?}");
    assert!(matches!(outcomes[1][..], [Settled::Applied(_), Settled::Stale]), "{outcomes:?}");
    assert_eq!(status(store, first.notification.id).await, Status::Delivered);
    assert_eq!(status(store, second.notification.id).await, Status::Failed);
    assert_eq!(leases_of(store, "w", LATER).await, 0);
}

async fn nothing_settled_is_nothing_done(store: &dyn Store) {
    assert!(store.settle(vec![]).await.unwrap().is_empty());
    let lease = claimed(store, &notifications(NOW, 1)).await;
    assert_eq!(settle_items(store, lease.id, vec![]).await, []);
    assert_eq!(status(store, lease.claims[0].notification.id).await, Status::Processing);
}
