//! Timelines: what happened to a message, in the order in which it happened.

use angaros_domain::event::Event;
use angaros_domain::{Notification, TenantId, Timestamp};
use angaros_store::{PageRequest, Store, TimelineFilter};

use super::checks;
use crate::fixture::{NOW, deliver, elaborate, fail, notification, notification_id, notifications, retry};
use crate::steps::{claim, claim_at_most, promote, put, settle_all, story, timeline, told};

checks!(timeline:
    events_come_in_the_order_in_which_they_happened,
    events_of_one_millisecond_keep_their_order,
    it_can_be_read_backwards,
    filters_choose,
    pages_join_up_in_both_orders,
    messages_are_kept_apart,
    an_unknown_message_has_none,
);

fn at(seconds: i64) -> Timestamp {
    NOW.plus_seconds(seconds)
}

/// A notification that was tried at 10 s and at 40 s, and each time settled 5 s later.
async fn story_of_two_attempts(store: &dyn Store) -> Notification {
    let n = elaborate(NOW);
    put(store, std::slice::from_ref(&n)).await;
    let first = claim(store, at(10)).await;
    settle_all(store, &first, || retry(at(10), at(40)), at(15)).await;
    promote(store, at(40)).await;
    let second = claim(store, at(40)).await;
    settle_all(store, &second, || deliver(at(40)), at(45)).await.remove(0)
}

async fn read(store: &dyn Store, n: &Notification, filter: &TimelineFilter) -> Vec<Event> {
    let page = PageRequest { limit: 100, after: None };
    store.message_timeline(TenantId::DEFAULT, &n.id.to_string(), filter, page).await.unwrap()
}

fn any() -> TimelineFilter {
    TimelineFilter::default()
}

async fn events_come_in_the_order_in_which_they_happened(store: &dyn Store) {
    let n = story_of_two_attempts(store).await;
    let events = timeline(store, n.id).await;
    let told: Vec<(&str, Timestamp)> = events.iter().map(|e| (e.name.as_str(), e.occurred_at)).collect();
    let expected = [
        ("queued", at(0)),
        ("processing", at(10)),
        ("retrying", at(15)),
        ("processing", at(40)),
        ("sent", at(45)),
        ("delivered", at(45)),
    ];
    assert_eq!(told, expected);

    // An attempt's beginning is logged with its end, after an event that happened in between.
    let late = notification(at(50));
    put(store, std::slice::from_ref(&late)).await;
    let lease = claim(store, at(51)).await;
    settle_all(store, &lease, || deliver(at(40)), at(52)).await;
    assert_eq!(story(store, late.id).await, ["processing", "queued", "sent", "delivered"]);
}

async fn events_of_one_millisecond_keep_their_order(store: &dyn Store) {
    put(store, &notifications(NOW, 2)).await;
    for change in [deliver(NOW), fail(NOW)] {
        let lease = claim_at_most(store, 1, NOW).await.unwrap();
        let n = settle_all(store, &lease, || change.clone(), NOW).await.remove(0);
        let events = timeline(store, n.id).await;
        assert!(events.is_sorted_by(|a, b| (a.occurred_at, a.id) < (b.occurred_at, b.id)));
        assert_eq!((events[0].name.as_str(), events[1].name.as_str()), ("queued", "processing"));
    }
}

async fn it_can_be_read_backwards(store: &dyn Store) {
    let n = story_of_two_attempts(store).await;
    let mut expected = timeline(store, n.id).await;
    expected.reverse();
    assert_eq!(read(store, &n, &TimelineFilter { descending: true, ..any() }).await, expected);
}

async fn filters_choose(store: &dyn Store) {
    let n = story_of_two_attempts(store).await;
    let all = timeline(store, n.id).await;
    let cases = [
        (TimelineFilter { event_name: Some("processing".into()), ..any() }, vec![1, 3]),
        (TimelineFilter { event_name: Some("opened".into()), ..any() }, vec![]),
        (TimelineFilter { channel: Some("email".into()), ..any() }, vec![0, 1, 2, 3, 4, 5]),
        (TimelineFilter { channel: Some("sms".into()), ..any() }, vec![]),
        (TimelineFilter { from: Some(at(15)), ..any() }, vec![2, 3, 4, 5]),
        (TimelineFilter { from: Some(at(15).plus_millis(1)), ..any() }, vec![3, 4, 5]),
        (TimelineFilter { to: Some(at(15)), ..any() }, vec![0, 1, 2]),
        (TimelineFilter { to: Some(at(15).plus_millis(-1)), ..any() }, vec![0, 1]),
        (TimelineFilter { from: Some(at(10)), to: Some(at(40)), ..any() }, vec![1, 2, 3]),
        (
            TimelineFilter {
                event_name: Some("processing".into()),
                channel: Some("email".into()),
                from: Some(at(11)),
                to: Some(at(60)),
                ..any()
            },
            vec![3],
        ),
    ];
    for (filter, expected) in cases {
        let mut expected: Vec<Event> = expected.into_iter().map(|index: usize| all[index].clone()).collect();
        assert_eq!(read(store, &n, &filter).await, expected, "{filter:?}");
        expected.reverse();
        let backwards = TimelineFilter { descending: true, ..filter };
        assert_eq!(read(store, &n, &backwards).await, expected, "{backwards:?}");
    }
}

async fn pages_join_up_in_both_orders(store: &dyn Store) {
    let n = story_of_two_attempts(store).await;
    for filter in [
        any(),
        TimelineFilter { descending: true, ..any() },
        TimelineFilter { from: Some(at(11)), to: Some(at(45)), ..any() },
        TimelineFilter { from: Some(at(11)), to: Some(at(45)), descending: true, ..any() },
    ] {
        let expected = read(store, &n, &filter).await;
        for limit in [1, 2, 3, 6] {
            let mut seen: Vec<Event> = Vec::new();
            // One page more than there is anything to see.
            for _ in 0..=expected.len() {
                let after = seen.last().map(|event| (event.occurred_at, event.id));
                let page = PageRequest { limit, after };
                let id = n.id.to_string();
                let events = store.message_timeline(n.tenant, &id, &filter, page).await.unwrap();
                assert!(events.len() <= limit);
                seen.extend(events);
            }
            assert_eq!(seen, expected, "{filter:?} in pages of {limit}");
        }
    }
}

async fn messages_are_kept_apart(store: &dyn Store) {
    // Ids of one millisecond, which a compact index key can not tell apart.
    let all = notifications(NOW, 3);
    put(store, &all).await;
    for n in &all {
        assert_eq!(told(timeline(store, n.id).await), told(vec![n.created_event()]));
    }
}

async fn an_unknown_message_has_none(store: &dyn Store) {
    put(store, &[notification(NOW)]).await;
    assert_eq!(timeline(store, notification_id(NOW)).await, []);
    let page = PageRequest { limit: 10, after: None };
    let other = store.message_timeline(TenantId::DEFAULT, "order-17 \u{1f600}", &any(), page).await.unwrap();
    assert_eq!(other, []);
}
