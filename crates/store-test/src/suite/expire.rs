//! Expiring: what still waits at its end is given up, and what is claimed is not.

use angaros_domain::lifecycle::Change;
use angaros_domain::{FailureReason, Notification, NotificationId, Status, Timestamp};
use angaros_store::{Expiry, Position, Settled, Store, Transition};

use super::checks;
use crate::fixture::{NOW, deliver, elaborate, notification, retry, scheduled};
use crate::steps::{
    cancel, claim, claim_at_most, expire, get, item, promote, put, put_settled, settle_item, stats, status,
    story, timeline, told,
};

checks!(expire:
    nothing_ends_before_its_time,
    a_queued_one_is_never_sent,
    a_scheduled_one_was_due_before,
    a_retrying_one_is_never_sent_again,
    a_retry_that_is_ready_is_never_sent_again,
    a_claimed_one_is_left_to_its_worker,
    claimed_ones_are_in_nobodys_way,
    the_earliest_come_first_up_to_the_limit,
    each_is_given_up_once,
    a_cancelled_one_does_not_expire,
);

const END: Timestamp = NOW.plus_seconds(60);

fn ending(at: Timestamp) -> Notification {
    Notification { expires_at: Some(at), ..notification(NOW) }
}

/// Lets a notification that waits expire, and checks that row, log and queue agree.
async fn is_given_up(store: &dyn Store, waiting: &Notification) {
    let log = timeline(store, waiting.id).await;
    let Position(start) = put(store, &[scheduled(NOW, Timestamp::MAX)]).await;
    let mut twin = waiting.clone();
    let (mut events, mut transitions) = (log, Vec::new());
    let promote_first = (waiting.status == Status::Pending).then_some(Change::Promote);
    for change in promote_first.into_iter().chain([Change::fail(FailureReason::Expired, None)]) {
        events.extend(twin.apply(change, END).unwrap());
        transitions.push(Transition::of(&twin, Position(start + 1 + transitions.len() as i64)));
    }
    assert_eq!(expire(store, END).await, Expiry { transitions, expired: 1, next_at: None });
    assert_eq!((twin.status, twin.failure_reason), (Status::Failed, Some(FailureReason::Expired)));
    assert_eq!((twin.failed_at, twin.attempts), (Some(END), waiting.attempts), "it costs no attempt");
    assert_eq!(get(store, waiting.id).await, twin);
    assert_eq!(told(timeline(store, waiting.id).await), told(events));

    assert_eq!(promote(store, END.plus_seconds(24 * 3600)).await.moved, 0, "it is not due any more");
    assert_eq!(claim_at_most(store, 10, END).await, None, "nor ready");
    let numbers = stats(store, END).await;
    assert_eq!((numbers.depths.len(), numbers.deferred, numbers.in_flight), (0, 1, 0));
}

async fn nothing_ends_before_its_time(store: &dyn Store) {
    assert_eq!(expire(store, Timestamp::MAX).await, Expiry::default(), "nothing is there");
    put(store, &[notification(NOW), ending(END.plus_seconds(1)), ending(END)]).await;
    let expected = Expiry { next_at: Some(END), ..Expiry::default() };
    assert_eq!(expire(store, END.plus_millis(-1)).await, expected);
    assert_eq!(claim(store, END).await.claims.len(), 3, "all of them still wait");
}

async fn a_queued_one_is_never_sent(store: &dyn Store) {
    let n = Notification { expires_at: Some(END), ..elaborate(NOW) };
    put(store, std::slice::from_ref(&n)).await;
    is_given_up(store, &n).await;
}

async fn a_scheduled_one_was_due_before(store: &dyn Store) {
    let n = Notification { expires_at: Some(END), ..scheduled(NOW, END.plus_seconds(-1)) };
    put(store, std::slice::from_ref(&n)).await;
    is_given_up(store, &n).await;
    assert_eq!(story(store, n.id).await, ["pending", "queued", "failed"]);
}

