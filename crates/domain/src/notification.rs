//! A notification: what is to be sent, and what has become of it so far.

use serde_json::{Map, Value};

use crate::correlation::Correlation;
use crate::idempotency::IdempotencyKey;
use crate::ids::{BatchId, NotificationId, TemplateId, TenantId, WebhookEndpointId};
use crate::lane::Lane;
use crate::outlet::Outlet;
use crate::{Channel, FailureReason, Priority, Status, Timestamp};

/// What is sent: rendered when the notification is created, so that later template changes never reach it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Content {
    /// E-mail or push title.
    pub subject: Option<String>,
    /// The text.
    pub text: String,
    /// The HTML alternative of an e-mail.
    pub html: Option<String>,
}

/// One message to one recipient over one channel.
#[derive(Debug, Clone, PartialEq, Hash)]
pub struct Notification {
    /// Its id; the time in it is `created_at`.
    pub id: NotificationId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Over which channel.
    pub channel: Channel,
    /// The address: number, e-mail address, token or URL.
    pub recipient: String,
    /// Who the recipient is to the caller; the address unless the caller said otherwise.
    pub recipient_id: String,
    /// What is sent.
    pub content: Content,
    /// Where it stands.
    pub status: Status,
    /// How urgent it is.
    pub priority: Priority,
    /// Finished attempts.
    pub attempts: u32,
    /// How many attempts it gets, 1-10.
    pub max_attempts: u32,
    /// The campaign it belongs to.
    pub campaign_id: Option<String>,
    /// The batch it was stored with.
    pub batch_id: Option<BatchId>,
    /// The template it was rendered from.
    pub template_id: Option<TemplateId>,
    /// The caller's labels.
    pub tags: Vec<String>,
    /// The caller's own data.
    pub metadata: Map<String, Value>,
    /// What ties it to its request.
    pub correlation: Correlation,
    /// The key it was sent with.
    pub idempotency_key: Option<IdempotencyKey>,
    /// Not before this.
    pub scheduled_at: Option<Timestamp>,
    /// Not after this.
    pub expires_at: Option<Timestamp>,
    /// When the next attempt is due, while `retrying`.
    pub next_retry_at: Option<Timestamp>,
    /// When the last attempt began.
    pub last_attempted_at: Option<Timestamp>,
    /// Who made the last attempt.
    pub provider: Option<String>,
    /// The provider's own id of the message.
    pub provider_message_id: Option<String>,
    /// When the provider accepted it.
    pub sent_at: Option<Timestamp>,
    /// When the provider confirmed it.
    pub delivered_at: Option<Timestamp>,
    /// When it was given up.
    pub failed_at: Option<Timestamp>,
    /// When it was taken back.
    pub cancelled_at: Option<Timestamp>,
    /// Why it was given up.
    pub failure_reason: Option<FailureReason>,
    /// The provider's last words about it.
    pub failure_detail: Option<String>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Notification {
    /// Where it waits when it is ready.
    pub fn lane(&self) -> Lane {
        let is_delivery = self.tenant.is_deliveries();
        let outlet = if is_delivery { Outlet::Endpoints } else { Outlet::Channel(self.channel) };
        Lane { outlet, priority: self.priority }
    }

    /// When it becomes ready, while it waits outside its lane: the schedule, or the next attempt.
    pub fn due_at(&self) -> Option<Timestamp> {
        match self.status {
            Status::Pending => self.scheduled_at,
            Status::Retrying => self.next_retry_at,
            _ => None,
        }
    }

    /// Since when it is ready, while it waits in its lane: its place among the others there. A retry or a redrive gets
    /// in behind what was ready before it.
    pub fn ready_at(&self) -> Timestamp {
        match self.status {
            Status::Retrying => self.next_retry_at.unwrap_or(self.updated_at),
            _ => self.updated_at,
        }
    }

    /// The key under which it is found by its correlation id, if the time that the id names does not lead to it: the caller
    /// chose the id, or it took unusually long to be stored. Deliveries to webhook endpoints are not found so.
    pub fn correlation_key(&self) -> Option<i64> {
        let is_dated = self.correlation.id.span().is_some_and(|span| span.contains(&self.created_at));
        (!is_dated && !self.tenant.is_deliveries()).then(|| self.correlation.id.key(self.tenant))
    }

    /// The webhook endpoint that this is a delivery to; `None` for everything that a caller sent.
    pub fn endpoint(&self) -> Option<WebhookEndpointId> {
        self.tenant.is_deliveries().then(|| self.recipient_id.parse().ok()).flatten()
    }

    /// Whether `expires_at` has come.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}

/// A queued notification for unit tests of this crate.
#[cfg(test)]
pub(crate) fn fixture() -> Notification {
    let id: NotificationId = "019c1c3a-5407-7abc-8def-0123456789ab".parse().unwrap();
    Notification {
        id,
        tenant: TenantId::DEFAULT,
        channel: Channel::Sms,
        recipient: "+4915112345678".into(),
        recipient_id: "user-1".into(),
        content: Content { subject: None, text: "Your code is 123456".into(), html: None },
        status: Status::Queued,
        priority: Priority::Normal,
        attempts: 0,
        max_attempts: 5,
        campaign_id: Some("welcome".into()),
        batch_id: None,
        template_id: None,
        tags: vec![],
        metadata: Map::new(),
        correlation: Correlation {
            id: crate::correlation::CorrelationId::parse("test-1").unwrap(),
            trace_parent: None,
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
