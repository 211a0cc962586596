//! Notifications: sending them, and what becomes of them.

use std::collections::BTreeMap;

use angaros_domain::{
    BatchId, Channel, FailureReason, NotificationId, Priority, Status, TemplateId, Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::error::Result;
use crate::idempotency::IdempotencyKey;
use crate::page::Page;
use crate::request::Request;

/// A notification that is to be sent. Fields that are `None` or empty are left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewNotification {
    /// Over which channel.
    pub channel: Channel,
    /// The address: an E.164 number, an e-mail address, a token or a URL.
    pub recipient: String,
    /// Who that is to you; the address unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient_id: Option<String>,
    /// The title of an e-mail or push message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The HTML alternative of an e-mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// The template that makes subject and text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_id: Option<TemplateId>,
    /// What it is made with.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub template_variables: Map<String, Value>,
    /// The campaign that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<String>,
    /// How urgent it is.
    pub priority: Priority,
    /// Not before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Timestamp>,
    /// Not after this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Attempts in all, 1 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// Your own data, at most 16 KiB of JSON.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// Your own labels, at most 50.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

impl NewNotification {
    /// To an address over a channel. It needs a text or a template besides.
    pub fn new(channel: Channel, recipient: impl Into<String>) -> NewNotification {
        NewNotification {
            channel,
            recipient: recipient.into(),
            recipient_id: None,
            subject: None,
            content: None,
            html: None,
            template_id: None,
            template_variables: Map::new(),
            campaign_id: None,
            priority: Priority::default(),
            scheduled_at: None,
            expires_at: None,
            max_attempts: None,
            metadata: Map::new(),
            tags: Vec::new(),
        }
    }

    /// With this text.
    #[must_use]
    pub fn content(mut self, text: impl Into<String>) -> NewNotification {
        self.content = Some(text.into());
        self
    }

    /// With this title.
    #[must_use]
    pub fn subject(mut self, title: impl Into<String>) -> NewNotification {
        self.subject = Some(title.into());
        self
    }

    /// From a template and what it needs.
    #[must_use]
    pub fn template(mut self, id: TemplateId, variables: Map<String, Value>) -> NewNotification {
        (self.template_id, self.template_variables) = (Some(id), variables);
        self
    }

    /// In a campaign.
    #[must_use]
    pub fn campaign(mut self, id: impl Into<String>) -> NewNotification {
        self.campaign_id = Some(id.into());
        self
    }
}

/// A notification, and what has become of it so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Notification {
    /// Its id.
    pub id: NotificationId,
    /// Over which channel.
    pub channel: Channel,
    /// The address.
    pub recipient: String,
    /// Who that is to you.
    pub recipient_id: String,
    /// The title.
    pub subject: Option<String>,
    /// The text as it is sent.
    pub content: String,
    /// The HTML alternative.
    pub html: Option<String>,
    /// How many SMS segments the text takes.
    pub segments: Option<u32>,
    /// Where it stands.
    pub status: Status,
    /// How urgent it is.
    pub priority: Priority,
    /// Finished attempts.
    pub attempts: u32,
    /// Attempts that it gets.
    pub max_attempts: u32,
    /// Its campaign.
    pub campaign_id: Option<String>,
    /// The batch it was sent with.
    pub batch_id: Option<BatchId>,
    /// The template it was made from.
    pub template_id: Option<TemplateId>,
    /// Your own labels.
    pub tags: Vec<String>,
    /// Your own data.
    pub metadata: Map<String, Value>,
    /// The correlation id of the request that made it.
    pub correlation_id: String,
    /// The key it was sent with.
    pub idempotency_key: Option<String>,
    /// Not before this.
    pub scheduled_at: Option<Timestamp>,
    /// Not after this.
    pub expires_at: Option<Timestamp>,
    /// When the next attempt is due.
    pub next_retry_at: Option<Timestamp>,
    /// When the last attempt began.
    pub last_attempted_at: Option<Timestamp>,
    /// Who made it.
    pub provider: Option<String>,
    /// The provider's own id of the message.
    pub provider_message_id: Option<String>,
    /// When the provider accepted it.
    pub sent_at: Option<Timestamp>,
    /// When the provider confirmed it.
    pub delivered_at: Option<Timestamp>,
    /// When it was given up.
    pub failed_at: Option<Timestamp>,
    /// When it was cancelled.
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

/// Which notifications a list has. Everything that is given must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListNotifications {
    /// In this status.
    pub status: Option<Status>,
    /// Over this channel.
    pub channel: Option<Channel>,
    /// Of this batch.
    pub batch_id: Option<BatchId>,
    /// Of this campaign.
    pub campaign_id: Option<String>,
    /// To this recipient.
    pub recipient_id: Option<String>,
    /// Stored then or later.
    pub created_after: Option<Timestamp>,
    /// Stored then or earlier.
    pub created_before: Option<Timestamp>,
    /// How many a page, 1 to 200; 50 unless given.
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl ListNotifications {
    fn request(&self) -> Request {
        Request::get("/notifications")
            .maybe("status", self.status.map(Status::as_str))
            .maybe("channel", self.channel)
            .maybe("batch_id", self.batch_id)
            .maybe("campaign_id", self.campaign_id.as_ref())
            .maybe("recipient_id", self.recipient_id.as_ref())
            .maybe("created_after", self.created_after)
            .maybe("created_before", self.created_before)
            .maybe("limit", self.limit)
            .maybe("cursor", self.cursor.as_ref())
    }
}

/// Everything that happened to a notification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Trace {
    /// Which one.
    pub notification_id: NotificationId,
    /// What happened, oldest first.
    pub entries: Vec<TraceEntry>,
}

