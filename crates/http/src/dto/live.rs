//! What is said over a live connection.

use angaros_domain::request::NAME_CHARACTERS_MAX;
use angaros_domain::{BatchId, NotificationId, Status, Timestamp, Violation};
use angaros_service::{Topic, Update};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::ProblemBody;
use super::schema::StatusName;
use crate::error::Problem;
use crate::extract::Name;
use crate::live::Selectors;
use crate::problems;

/// What a client may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = LiveAction)]
pub(crate) enum Action {
    /// Follow a topic.
    Subscribe,
    /// Follow it no more.
    Unsubscribe,
}

/// A message of the client: an action, and exactly one topic.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LiveRequest {
    /// `subscribe` or `unsubscribe`.
    #[schema(value_type = Action)]
    action: Name<Action>,
    /// One notification.
    #[schema(value_type = Option<String>, format = "uuid")]
    notification_id: Option<NotificationId>,
    /// The members of a batch.
    #[schema(value_type = Option<String>, format = "uuid")]
    batch_id: Option<BatchId>,
    /// The notifications of a campaign.
    #[schema(min_length = 1, max_length = 255)]
    campaign_id: Option<String>,
    /// The notifications to a recipient.
    #[schema(min_length = 1, max_length = 255)]
    recipient_id: Option<String>,
    /// Every notification of the tenant; the only value is true.
    all: Option<bool>,
    /// For `subscribe`: go on behind this cursor, instead of with where things stand.
    since: Option<String>,
    /// Say with a frame of its own when it is done.
    ack: Option<bool>,
}

impl LiveRequest {
    /// The parts, if they fit each other: action, topic, cursor, and whether to say that it is done.
    pub(crate) fn check(self) -> Result<(Action, Topic, Option<String>, bool), Problem> {
        let fault = |pointer: &str, detail: String| {
            Problem::faults(problems::INVALID_REQUEST, vec![Violation::new(pointer, detail)])
        };
        for (pointer, text) in [("#/campaign_id", &self.campaign_id), ("#/recipient_id", &self.recipient_id)]
        {
            if text.as_ref().is_some_and(|text| !(1..=NAME_CHARACTERS_MAX).contains(&text.chars().count())) {
                return Err(fault(pointer, format!("must have 1 to {NAME_CHARACTERS_MAX} characters")));
            }
        }
        let Name(action) = self.action;
        if action == Action::Unsubscribe && self.since.is_some() {
            return Err(fault("#/since", "is for subscribe only".into()));
        }
        let selectors = Selectors {
            notification_id: self.notification_id,
            batch_id: self.batch_id,
            campaign_id: self.campaign_id,
            recipient_id: self.recipient_id,
            all: self.all,
        };
        let topic = selectors.topic().ok_or_else(|| {
            let one =
                "needs exactly one of notification_id, batch_id, campaign_id, recipient_id and \"all\": true";
            fault("#", one.into())
        })?;
        Ok((action, topic, self.since, self.ack.unwrap_or(false)))
    }
}

/// A status that a notification entered, or that it is in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LiveUpdate<'a> {
    /// Which notification.
    #[schema(value_type = String, format = "uuid")]
    notification_id: NotificationId,
    /// The status.
    #[schema(value_type = StatusName)]
    status: Status,
    /// The number of the attempt that this belongs to; 0 before the first.
    attempt: u32,
    /// When it was entered.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Send it as `since` to go on behind this.
    cursor: &'a str,
}

impl<'a> LiveUpdate<'a> {
    /// The frame of an update.
    pub(crate) fn new(update: &Update, cursor: &'a str) -> LiveUpdate<'a> {
        let Update { id, status, attempt, at, .. } = *update;
        LiveUpdate { notification_id: id, status, attempt, at, cursor }
    }
}

/// An event of the stream.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it is only described: axum writes it")]
pub(crate) struct LiveEvent {
    /// The cursor: send it as `Last-Event-ID` to go on behind this.
    id: String,
    /// A `LiveUpdate` as JSON.
    data: String,
}

/// What is wrong with a message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LiveError)]
pub(crate) struct ErrorFrame<'a> {
    /// The problem document.
    #[schema(value_type = ProblemBody)]
    pub(crate) error: ProblemBody<'a>,
}

/// What was asked for is done, or how far it is. Only for messages with `"ack": true`; it has the keys that apply.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = LiveAcknowledgement)]
pub(crate) struct Acknowledgement<'a> {
    /// Of its past nothing was to tell up to the cursor, and there is more to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    reached: Option<TopicBody>,
    /// This is followed from here on.
    #[serde(skip_serializing_if = "Option::is_none")]
    subscribed: Option<TopicBody>,
    /// This is followed no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsubscribed: Option<TopicBody>,
    /// Everything up to this cursor was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
}

impl<'a> Acknowledgement<'a> {
    pub(crate) fn subscribed(topic: &Topic, cursor: &'a str) -> Acknowledgement<'a> {
        Acknowledgement { subscribed: Some(topic.into()), cursor: Some(cursor), ..Acknowledgement::default() }
    }

    pub(crate) fn reached(topic: &Topic, cursor: &'a str) -> Acknowledgement<'a> {
        Acknowledgement { reached: Some(topic.into()), cursor: Some(cursor), ..Acknowledgement::default() }
    }

    pub(crate) fn unsubscribed(topic: &Topic) -> Acknowledgement<'a> {
        Acknowledgement { unsubscribed: Some(topic.into()), ..Acknowledgement::default() }
    }
}

/// A topic, as it was asked for.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = LiveTopic)]
struct TopicBody {
    #[schema(value_type = Option<String>, format = "uuid")]
    #[serde(skip_serializing_if = "Option::is_none")]
    notification_id: Option<NotificationId>,
    #[schema(value_type = Option<String>, format = "uuid")]
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<BatchId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    all: Option<bool>,
}

impl From<&Topic> for TopicBody {
    fn from(topic: &Topic) -> TopicBody {
        let mut body = TopicBody::default();
        match topic {
            Topic::Notification(id) => body.notification_id = Some(*id),
            Topic::Batch(id) => body.batch_id = Some(*id),
            Topic::Campaign(id) => body.campaign_id = Some(id.clone()),
            Topic::Recipient(id) => body.recipient_id = Some(id.clone()),
            Topic::All => body.all = Some(true),
        }
        body
    }
}
