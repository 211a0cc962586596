//! Reported events: each stored once for ever, found by id, by recipient and in the order of appending.

use angaros_domain::event::Event;
use angaros_domain::ingest::{EventDraft, EventKey};
use angaros_domain::{EventId, TenantId, Timestamp};
use angaros_store::{Appended, FeedPage, PageRequest, Position, Reported, Store, TimelineFilter};

use super::checks;
use crate::fixture::{NOW, event_draft, reported};
use crate::steps::{put, tenant};

checks!(reported:
    what_is_new_is_stored,
    the_same_again_is_a_duplicate,
    something_else_under_a_key_conflicts,
    one_call_decides_in_its_order,
    events_that_share_a_key_are_told_apart,
    without_an_id_what_happened_decides,
    tenants_are_kept_apart,
    a_recipient_has_a_timeline,
    a_message_has_reported_and_own_events,
    late_arrivals_sort_into_their_place,
    the_feed_skips_and_repeats_nothing,
    what_is_stored_later_lies_behind_the_end,
);

fn with(edit: impl FnOnce(&mut EventDraft)) -> Reported {
    let mut draft = event_draft(NOW);
    edit(&mut draft);
    reported(draft)
}

async fn append(store: &dyn Store, one: &Reported) -> Appended {
    store.append(vec![one.clone()]).await.unwrap().outcomes.remove(0)
}

/// Appends something new; how it is stored.
async fn stored(store: &dyn Store, one: &Reported) -> Event {
    match append(store, one).await {
        Appended::Stored(id) => Event { id, ..one.event.clone() },
        other => panic!("{other:?}"),
    }
}

async fn read(store: &dyn Store, id: EventId) -> Option<Event> {
    store.event(TenantId::DEFAULT, id).await.unwrap()
}

async fn activity(store: &dyn Store, recipient_id: &str) -> Vec<Event> {
    let page = PageRequest { limit: 100, after: None };
    store.recipient_timeline(TenantId::DEFAULT, recipient_id, &TimelineFilter::default(), page).await.unwrap()
}

/// The whole feed of the default tenant, read in pages of `limit`.
async fn feed(store: &dyn Store, limit: usize) -> Vec<(Position, Event)> {
    let (mut events, mut after) = (Vec::new(), Position::default());
    loop {
        let page = store.feed(TenantId::DEFAULT, after, limit).await.unwrap();
        assert!(page.events.len() <= limit);
        events.extend(page.events);
        if page.next == after {
            return events;
        }
        after = page.next;
    }
}

async fn what_is_new_is_stored(store: &dyn Store) {
    let one = stored(store, &with(|_| ())).await;
    assert_eq!(read(store, one.id).await, Some(one.clone()), "every field comes back");
    assert_eq!(one.id.created_at(), NOW);
    let other = with(|d| d.event_id = Some("another".into()));
    assert_eq!(read(store, other.event.id).await, None, "what was not appended is not there");
    let same_place = EventId(uuid::Uuid::from_u128(one.id.0.as_u128() ^ 1));
    assert_eq!(read(store, same_place).await, None, "the whole id counts");
}

async fn the_same_again_is_a_duplicate(store: &dyn Store) {
    let first = stored(store, &with(|_| ())).await;
    assert_eq!(append(store, &with(|_| ())).await, Appended::Duplicate(first.id));
    assert_eq!(feed(store, 100).await.len(), 1);
}

async fn something_else_under_a_key_conflicts(store: &dyn Store) {
    let first = stored(store, &with(|_| ())).await;
    let other = with(|d| {
        d.name = "bounced".into();
        d.tags.push("late".into());
    });
    let conflict = Appended::Conflict { id: first.id, fields: vec!["event_name", "tags"] };
    assert_eq!(append(store, &other).await, conflict);
    assert_eq!(feed(store, 100).await.len(), 1);
    assert_eq!(read(store, first.id).await, Some(first), "the first stays as it was");
}

