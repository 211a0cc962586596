//! Notifications.

use angaros_domain::notification::Content;
use angaros_domain::request::Draft;
use angaros_domain::{
    BatchId, Channel, FailureReason, Notification, NotificationId, Priority, Status, TemplateId, Timestamp,
    sms,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::schema::{ChannelName, FailureReasonName, PriorityName, StatusName, TagInput, TimeInput};
use crate::extract::{Name, StrictMap, Whole};

/// A request to send one notification. Give `content`, or `template_id`, or both: a rendered template replaces
/// `content`. What is absent and what is null are the same.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NotificationRequest {
    /// Over which channel.
    #[schema(value_type = ChannelName)]
    channel: Name<Channel>,
    /// The address. sms: an E.164 number. email: an e-mail address. push: a device token of at most 4096 characters.
    /// webhook: an http or https URL of at most 2048 visible ASCII characters that leads to a public address.
    #[schema(min_length = 1, max_length = 4096)]
    recipient: String,
    /// Who the recipient is to you. Default: the address.
    #[schema(min_length = 1, max_length = 255)]
    recipient_id: Option<String>,
    /// The title of an e-mail or push message, at most 998 bytes without control characters.
    #[schema(max_length = 998, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    subject: Option<String>,
    /// The text. sms: 1-1600 characters. push: at most 4096 bytes. email and webhook: at most 256 KiB.
    #[schema(min_length = 1, max_length = 262_144)]
    content: Option<String>,
    /// The HTML alternative of an e-mail, at most 256 KiB.
    #[schema(max_length = 262_144)]
    html: Option<String>,
    /// The template to render.
    #[schema(value_type = Option<String>, format = "uuid")]
    template_id: Option<TemplateId>,
    /// What the template is rendered with, at most 64 KiB of JSON. Every variable that it uses must be there.
    #[schema(value_type = Option<Object>)]
    template_variables: Option<StrictMap>,
    /// The campaign that this belongs to.
    #[schema(min_length = 1, max_length = 255)]
    campaign_id: Option<String>,
    /// How urgent it is. Default: `normal`.
    #[schema(value_type = Option<PriorityName>)]
    priority: Option<Name<Priority>>,
    /// Not before this. A time in the past, beyond the allowed clock skew, is refused.
    #[schema(value_type = Option<TimeInput>)]
    scheduled_at: Option<Timestamp>,
    /// Not after this; later than `scheduled_at`.
    #[schema(value_type = Option<TimeInput>)]
    expires_at: Option<Timestamp>,
    /// How many attempts it gets. Default: what the channel is configured for, 5 unless changed.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 10)]
    max_attempts: Option<Whole>,
    /// Your own data, at most 16 KiB of JSON.
    #[schema(value_type = Option<Object>)]
    metadata: Option<StrictMap>,
    /// Your own labels.
    #[schema(value_type = Option<Vec<TagInput>>, max_items = 50)]
    tags: Option<Vec<String>>,
}

impl From<NotificationRequest> for Draft {
    fn from(request: NotificationRequest) -> Draft {
        Draft {
            channel: request.channel.0,
            recipient: request.recipient,
            recipient_id: request.recipient_id,
            subject: request.subject,
            content: request.content,
            html: request.html,
            template_id: request.template_id,
            template_variables: request.template_variables.unwrap_or_default().0,
            campaign_id: request.campaign_id,
            priority: request.priority.map(|Name(priority)| priority).unwrap_or_default(),
            scheduled_at: request.scheduled_at,
            expires_at: request.expires_at,
            max_attempts: request.max_attempts.map(|Whole(attempts)| attempts),
            metadata: request.metadata.unwrap_or_default().0,
            tags: request.tags.unwrap_or_default(),
        }
    }
}

