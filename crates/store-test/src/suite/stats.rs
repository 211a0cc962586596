//! Numbers: what waits, what is on its way, what happened lately.
//!
//! Lately is checked well away from the ends of its spans: a store may count in slots of ten seconds.

use angaros_domain::{Channel, Notification, Priority, Status, Timestamp};
use angaros_store::{Activity, ClaimParams, LaneDepth, Stats, Store};

use super::checks;
use crate::fixture::{NOW, deliver, fail, notification, notifications, retry, scheduled};
use crate::steps::{
    cancel, claim, claim_at_most, claim_params, promote, put, put_settled, settle_all, sorted, stats, tenant,
};

checks!(stats:
    an_empty_store_has_nothing_to_tell,
    depths_are_counted_by_lane,
    the_oldest_is_of_those_that_are_ready,
    each_is_counted_where_it_is,
    creations_of_the_last_minute_are_counted,
    statuses_entered_lately_are_counted,
    tenants_are_counted_apart_and_together,
);

async fn an_empty_store_has_nothing_to_tell(store: &dyn Store) {
    assert_eq!(stats(store, NOW).await, Stats::default());
    assert_eq!(store.stats(None, NOW).await.unwrap(), Stats::default());
}

async fn depths_are_counted_by_lane(store: &dyn Store) {
    let mail = Notification { channel: Channel::Email, ..notification(NOW) };
    let urgent = Notification { priority: Priority::High, ..notification(NOW) };
    let mut all = notifications(NOW, 3);
    all.extend([mail.clone(), urgent.clone()]);
    put(store, &all).await;
    let depth = |lane, depth| LaneDepth { lane, depth };
    let mut expected = vec![depth(all[0].lane(), 3), depth(mail.lane(), 1), depth(urgent.lane(), 1)];
    expected.sort_by_key(|depth| depth.lane);
    assert_eq!(stats(store, NOW).await.depths, expected);

    let urgent_lane = urgent.lane();
    let params =
        ClaimParams { lanes: vec![(urgent_lane, 10), (all[0].lane(), 2)], ..claim_params("w", 0, NOW) };
    store.claim(params).await.unwrap();
    assert_eq!(stats(store, NOW).await.depths, [depth(all[0].lane(), 1), depth(mail.lane(), 1)]);
}

async fn the_oldest_is_of_those_that_are_ready(store: &dyn Store) {
    let at = |seconds| NOW.plus_seconds(seconds);
    let waiting = scheduled(NOW, at(60));
    put(store, &[waiting]).await;
    assert_eq!(stats(store, at(1)).await.oldest_queued, None, "a scheduled one is not late");
    let urgent = Notification { priority: Priority::High, ..notification(at(2)) };
    put(store, &[notification(at(1)), urgent, notification(at(3))]).await;
    assert_eq!(stats(store, at(4)).await.oldest_queued, Some(at(1)));
    claim_at_most(store, 1, at(4)).await;
    assert_eq!(stats(store, at(4)).await.oldest_queued, Some(at(3)));
    promote(store, at(60)).await;
    assert_eq!(stats(store, at(60)).await.oldest_queued, Some(at(3)), "not by when it was created");
}

async fn each_is_counted_where_it_is(store: &dyn Store) {
    let numbers = async || {
        let stats = stats(store, NOW).await;
        (stats.depths.iter().map(|d| d.depth).sum::<u64>(), stats.deferred, stats.in_flight)
    };
    put(store, &notifications(NOW, 3)).await;
    let late = scheduled(NOW, NOW.plus_seconds(60));
    put(store, &[late.clone(), scheduled(NOW, NOW.plus_seconds(90))]).await;
    assert_eq!(numbers().await, (3, 2, 0));
    let lease = claim_at_most(store, 2, NOW).await.unwrap();
    assert_eq!(numbers().await, (1, 2, 2));
    settle_all(store, &lease, || retry(NOW, NOW.plus_seconds(30)), NOW).await;
    assert_eq!(numbers().await, (1, 4, 0));
    promote(store, NOW.plus_seconds(30)).await;
    assert_eq!(numbers().await, (3, 2, 0));
    cancel(store, late.id, NOW).await;
    assert_eq!(numbers().await, (3, 1, 0));
    let lease = claim(store, NOW).await;
    settle_all(store, &lease, || deliver(NOW), NOW).await;
    assert_eq!(numbers().await, (0, 1, 0));
}

async fn creations_of_the_last_minute_are_counted(store: &dyn Store) {
    put(store, &notifications(NOW, 2)).await;
    let due = NOW.plus_seconds(90);
    put(store, &[scheduled(NOW, due)]).await;
    let created = async |at: Timestamp| stats(store, at).await.created_last_minute;
    assert_eq!(created(NOW.plus_seconds(20)).await, 3);
    put(store, &notifications(due, 1)).await;
    promote(store, due).await;
    assert_eq!(created(due.plus_seconds(5)).await, 1, "being promoted is not being created");
    assert_eq!(created(due.plus_seconds(120)).await, 0);
}

async fn statuses_entered_lately_are_counted(store: &dyn Store) {
    put_settled(store, notification(NOW), || deliver(NOW), NOW).await;
    put_settled(store, notification(NOW), || retry(NOW, NOW.plus_seconds(9000)), NOW).await;
    let later = NOW.plus_seconds(120);
    put_settled(store, notification(later), || fail(later), later).await;
    put(store, &[scheduled(later, later.plus_seconds(9000))]).await;

    let activity = |status, last_minute, last_hour| Activity { status, last_minute, last_hour };
    let expected = [
        activity(Status::Pending, 1, 1),
        activity(Status::Queued, 1, 3),
        activity(Status::Processing, 1, 3),
        activity(Status::Retrying, 0, 1),
        activity(Status::Sent, 0, 1),
        activity(Status::Delivered, 0, 1),
        activity(Status::Failed, 1, 1),
    ];
    assert_eq!(stats(store, later.plus_seconds(20)).await.activity, expected);
    assert_eq!(stats(store, later.plus_seconds(7200)).await.activity, [], "what is past is left out");
}

async fn tenants_are_counted_apart_and_together(store: &dyn Store) {
    let other = tenant(store, "other", NOW).await;
    let late = Notification { tenant: other, ..scheduled(NOW, NOW.plus_seconds(60)) };
    put(store, &[Notification { tenant: other, ..notification(NOW.plus_millis(-5)) }, late]).await;
    put(store, &notifications(NOW, 2)).await;

    let own = stats(store, NOW).await;
    assert_eq!((own.depths[0].depth, own.deferred, own.oldest_queued), (2, 0, Some(NOW)));
    assert_eq!((own.created_last_minute, own.activity.len()), (2, 1));
    let theirs = sorted(store.stats(Some(other), NOW).await.unwrap());
    assert_eq!((theirs.depths[0].depth, theirs.deferred), (1, 1));
    assert_eq!((theirs.created_last_minute, theirs.activity.len()), (2, 2));
    let all = sorted(store.stats(None, NOW).await.unwrap());
    assert_eq!((all.depths[0].depth, all.deferred, all.oldest_queued), (3, 1, Some(NOW.plus_millis(-5))));
    assert_eq!((all.created_last_minute, all.activity[1].last_hour), (4, 3));

    claim(store, NOW).await;
    assert_eq!(stats(store, NOW).await.in_flight, 2);
    assert_eq!(store.stats(Some(other), NOW).await.unwrap().in_flight, 1);
    assert_eq!(store.stats(None, NOW).await.unwrap().in_flight, 3);
}
