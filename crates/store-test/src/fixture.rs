//! Builders of what tests store: notifications, submissions, attempts, keys, templates.
//!
//! Fields are public everywhere, so a test changes what it cares about:
//! `Notification { priority: Priority::High, ..notification(NOW) }`.

use std::sync::atomic::{AtomicU64, Ordering};

use angaros_domain::api_key::{ApiKey, Scope, Token};
use angaros_domain::attempt::{Class, Outcome, Report};
use angaros_domain::batch::Batch;
use angaros_domain::correlation::{Correlation, CorrelationId, TraceParent};
use angaros_domain::fingerprint::Fingerprint;
use angaros_domain::idempotency::{Idempotency, IdempotencyKey};
use angaros_domain::ingest::EventDraft;
use angaros_domain::lifecycle::Change;
use angaros_domain::notification::Content;
use angaros_domain::template::{Source, Template};
use angaros_domain::webhook_endpoint::{EventFilter, Payload, SigningSecret, WebhookEndpoint};
use angaros_domain::{
    BatchId, Channel, EventId, FailureReason, Lane, LeaseId, Notification, NotificationId, Priority, Status,
    TemplateId, TenantId, Timestamp, WebhookEndpointId, WorkerId,
};
use angaros_store::{Reported, Submission};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// When tests begin, unless they say otherwise.
pub const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_000);

