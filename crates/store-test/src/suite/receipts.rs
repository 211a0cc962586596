//! Receipts: reported events that end what was sent.

use angaros_domain::lifecycle::Change;
use angaros_domain::{FailureReason, Notification, Status, TenantId, Timestamp};
use angaros_store::{AppendReport, Settled, Store};

use super::checks;
use crate::fixture::{NOW, accepted, event_draft, notification, reported};
use crate::steps::{claim, get, item, promote, put, settle_all, settle_item, story};

checks!(receipts:
    a_sent_one_is_confirmed_by_its_id,
    a_sent_one_is_confirmed_by_its_providers_id,
    a_bounce_ends_it_as_failed,
    a_complaint_tells_that_it_arrived,
    what_has_ended_stays_as_it_is,
    a_receipt_that_comes_first_waits_for_the_result,
    a_receipt_may_come_before_the_attempt_by_the_clock_of_another,
    a_receipt_of_an_earlier_attempt_says_nothing_about_a_later_one,
    an_id_that_two_messages_have_names_neither,
    other_events_change_nothing,
);

fn at(seconds: i64) -> Timestamp {
    NOW.plus_seconds(seconds)
}

fn sent_as(provider_message_id: &str) -> Change {
    let mut report = accepted(at(1));
    report.outcome = report.outcome.with_message_id(Some(provider_message_id.to_owned()));
    Change::Accept { report, receipts: true }
}

/// A notification that its provider took under an id, and that waits for a receipt.
async fn sent(store: &dyn Store, provider_message_id: &str) -> Notification {
    put(store, &[notification(NOW)]).await;
    let lease = claim(store, at(1)).await;
    settle_all(store, &lease, || sent_as(provider_message_id), at(2)).await.remove(0)
}

async fn report_event(store: &dyn Store, name: &str, message_id: &str, seconds: i64) -> AppendReport {
    let mut draft = event_draft(at(seconds));
    draft.event_id = Some(format!("{name}-{message_id}-{seconds}"));
    draft.name = name.to_owned();
    draft.message_id = Some(message_id.to_owned());
    let mut one = reported(draft);
    one.event.received_at = at(seconds + 1);
    store.append(vec![one]).await.unwrap()
}

async fn now(store: &dyn Store, n: &Notification) -> Notification {
    get(store, n.id).await
}

async fn a_sent_one_is_confirmed_by_its_id(store: &dyn Store) {
    let n = sent(store, "SM-7").await;
    let report = report_event(store, "delivered", &n.id.to_string(), 5).await;
    let found = now(store, &n).await;
    assert_eq!((found.status, found.delivered_at), (Status::Delivered, Some(at(5))));
    let [transition] = &report.transitions[..] else { panic!("{report:?}") };
    assert_eq!((transition.id, transition.status, transition.at), (n.id, Status::Delivered, at(6)));
    assert_ne!(transition.position, angaros_store::Position::default());
    assert_eq!(story(store, n.id).await, ["queued", "processing", "sent", "delivered", "delivered"]);
}

async fn a_sent_one_is_confirmed_by_its_providers_id(store: &dyn Store) {
    let n = sent(store, "SM-7").await;
    assert_eq!(report_event(store, "delivered", "SM-8", 5).await.transitions, []);
    assert_eq!(report_event(store, "delivered", "SM-7", 6).await.transitions.len(), 1);
    assert_eq!(now(store, &n).await.status, Status::Delivered);
}

async fn a_bounce_ends_it_as_failed(store: &dyn Store) {
    for (name, reason) in [("bounced", FailureReason::Bounced), ("failed", FailureReason::Undelivered)] {
        let n = sent(store, name).await;
        report_event(store, name, name, 5).await;
        let found = now(store, &n).await;
        assert_eq!((found.status, found.failure_reason), (Status::Failed, Some(reason)));
        assert_eq!(found.failed_at, Some(at(6)));
    }
}

async fn a_complaint_tells_that_it_arrived(store: &dyn Store) {
    let n = sent(store, "SM-7").await;
    report_event(store, "complained", "SM-7", 5).await;
    assert_eq!(now(store, &n).await.status, Status::Delivered);
}

