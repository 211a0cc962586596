//! Submitting: all or nothing, once per key, logged, and put where it waits.

use angaros_domain::fingerprint::Fingerprint;
use angaros_domain::{NotificationId, Status, TenantId};
use angaros_store::{Idempotent, Position, Store, Submitted};

use super::checks;
use crate::fixture::{
    NOW, batch, deliver, elaborate, idempotency_key, keyed, notification, notifications, scheduled,
    submission,
};
use crate::steps::{
    cancel, claim, find, get, ids, promote, put, put_batch, put_settled, stats, submit, timeline, told,
};

checks!(submit:
    what_is_stored_is_what_was_submitted,
    a_batch_is_stored_with_its_members,
    outcomes_are_in_order_and_positions_grow_by_one_per_event,
    creation_is_logged,
    queued_ones_are_ready_and_pending_ones_wait,
    nothing_submitted_is_nothing_done,
    the_same_again_is_replayed,
    the_same_batch_again_is_replayed,
    a_key_used_for_something_else_conflicts,
    repeats_within_one_call_are_decided_in_order,
    without_a_key_nothing_is_a_repeat,
    a_key_is_remembered_when_all_is_over,
    keys_are_compared_to_the_letter,
);

async fn what_is_stored_is_what_was_submitted(store: &dyn Store) {
    let mut pending = scheduled(NOW, NOW.plus_seconds(60));
    pending.expires_at = Some(NOW.plus_seconds(3600));
    let all = [notification(NOW), elaborate(NOW), pending];
    put(store, &all).await;
    for expected in all {
        assert_eq!(get(store, expected.id).await, expected);
    }

    let sent_with_key = keyed("a \"key\" \u{1f600}", "r", submission(vec![elaborate(NOW)]));
    let expected = sent_with_key.notifications[0].clone();
    submit(store, sent_with_key).await;
    assert_eq!(get(store, expected.id).await, expected, "with its key");
}

async fn a_batch_is_stored_with_its_members(store: &dyn Store) {
    let stored = put_batch(store, NOW, vec![notification(NOW), scheduled(NOW, NOW.plus_seconds(60))]).await;
    let batch = stored.batch.unwrap();
    let view = store.batch(TenantId::DEFAULT, batch.id).await.unwrap().expect("the batch is there");
    assert_eq!(view.batch, batch);
    for member in stored.notifications {
        assert_eq!(get(store, member.id).await, member);
    }
}

async fn outcomes_are_in_order_and_positions_grow_by_one_per_event(store: &dyn Store) {
    let Position(start) = put(store, &notifications(NOW, 1)).await;
    let three = submission(notifications(NOW, 3));
    let repeated = || keyed("k", "r", submission(vec![notification(NOW)]));
    let first = repeated();
    let id = first.notifications[0].id;
    let outcomes =
        store.submit(vec![three, first, repeated(), submission(notifications(NOW, 2))]).await.unwrap();
    let expected = [
        Submitted::Stored(Position(start + 3)),
        Submitted::Stored(Position(start + 4)),
        Submitted::Replayed(Idempotent::Notification(id)),
        Submitted::Stored(Position(start + 6)),
    ];
    assert_eq!(outcomes, expected);
}

async fn creation_is_logged(store: &dyn Store) {
    let all = [notification(NOW), elaborate(NOW), scheduled(NOW, NOW.plus_seconds(60))];
    put(store, &all).await;
    for n in all {
        assert_eq!(told(timeline(store, n.id).await), told(vec![n.created_event()]));
    }
}

async fn queued_ones_are_ready_and_pending_ones_wait(store: &dyn Store) {
    let (ready, waiting) = (notification(NOW), scheduled(NOW, NOW.plus_seconds(60)));
    put(store, &[ready.clone(), waiting.clone()]).await;
    let numbers = stats(store, NOW).await;
    assert_eq!((numbers.depths.len(), numbers.depths[0].depth, numbers.deferred), (1, 1, 1));
    assert_eq!(numbers.depths[0].lane, ready.lane());

    assert_eq!(ids(&claim(store, NOW).await), [ready.id]);
    assert_eq!(promote(store, NOW).await.next_due, waiting.scheduled_at);
    assert_eq!(get(store, waiting.id).await.status, Status::Pending);
}

async fn nothing_submitted_is_nothing_done(store: &dyn Store) {
    assert_eq!(store.submit(vec![]).await.unwrap(), []);
}

async fn the_same_again_is_replayed(store: &dyn Store) {
    let first = keyed("k", "r", submission(vec![notification(NOW)]));
    let id = first.notifications[0].id;
    let fingerprint = first.idempotency.as_ref().unwrap().fingerprint;
    assert!(matches!(submit(store, first.clone()).await, Submitted::Stored(_)));

    let again = keyed("k", "r", submission(vec![notification(NOW.plus_seconds(1))]));
    let repeated = again.notifications[0].id;
    assert_eq!(submit(store, again).await, Submitted::Replayed(Idempotent::Notification(id)));

    nothing_is_left_of(store, repeated).await;
    assert_eq!(get(store, id).await, first.notifications[0], "the first stays as it was");
    assert_eq!(ids(&claim(store, NOW).await), [id], "the first alone is sent");
    let known = store.idempotent(TenantId::DEFAULT, &idempotency_key("k")).await.unwrap();
    assert_eq!(known, Some((Idempotent::Notification(id), fingerprint)));
}

