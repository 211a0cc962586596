//! CloudEvents 1.0 in their JSON form, read as events of ours.

use std::collections::BTreeMap;

use angaros_domain::ingest::EventDraft;
use angaros_domain::{Timestamp, Violation};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::Schema;
use utoipa::openapi::schema::{AdditionalProperties, Object, ObjectBuilder, SchemaType, Type};

use super::schema::TimeInput;
use crate::extract::{StrictMap, Unreadable, place, read};

/// A CloudEvent. Extension attributes go to the event's metadata, and so does what `data` holds, but for the keys
/// `recipient_id` (or `user_id`), `message_id`, `campaign_id`, `channel` and `tags`, which are the event's own.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it is only described: its attributes are open")]
pub(crate) struct CloudEvent {
    /// Always `1.0`.
    #[schema(pattern = r"^1\.0$", example = "1.0")]
    specversion: String,
    /// The event's `provider`.
    #[schema(min_length = 1, max_length = 64)]
    source: String,
    /// The event's `event_id`.
    #[schema(min_length = 1, max_length = 255)]
    id: String,
    /// The event's `event_name`.
    #[schema(min_length = 1, max_length = 128)]
    r#type: String,
    /// The event's `occurred_at`.
    #[schema(value_type = TimeInput)]
    time: Timestamp,
    /// The event's `recipient_id`, unless `data` names one.
    #[schema(min_length = 1, max_length = 255)]
    subject: Option<String>,
    /// What it is about.
    #[schema(value_type = Option<Object>)]
    data: Option<Value>,
}

/// Many CloudEvents.
#[derive(ToSchema)]
#[schema(min_items = 1, max_items = 1000)]
#[allow(dead_code, reason = "it is only described")]
pub(crate) struct CloudEventList(Vec<CloudEvent>);

/// Describes what other attributes a CloudEvent may have: names of lower-case letters and digits, simple values.
pub(crate) fn describe_extensions(event: &mut Object) {
    let name = ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).pattern(Some("^[a-z0-9]+$"));
    let simple = [Type::String, Type::Number, Type::Boolean, Type::Null];
    let value = ObjectBuilder::new().schema_type(SchemaType::from_iter(simple));
    event.property_names = Some(Box::new(Schema::Object(name.build())));
    event.additional_properties = Some(Box::new(AdditionalProperties::from(value)));
}

impl CloudEvent {
    /// Reads a CloudEvent.
    pub(crate) fn draft(json: &[u8]) -> Result<EventDraft, Unreadable> {
        let StrictMap(event) = read(json)?;
        let mut reader = Reader { event, data: Map::new(), faults: Vec::new() };
        let draft = reader.draft();
        match draft {
            Some(draft) if reader.faults.is_empty() => Ok(draft),
            _ => Err(Unreadable::Faulty(reader.faults)),
        }
    }

    /// Faults of the fields of an event, at the attributes that they were read from.
    pub(crate) fn as_written(json: &[u8], mut found: Vec<Violation>) -> Vec<Violation> {
        let event: Map<String, Value> = serde_json::from_slice(json).unwrap_or_default();
        let data = |key: &str| event.get("data").and_then(|data| data.get(key)).is_some_and(|v| !v.is_null());
        let recipient = ["recipient_id", "user_id"].into_iter().find(|key| data(key));
        let recipient = recipient.map_or("subject".to_owned(), |key| format!("data/{key}"));
        let places = BTreeMap::from([
            ("provider", "source"),
            ("event_id", "id"),
            ("event_name", "type"),
            ("occurred_at", "time"),
            ("recipient_id", &recipient),
            ("metadata", "data"),
        ]);
        for fault in &mut found {
            let field = fault.pointer.trim_start_matches("#/");
            fault.pointer = match places.get(field) {
                Some(place) => format!("#/{place}"),
                None => format!("#/data/{field}"),
            };
        }
        found
    }
}

struct Reader {
    event: Map<String, Value>,
    data: Map<String, Value>,
    faults: Vec<Violation>,
}