/// One line of a trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TraceEntry {
    /// What happened.
    pub event: String,
    /// When.
    pub at: Timestamp,
    /// In which attempt.
    pub attempt: Option<u64>,
    /// Who was asked to send it, or reported this.
    pub provider: Option<String>,
    /// More about it.
    pub detail: Option<String>,
    /// The request that caused it.
    pub correlation_id: Option<String>,
}

/// A batch that was accepted.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct BatchReceipt {
    /// Its id.
    pub id: BatchId,
    /// How many notifications it has.
    pub size: u64,
    /// When it was stored.
    pub created_at: Timestamp,
}

/// A batch, and where its members stand.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Batch {
    /// Its id.
    pub id: BatchId,
    /// How many notifications it has.
    pub size: u64,
    /// How many of them stand in each status.
    pub counts: BTreeMap<Status, u64>,
    /// A page of them, latest first.
    pub notifications: Page<Notification>,
}

impl Client {
    /// Sends a notification. With a key it is sent once, however often this is called.
    ///
    /// # Errors
    /// See [`Error`](crate::Error). 409 `idempotency-conflict`: the key was used for something else.
    pub async fn send(
        &self,
        notification: &NewNotification,
        key: Option<&IdempotencyKey>,
    ) -> Result<Notification> {
        self.call(Request::post("/notifications").json(notification)?.key(key)).await
    }

    /// A notification as it stands.
    ///
    /// # Errors
    /// See [`Error`](crate::Error); 404 if there is none.
    pub async fn notification(&self, id: NotificationId) -> Result<Notification> {
        self.call(Request::get(format!("/notifications/{id}"))).await
    }

    /// A page of notifications, latest first.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn notifications(&self, list: &ListNotifications) -> Result<Page<Notification>> {
        self.call(list.request()).await
    }

    /// Everything that happened to a notification.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn trace(&self, id: NotificationId) -> Result<Trace> {
        self.call(Request::get(format!("/notifications/{id}/trace"))).await
    }

    /// Cancels a notification that was not sent yet.
    ///
    /// # Errors
    /// 409 with `current_status` if it was; see [`Error`](crate::Error).
    pub async fn cancel(&self, id: NotificationId) -> Result<Notification> {
        self.call(Request::patch(format!("/notifications/{id}/cancel"))).await
    }

    /// Sends a dead letter again, with fresh attempts.
    ///
    /// # Errors
    /// 409 with `current_status` if it is none; see [`Error`](crate::Error).
    pub async fn retry(&self, id: NotificationId) -> Result<Notification> {
        self.call(Request::post(format!("/notifications/{id}/retry"))).await
    }

    /// Sends 1 to 1000 notifications: all of them are stored, or none.
    ///
    /// # Errors
    /// See [`Error`](crate::Error); the faults of a refusal point at the members.
    pub async fn send_batch(
        &self,
        notifications: &[NewNotification],
        key: Option<&IdempotencyKey>,
    ) -> Result<BatchReceipt> {
        let body = json!({ "notifications": notifications });
        self.call(Request::post("/notifications/batch").json(&body)?.key(key)).await
    }

    /// A batch, and where its members stand.
    ///
    /// # Errors
    /// See [`Error`](crate::Error); 404 if there is none.
    pub async fn batch(&self, id: BatchId) -> Result<Batch> {
        self.call(Request::get(format!("/notifications/batch/{id}"))).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_is_not_sent() {
        let new = NewNotification::new(Channel::Sms, "+15550100123").content("hi");
        let sent = serde_json::to_value(&new).unwrap();
        let expected = json!({
            "channel": "sms", "recipient": "+15550100123", "content": "hi", "priority": "normal"
        });
        assert_eq!(sent, expected);
    }

    #[test]
    fn a_list_asks_for_what_is_wanted() {
        let list = ListNotifications {
            status: Some(Status::Failed),
            campaign_id: Some("spring sale".into()),
            limit: Some(5),
            ..ListNotifications::default()
        };
        assert_eq!(list.request().path, "/notifications?status=failed&campaign_id=spring%20sale&limit=5");
    }
}
