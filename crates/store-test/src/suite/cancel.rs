//! Cancelling: only what nobody claimed, and then for good.

use angaros_domain::lifecycle::Change;
use angaros_domain::{Notification, NotificationId, Status, TenantId, Timestamp};
use angaros_store::{Cancelled, Position, Store};

use super::checks;
use crate::fixture::{
    NOW, deliver, elaborate, fail, notification, notification_id, notifications, retry, scheduled, send,
};
use crate::steps::{
    cancel, claim, claim_at_most, get, leases_of, promote, put, put_settled, rescue_all, settle_all, stats,
    story, timeline, told,
};

checks!(cancel:
    a_queued_one_is_never_sent,
    a_scheduled_one_is_never_sent,
    a_retrying_one_is_never_sent_again,
    a_retry_that_is_ready_is_never_sent_again,
    a_claimed_one_is_refused,
    a_rescued_one_is_refused,
    a_finished_one_is_refused,
    an_unknown_one_is_unknown,
    outcomes_are_in_order,
    the_same_twice_is_cancelled_once,
);

const LATER: Timestamp = NOW.plus_seconds(2);

/// Cancels a notification that waits, and checks that row, log and queue agree.
async fn is_cancelled(store: &dyn Store, waiting: &Notification) {
    let log = timeline(store, waiting.id).await;
    let Position(start) = put(store, &[scheduled(NOW, Timestamp::MAX)]).await;
    let expected = Notification {
        status: Status::Cancelled,
        cancelled_at: Some(LATER),
        updated_at: LATER,
        next_retry_at: None,
        ..waiting.clone()
    };
    let done = Cancelled::Done(Box::new(expected.clone()), Position(start + 1));
    assert_eq!(cancel(store, waiting.id, LATER).await, done);
    assert_eq!(get(store, waiting.id).await, expected);
    let mut twin = waiting.clone();
    let events = twin.apply(Change::Cancel, LATER).unwrap();
    assert_eq!(told(timeline(store, waiting.id).await), told([log, events].concat()));

    assert_eq!(promote(store, NOW.plus_seconds(24 * 3600)).await.moved, 0, "it is not due any more");
    assert_eq!(claim_at_most(store, 10, LATER).await, None, "nor ready");
    let numbers = stats(store, LATER).await;
    assert_eq!((numbers.depths.len(), numbers.deferred, numbers.in_flight), (0, 1, 0));
    assert_eq!(cancel(store, waiting.id, LATER).await, Cancelled::Refused(Status::Cancelled));
}

async fn a_queued_one_is_never_sent(store: &dyn Store) {
    let n = elaborate(NOW);
    put(store, std::slice::from_ref(&n)).await;
    is_cancelled(store, &n).await;
}

async fn a_scheduled_one_is_never_sent(store: &dyn Store) {
    let n = scheduled(NOW, NOW.plus_seconds(60));
    put(store, std::slice::from_ref(&n)).await;
    is_cancelled(store, &n).await;
}

async fn a_retrying_one_is_never_sent_again(store: &dyn Store) {
    let n = put_settled(store, notification(NOW), || retry(NOW, NOW.plus_seconds(60)), NOW).await;
    is_cancelled(store, &n).await;
}

async fn a_retry_that_is_ready_is_never_sent_again(store: &dyn Store) {
    let n = put_settled(store, notification(NOW), || retry(NOW, NOW.plus_seconds(1)), NOW).await;
    promote(store, NOW.plus_seconds(1)).await;
    is_cancelled(store, &n).await;
}

async fn a_claimed_one_is_refused(store: &dyn Store) {
    let n = notification(NOW);
    put(store, std::slice::from_ref(&n)).await;
    let lease = claim(store, NOW).await;
    assert_eq!(cancel(store, n.id, LATER).await, Cancelled::Refused(Status::Processing));
    assert_eq!(get(store, n.id).await, Notification { status: Status::Processing, ..n.clone() });
    assert_eq!((story(store, n.id).await.len(), leases_of(store, "w", LATER).await), (1, 1));
    settle_all(store, &lease, || deliver(NOW), LATER).await;
}

async fn a_rescued_one_is_refused(store: &dyn Store) {
    let n = notification(NOW);
    put(store, std::slice::from_ref(&n)).await;
    claim(store, NOW).await;
    rescue_all(store, NOW.plus_seconds(60)).await;
    assert_eq!(cancel(store, n.id, LATER).await, Cancelled::Refused(Status::Processing));
}

async fn a_finished_one_is_refused(store: &dyn Store) {
    for (change, expected) in
        [(deliver(NOW), Status::Delivered), (send(NOW), Status::Sent), (fail(NOW), Status::Failed)]
    {
        let n = put_settled(store, notification(NOW), || change.clone(), NOW).await;
        assert_eq!(cancel(store, n.id, LATER).await, Cancelled::Refused(expected));
        assert_eq!(get(store, n.id).await, n);
    }
}

async fn an_unknown_one_is_unknown(store: &dyn Store) {
    assert_eq!(cancel(store, notification_id(NOW), LATER).await, Cancelled::Unknown);
    assert_eq!(store.cancel(vec![], LATER).await.unwrap(), []);
}

/// Cancels several of the default tenant; what became of each, in short, and where events end.
async fn cancel_all(
    store: &dyn Store,
    ids: &[NotificationId],
) -> Vec<(NotificationId, Option<Status>, Option<i64>)> {
    let outcomes =
        store.cancel(ids.iter().map(|id| (TenantId::DEFAULT, *id)).collect(), LATER).await.unwrap();
    let short = |(id, outcome): (&NotificationId, Cancelled)| match outcome {
        Cancelled::Done(n, Position(position)) => (n.id, None, Some(position)),
        Cancelled::Refused(status) => (*id, Some(status), None),
        Cancelled::Unknown => (*id, None, None),
    };
    assert_eq!(outcomes.len(), ids.len());
    ids.iter().zip(outcomes).map(short).collect()
}

async fn outcomes_are_in_order(store: &dyn Store) {
    let sent = put_settled(store, notification(NOW), || deliver(NOW), NOW).await.id;
    let all = notifications(NOW, 2);
    let Position(start) = put(store, &all).await;
    let unknown = notification_id(NOW);
    let expected = [
        (all[1].id, None, Some(start + 1)),
        (unknown, None, None),
        (sent, Some(Status::Delivered), None),
        (all[0].id, None, Some(start + 2)),
    ];
    assert_eq!(cancel_all(store, &[all[1].id, unknown, sent, all[0].id]).await, expected);
}

async fn the_same_twice_is_cancelled_once(store: &dyn Store) {
    let n = notification(NOW);
    let Position(start) = put(store, std::slice::from_ref(&n)).await;
    let expected = [(n.id, None, Some(start + 1)), (n.id, Some(Status::Cancelled), None)];
    assert_eq!(cancel_all(store, &[n.id, n.id]).await, expected);
    assert_eq!(story(store, n.id).await, ["queued", "cancelled"]);
}