impl Reader {
    /// The event, unless an attribute that every event needs is missing.
    fn draft(&mut self) -> Option<EventDraft> {
        let version = self.required("specversion");
        if version.is_some_and(|version| version != "1.0") {
            self.fault("#/specversion", "must be 1.0");
        }
        let (provider, event_id) = (self.required("source"), self.required("id"));
        let (name, occurred_at) = (self.required("type"), self.time());
        let subject = text(&mut self.event, &mut self.faults, "#", "subject");
        self.open_data();
        let mut of_data = |key| text(&mut self.data, &mut self.faults, "#/data", key);
        let (recipient, user) = (of_data("recipient_id"), of_data("user_id"));
        let (message_id, campaign_id, channel) =
            (of_data("message_id"), of_data("campaign_id"), of_data("channel"));
        if recipient.is_some() && user.is_some() {
            self.fault("#/data/user_id", "stands for recipient_id, which is given too");
        }
        let tags = self.tags();
        self.extensions();
        Some(EventDraft {
            provider: provider?,
            event_id: Some(event_id?),
            name: name?,
            recipient_id: recipient.or(user).or(subject),
            message_id,
            campaign_id,
            channel,
            occurred_at: occurred_at?,
            tags,
            metadata: std::mem::take(&mut self.data),
        })
    }

    fn fault(&mut self, pointer: impl Into<String>, detail: &str) {
        self.faults.push(Violation::new(pointer, detail));
    }

    /// An attribute that must be there. An empty one is refused with the field that it becomes.
    fn required(&mut self, name: &str) -> Option<String> {
        if self.event.get(name).is_none_or(Value::is_null) {
            self.fault(format!("#/{name}"), "is required");
        }
        text(&mut self.event, &mut self.faults, "#", name)
    }

    fn time(&mut self) -> Option<Timestamp> {
        match self.event.remove("time").filter(|time| !time.is_null()).map(serde_json::from_value) {
            Some(Ok(time)) => return Some(time),
            Some(Err(_)) => self.fault("#/time", "must be an RFC 3339 time"),
            None => self.fault("#/time", "is required"),
        }
        None
    }

    fn open_data(&mut self) {
        let media = text(&mut self.event, &mut self.faults, "#", "datacontenttype");
        let essence = media.as_deref().and_then(|media| media.split(';').next()).map(str::trim);
        if essence.is_some_and(|essence| !(essence.ends_with("/json") || essence.ends_with("+json"))) {
            self.fault("#/datacontenttype", "must be JSON");
        }
        if self.event.remove("data_base64").is_some_and(|data| !data.is_null()) {
            self.fault("#/data_base64", "is not taken here: send data as an object");
        }
        match self.event.remove("data") {
            None | Some(Value::Null) => {}
            Some(Value::Object(data)) => self.data = data,
            Some(_) => self.fault("#/data", "must be an object"),
        }
    }

    fn tags(&mut self) -> Vec<String> {
        let items = match self.data.remove("tags") {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.fault("#/data/tags", "must be an array");
                return Vec::new();
            }
        };
        let mut tags = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            match item {
                Value::String(tag) => tags.push(tag),
                _ => self.fault(format!("#/data/tags/{index}"), "must be a string"),
            }
        }
        tags
    }

    /// What is left of the attributes. Their names are lower-case letters and digits, and their values are simple.
    fn extensions(&mut self) {
        for (name, value) in std::mem::take(&mut self.event) {
            let named = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            let detail = match value {
                Value::Null => continue,
                _ if !named || name.is_empty() => "is not the name of an attribute",
                Value::Object(_) | Value::Array(_) => "must be a string, a number, true or false",
                _ if self.data.contains_key(&name) => "is a key of data too",
                value => {
                    self.data.insert(name, value);
                    continue;
                }
            };
            self.fault(place(&name), detail);
        }
    }
}

/// A text that may be absent.
fn text(map: &mut Map<String, Value>, faults: &mut Vec<Violation>, place: &str, key: &str) -> Option<String> {
    match map.remove(key)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        _ => {
            faults.push(Violation::new(format!("{place}/{key}"), "must be a string"));
            None
        }
    }
}
