//! Sent messages.

use angaros_domain::{Channel, NotificationId, Timestamp};
use angaros_service::SentMessage;
use serde::Serialize;
use utoipa::ToSchema;

use super::schema::ChannelName;

/// A message that a provider accepted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SentMessage)]
pub(crate) struct SentMessageBody {
    /// The notification's id.
    #[schema(value_type = String, format = "uuid")]
    id: NotificationId,
    /// The address.
    recipient: String,
    /// Over which channel.
    #[schema(value_type = ChannelName)]
    channel: Channel,
    /// The text.
    content: String,
    /// When the provider accepted it.
    #[schema(value_type = String, format = DateTime)]
    sent_at: Timestamp,
    /// The provider's own id of it.
    provider_message_id: Option<String>,
}

impl From<SentMessage> for SentMessageBody {
    fn from(message: SentMessage) -> SentMessageBody {
        let SentMessage { id, recipient, channel, content, sent_at, provider_message_id } = message;
        SentMessageBody { id, recipient, channel, content, sent_at, provider_message_id }
    }
}
