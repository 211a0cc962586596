//! What a caller says has happened, the rules it must keep, and when two of them are the same.

use serde_json::{Map, Value};

use crate::correlation::CorrelationId;
use crate::event::{Event, PROVIDER_ANGAROS, head};
use crate::fingerprint::{Fingerprint, key_of};
use crate::ids::{EventId, TenantId};
use crate::request::{METADATA_BYTES_MAX, check_tags, json_bytes};
use crate::{Timestamp, Violation};

/// The provider of an event that names none.
pub const PROVIDER_DEFAULT: &str = "app";
/// The longest provider and channel, in characters.
pub const LABEL_CHARACTERS_MAX: usize = 64;
/// The longest event name, in characters.
pub const EVENT_NAME_CHARACTERS_MAX: usize = 128;
/// The longest event, recipient, message and campaign id, in characters.
pub const EVENT_ID_CHARACTERS_MAX: usize = 255;

/// An event as it was reported: parsed, aliases resolved, absent and null made one.
#[derive(Debug, Clone, PartialEq)]
pub struct EventDraft {
    /// Who reports it; [`PROVIDER_DEFAULT`] if nobody is named.
    pub provider: String,
    /// The reporter's own id of it.
    pub event_id: Option<String>,
    /// What happened.
    pub name: String,
    /// To whom.
    pub recipient_id: Option<String>,
    /// About which message.
    pub message_id: Option<String>,
    /// In which campaign.
    pub campaign_id: Option<String>,
    /// Over which channel: free text.
    pub channel: Option<String>,
    /// When.
    pub occurred_at: Timestamp,
    /// Labels.
    pub tags: Vec<String>,
    /// Everything else.
    pub metadata: Map<String, Value>,
}

/// What makes an event the one that it is, as 64 bits of hash. Stores find events by it; whether what they find is the
/// same event [`same_event`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey(pub i64);

impl EventKey {
    fn new(
        tenant: TenantId,
        provider: &str,
        event_id: Option<&str>,
        (name, recipient_id, occurred_at): (&str, Option<&str>, Timestamp),
    ) -> EventKey {
        let tenant = tenant.0.to_le_bytes();
        let provider = provider.as_bytes();
        EventKey(head(&match event_id {
            Some(id) => key_of(&[b"event", &tenant, provider, id.as_bytes()]),
            None => key_of(&[
                b"composite",
                &tenant,
                provider,
                name.as_bytes(),
                recipient_id.unwrap_or_default().as_bytes(),
                &occurred_at.as_millis().to_le_bytes(),
            ]),
        }))
    }

    /// The key of an event that was reported.
    pub fn of(event: &Event) -> EventKey {
        let what = (event.name.as_str(), event.recipient_id.as_deref(), event.occurred_at);
        EventKey::new(event.tenant, &event.provider, event.event_id.as_deref(), what)
    }

    /// Where to look on if another event holds this key: the next number, and the first after the last.
    #[must_use]
    pub fn next(self) -> EventKey {
        EventKey(self.0.wrapping_add(1))
    }
}