/// A notification and what has become of it so far.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Notification)]
pub(crate) struct NotificationBody {
    /// Its id, a version 7 UUID: later ones are greater.
    #[schema(value_type = String, format = "uuid")]
    id: NotificationId,
    /// Over which channel.
    #[schema(value_type = ChannelName)]
    channel: Channel,
    /// The address.
    recipient: String,
    /// Who the recipient is to you.
    recipient_id: String,
    /// The title of an e-mail or push message.
    subject: Option<String>,
    /// The text as it is sent.
    content: String,
    /// The HTML alternative of an e-mail.
    html: Option<String>,
    /// How many SMS segments the text takes (GSM-7 160/153, UCS-2 70/67); null on other channels.
    segments: Option<u32>,
    /// Where it stands.
    #[schema(value_type = StatusName)]
    status: Status,
    /// How urgent it is.
    #[schema(value_type = PriorityName)]
    priority: Priority,
    /// Finished attempts.
    attempts: u32,
    /// How many attempts it gets.
    max_attempts: u32,
    /// The campaign.
    campaign_id: Option<String>,
    /// The batch it was sent with.
    #[schema(value_type = Option<String>, format = "uuid")]
    batch_id: Option<BatchId>,
    /// The template it was rendered from.
    #[schema(value_type = Option<String>, format = "uuid")]
    template_id: Option<TemplateId>,
    /// Your own labels.
    tags: Vec<String>,
    /// Your own data.
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    /// The correlation id of the request that created it.
    correlation_id: String,
    /// The key it was sent with.
    idempotency_key: Option<String>,
    /// Not before this.
    #[schema(value_type = Option<String>, format = DateTime)]
    scheduled_at: Option<Timestamp>,
    /// Not after this.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// When the next attempt is due, while it is `retrying`.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_retry_at: Option<Timestamp>,
    /// When the last attempt began.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_attempted_at: Option<Timestamp>,
    /// Who made the last attempt.
    provider: Option<String>,
    /// The provider's own id of the message.
    provider_message_id: Option<String>,
    /// When the provider accepted it.
    #[schema(value_type = Option<String>, format = DateTime)]
    sent_at: Option<Timestamp>,
    /// When the provider confirmed it.
    #[schema(value_type = Option<String>, format = DateTime)]
    delivered_at: Option<Timestamp>,
    /// When it was given up.
    #[schema(value_type = Option<String>, format = DateTime)]
    failed_at: Option<Timestamp>,
    /// When it was cancelled.
    #[schema(value_type = Option<String>, format = DateTime)]
    cancelled_at: Option<Timestamp>,
    /// Why it was given up.
    #[schema(value_type = Option<FailureReasonName>)]
    failure_reason: Option<FailureReason>,
    /// The provider's last words about it.
    failure_detail: Option<String>,
    /// When it was stored.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<Notification> for NotificationBody {
    fn from(n: Notification) -> NotificationBody {
        let Content { subject, text, html } = n.content;
        NotificationBody {
            id: n.id,
            channel: n.channel,
            recipient: n.recipient,
            recipient_id: n.recipient_id,
            subject,
            segments: (n.channel == Channel::Sms).then(|| sms::segments(&text)),
            content: text,
            html,
            status: n.status,
            priority: n.priority,
            attempts: n.attempts,
            max_attempts: n.max_attempts,
            campaign_id: n.campaign_id,
            batch_id: n.batch_id,
            template_id: n.template_id,
            tags: n.tags,
            metadata: n.metadata,
            correlation_id: n.correlation.id.to_string(),
            idempotency_key: n.idempotency_key.map(|key| key.as_str().to_owned()),
            scheduled_at: n.scheduled_at,
            expires_at: n.expires_at,
            next_retry_at: n.next_retry_at,
            last_attempted_at: n.last_attempted_at,
            provider: n.provider,
            provider_message_id: n.provider_message_id,
            sent_at: n.sent_at,
            delivered_at: n.delivered_at,
            failed_at: n.failed_at,
            cancelled_at: n.cancelled_at,
            failure_reason: n.failure_reason,
            failure_detail: n.failure_detail,
            created_at: n.created_at,
            updated_at: n.updated_at,
        }
    }
}