async fn nothing_is_left_of(store: &dyn Store, id: NotificationId) {
    assert_eq!(find(store, id).await, None);
    assert_eq!(timeline(store, id).await, [], "no event tells of what was not stored");
}

async fn the_same_batch_again_is_replayed(store: &dyn Store) {
    let make = || keyed("k", "r", batch(NOW, notifications(NOW, 3)));
    let (first, again) = (make(), make());
    let (id, repeated) = (first.batch.as_ref().unwrap().id, again.batch.as_ref().unwrap().id);
    assert!(matches!(submit(store, first).await, Submitted::Stored(_)));
    let members: Vec<_> = again.notifications.iter().map(|n| n.id).collect();
    assert_eq!(submit(store, again).await, Submitted::Replayed(Idempotent::Batch(id)));

    assert_eq!(store.batch(TenantId::DEFAULT, repeated).await.unwrap(), None);
    for member in members {
        nothing_is_left_of(store, member).await;
    }
    let known = store.idempotent(TenantId::DEFAULT, &idempotency_key("k")).await.unwrap();
    assert_eq!(known.map(|(first, _)| first), Some(Idempotent::Batch(id)));
}

async fn a_key_used_for_something_else_conflicts(store: &dyn Store) {
    let Position(start) = put(store, &notifications(NOW, 1)).await;
    let first = keyed("k", "one thing", submission(vec![notification(NOW)]));
    let id = first.notifications[0].id;
    submit(store, first).await;

    let other = keyed("k", "another thing", batch(NOW, notifications(NOW, 2)));
    let (batch, members) = (other.batch.clone().unwrap().id, other.notifications.clone());
    assert_eq!(submit(store, other).await, Submitted::Conflict);
    assert_eq!(store.batch(TenantId::DEFAULT, batch).await.unwrap(), None);
    for member in members {
        nothing_is_left_of(store, member.id).await;
    }
    let known = store.idempotent(TenantId::DEFAULT, &idempotency_key("k")).await.unwrap();
    assert_eq!(
        known,
        Some((Idempotent::Notification(id), Fingerprint::of(&"one thing"))),
        "the first keeps it"
    );
    let after = put(store, &notifications(NOW, 1)).await;
    assert_eq!(after, Position(start + 2), "nothing was logged in between");
}

async fn repeats_within_one_call_are_decided_in_order(store: &dyn Store) {
    let make = |key: &str, request: &str| keyed(key, request, submission(vec![notification(NOW)]));
    let all = vec![make("k", "r"), make("k", "r"), make("other", "r"), make("k", "s"), make("k", "r")];
    let kept: Vec<_> = all.iter().map(|s| s.notifications[0].id).collect();
    let outcomes = store.submit(all).await.unwrap();
    let replayed = Submitted::Replayed(Idempotent::Notification(kept[0]));
    assert!(matches!(outcomes[0], Submitted::Stored(_)) && matches!(outcomes[2], Submitted::Stored(_)));
    assert_eq!([&outcomes[1], &outcomes[3], &outcomes[4]], [&replayed, &Submitted::Conflict, &replayed]);
    assert_eq!(ids(&claim(store, NOW).await), [kept[0], kept[2]]);
}

async fn without_a_key_nothing_is_a_repeat(store: &dyn Store) {
    for _ in 0..2 {
        put(store, &[notification(NOW)]).await;
    }
    assert_eq!(claim(store, NOW).await.claims.len(), 2);
    assert_eq!(store.idempotent(TenantId::DEFAULT, &idempotency_key("k")).await.unwrap(), None);
}

async fn a_key_is_remembered_when_all_is_over(store: &dyn Store) {
    let late = NOW.plus_seconds(400 * 24 * 3600);
    for (key, cancelled) in [("sent", false), ("cancelled", true)] {
        let first = keyed(key, "r", submission(vec![notification(NOW)]));
        let id = first.notifications[0].id;
        submit(store, first).await;
        if cancelled {
            cancel(store, id, NOW).await;
        } else {
            put_settled(store, notification(NOW), || deliver(NOW), NOW).await;
        }
        let again = keyed(key, "r", submission(vec![notification(late)]));
        assert_eq!(submit(store, again).await, Submitted::Replayed(Idempotent::Notification(id)));
    }
}

async fn keys_are_compared_to_the_letter(store: &dyn Store) {
    let long = "x".repeat(254);
    for key in ["a", "A", "a\u{301}", "\u{e1}", "a%", "a_", &format!("{long}y"), &format!("{long}z")] {
        let made = keyed(key, "r", submission(vec![notification(NOW)]));
        assert!(matches!(submit(store, made).await, Submitted::Stored(_)), "{key:?} is new");
    }
}
