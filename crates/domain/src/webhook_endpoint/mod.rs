//! Webhook endpoints: URLs of a tenant's own that are told of events.
//!
//! A delivery to an endpoint is a notification in the tenant's space of deliveries ([`TenantId::deliveries`]): its
//! `recipient_id` is the endpoint, its content the body that is posted. So queueing, retries, leases and the trace are
//! those of every notification; what is special about endpoints is here: what they want to hear, how requests to them
//! are signed, and when they are given up.

pub mod event_type;
pub mod payload;
pub mod secret;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use uuid::Uuid;

pub use event_type::EventFilter;
pub use payload::Payload;
pub use secret::SigningSecret;

use crate::attempt::Class;
use crate::channel::UnknownName;
use crate::correlation::Correlation;
use crate::event::{Event, PROVIDER_ANGAROS};
use crate::fingerprint::key_of;
use crate::ids::{EventId, NotificationId, TenantId, WebhookEndpointId};
use crate::lifecycle::Change;
use crate::notification::Content;
use crate::{Channel, Notification, Priority, Status, Timestamp};

/// The most endpoints of one tenant.
pub const ENDPOINTS_MAX: usize = 100;
/// The most event types that one endpoint names.
pub const EVENT_TYPES_MAX: usize = 50;
/// The longest URL, in characters.
pub const URL_CHARACTERS_MAX: usize = 2048;
/// The longest description, in characters.
pub const DESCRIPTION_CHARACTERS_MAX: usize = 255;
/// How long the former secret signs too after a rotation, in seconds: 24 hours.
pub const FORMER_SECRET_SECONDS: i64 = 24 * 60 * 60;
/// How long an endpoint may fail without a success before it is disabled, in seconds: 5 days.
pub const FAILING_SECONDS_MAX: i64 = 5 * 24 * 60 * 60;

/// Why an endpoint is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DisabledReason {
    /// It answered 410: it wants nothing more.
    Gone,
    /// It failed for [`FAILING_SECONDS_MAX`] without a success.
    Failing,
    /// Its owner said so.
    Manual,
}

impl DisabledReason {
    /// The name on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            DisabledReason::Gone => "gone",
            DisabledReason::Failing => "failing",
            DisabledReason::Manual => "manual",
        }
    }
}

impl fmt::Display for DisabledReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DisabledReason {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<DisabledReason, UnknownName> {
        [DisabledReason::Gone, DisabledReason::Failing, DisabledReason::Manual]
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or(UnknownName)
    }
}

/// Since when an endpoint gets nothing, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Disabled {
    /// Why.
    pub reason: DisabledReason,
    /// Since when.
    pub at: Timestamp,
}

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WebhookEndpoint {
    /// Its id; the time in it is `created_at`.
    pub id: WebhookEndpointId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Where deliveries go.
    pub url: String,
    /// Which events it is told of, 1-[`EVENT_TYPES_MAX`].
    pub event_types: Vec<EventFilter>,
    /// What people call it.
    pub description: Option<String>,
    /// What deliveries are signed with.
    pub secret: SigningSecret,
    /// The secret before the last rotation, and until when it signs too.
    pub former_secret: Option<(SigningSecret, Timestamp)>,
    /// Whether it gets nothing.
    pub disabled: Option<Disabled>,
    /// Since when every attempt failed.
    pub failing_since: Option<Timestamp>,
    /// The place in the log behind which its events begin ([`EventId::place`]). A store sets it when the endpoint is
    /// stored, and when it is enabled again.
    pub follows_after: i64,
    /// When it was last changed by its owner, or disabled.
    pub updated_at: Timestamp,
}

/// What an owner does to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Changes what is given.
    Change {
        /// The new URL.
        url: Option<String>,
        /// The new filters.
        event_types: Option<Vec<EventFilter>>,
        /// The new description, or none any more.
        description: Option<Option<String>>,
        /// Whether it is to get anything.
        enabled: Option<bool>,
    },
    /// Gives it a new secret; the former one signs too for [`FORMER_SECRET_SECONDS`].
    Rotate {
        /// The new one.
        secret: SigningSecret,
        /// Which one it takes the place of ([`SigningSecret::fingerprint`]); if it is another one by now, nothing is done.
        instead_of: Option<String>,
    },
}

/// What an attempt told about an endpoint's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It took the delivery.
    Accepted,
    /// It did not.
    Failed,
    /// It wants nothing more.
    Gone,
}

impl Heard {
    /// What a change of a delivery tells about its endpoint; nothing if no attempt was made that counts.
    pub fn of(change: &Change) -> Option<Heard> {
        if matches!(change, Change::Retry { counts: false, .. }) {
            return None;
        }
        let outcome = &change.report()?.outcome;
        Some(match outcome.class {
            Class::Accepted => Heard::Accepted,
            _ if outcome.gone => Heard::Gone,
            _ => Heard::Failed,
        })
    }
}

impl WebhookEndpoint {
    /// Whether it gets anything.
    pub fn is_enabled(&self) -> bool {
        self.disabled.is_none()
    }

