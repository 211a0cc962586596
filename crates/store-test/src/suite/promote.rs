//! Promoting: what is due goes to its lane, the earliest first, once.

use angaros_domain::{Notification, NotificationId, Status, Timestamp};
use angaros_store::{Position, Promotion, Store, Transition};

use super::checks;
use crate::fixture::{NOW, elaborate, notification, retry, scheduled};
use crate::steps::{
    cancel, claim, claim_at_most, get, ids, promote, put, put_batch, put_settled, stats, story,
};

checks!(promote:
    nothing_waits,
    nothing_is_due,
    what_is_due_is_queued,
    a_retry_is_ready_without_a_change_of_status,
    the_earliest_come_first_up_to_the_limit,
    each_is_promoted_once,
    a_cancelled_one_is_not_due,
);

async fn nothing_waits(store: &dyn Store) {
    put(store, &[notification(NOW)]).await;
    assert_eq!(promote(store, Timestamp::MAX).await, Promotion::default());
}

async fn nothing_is_due(store: &dyn Store) {
    let due = NOW.plus_seconds(60);
    let all = [scheduled(NOW, due.plus_seconds(1)), scheduled(NOW, due)];
    put(store, &all).await;
    let expected = Promotion { transitions: vec![], moved: 0, next_due: Some(due) };
    assert_eq!(promote(store, due.plus_millis(-1)).await, expected);
    assert_eq!(claim_at_most(store, 10, due).await, None, "being due is not being ready");
    for n in all {
        assert_eq!(get(store, n.id).await, n);
    }
}

async fn what_is_due_is_queued(store: &dyn Store) {
    let (due, later) = (NOW.plus_seconds(60), NOW.plus_seconds(90));
    let first = Notification { status: Status::Pending, scheduled_at: Some(due), ..elaborate(NOW) };
    let stored = put_batch(store, NOW, vec![first, scheduled(NOW, later)]).await;
    let n = stored.notifications[0].clone();
    let Position(start) = put(store, &[notification(NOW)]).await;

    let promotion = promote(store, due).await;
    let queued = Notification { status: Status::Queued, updated_at: due, ..n.clone() };
    let transition = Transition::of(&queued, Position(start + 1));
    assert_eq!(promotion, Promotion { transitions: vec![transition], moved: 1, next_due: Some(later) });
    assert_eq!(get(store, n.id).await, queued);
    assert_eq!(story(store, n.id).await, ["pending", "queued"]);
    assert_eq!(put(store, &[notification(NOW)]).await, Position(start + 2), "one event was logged");
    let numbers = stats(store, due).await;
    assert!(numbers.depths.iter().any(|depth| depth.lane == n.lane()), "it waits in its lane");
    let lease = claim(store, due).await;
    assert!(lease.claims.iter().any(|claim| claim.notification == queued));
}

async fn a_retry_is_ready_without_a_change_of_status(store: &dyn Store) {
    let due = NOW.plus_seconds(60);
    let retrying = put_settled(store, notification(NOW), || retry(NOW, due), NOW).await;
    let log = story(store, retrying.id).await;
    assert_eq!(promote(store, due).await, Promotion { transitions: vec![], moved: 1, next_due: None });
    assert_eq!(get(store, retrying.id).await, retrying, "the row stays as it was");
    assert_eq!(story(store, retrying.id).await, log, "and nothing is logged");
    let numbers = stats(store, due).await;
    assert_eq!((numbers.deferred, numbers.depths[0].depth), (0, 1));
    assert_eq!(ids(&claim(store, due).await), [retrying.id]);
}

async fn the_earliest_come_first_up_to_the_limit(store: &dyn Store) {
    let at = |seconds| NOW.plus_seconds(seconds);
    let retrying = put_settled(store, notification(NOW), || retry(NOW, at(20)), NOW).await;
    let all = [50, 10, 40, 30].map(|seconds| scheduled(NOW, at(seconds)));
    put(store, &all).await;
    let ids_of =
        |promotion: &Promotion| promotion.transitions.iter().map(|t| t.id).collect::<Vec<NotificationId>>();

    let first = store.promote(at(100), 2).await.unwrap();
    assert_eq!((ids_of(&first), first.moved, first.next_due), (vec![all[1].id], 2, Some(at(30))));
    assert_eq!(get(store, retrying.id).await.status, Status::Retrying);
    let second = store.promote(at(40), 5).await.unwrap();
    assert_eq!(
        (ids_of(&second), second.moved, second.next_due),
        (vec![all[3].id, all[2].id], 2, Some(at(50)))
    );
    let order: Vec<Position> = second.transitions.iter().map(|t| t.position).collect();
    assert!(order.is_sorted(), "logged in that order");
    let none = store.promote(at(100), 0).await.unwrap();
    assert_eq!(none, Promotion { transitions: vec![], moved: 0, next_due: Some(at(50)) });
    let last = store.promote(at(50), 5).await.unwrap();
    assert_eq!((ids_of(&last), last.moved, last.next_due), (vec![all[0].id], 1, None));
}

async fn each_is_promoted_once(store: &dyn Store) {
    put(store, &[scheduled(NOW, NOW)]).await;
    assert_eq!(promote(store, NOW).await.moved, 1);
    assert_eq!(promote(store, NOW).await.moved, 0);
    assert_eq!(claim(store, NOW).await.claims.len(), 1);
    assert_eq!(promote(store, NOW).await.moved, 0);
    assert_eq!(claim_at_most(store, 1, NOW).await, None);
}

async fn a_cancelled_one_is_not_due(store: &dyn Store) {
    let n = scheduled(NOW, NOW.plus_seconds(60));
    put(store, std::slice::from_ref(&n)).await;
    cancel(store, n.id, NOW).await;
    assert_eq!(promote(store, NOW.plus_seconds(61)).await, Promotion::default());
}
