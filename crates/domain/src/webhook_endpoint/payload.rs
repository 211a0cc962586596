//! What a delivery carries: the body that Standard Webhooks recommend.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::event_type::{PING, type_of};
use crate::event::Event;
use crate::ids::{EventId, WebhookEndpointId};
use crate::{NotificationId, Timestamp};

/// The body. It is the same for every attempt, down to the byte.
#[derive(Serialize)]
struct Body<'a, T: Serialize> {
    r#type: &'a str,
    timestamp: Timestamp,
    data: T,
}

/// An event as the API shows it.
#[derive(Serialize)]
struct Data<'a> {
    id: EventId,
    provider: &'a str,
    event_id: Option<&'a str>,
    event_name: &'a str,
    recipient_id: Option<&'a str>,
    message_id: Option<&'a str>,
    campaign_id: Option<&'a str>,
    channel: Option<&'a str>,
    occurred_at: Timestamp,
    received_at: Timestamp,
    tags: &'a [String],
    metadata: &'a Map<String, Value>,
    correlation_id: Option<&'a str>,
}

/// What one delivery says, and what the delivery log says of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The type of the event.
    pub event_type: String,
    /// The event, if it is one of the log.
    pub event_id: Option<EventId>,
    /// The JSON that is posted.
    pub body: String,
}

impl Payload {
    /// What tells of an event.
    pub fn of(event: &Event) -> Payload {
        let event_type = type_of(event).into_owned();
        let data = Data {
            id: event.id,
            provider: &event.provider,
            event_id: event.event_id.as_deref(),
            event_name: &event.name,
            recipient_id: event.recipient_id.as_deref(),
            message_id: event.message_id.as_deref(),
            campaign_id: event.campaign_id.as_deref(),
            channel: event.channel.as_deref(),
            occurred_at: event.occurred_at,
            received_at: event.received_at,
            tags: &event.tags,
            metadata: &event.metadata,
            correlation_id: event.correlation_id.as_ref().map(|id| id.as_str()),
        };
        let body = write(&Body { r#type: &event_type, timestamp: event.occurred_at, data });
        Payload { event_type, event_id: Some(event.id), body }
    }

    /// What a ping says.
    pub fn ping(endpoint: WebhookEndpointId, delivery: NotificationId) -> Payload {
        let data = json!({"endpoint_id": endpoint});
        let body = write(&Body { r#type: PING, timestamp: delivery.created_at(), data });
        Payload { event_type: PING.to_owned(), event_id: None, body }
    }
}

fn write(body: &impl Serialize) -> String {
    // Structs of texts, lists and maps of JSON values always serialise.
    serde_json::to_string(body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification::fixture;

    #[test]
    fn a_body_has_type_timestamp_and_data() {
        let event = fixture().created_event();
        let payload = Payload::of(&event);
        let body: Value = serde_json::from_str(&payload.body).unwrap();
        assert_eq!(body["type"], "notification.queued");
        assert_eq!(body["timestamp"], json!(event.occurred_at));
        assert_eq!(body["data"]["message_id"], "019c1c3a-5407-7abc-8def-0123456789ab");
        assert_eq!((&body["data"]["event_id"], &body["data"]["tags"]), (&Value::Null, &json!([])));
    }
}
