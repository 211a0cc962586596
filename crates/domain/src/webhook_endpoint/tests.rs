//! The life of an endpoint: what it hears, how it fails, how it comes back.

use super::*;
use crate::attempt::{Outcome, Report};
use crate::correlation::CorrelationId;

const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_000);

fn endpoint() -> WebhookEndpoint {
    WebhookEndpoint {
        id: "019c1c3a-5407-7abc-8def-0123456789ab".parse().unwrap(),
        tenant: TenantId(7),
        url: "https://example.org/hook".into(),
        event_types: vec![EventFilter::parse("notification.*").unwrap()],
        description: None,
        secret: SigningSecret::new([1; 32]),
        former_secret: None,
        disabled: None,
        failing_since: None,
        follows_after: 10,
        updated_at: NOW,
    }
}

fn enable(enabled: bool) -> Edit {
    Edit::Change { url: None, event_types: None, description: None, enabled: Some(enabled) }
}

/// A delivery whose last attempt was made in no time.
fn tried(at: Timestamp) -> Notification {
    Notification { last_attempted_at: Some(at), updated_at: at, ..crate::notification::fixture() }
}

#[test]
fn it_wants_what_it_asked_for_from_its_place_on() {
    let mut endpoint = endpoint();
    assert!(endpoint.wants(11, "notification.sent"));
    assert!(!endpoint.wants(10, "notification.sent"), "that was before it");
    assert!(!endpoint.wants(11, "signup"));
    endpoint.edit(enable(false), NOW);
    assert!(!endpoint.wants(11, "notification.sent"));
}

#[test]
fn it_is_disabled_after_five_days_without_a_success() {
    let mut endpoint = endpoint();
    let late = NOW.plus_seconds(FAILING_SECONDS_MAX);
    assert_eq!(endpoint.hear(Heard::Failed, &tried(NOW)), None);
    assert_eq!(endpoint.hear(Heard::Failed, &tried(late.plus_millis(-1))), None);
    assert_eq!(endpoint.failing_since, Some(NOW));
    endpoint.hear(Heard::Accepted, &tried(late));
    assert_eq!(endpoint.hear(Heard::Failed, &tried(late)), None, "a success begins the count again");

    let end = late.plus_seconds(FAILING_SECONDS_MAX);
    let event = endpoint.hear(Heard::Failed, &tried(end)).unwrap();
    assert_eq!(endpoint.disabled, Some(Disabled { reason: DisabledReason::Failing, at: end }));
    assert_eq!((event.name.as_str(), event.tenant), (event_type::DISABLED, TenantId(7)));
    assert_eq!(
        (&event.metadata["reason"], &event.metadata["failing_since"]),
        (&json!("failing"), &json!(late))
    );
    assert_eq!(endpoint.hear(Heard::Gone, &tried(end)), None, "it is told once");

    endpoint.edit(enable(true), end);
    assert_eq!((endpoint.disabled, endpoint.failing_since), (None, None));
}

#[test]
fn a_new_url_begins_afresh() {
    let to = |url: &str| Edit::Change {
        url: Some(url.to_owned()),
        event_types: None,
        description: None,
        enabled: None,
    };
    let mut endpoint = endpoint();
    endpoint.hear(Heard::Failed, &tried(NOW));
    let (same, later) = (endpoint.url.clone(), NOW.plus_seconds(9));
    endpoint.edit(to(&same), later);
    assert_eq!(endpoint.failing_since, Some(NOW), "it is the same that fails");
    endpoint.edit(to("https://example.org/moved"), later);
    assert_eq!(endpoint.failing_since, None);
    let begun_before = Notification { updated_at: later.plus_seconds(1), ..tried(later.plus_millis(-1)) };
    for heard in [Heard::Gone, Heard::Failed] {
        assert_eq!(endpoint.hear(heard, &begun_before), None, "the former one said that");
        assert_eq!((endpoint.disabled, endpoint.failing_since), (None, None));
    }
    assert!(endpoint.hear(Heard::Gone, &tried(later)).is_some());
}