/// A version 7 UUID of a time; those of one time grow in the order in which they were made.
///
/// The count stands in the last bits, so all ids of one millisecond share their leading 64: an index by
/// [`message_key`](angaros_domain::event::message_key) that does not compare the whole id mixes them up.
fn uuid(at: Timestamp) -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    numbered_uuid(at, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The version 7 UUID of a time and a number below 2^62.
pub fn numbered_uuid(at: Timestamp, number: u64) -> Uuid {
    let millis = u128::from(at.as_millis().unsigned_abs());
    Uuid::from_u128(millis << 80 | 0x7 << 76 | 0b10 << 62 | u128::from(number))
}

/// A fresh notification id.
pub fn notification_id(at: Timestamp) -> NotificationId {
    NotificationId(uuid(at))
}

/// A fresh batch id.
pub fn batch_id(at: Timestamp) -> BatchId {
    BatchId(uuid(at))
}

/// A fresh lease id.
pub fn lease_id() -> LeaseId {
    LeaseId(uuid(NOW))
}

/// A worker of a name.
pub fn worker(name: &str) -> WorkerId {
    WorkerId(name.to_owned())
}

/// Every lane, most urgent first within a channel.
pub fn lanes() -> Vec<Lane> {
    (0..Lane::COUNT).filter_map(Lane::from_index).collect()
}

/// A plain queued notification of the default tenant, created at `at`.
pub fn notification(at: Timestamp) -> Notification {
    Notification {
        id: notification_id(at),
        tenant: TenantId::DEFAULT,
        channel: Channel::Sms,
        recipient: "+4915112345678".into(),
        recipient_id: "user-1".into(),
        content: Content { subject: None, text: "Your code is 123456".into(), html: None },
        status: Status::Queued,
        priority: Priority::Normal,
        attempts: 0,
        max_attempts: 5,
        campaign_id: None,
        batch_id: None,
        template_id: None,
        tags: vec![],
        metadata: Map::new(),
        correlation: Correlation { id: correlation_id("test-1"), trace_parent: None },
        idempotency_key: None,
        scheduled_at: None,
        expires_at: None,
        next_retry_at: None,
        last_attempted_at: None,
        provider: None,
        provider_message_id: None,
        sent_at: None,
        delivered_at: None,
        failed_at: None,
        cancelled_at: None,
        failure_reason: None,
        failure_detail: None,
        created_at: at,
        updated_at: at,
    }
}

/// A notification with everything that a caller can give, some of it awkward to store.
pub fn elaborate(at: Timestamp) -> Notification {
    let metadata = json!({
        "nested": {"list": [1, -2, 2.5, true, null, "\u{1f600}\u{0}'\""], "empty": {}},
        "large": u64::MAX,
        "": "an empty name",
    });
    Notification {
        channel: Channel::Email,
        recipient: "\u{fc}ser@example.org".into(),
        recipient_id: "user '1'; -- \u{1f600}".into(),
        content: Content {
            subject: Some("Gr\u{fc}\u{df}e".into()),
            text: "line 1\r\nline 2\t\u{1f600}\n".repeat(100),
            html: Some("<p class=\"x\">&amp;</p>".into()),
        },
        priority: Priority::Low,
        max_attempts: 10,
        campaign_id: Some("spring/2026 %_".into()),
        template_id: Some(TemplateId(uuid(at))),
        tags: vec!["b".into(), "a".into(), "b".into(), "with space, comma".into()],
        metadata: object(metadata),
        correlation: Correlation {
            id: correlation_id("test-1_/~!"),
            trace_parent: TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        },
        expires_at: Some(Timestamp::MAX),
        ..notification(at)
    }
}

/// A pending notification, created at `at` and scheduled for `due`.
pub fn scheduled(at: Timestamp, due: Timestamp) -> Notification {
    Notification { status: Status::Pending, scheduled_at: Some(due), ..notification(at) }
}

/// Several plain notifications of one millisecond, oldest first.
pub fn notifications(at: Timestamp, count: usize) -> Vec<Notification> {
    (0..count).map(|_| notification(at)).collect()
}

/// A submission without key or batch, for the tenant of the first notification.
pub fn submission(notifications: Vec<Notification>) -> Submission {
    let tenant = notifications.first().map_or(TenantId::DEFAULT, |n| n.tenant);
    Submission { tenant, idempotency: None, batch: None, notifications }
}

/// The same with an idempotency key; `request` stands for what the request said.
pub fn keyed(key: &str, request: &str, submission: Submission) -> Submission {
    let idempotency = Idempotency { key: idempotency_key(key), fingerprint: Fingerprint::of(&request) };
    let set = |n| Notification { idempotency_key: Some(idempotency.key.clone()), ..n };
    // The members of a batch carry no key of their own: the batch does.
    let notifications = match submission.batch {
        Some(_) => submission.notifications,
        None => submission.notifications.into_iter().map(set).collect(),
    };
    Submission { idempotency: Some(idempotency), notifications, ..submission }
}

/// A submission of a batch that was made at `at`.
pub fn batch(at: Timestamp, members: Vec<Notification>) -> Submission {
    let id = batch_id(at);
    let members: Vec<Notification> =
        members.into_iter().map(|n| Notification { batch_id: Some(id), ..n }).collect();
    let plain = submission(members);
    let batch = Batch {
        id,
        tenant: plain.tenant,
        size: plain.notifications.len(),
        campaign_id: Some("spring".into()),
        metadata: object(json!({"by": "a test", "n": [1, 2.5, null]})),
        correlation_id: correlation_id("batch-1"),
        created_at: at,
    };
    Submission { batch: Some(batch), ..plain }
}

/// A key as callers write it.
pub fn idempotency_key(text: &str) -> IdempotencyKey {
    IdempotencyKey::parse(text).expect("1 to 255 characters")
}

fn correlation_id(text: &str) -> CorrelationId {
    CorrelationId::parse(text).expect("visible ASCII")
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

/// An attempt of a class: claimed at `claimed_at`, begun 2 ms later, answered after 5 ms.
pub fn report(class: Class, claimed_at: Timestamp) -> Report {
    let message_id = (class == Class::Accepted).then(|| "sb-1".to_owned());
    Report {
        provider: "sandbox".into(),
        claimed_at,
        started_at: claimed_at.plus_millis(2),
        duration_millis: 5,
        outcome: Outcome::new(class, "as scripted").with_message_id(message_id),
    }
}

/// An attempt that the provider accepted.
pub fn accepted(claimed_at: Timestamp) -> Report {
    report(Class::Accepted, claimed_at)
}

/// An attempt that failed in a way that may pass.
pub fn transient(claimed_at: Timestamp) -> Report {
    report(Class::Transient, claimed_at)
}

/// Accepted, and nothing more will be known: `delivered`.
pub fn deliver(claimed_at: Timestamp) -> Change {
    Change::Accept { report: accepted(claimed_at), receipts: false }
}

/// Accepted, and a receipt will follow: `sent`.
pub fn send(claimed_at: Timestamp) -> Change {
    Change::Accept { report: accepted(claimed_at), receipts: true }
}

/// Failed for now; the next attempt is due at `at`.
pub fn retry(claimed_at: Timestamp, at: Timestamp) -> Change {
    Change::Retry { report: Some(transient(claimed_at)), at, counts: true }
}

/// Refused for good.
pub fn fail(claimed_at: Timestamp) -> Change {
    Change::fail(FailureReason::Permanent, Some(report(Class::Permanent, claimed_at)))
}

/// An API key of a tenant, made at `at`; its prefix comes from `number`, below 2^48.
///
/// Its `tenant` is one that no store gives out: a store finds the tenant by its name.
pub fn api_key(tenant_name: &str, number: u64, at: Timestamp) -> ApiKey {
    let [_, _, prefix @ ..] = number.to_be_bytes();
    let token = Token::new(prefix, [7; 32]);
    ApiKey {
        prefix: token.prefix().to_owned(),
        tenant: TenantId(i64::MAX),
        tenant_name: tenant_name.to_owned(),
        name: format!("key {number}"),
        scopes: vec![Scope::Send, Scope::Read],
        hash: token.hash(),
        created_at: at,
        revoked_at: None,
    }
}

/// A template of the default tenant, made at `at`.
pub fn template(name: &str, at: Timestamp) -> Template {
    Template {
        id: TemplateId(uuid(at)),
        tenant: TenantId::DEFAULT,
        name: name.to_owned(),
        source: Source {
            subject: Some("Hello {{ name }}".into()),
            body: "Hello {{ name }}, \u{1f600}".into(),
            html: Some("<p>{{ name }}</p>".into()),
        },
        created_at: at,
        updated_at: at,
    }
}

/// A webhook endpoint that wants everything, made at `at`.
pub fn endpoint(tenant: TenantId, at: Timestamp) -> WebhookEndpoint {
    WebhookEndpoint {
        id: WebhookEndpointId(uuid(at)),
        tenant,
        url: "https://example.org/hook".into(),
        event_types: vec![EventFilter::all()],
        description: None,
        secret: SigningSecret::new([7; 32]),
        former_secret: None,
        disabled: None,
        failing_since: None,
        follows_after: 0,
        updated_at: at,
    }
}

/// A delivery to an endpoint, queued at `at`.
pub fn delivery_to(endpoint: &WebhookEndpoint, at: Timestamp) -> Notification {
    let id = notification_id(at);
    let correlation = Correlation { id: correlation_id("hook-1"), trace_parent: None };
    endpoint.delivery(id, Payload::ping(endpoint.id, id), correlation, 5)
}

/// A delivery that a provider reports, with every field set.
pub fn event_draft(at: Timestamp) -> EventDraft {
    EventDraft {
        provider: "twilio".into(),
        event_id: Some("SM-1".into()),
        name: "delivered".into(),
        recipient_id: Some("user-9".into()),
        message_id: Some("message-1".into()),
        campaign_id: Some("spring".into()),
        channel: Some("sms".into()),
        occurred_at: at,
        tags: vec!["a".into()],
        metadata: Map::from_iter([("carrier".to_owned(), json!({ "code": 7 }))]),
    }
}

/// A report of the default tenant, with an id of its own.
pub fn reported(draft: EventDraft) -> Reported {
    let key = draft.key(TenantId::DEFAULT);
    let id = EventId(uuid(NOW));
    let correlation_id = CorrelationId::parse("report").unwrap();
    Reported { event: draft.into_event(TenantId::DEFAULT, id, NOW, correlation_id), key }
}
