//! Suppression: addresses that are not to be sent to any more, and why.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::channel::UnknownName;
use crate::event::{Event, PROVIDER_ANGAROS};
use crate::ids::{EventId, NotificationId, TenantId};
use crate::request::check_address;
use crate::{Channel, Notification, Timestamp};

/// Why an address is suppressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuppressionReason {
    /// What was sent there came back for good: a hard bounce.
    Bounced,
    /// The recipient called it spam.
    Complained,
    /// The recipient unsubscribed.
    Unsubscribed,
    /// The recipient opted out, as with STOP by SMS.
    OptedOut,
    /// A provider said that there is no such address.
    InvalidAddress,
    /// Somebody put it there.
    Manual,
}

impl SuppressionReason {
    /// Every reason.
    pub const ALL: [SuppressionReason; 6] = [
        SuppressionReason::Bounced,
        SuppressionReason::Complained,
        SuppressionReason::Unsubscribed,
        SuppressionReason::OptedOut,
        SuppressionReason::InvalidAddress,
        SuppressionReason::Manual,
    ];

    /// The name in JSON and in the database, and of the event that brings it.
    pub const fn as_str(self) -> &'static str {
        match self {
            SuppressionReason::Bounced => "bounced",
            SuppressionReason::Complained => "complained",
            SuppressionReason::Unsubscribed => "unsubscribed",
            SuppressionReason::OptedOut => "opted_out",
            SuppressionReason::InvalidAddress => "invalid_address",
            SuppressionReason::Manual => "manual",
        }
    }

    /// The reason that a reported event is to suppress an address, if it is one. A bounce that may pass is reported as
    /// `deferred`, and is none.
    pub fn of(event: &Event) -> Option<SuppressionReason> {
        use SuppressionReason::{Bounced, Complained, OptedOut, Unsubscribed};
        let reasons = [Bounced, Complained, Unsubscribed, OptedOut];
        let named = reasons.into_iter().find(|reason| reason.as_str() == event.name);
        named.filter(|_| event.provider != PROVIDER_ANGAROS)
    }
}

impl FromStr for SuppressionReason {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<SuppressionReason, UnknownName> {
        SuppressionReason::ALL.into_iter().find(|r| r.as_str() == text).ok_or(UnknownName)
    }
}

/// Where messages of a channel go, in the form by which two that mean the same are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    channel: Channel,
    text: String,
}

impl Address {
    /// The one place that says which addresses are the same. E-mail addresses are compared in lower case as a whole:
    /// only the domain has to be (RFC 5321 section 2.4), but no server of today tells mailboxes apart by case. Numbers
    /// are E.164, which has one form; tokens and URLs are what they are.
    pub fn new(channel: Channel, text: &str) -> Address {
        let text = match channel {
            Channel::Email => text.to_lowercase(),
            Channel::Sms | Channel::Push | Channel::Webhook => text.to_owned(),
        };
        Address { channel, text }
    }

    /// The address, if the text has the form that the channel asks for.
    ///
    /// # Errors
    /// What the form is, in words for the caller.
    pub fn parse(channel: Channel, text: &str) -> Result<Address, String> {
        check_address(channel, text)?;
        Ok(Address::new(channel, text))
    }

    /// Where a notification goes.
    pub fn of(notification: &Notification) -> Address {
        Address::new(notification.channel, &notification.recipient)
    }

    /// Where an event's recipient is reached, as far as the event itself says: over one of our channels, with the
    /// address as the recipient's id.
    pub fn told_by(event: &Event) -> Option<Address> {
        let channel = event.channel.as_deref()?.parse().ok()?;
        Address::parse(channel, event.recipient_id.as_deref()?).ok()
    }

    /// The channel.
    pub fn channel(&self) -> Channel {
        self.channel
    }

    /// The address itself.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// An address on a tenant's list: nothing is sent there until it is taken off.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Suppression {
    /// Whose list it is on.
    pub tenant: TenantId,
    /// The address.
    pub address: Address,
    /// Why it is there.
    pub reason: SuppressionReason,
    /// The notification that showed it, if one did.
    pub notification_id: Option<NotificationId>,
    /// The event that told of it, if one did.
    pub event_id: Option<EventId>,
    /// Since when it is there.
    pub created_at: Timestamp,
}