#[test]
fn it_is_disabled_at_once_when_it_is_gone() {
    let mut endpoint = endpoint();
    assert_eq!(endpoint.hear(Heard::Gone, &tried(NOW)).unwrap().metadata["reason"], "gone");
    assert!(!endpoint.is_enabled());
}

#[test]
fn the_former_secret_signs_too_for_a_day() {
    let mut endpoint = endpoint();
    let (first, second) = (endpoint.secret.clone(), SigningSecret::new([2; 32]));
    endpoint.edit(Edit::Rotate { secret: second.clone(), instead_of: None }, NOW);
    let end = NOW.plus_seconds(FORMER_SECRET_SECONDS);
    assert_eq!(endpoint.secrets(end.plus_millis(-1)), [&second, &first]);
    assert_eq!(endpoint.secrets(end), [&second]);
}

#[test]
fn a_secret_that_is_another_one_by_now_is_not_taken_away() {
    let mut endpoint = endpoint();
    let seen = endpoint.secret.fingerprint();
    let rotate =
        |byte| Edit::Rotate { secret: SigningSecret::new([byte; 32]), instead_of: Some(seen.clone()) };
    endpoint.edit(rotate(2), NOW);
    assert_eq!(endpoint.secret, SigningSecret::new([2; 32]));
    let once = endpoint.clone();
    assert_eq!(endpoint.edit(rotate(3), NOW.plus_seconds(1)), None);
    assert_eq!(endpoint, once);
}

#[test]
fn what_is_not_given_stays() {
    let mut changed = endpoint();
    changed.description = Some("shop".into());
    let before = changed.clone();
    changed.edit(Edit::Change { url: None, event_types: None, description: None, enabled: None }, NOW);
    assert_eq!(changed, before);
    let url = Some("https://example.org/other".to_owned());
    changed.edit(Edit::Change { url, event_types: None, description: Some(None), enabled: None }, NOW);
    assert_eq!((changed.url.as_str(), changed.description), ("https://example.org/other", None));
}

#[test]
fn a_delivery_lives_in_a_space_of_its_own() {
    let endpoint = endpoint();
    let id: NotificationId = "019c1c3a-5408-7abc-8def-0123456789ab".parse().unwrap();
    let correlation = Correlation { id: CorrelationId::parse("c").unwrap(), trace_parent: None };
    let delivery = endpoint.delivery(id, Payload::ping(endpoint.id, id), correlation, 5);
    assert_eq!((delivery.endpoint(), delivery.tenant.owner()), (Some(endpoint.id), TenantId(7)));
    assert_ne!(delivery.tenant, TenantId(7));
    assert_eq!(delivery.created_event().tenant, delivery.tenant, "its events are nobody's either");
    assert_eq!(crate::notification::fixture().endpoint(), None);
}

#[test]
fn only_attempts_that_count_say_anything() {
    let report = |outcome| Report {
        provider: "p".into(),
        claimed_at: NOW,
        started_at: NOW,
        duration_millis: 1,
        outcome,
    };
    let failed = report(Outcome::new(Class::Transient, ""));
    let retry = |counts| Change::Retry { report: Some(failed.clone()), at: NOW, counts };
    assert_eq!(Heard::of(&retry(true)), Some(Heard::Failed));
    assert_eq!(Heard::of(&retry(false)), None);
    assert_eq!(Heard::of(&Change::release(NOW)), None);
    let gone = report(Outcome::new(Class::Permanent, "").with_gone(true));
    assert_eq!(Heard::of(&Change::fail(crate::FailureReason::Permanent, Some(gone))), Some(Heard::Gone));
    assert_eq!(Heard::of(&Change::fail(crate::FailureReason::Suppressed, None)), None);
    let accepted = report(Outcome::new(Class::Accepted, ""));
    assert_eq!(Heard::of(&Change::Accept { report: accepted, receipts: false }), Some(Heard::Accepted));
}
