//! Events: recording what happened, reading and counting it.

use angaros_domain::{EventId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::error::{Error, Fault, Result};
use crate::page::Page;
use crate::request::{Request, encoded};

/// Something that happened, as you report it. `recipient_id` or `message_id` must be given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewEvent {
    /// What happened.
    pub event_name: String,
    /// When.
    pub occurred_at: Timestamp,
    /// Who reports it; `app` unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The reporter's own id of it: the best key, because nothing else has to be unique then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// To whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient_id: Option<String>,
    /// About which message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// In which campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<String>,
    /// Over which channel, as free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Your own labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Everything else.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

impl NewEvent {
    /// Of a recipient.
    pub fn of_recipient(name: impl Into<String>, at: Timestamp, recipient_id: impl Into<String>) -> NewEvent {
        NewEvent { recipient_id: Some(recipient_id.into()), ..NewEvent::new(name.into(), at) }
    }

    /// Of a message.
    pub fn of_message(name: impl Into<String>, at: Timestamp, message_id: impl Into<String>) -> NewEvent {
        NewEvent { message_id: Some(message_id.into()), ..NewEvent::new(name.into(), at) }
    }

    fn new(event_name: String, occurred_at: Timestamp) -> NewEvent {
        NewEvent {
            event_name,
            occurred_at,
            provider: None,
            event_id: None,
            recipient_id: None,
            message_id: None,
            campaign_id: None,
            channel: None,
            tags: Vec::new(),
            metadata: Map::new(),
        }
    }
}

/// An event of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// Who reported it; `angaros` for what the engine itself did.
    pub provider: String,
    /// The reporter's own id of it.
    pub event_id: Option<String>,
    /// What happened.
    pub event_name: String,
    /// To whom.
    pub recipient_id: Option<String>,
    /// About which message.
    pub message_id: Option<String>,
    /// In which campaign.
    pub campaign_id: Option<String>,
    /// Over which channel.
    pub channel: Option<String>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it was recorded.
    pub received_at: Timestamp,
    /// The reporter's labels.
    pub tags: Vec<String>,
    /// Everything else.
    pub metadata: Map<String, Value>,
    /// The request that caused it.
    pub correlation_id: Option<String>,
}

/// What became of one of many events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventStatus {
    /// It is new, and stored.
    Created,
    /// The same was stored before.
    Duplicate,
    /// Something else was stored under its key.
    Conflict,
    /// It breaks a rule.
    Invalid,
}

/// What became of one event of a bulk request.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Recorded {
    /// Its place in the request, from 0 on.
    pub index: usize,
    /// What became of it.
    pub status: EventStatus,
    /// The stored one.
    #[serde(default)]
    pub id: Option<EventId>,
    /// For a conflict: the fields that differ.
    #[serde(default)]
    pub fields: Vec<String>,
    /// What is wrong with it.
    #[serde(default)]
    pub errors: Vec<Fault>,
}

/// What became of many events.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Receipt {
    /// Those that are stored now, whether they were before or not.
    pub accepted_count: u64,
    /// Those that are new.
    pub created: u64,
    /// Those that were stored before.
    pub duplicates: u64,
    /// Those under whose key something else is stored.
    pub conflicts: u64,
    /// Each of them.
    pub results: Vec<Recorded>,
}

/// What became of one line of a stream.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct LineResult {
    /// Its number, from 1 on.
    pub line: u64,
    /// What became of it.
    pub status: EventStatus,
    /// The stored one.
    #[serde(default)]
    pub id: Option<EventId>,
    /// For a conflict: the fields that differ.
    #[serde(default)]
    pub fields: Vec<String>,
    /// What is wrong with it.
    #[serde(default)]
    pub errors: Vec<Fault>,
}

/// A stretch of the log.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Feed {
    /// The events, in the order in which they were stored.
    pub items: Vec<Event>,
    /// Leads on. The end is reached when it is the one that was sent.
    pub next_cursor: String,
}

/// Which events are counted, and by what.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricsQuery {
    /// Of this name.
    pub event_name: Option<String>,
    /// Over this channel.
    pub channel: Option<String>,
    /// Of this campaign.
    pub campaign_id: Option<String>,
    /// Reported by this provider.
    pub provider: Option<String>,
    /// From then on; 24 hours before `to` unless given.
    pub from: Option<Timestamp>,
    /// Until then; now unless given.
    pub to: Option<Timestamp>,
    /// `hour`, `day`, `week`, `month`, `event_name`, `channel` or `campaign_id`.
    pub group_by: Option<String>,
    /// A name of the IANA database; UTC unless given.
    pub timezone: Option<String>,
}

