//! Events.

use angaros_domain::event::Event;
use angaros_domain::{EventId, Timestamp};
use angaros_service::Page;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventBody {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: EventId,
    /// Who reported it; `angaros` for what the engine itself did.
    #[schema(example = "angaros")]
    provider: String,
    /// The reporter's own id of it.
    event_id: Option<String>,
    /// What happened: for the engine's own events the status that was entered.
    #[schema(example = "delivered")]
    event_name: String,
    /// To whom.
    recipient_id: Option<String>,
    /// About which message: the notification's id.
    message_id: Option<String>,
    /// In which campaign.
    campaign_id: Option<String>,
    /// Over which channel.
    #[schema(example = "email")]
    channel: Option<String>,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    occurred_at: Timestamp,
    /// When it was recorded.
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
    /// The reporter's labels.
    tags: Vec<String>,
    /// Everything else that was reported: for attempts their number, provider, duration and answer.
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    /// The correlation id of the request that caused it.
    correlation_id: Option<String>,
}

impl From<Event> for EventBody {
    fn from(event: Event) -> EventBody {
        EventBody {
            id: event.id,
            provider: event.provider,
            event_id: event.event_id,
            event_name: event.name,
            recipient_id: event.recipient_id,
            message_id: event.message_id,
            campaign_id: event.campaign_id,
            channel: event.channel,
            occurred_at: event.occurred_at,
            received_at: event.received_at,
            tags: event.tags,
            metadata: event.metadata,
            correlation_id: event.correlation_id.map(|id| id.to_string()),
        }
    }
}

/// A stretch of the log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventFeed)]
pub(crate) struct FeedBody {
    /// The events, in the order in which they were stored.
    items: Vec<EventBody>,
    /// Leads on when sent as `after`. It is always there: at the end of the log it waits for more.
    next_cursor: String,
}

impl FeedBody {
    /// A page of the log, if it has its cursor.
    pub(crate) fn new(page: Page<Event>) -> Option<FeedBody> {
        let items = page.items.into_iter().map(Into::into).collect();
        page.next_cursor.map(|next_cursor| FeedBody { items, next_cursor })
    }
}