async fn what_has_ended_stays_as_it_is(store: &dyn Store) {
    let n = sent(store, "SM-7").await;
    report_event(store, "delivered", "SM-7", 5).await;
    for name in ["bounced", "failed", "complained", "delivered"] {
        assert_eq!(report_event(store, name, &n.id.to_string(), 9).await.transitions, [], "{name}");
    }
    assert_eq!(now(store, &n).await.status, Status::Delivered);
    assert_eq!(
        story(store, n.id).await.len(),
        4 + 4 + 1,
        "all of it is told, and that the bounce suppressed its address"
    );
}

async fn a_receipt_that_comes_first_waits_for_the_result(store: &dyn Store) {
    for (number, by_own_id) in [(0, true), (1, false)] {
        put(store, &[notification(NOW)]).await;
        let lease = claim(store, at(1)).await;
        let (n, provider_id) = (lease.claims[0].notification.clone(), format!("SM-{number}"));
        let named = if by_own_id { n.id.to_string() } else { provider_id.clone() };
        assert_eq!(report_event(store, "delivered", &named, 2).await.transitions, [], "it is processing");
        let result = item(&lease.claims[0], sent_as(&provider_id), at(5));
        let Settled::Overtaken(told, _) = settle_item(store, lease.id, result).await else {
            panic!("{named}")
        };
        let found = now(store, &n).await;
        assert_eq!((found.status, found.delivered_at), (Status::Delivered, Some(at(5))));
        assert_eq!(found, *told);
    }
}

async fn a_receipt_may_come_before_the_attempt_by_the_clock_of_another(store: &dyn Store) {
    for (seconds, status) in [(40, Status::Delivered), (39, Status::Sent)] {
        put(store, &[notification(NOW)]).await;
        let lease = claim(store, at(100)).await;
        let provider_id = format!("SM-{seconds}");
        // It is received a second later: a minute before the attempt began, or more.
        report_event(store, "delivered", &provider_id, seconds).await;
        let mut report = accepted(at(100));
        report.started_at = at(101);
        report.outcome = report.outcome.with_message_id(Some(provider_id));
        let result = item(&lease.claims[0], Change::Accept { report, receipts: true }, at(102));
        settle_item(store, lease.id, result).await;
        assert_eq!(get(store, lease.claims[0].notification.id).await.status, status);
    }
}

async fn a_receipt_of_an_earlier_attempt_says_nothing_about_a_later_one(store: &dyn Store) {
    let n = sent(store, "SM-7").await;
    report_event(store, "bounced", &n.id.to_string(), 5).await;
    let filter = angaros_store::RedriveFilter { ids: Some(vec![n.id]), ..Default::default() };
    let params = angaros_store::RedriveParams {
        tenant: TenantId::DEFAULT,
        filter,
        failed_until: at(20),
        now: at(20),
        limit: 10,
    };
    assert_eq!(store.redrive(params).await.unwrap().done.len(), 1);
    promote(store, at(20)).await;
    let lease = claim(store, at(30)).await;
    let mut report = accepted(at(30));
    report.started_at = at(30);
    let change = Change::Accept { report, receipts: true };
    let outcome = settle_item(store, lease.id, item(&lease.claims[0], change, at(31))).await;
    assert!(matches!(outcome, Settled::Applied(_)), "{outcome:?}");
    assert_eq!(now(store, &n).await.status, Status::Sent);
}

async fn an_id_that_two_messages_have_names_neither(store: &dyn Store) {
    let (a, b) = (sent(store, "7").await, sent(store, "7").await);
    assert_eq!(report_event(store, "delivered", "7", 5).await.transitions, []);
    assert_eq!([now(store, &a).await.status, now(store, &b).await.status], [Status::Sent; 2]);
}

async fn other_events_change_nothing(store: &dyn Store) {
    let n = sent(store, "SM-7").await;
    for name in ["opened", "clicked", "sent", "Delivered"] {
        assert_eq!(report_event(store, name, "SM-7", 5).await.transitions, [], "{name}");
    }
    assert_eq!(now(store, &n).await.status, Status::Sent);
}
