//! Deliveries to webhook endpoints.

use angaros_domain::{FailureReason, Notification, NotificationId, Status, Timestamp};
use angaros_service::TraceEntry;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::schema::{FailureReasonName, StatusName};
use super::trace::TraceEntryBody;

/// One event on its way to one endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub(crate) struct WebhookDeliveryBody {
    /// Its id: what the header `webhook-id` says, in every attempt.
    #[schema(value_type = String, format = "uuid")]
    id: NotificationId,
    /// The endpoint.
    #[schema(format = "uuid")]
    endpoint_id: String,
    /// The type of the event.
    #[schema(example = "notification.delivered")]
    event_type: String,
    /// The event; null for a ping, which is in no log.
    #[schema(format = "uuid")]
    event_id: Option<String>,
    /// Where it stands.
    #[schema(value_type = StatusName)]
    status: Status,
    /// Finished attempts.
    attempts: u32,
    /// How many it gets.
    max_attempts: u32,
    /// When the last attempt began.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_attempted_at: Option<Timestamp>,
    /// What the last attempt that failed was answered with.
    #[schema(example = "HTTP 503: come back later")]
    last_answer: Option<String>,
    /// When the next attempt is due.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_retry_at: Option<Timestamp>,
    /// When the endpoint took it.
    #[schema(value_type = Option<String>, format = DateTime)]
    delivered_at: Option<Timestamp>,
    /// When it was given up.
    #[schema(value_type = Option<String>, format = DateTime)]
    failed_at: Option<Timestamp>,
    /// Why: `suppressed` if the endpoint was disabled or removed.
    #[schema(value_type = Option<FailureReasonName>)]
    failure_reason: Option<FailureReason>,
    /// The correlation id of the request that brought the event about.
    correlation_id: String,
    /// When it was queued.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// The type of the event that a delivery tells of.
pub(crate) fn event_type(delivery: &Notification) -> &str {
    delivery.metadata.get("event_type").and_then(Value::as_str).unwrap_or_default()
}

impl From<Notification> for WebhookDeliveryBody {
    fn from(delivery: Notification) -> WebhookDeliveryBody {
        let event_id = delivery.metadata.get("event_id").and_then(Value::as_str).map(str::to_owned);
        WebhookDeliveryBody {
            id: delivery.id,
            event_type: event_type(&delivery).to_owned(),
            event_id,
            endpoint_id: delivery.recipient_id,
            status: delivery.status,
            attempts: delivery.attempts,
            max_attempts: delivery.max_attempts,
            last_attempted_at: delivery.last_attempted_at,
            last_answer: delivery.failure_detail,
            next_retry_at: delivery.next_retry_at,
            delivered_at: delivery.delivered_at,
            failed_at: delivery.failed_at,
            failure_reason: delivery.failure_reason,
            correlation_id: delivery.correlation.id.to_string(),
            created_at: delivery.created_at,
            updated_at: delivery.updated_at,
        }
    }
}

/// A delivery with what it carries and what happened to it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDeliveryTrace)]
pub(crate) struct WebhookDeliveryTraceBody {
    /// The delivery.
    delivery: WebhookDeliveryBody,
    /// The body that is posted, to the byte.
    payload: String,
    /// What happened, oldest first.
    entries: Vec<TraceEntryBody>,
}

impl From<(Notification, Vec<TraceEntry>)> for WebhookDeliveryTraceBody {
    fn from((delivery, entries): (Notification, Vec<TraceEntry>)) -> WebhookDeliveryTraceBody {
        WebhookDeliveryTraceBody {
            payload: delivery.content.text.clone(),
            delivery: delivery.into(),
            entries: entries.into_iter().map(TraceEntryBody::from).collect(),
        }
    }
}