impl Suppression {
    /// What a notification's recipient is suppressed by.
    pub fn of(
        notification: &Notification,
        reason: SuppressionReason,
        event_id: Option<EventId>,
        now: Timestamp,
    ) -> Suppression {
        Suppression {
            tenant: notification.tenant,
            address: Address::of(notification),
            reason,
            notification_id: Some(notification.id),
            event_id,
            created_at: now,
        }
    }

    /// What an event tells that is about none of our notifications: another system's word, if it names an address.
    pub fn told_by(event: &Event, reason: SuppressionReason, event_id: EventId) -> Option<Suppression> {
        Some(Suppression {
            tenant: event.tenant,
            address: Address::told_by(event)?,
            reason,
            notification_id: None,
            event_id: Some(event_id),
            created_at: event.received_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::EventDraft;

    fn event(name: &str, channel: &str, recipient_id: &str) -> Event {
        let draft = EventDraft {
            provider: "mailer".into(),
            event_id: None,
            name: name.into(),
            recipient_id: Some(recipient_id.into()),
            message_id: None,
            campaign_id: None,
            channel: Some(channel.into()),
            occurred_at: Timestamp::MIN,
            tags: vec![],
            metadata: serde_json::Map::new(),
        };
        let correlation_id = crate::correlation::CorrelationId::parse("c").unwrap();
        draft.into_event(TenantId::DEFAULT, EventId(uuid::Uuid::nil()), Timestamp::MIN, correlation_id)
    }

    #[test]
    fn only_e_mail_is_compared_without_case() {
        let same = |channel, a, b| Address::new(channel, a) == Address::new(channel, b);
        assert!(same(Channel::Email, "Ada.L@Example.ORG", "ada.l@example.org"));
        assert!(same(Channel::Email, "\u{c9}va@example.org", "\u{e9}va@example.org"));
        assert!(!same(Channel::Email, "ada+news@example.org", "ada@example.org"));
        assert!(!same(Channel::Push, "Token", "token"));
        assert!(!same(Channel::Webhook, "https://example.org/A", "https://example.org/a"));
        assert_ne!(
            Address::new(Channel::Sms, "+4915112345678"),
            Address::new(Channel::Push, "+4915112345678")
        );
    }

    #[test]
    fn an_address_has_the_form_of_its_channel() {
        for (channel, good, bad) in [
            (Channel::Sms, "+4915112345678", "0151 12345678"),
            (Channel::Email, "ada@example.org", "ada"),
            (Channel::Push, "token", ""),
            (Channel::Webhook, "http://10.0.0.1/in", "ftp://example.org"),
        ] {
            assert!(Address::parse(channel, good).is_ok(), "{good}");
            assert!(Address::parse(channel, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn events_that_suppress_are_known_by_their_names() {
        for (name, reason) in [
            ("bounced", Some(SuppressionReason::Bounced)),
            ("complained", Some(SuppressionReason::Complained)),
            ("unsubscribed", Some(SuppressionReason::Unsubscribed)),
            ("opted_out", Some(SuppressionReason::OptedOut)),
            ("deferred", None),
            ("failed", None),
            ("invalid_address", None),
            ("manual", None),
            ("Bounced", None),
        ] {
            assert_eq!(SuppressionReason::of(&event(name, "email", "ada@example.org")), reason, "{name}");
        }
        let own = Event { provider: PROVIDER_ANGAROS.into(), ..event("bounced", "email", "ada@example.org") };
        assert_eq!(SuppressionReason::of(&own), None);
    }

    #[test]
    fn an_event_names_an_address_or_none() {
        let told = |channel, id| Address::told_by(&event("unsubscribed", channel, id));
        assert_eq!(told("email", "Ada@example.org"), Some(Address::new(Channel::Email, "ada@example.org")));
        assert_eq!(told("email", "user-1"), None, "an id of its own is no address");
        assert_eq!(told("web", "ada@example.org"), None, "nothing is sent over it");
    }

    #[test]
    fn names_are_read_back() {
        for reason in SuppressionReason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }
}