async fn one_call_decides_in_its_order(store: &dyn Store) {
    let numbered = |number: u32, name: &str| {
        with(|d| {
            d.event_id = Some(format!("e-{number}"));
            d.name = name.to_owned();
        })
    };
    let stored_before = stored(store, &numbered(9, "sent")).await;
    let call = [
        numbered(3, "sent"),
        numbered(1, "sent"),
        numbered(3, "sent"),
        numbered(2, "sent"),
        numbered(1, "opened"),
        numbered(9, "sent"),
        numbered(9, "sent"),
    ];
    let outcomes = store.append(call.to_vec()).await.unwrap().outcomes;
    let id = |index: usize| match &outcomes[index] {
        Appended::Stored(id) => *id,
        other => panic!("{other:?}"),
    };
    assert!([id(0), id(1), id(3)].is_sorted_by(|a, b| a < b), "the log is in the order of the call");
    assert_eq!(outcomes[2], Appended::Duplicate(id(0)));
    assert_eq!(outcomes[4], Appended::Conflict { id: id(1), fields: vec!["event_name"] });
    assert_eq!(outcomes[5..], vec![Appended::Duplicate(stored_before.id); 2]);
    assert_eq!(feed(store, 100).await.len(), 4);
}

async fn events_that_share_a_key_are_told_apart(store: &dyn Store) {
    let colliding = |id: &str, name: &str, key: i64| {
        let mut one = with(|d| {
            d.event_id = Some(id.to_owned());
            d.name = name.to_owned();
        });
        one.key = EventKey(key);
        one
    };
    // The last number there is, the next one, and one that somebody else moved on to.
    let (a, b, c) = (("a", i64::MAX), ("b", i64::MAX), ("c", i64::MIN));
    let first = store.append(vec![colliding(a.0, "sent", a.1), colliding(b.0, "sent", b.1)]).await.unwrap();
    let third = stored(store, &colliding(c.0, "sent", c.1)).await;
    let ids: Vec<Appended> = first.outcomes;
    let [Appended::Stored(id_a), Appended::Stored(id_b)] = ids[..] else { panic!("{ids:?}") };
    for ((id, key), stored) in [(a, id_a), (b, id_b), (c, third.id)] {
        assert_eq!(append(store, &colliding(id, "sent", key)).await, Appended::Duplicate(stored), "{id}");
        let conflict = Appended::Conflict { id: stored, fields: vec!["event_name"] };
        assert_eq!(append(store, &colliding(id, "opened", key)).await, conflict, "{id}");
    }
    assert_eq!(feed(store, 100).await.len(), 3);
}

async fn without_an_id_what_happened_decides(store: &dyn Store) {
    let anonymous = |name: &str, at: Timestamp| {
        with(|d| {
            d.event_id = None;
            d.name = name.to_owned();
            d.occurred_at = at;
        })
    };
    let first = stored(store, &anonymous("opened", NOW)).await;
    assert_eq!(append(store, &anonymous("opened", NOW)).await, Appended::Duplicate(first.id));
    assert!(matches!(append(store, &anonymous("opened", NOW.plus_millis(1))).await, Appended::Stored(_)));
    assert!(matches!(append(store, &anonymous("clicked", NOW)).await, Appended::Stored(_)));
    let other_message = with(|d| {
        d.event_id = None;
        d.name = "opened".into();
        d.message_id = Some("another".into());
    });
    assert!(matches!(append(store, &other_message).await, Appended::Conflict { .. }));
}

async fn tenants_are_kept_apart(store: &dyn Store) {
    let other = tenant(store, "other", NOW).await;
    let own = with(|_| ());
    let mut theirs = with(|_| ());
    theirs.event.tenant = other;
    theirs.key = event_draft(NOW).key(other);
    let own = stored(store, &own).await;
    // The same key is another's.
    let theirs = stored(store, &theirs).await;
    assert_eq!(read(store, theirs.id).await, None);
    let activity = activity(store, own.recipient_id.as_deref().unwrap()).await;
    assert_eq!(activity, std::slice::from_ref(&own));
    assert_eq!(feed(store, 100).await.len(), 1);
    let theirs_only = store.feed(other, Position::default(), 100).await.unwrap();
    assert_eq!(theirs_only.events.len(), 1);
}