impl EventDraft {
    /// Everything that is wrong with it.
    pub fn check(&self, clock_skew_seconds: i64, now: Timestamp) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut fault = |pointer: &str, detail: String| found.push(Violation::new(pointer, detail));
        let mut length = |pointer: &str, text: &str, max: usize| {
            if !(1..=max).contains(&text.chars().count()) {
                fault(pointer, format!("must have 1 to {max} characters"));
            }
        };
        length("#/provider", &self.provider, LABEL_CHARACTERS_MAX);
        length("#/event_name", &self.name, EVENT_NAME_CHARACTERS_MAX);
        for (pointer, text, max) in [
            ("#/event_id", &self.event_id, EVENT_ID_CHARACTERS_MAX),
            ("#/recipient_id", &self.recipient_id, EVENT_ID_CHARACTERS_MAX),
            ("#/message_id", &self.message_id, EVENT_ID_CHARACTERS_MAX),
            ("#/campaign_id", &self.campaign_id, EVENT_ID_CHARACTERS_MAX),
            ("#/channel", &self.channel, LABEL_CHARACTERS_MAX),
        ] {
            if let Some(text) = text {
                length(pointer, text, max);
            }
        }
        if self.provider == PROVIDER_ANGAROS {
            fault("#/provider", "is reserved for the engine's own events".into());
        }
        if self.recipient_id.is_none() && self.message_id.is_none() {
            fault("#/recipient_id", "or message_id is required".into());
        }
        if self.occurred_at > now.plus_seconds(clock_skew_seconds) {
            fault("#/occurred_at", "lies in the future".into());
        }
        if json_bytes(&self.metadata) > METADATA_BYTES_MAX {
            fault("#/metadata", format!("must not exceed {METADATA_BYTES_MAX} bytes of JSON"));
        }
        found.extend(check_tags(&self.tags));
        found
    }

    /// Which event it is: `(provider, event_id)`; without an id, provider, name, recipient and time together.
    pub fn key(&self, tenant: TenantId) -> EventKey {
        EventKey::new(
            tenant,
            &self.provider,
            self.event_id.as_deref(),
            (&self.name, self.recipient_id.as_deref(), self.occurred_at),
        )
    }

    /// The event that is stored.
    pub fn into_event(
        self,
        tenant: TenantId,
        id: EventId,
        received_at: Timestamp,
        correlation_id: CorrelationId,
    ) -> Event {
        Event {
            id,
            tenant,
            provider: self.provider,
            event_id: self.event_id,
            name: self.name,
            recipient_id: self.recipient_id,
            message_id: self.message_id,
            campaign_id: self.campaign_id,
            channel: self.channel,
            occurred_at: self.occurred_at,
            received_at,
            correlation_id: Some(correlation_id),
            tags: self.tags,
            metadata: self.metadata,
        }
    }
}

/// Whether two events are known by the same: tenant, provider and the reporter's id; without one, provider, name,
/// recipient and time together.
pub fn same_event(a: &Event, b: &Event) -> bool {
    let same_reporter = a.tenant == b.tenant && a.provider == b.provider;
    same_reporter
        && match (&a.event_id, &b.event_id) {
            (Some(a), Some(b)) => a == b,
            (None, None) => {
                (&a.name, &a.recipient_id, a.occurred_at) == (&b.name, &b.recipient_id, b.occurred_at)
            }
            _ => false,
        }
}

