//! The JSON that is posted.

use angaros_domain::Notification;
use serde::Serialize;
use serde_json::{Map, Value};

/// What the receiver gets. It is the same for every attempt, down to the byte: nothing in it counts attempts or tells
/// the time, so that a receiver may compare repeated requests.
#[derive(Serialize)]
struct Body<'a> {
    to: &'a str,
    channel: &'static str,
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<&'a str>,
    id: String,
    recipient_id: &'a str,
    priority: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    metadata: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tags: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    template_id: Option<String>,
}

pub(super) fn write(notification: &Notification) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Body {
        to: &notification.recipient,
        channel: notification.channel.as_str(),
        content: &notification.content.text,
        subject: notification.content.subject.as_deref(),
        html: notification.content.html.as_deref(),
        id: notification.id.to_string(),
        recipient_id: &notification.recipient_id,
        priority: notification.priority.as_str(),
        campaign_id: notification.campaign_id.as_deref(),
        metadata: &notification.metadata,
        tags: &notification.tags,
        template_id: notification.template_id.map(|id| id.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use angaros_domain::{Channel, Timestamp};
    use serde_json::json;

    use super::*;
    use crate::fixture::notification;

    #[test]
    fn carries_what_is_there_and_leaves_out_what_is_not() {
        let mut full = notification(Channel::Email, "a@example.org");
        full.content.html = Some("<p>Hi".into());
        full.template_id = Some(angaros_domain::TemplateId(full.id.0));
        let body: Value = serde_json::from_slice(&write(&full).unwrap()).unwrap();
        assert_eq!(
            body,
            json!({
                "to": "a@example.org", "channel": "email", "content": "Your code is 123456",
                "subject": "Hello", "html": "<p>Hi", "id": crate::fixture::ID, "recipient_id": "user-1",
                "priority": "high", "campaign_id": "welcome", "metadata": {"order": 7}, "tags": ["first"],
                "template_id": crate::fixture::ID,
            })
        );
        let mut bare = notification(Channel::Sms, "+491511");
        (bare.content.subject, bare.campaign_id, bare.tags, bare.metadata) =
            (None, None, vec![], Map::default());
        let body: Map<String, Value> = serde_json::from_slice(&write(&bare).unwrap()).unwrap();
        let keys: Vec<&String> = body.keys().collect();
        assert_eq!(keys, ["channel", "content", "id", "priority", "recipient_id", "to"]);
    }

    #[test]
    fn is_the_same_for_every_attempt() {
        let first = notification(Channel::Webhook, "https://example.org");
        let mut later = first.clone();
        later.attempts = 3;
        later.last_attempted_at = Some(Timestamp::MAX);
        later.updated_at = Timestamp::MAX;
        assert_eq!(write(&first).unwrap(), write(&later).unwrap());
    }
}