async fn a_recipient_has_a_timeline(store: &dyn Store) {
    let to = |recipient: &str, seconds: i64| {
        with(|d| {
            d.event_id = Some(format!("{recipient}-{seconds}"));
            d.recipient_id = Some(recipient.to_owned());
            d.occurred_at = NOW.plus_seconds(-seconds);
        })
    };
    let call = [to("ada", 1), to("bob", 2), to("ada", 3), to("ada", 2)];
    let mut events = Vec::new();
    for one in &call {
        events.push(stored(store, one).await);
    }
    let expected = [&events[2], &events[3], &events[0]].map(Event::clone);
    assert_eq!(activity(store, "ada").await, expected);
    assert_eq!(activity(store, "nobody").await, []);

    let newest_first = TimelineFilter { descending: true, ..TimelineFilter::default() };
    let page = PageRequest { limit: 2, after: None };
    let read = store.recipient_timeline(TenantId::DEFAULT, "ada", &newest_first, page).await.unwrap();
    assert_eq!(read, [events[0].clone(), events[3].clone()]);
}

async fn a_message_has_reported_and_own_events(store: &dyn Store) {
    let n = crate::fixture::notification(NOW.plus_seconds(-60));
    put(store, std::slice::from_ref(&n)).await;
    let opened = with(|d| {
        d.name = "opened".into();
        d.message_id = Some(n.id.to_string());
        d.recipient_id = Some(n.recipient_id.clone());
    });
    append(store, &opened).await;
    assert_eq!(crate::steps::story(store, n.id).await, ["queued", "opened"]);
    let names: Vec<String> = activity(store, &n.recipient_id).await.into_iter().map(|e| e.name).collect();
    assert_eq!(names, ["queued", "opened"]);
}

async fn late_arrivals_sort_into_their_place(store: &dyn Store) {
    for seconds in [0, 30, 10] {
        let one = with(|d| {
            d.event_id = Some(format!("late-{seconds}"));
            d.occurred_at = NOW.plus_seconds(-seconds);
        });
        append(store, &one).await;
    }
    let recipient = event_draft(NOW).recipient_id.unwrap();
    let ids: Vec<String> = activity(store, &recipient).await.into_iter().filter_map(|e| e.event_id).collect();
    assert_eq!(ids, ["late-30", "late-10", "late-0"]);
    let appended: Vec<String> = feed(store, 2).await.into_iter().filter_map(|(_, e)| e.event_id).collect();
    assert_eq!(appended, ["late-0", "late-30", "late-10"], "the feed is in the order of appending");
}

async fn the_feed_skips_and_repeats_nothing(store: &dyn Store) {
    let other = tenant(store, "other", NOW).await;
    let mut own = Vec::new();
    for number in 0..25 {
        let mut one = with(|d| d.event_id = Some(format!("f-{number}")));
        if number % 5 == 3 {
            one.event.tenant = other;
            append(store, &one).await;
        } else {
            own.push(stored(store, &one).await);
        }
    }
    for limit in [1, 3, 7, 100] {
        let read = feed(store, limit).await;
        assert!(read.is_sorted_by(|(a, _), (b, _)| a < b));
        assert_eq!(read.into_iter().map(|(_, event)| event).collect::<Vec<_>>(), own, "in pages of {limit}");
    }
}

async fn what_is_stored_later_lies_behind_the_end(store: &dyn Store) {
    assert_eq!(store.end().await.unwrap(), Position::default(), "there is nothing");
    let other = tenant(store, "other", NOW).await;
    append(store, &with(|_| ())).await;
    let end = store.end().await.unwrap();
    assert_eq!(store.reach().await.unwrap(), end, "nobody else writes");
    for tenant in [TenantId::DEFAULT, other] {
        assert_eq!(store.feed(tenant, end, 10).await.unwrap(), FeedPage { events: vec![], next: end });
    }
    let later = stored(store, &with(|d| d.event_id = Some("later".into()))).await;
    let page = store.feed(TenantId::DEFAULT, end, 10).await.unwrap();
    assert_eq!(page.events, [(store.end().await.unwrap(), later)]);
}