async fn a_retrying_one_is_never_sent_again(store: &dyn Store) {
    let n = put_settled(store, ending(END), || retry(NOW, END.plus_seconds(5)), NOW).await;
    is_given_up(store, &n).await;
}

async fn a_retry_that_is_ready_is_never_sent_again(store: &dyn Store) {
    let n = put_settled(store, ending(END), || retry(NOW, NOW.plus_seconds(5)), NOW).await;
    assert_eq!(promote(store, NOW.plus_seconds(5)).await.moved, 1);
    is_given_up(store, &n).await;
}

async fn a_claimed_one_is_left_to_its_worker(store: &dyn Store) {
    put(store, &[ending(END)]).await;
    let lease = claim(store, NOW).await;
    let held = &lease.claims[0];
    assert_eq!(expire(store, END).await, Expiry::default());
    assert_eq!(status(store, held.notification.id).await, Status::Processing);
    let again = item(held, Change::release(END), END);
    assert!(
        matches!(settle_item(store, lease.id, again).await, Settled::Applied(_)),
        "nothing was taken away"
    );
    assert_eq!(expire(store, END).await.expired, 1, "put back, it waits and is overdue");

    put(store, &[ending(END)]).await;
    let lease = claim(store, NOW).await;
    assert_eq!(expire(store, END.plus_seconds(9)).await.expired, 0);
    let sent = item(&lease.claims[0], deliver(NOW), END.plus_seconds(9));
    assert!(matches!(settle_item(store, lease.id, sent).await, Settled::Applied(_)));
    assert_eq!(status(store, lease.claims[0].notification.id).await, Status::Delivered);
    assert_eq!(expire(store, Timestamp::MAX).await.expired, 0, "what is delivered stays so");
}

async fn claimed_ones_are_in_nobodys_way(store: &dyn Store) {
    put(store, &[ending(END), ending(END)]).await;
    claim(store, NOW).await;
    let late = ending(END.plus_seconds(1));
    put(store, std::slice::from_ref(&late)).await;
    let expiry = store.expire(END.plus_seconds(1), 1).await.unwrap();
    assert_eq!(expiry.transitions.iter().map(|t| t.id).collect::<Vec<_>>(), [late.id]);
}

async fn the_earliest_come_first_up_to_the_limit(store: &dyn Store) {
    let at = |seconds| NOW.plus_seconds(seconds);
    let all = [50, 10, 40, 20, 30].map(|seconds| ending(at(seconds)));
    put(store, &all).await;
    let ids_of = |expiry: &Expiry| expiry.transitions.iter().map(|t| t.id).collect::<Vec<NotificationId>>();
    let first = store.expire(at(35), 2).await.unwrap();
    assert_eq!((ids_of(&first), first.expired, first.next_at), (vec![all[1].id, all[3].id], 2, Some(at(40))));
    let none = store.expire(at(35), 0).await.unwrap();
    assert_eq!(none, Expiry { next_at: Some(at(40)), ..Expiry::default() });
    let second = store.expire(at(100), 5).await.unwrap();
    assert_eq!(
        (ids_of(&second), second.expired, second.next_at),
        (vec![all[4].id, all[2].id, all[0].id], 3, None)
    );
    let order: Vec<Position> = second.transitions.iter().map(|t| t.position).collect();
    assert!(order.is_sorted(), "logged in that order");
}

async fn each_is_given_up_once(store: &dyn Store) {
    put(store, &[ending(END)]).await;
    assert_eq!(expire(store, END).await.expired, 1);
    assert_eq!(expire(store, Timestamp::MAX).await, Expiry::default());
}

async fn a_cancelled_one_does_not_expire(store: &dyn Store) {
    let n = ending(END);
    put(store, std::slice::from_ref(&n)).await;
    cancel(store, n.id, NOW).await;
    assert_eq!(expire(store, Timestamp::MAX).await, Expiry::default());
    assert_eq!(status(store, n.id).await, Status::Cancelled);
}