/// The names of the fields, as callers know them, in which an event differs from the one stored under its key. None if
/// they say the same: texts as they are, numbers by their value, objects whatever the order of their keys, absent like
/// null.
pub fn differences(stored: &Event, reported: &Event) -> Vec<&'static str> {
    let metadata = stored.metadata != reported.metadata
        && Fingerprint::of(&stored.metadata) != Fingerprint::of(&reported.metadata);
    [
        ("event_name", stored.name != reported.name),
        ("recipient_id", stored.recipient_id != reported.recipient_id),
        ("message_id", stored.message_id != reported.message_id),
        ("campaign_id", stored.campaign_id != reported.campaign_id),
        ("channel", stored.channel != reported.channel),
        ("occurred_at", stored.occurred_at != reported.occurred_at),
        ("tags", stored.tags != reported.tags),
        ("metadata", metadata),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_000);

    fn draft() -> EventDraft {
        EventDraft {
            provider: "twilio".into(),
            event_id: Some("SM1".into()),
            name: "delivered".into(),
            recipient_id: Some("user-1".into()),
            message_id: None,
            campaign_id: None,
            channel: Some("sms".into()),
            occurred_at: NOW,
            tags: vec![],
            metadata: Map::new(),
        }
    }

    fn event(draft: EventDraft) -> Event {
        let id = EventId(uuid::Uuid::nil());
        draft.into_event(TenantId::DEFAULT, id, NOW, CorrelationId::parse("c").unwrap())
    }

    #[test]
    fn the_same_event_is_known_by_its_key() {
        let changed = |edit: &dyn Fn(&mut EventDraft)| {
            let mut draft = draft();
            edit(&mut draft);
            draft
        };
        let edits: [&dyn Fn(&mut EventDraft); 8] = [
            &|_| (),
            &|d| d.event_id = None,
            &|d| d.event_id = Some("SM2".into()),
            &|d| d.provider = "sendgrid".into(),
            &|d| d.name = "opened".into(),
            &|d| (d.event_id, d.name) = (None, "opened".into()),
            &|d| (d.event_id, d.message_id) = (None, Some("m".into())),
            &|d| (d.event_id, d.recipient_id) = (None, Some("user-2".into())),
        ];
        for a in edits.map(changed) {
            for b in edits.map(changed) {
                let same_key = a.key(TenantId::DEFAULT) == b.key(TenantId::DEFAULT);
                assert_eq!(same_event(&event(a.clone()), &event(b.clone())), same_key, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn every_fault_is_found_at_its_place() {
        let bad = EventDraft {
            provider: PROVIDER_ANGAROS.into(),
            event_id: Some(String::new()),
            name: "n".repeat(129),
            recipient_id: None,
            channel: Some("c".repeat(65)),
            occurred_at: NOW.plus_seconds(301),
            tags: vec![String::new()],
            ..draft()
        };
        let pointers: Vec<String> = bad.check(300, NOW).into_iter().map(|v| v.pointer).collect();
        let expected = [
            "#/event_name",
            "#/event_id",
            "#/channel",
            "#/provider",
            "#/recipient_id",
            "#/occurred_at",
            "#/tags/0",
        ];
        assert_eq!(pointers, expected);
        assert!(EventDraft { occurred_at: NOW.plus_seconds(300), ..draft() }.check(300, NOW).is_empty());
    }

    #[test]
    fn the_key_is_provider_and_id_else_what_happened_when_to_whom() {
        let key = |edit: &dyn Fn(&mut EventDraft)| {
            let mut draft = draft();
            edit(&mut draft);
            draft.key(TenantId::DEFAULT)
        };
        let same = key(&|_| ());
        assert_eq!(same, key(&|d| d.name = "opened".into()));
        assert_ne!(same, key(&|d| d.provider = "sendgrid".into()));
        assert_ne!(same, draft().key(TenantId(2)));
        let composite = key(&|d| d.event_id = None);
        assert_eq!(composite, key(&|d| (d.event_id, d.message_id) = (None, Some("m".into()))));
        for edit in [
            &(|d: &mut EventDraft| d.name = "opened".into()) as &dyn Fn(&mut EventDraft),
            &|d| d.recipient_id = Some("user-2".into()),
            &|d| d.occurred_at = NOW.plus_millis(1),
        ] {
            assert_ne!(composite, key(&|d| (edit(d), d.event_id = None).1));
        }
    }

    /// JSON values with every kind of number, and the same values written differently.
    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1000i32..1000).prop_map(|n| json!(f64::from(n) / 4.0)),
            "[a-zé\"\\\\]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-z]{1,3}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// The same value as another writer might put it: keys in reverse, whole numbers as doubles where that is exact.
    fn rewritten(value: &Value) -> String {
        match value {
            Value::Object(map) => {
                let fields: Vec<String> =
                    map.iter().rev().map(|(k, v)| format!("{}: {}", json!(k), rewritten(v))).collect();
                format!("{{ {} }}", fields.join(" , "))
            }
            Value::Array(items) => {
                format!("[{}]", items.iter().map(rewritten).collect::<Vec<_>>().join(",\n"))
            }
            Value::Number(n) => match n.as_i64() {
                Some(whole) if whole.unsigned_abs() < 1 << 53 => format!("{whole}.0e0"),
                _ => n.to_string(),
            },
            other => other.to_string(),
        }
    }

    proptest! {
        #[test]
        fn the_form_does_not_matter(value in json_value()) {
            let with = |text: &str| {
                let metadata = Map::from_iter([("v".to_owned(), serde_json::from_str(text).unwrap())]);
                event(EventDraft { metadata, ..draft() })
            };
            prop_assert!(differences(&with(&value.to_string()), &with(&rewritten(&value))).is_empty());
        }

        #[test]
        fn the_content_does_matter(a in json_value(), b in json_value()) {
            let with = |value: &Value| {
                event(EventDraft { metadata: Map::from_iter([("v".to_owned(), value.clone())]), ..draft() })
            };
            if a != b {
                prop_assert_eq!(differences(&with(&a), &with(&b)), ["metadata"]);
            }
        }
    }

    #[test]
    fn differences_are_named_as_callers_know_them() {
        let stored = event(draft());
        assert!(differences(&stored, &event(draft())).is_empty());
        let metadata = Map::from_iter([("a".to_owned(), json!(1))]);
        let other = EventDraft { name: "opened".into(), metadata, ..draft() };
        assert_eq!(differences(&stored, &event(other)), ["event_name", "metadata"]);
    }
}
