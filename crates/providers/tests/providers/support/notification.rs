//! Notifications to send in tests.

use angaros_domain::correlation::{Correlation, CorrelationId, TraceParent};
use angaros_domain::notification::Content;
use angaros_domain::{Channel, Notification, NotificationId, Priority, Status, TenantId};

/// The id of every notification here.
pub(crate) const ID: &str = "019c1c3a-5407-7abc-8def-0123456789ab";
/// The trace context of every notification here.
pub(crate) const TRACE_PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A notification in the state in which a worker holds it.
pub(crate) fn notification(channel: Channel, recipient: &str) -> Notification {
    let id: NotificationId = ID.parse().unwrap();
    Notification {
        id,
        tenant: TenantId::DEFAULT,
        channel,
        recipient: recipient.into(),
        recipient_id: "user-1".into(),
        content: Content { subject: Some("Hello".into()), text: "Your code is 123456".into(), html: None },
        status: Status::Processing,
        priority: Priority::High,
        attempts: 0,
        max_attempts: 5,
        campaign_id: Some("welcome".into()),
        batch_id: None,
        template_id: None,
        tags: vec!["first".into()],
        metadata: [("order".into(), 7.into())].into_iter().collect(),
        correlation: Correlation {
            id: CorrelationId::parse("request-1").unwrap(),
            trace_parent: TraceParent::parse(TRACE_PARENT),
        },
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
        created_at: id.created_at(),
        updated_at: id.created_at(),
    }
}