    /// Whether it is to be told of an event of this type at this place of the log.
    pub fn wants(&self, place: i64, event_type: &str) -> bool {
        self.is_enabled()
            && place > self.follows_after
            && self.event_types.iter().any(|filter| filter.wants(event_type))
    }

    /// Every secret that signs now, the current one first.
    pub fn secrets(&self, now: Timestamp) -> Vec<&SigningSecret> {
        let former = self.former_secret.as_ref().filter(|(_, until)| now < *until);
        std::iter::once(&self.secret).chain(former.map(|(secret, _)| secret)).collect()
    }

    /// Does what its owner asked for. Answers the event that tells of it, if it is one that is told.
    pub fn edit(&mut self, edit: Edit, now: Timestamp) -> Option<Event> {
        if let Edit::Rotate { instead_of: Some(expected), .. } = &edit
            && *expected != self.secret.fingerprint()
        {
            return None;
        }
        self.updated_at = now;
        match edit {
            Edit::Rotate { secret, .. } => {
                let former = std::mem::replace(&mut self.secret, secret);
                self.former_secret = Some((former, now.plus_seconds(FORMER_SECRET_SECONDS)));
                None
            }
            Edit::Change { url, event_types, description, enabled } => {
                if let Some(url) = url.filter(|url| *url != self.url) {
                    self.url = url;
                    // What failed was the former one.
                    self.failing_since = None;
                }
                self.event_types = event_types.unwrap_or_else(|| std::mem::take(&mut self.event_types));
                self.description = description.unwrap_or_else(|| self.description.take());
                match enabled {
                    Some(true) => {
                        // Whoever enables it says that it works now.
                        self.failing_since = self.failing_since.filter(|_| self.disabled.is_none());
                        self.disabled = None;
                        None
                    }
                    Some(false) => self.disable(DisabledReason::Manual, now),
                    None => None,
                }
            }
        }
    }

    /// Takes note of a delivery's last attempt. Answers the event that tells of it if the endpoint is disabled by that.
    /// An attempt that began before the endpoint was last changed tells nothing about what it is now.
    pub fn hear(&mut self, heard: Heard, delivery: &Notification) -> Option<Event> {
        if delivery.last_attempted_at.is_some_and(|began| began < self.updated_at) {
            return None;
        }
        let now = delivery.updated_at;
        match heard {
            Heard::Accepted => {
                self.failing_since = None;
                None
            }
            Heard::Gone => self.disable(DisabledReason::Gone, now),
            Heard::Failed => {
                let since = *self.failing_since.get_or_insert(now);
                if now < since.plus_seconds(FAILING_SECONDS_MAX) {
                    return None;
                }
                self.disable(DisabledReason::Failing, now)
            }
        }
    }

    fn disable(&mut self, reason: DisabledReason, now: Timestamp) -> Option<Event> {
        if self.disabled.is_some() {
            return None;
        }
        self.disabled = Some(Disabled { reason, at: now });
        self.updated_at = now;
        let seed =
            key_of(&[self.id.0.as_bytes(), reason.as_str().as_bytes(), &now.as_millis().to_le_bytes()]);
        let random = u128::from_le_bytes(seed) & ((1 << 62) - 1);
        let id = Uuid::from_u128((now.as_millis() as u128) << 80 | 0x7 << 76 | 0b10 << 62 | random);
        Some(Event {
            id: EventId(id),
            tenant: self.tenant,
            provider: PROVIDER_ANGAROS.to_owned(),
            event_id: None,
            name: event_type::DISABLED.to_owned(),
            recipient_id: Some(self.id.to_string()),
            message_id: None,
            campaign_id: None,
            channel: None,
            occurred_at: now,
            received_at: now,
            correlation_id: None,
            tags: Vec::new(),
            metadata: Map::from_iter([
                ("reason".to_owned(), json!(reason)),
                ("failing_since".to_owned(), json!(self.failing_since)),
            ]),
        })
    }

    /// A delivery to this endpoint, ready to be queued.
    pub fn delivery(
        &self,
        id: NotificationId,
        payload: Payload,
        correlation: Correlation,
        max_attempts: u32,
    ) -> Notification {
        let Payload { event_type, event_id, body } = payload;
        let mut metadata = Map::from_iter([("event_type".to_owned(), json!(event_type))]);
        if let Some(event_id) = event_id {
            metadata.insert("event_id".to_owned(), json!(event_id));
        }
        Notification {
            id,
            tenant: self.tenant.deliveries(),
            channel: Channel::Webhook,
            recipient: self.url.clone(),
            recipient_id: self.id.to_string(),
            content: Content { subject: None, text: body, html: None },
            status: Status::Queued,
            priority: Priority::Normal,
            attempts: 0,
            max_attempts,
            campaign_id: None,
            batch_id: None,
            template_id: None,
            tags: Vec::new(),
            metadata,
            correlation,
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
}

#[cfg(test)]
mod tests;