/// How many events there are, and of how many recipients.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct EventMetrics {
    /// The first point in time that was looked at.
    pub from: Timestamp,
    /// The last one.
    pub to: Timestamp,
    /// Whether any number of recipients is an estimate.
    pub approximate: bool,
    /// All of them together.
    pub totals: Tally,
    /// Apart, by what was asked for.
    pub buckets: Vec<Bucket>,
}

/// A number of events.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Tally {
    /// How many: exact.
    pub count: u64,
    /// Of how many different recipients.
    pub unique_users: u64,
    /// By which share of it that may be wrong, if it is an estimate.
    #[serde(default)]
    pub error_bound: Option<f64>,
}

/// A number of events that have something in common.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Bucket {
    /// Where a unit of time begins.
    #[serde(default)]
    pub bucket_start: Option<Timestamp>,
    /// The name, the channel or the campaign; `None` for those without, and for units of time.
    #[serde(default)]
    pub value: Option<String>,
    /// How many.
    #[serde(flatten)]
    pub tally: Tally,
}

impl Client {
    /// Records an event. The same again is answered with the one that is there, so it is safe to repeat.
    ///
    /// # Errors
    /// 409 `event-conflict` if something else is stored under its key; see [`Error`].
    pub async fn record(&self, event: &NewEvent) -> Result<Event> {
        self.call(Request::post("/events").json(event)?.repeatable()).await
    }

    /// Records 1 to 1000 events, each decided by itself.
    ///
    /// # Errors
    /// See [`Error`]. One that is invalid is no error: its result says so.
    pub async fn record_all(&self, events: &[NewEvent]) -> Result<Receipt> {
        let body = json!({ "events": events });
        self.call(Request::post("/events/bulk").query("partial", true).json(&body)?.repeatable()).await
    }

    /// Records events as a stream of lines, however many. All of them are in memory here; whoever has more than fits
    /// calls this for parts, which is as safe.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn record_lines(&self, events: &[NewEvent]) -> Result<Vec<LineResult>> {
        let mut text = String::new();
        for event in events {
            text.push_str(&serde_json::to_string(event).map_err(Error::Unexpected)?);
            text.push('\n');
        }
        let request = Request::post("/events").text(text, "application/x-ndjson").repeatable();
        let answer = self.body_of(&request).await?;
        let lines = answer.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).map_err(Error::Unexpected)).collect()
    }

    /// One event.
    ///
    /// # Errors
    /// See [`Error`]; 404 if there is none.
    pub async fn event(&self, id: EventId) -> Result<Event> {
        self.call(Request::get(format!("/events/{id}"))).await
    }

    /// The log behind a cursor, at most `limit` events (1 to 200); from its beginning without one. `end` as a cursor
    /// leads to what is stored from now on.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn feed(&self, after: Option<&str>, limit: u32) -> Result<Feed> {
        self.call(Request::get("/events").query("limit", limit).maybe("after", after)).await
    }

    /// What a recipient got and did, oldest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn activity(&self, recipient_id: &str, cursor: Option<&str>) -> Result<Page<Event>> {
        let path = format!("/recipients/{}/activity", encoded(recipient_id));
        self.call(Request::get(path).maybe("cursor", cursor)).await
    }

    /// What happened about a message, oldest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn timeline(&self, message_id: &str, cursor: Option<&str>) -> Result<Page<Event>> {
        let path = format!("/messages/{}/timeline", encoded(message_id));
        self.call(Request::get(path).maybe("cursor", cursor)).await
    }

    /// Counts events.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn event_metrics(&self, query: &MetricsQuery) -> Result<EventMetrics> {
        let request = Request::get("/events/metrics")
            .maybe("event_name", query.event_name.as_ref())
            .maybe("channel", query.channel.as_ref())
            .maybe("campaign_id", query.campaign_id.as_ref())
            .maybe("provider", query.provider.as_ref())
            .maybe("from", query.from)
            .maybe("to", query.to)
            .maybe("group_by", query.group_by.as_ref())
            .maybe("timezone", query.timezone.as_ref());
        self.call(request).await
    }
}
