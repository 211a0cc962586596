//! What callers report, and what becomes of it.

use angaros_domain::ingest::{EventDraft, PROVIDER_DEFAULT};
use angaros_domain::{EventId, Timestamp, Violation};
use angaros_service::Ingested;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::problem::{Fault, ProblemBody};
use super::schema::{TagInput, TimeInput};
use crate::extract::{Members, StrictMap};

/// A report of something that happened. `recipient_id` or `message_id` must be given. What is absent and what is null
/// are the same.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventRequest {
    /// Who reports it; `angaros` is reserved. Default: `app`.
    #[schema(min_length = 1, max_length = 64, default = "app")]
    provider: Option<String>,
    /// The reporter's own id of it. Without one it is known by provider, name, recipient and time together.
    #[schema(min_length = 1, max_length = 255)]
    event_id: Option<String>,
    /// What happened. May also be called `event_type` or `type`.
    #[serde(alias = "event_type", alias = "type")]
    #[schema(min_length = 1, max_length = 128)]
    event_name: String,
    /// To whom. May also be called `user_id`.
    #[serde(alias = "user_id")]
    #[schema(min_length = 1, max_length = 255)]
    recipient_id: Option<String>,
    /// About which message.
    #[schema(min_length = 1, max_length = 255)]
    message_id: Option<String>,
    /// In which campaign.
    #[schema(min_length = 1, max_length = 255)]
    campaign_id: Option<String>,
    /// Over which channel, as free text.
    #[schema(min_length = 1, max_length = 64)]
    channel: Option<String>,
    /// When it happened; not in the future, beyond the allowed clock skew. May also be called `timestamp`.
    #[serde(alias = "timestamp")]
    #[schema(value_type = TimeInput)]
    occurred_at: Timestamp,
    /// Your own labels.
    #[schema(value_type = Option<Vec<TagInput>>, max_items = 50)]
    tags: Option<Vec<String>>,
    /// Everything else, at most 16 KiB of JSON.
    #[schema(value_type = Option<Object>)]
    metadata: Option<StrictMap>,
}

impl EventRequest {
    /// Fields that have other names too.
    pub(crate) const ALIASES: [(&'static str, &'static [&'static str]); 3] = [
        ("event_name", &["event_type", "type"]),
        ("recipient_id", &["user_id"]),
        ("occurred_at", &["timestamp"]),
    ];
}

impl From<EventRequest> for EventDraft {
    fn from(request: EventRequest) -> EventDraft {
        EventDraft {
            provider: request.provider.unwrap_or_else(|| PROVIDER_DEFAULT.to_owned()),
            event_id: request.event_id,
            name: request.event_name,
            recipient_id: request.recipient_id,
            message_id: request.message_id,
            campaign_id: request.campaign_id,
            channel: request.channel,
            occurred_at: request.occurred_at,
            tags: request.tags.unwrap_or_default(),
            metadata: request.metadata.unwrap_or_default().0,
        }
    }
}

/// A request to record many events.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsRequest<'a> {
    /// The events.
    #[serde(borrow)]
    #[schema(value_type = Vec<EventRequest>, min_items = 1, max_items = 1000)]
    pub(crate) events: Members<'a>,
}

/// Many events: in an object, or as a bare array.
#[derive(ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it is only described; which of both it is shows in the first character")]
pub(crate) enum EventsInput<'a> {
    /// In an object.
    Object(EventsRequest<'a>),
    /// As an array.
    Array(EventList),
}

/// Many events.
#[derive(ToSchema)]
#[schema(min_items = 1, max_items = 1000)]
#[allow(dead_code, reason = "it is only described")]
pub(crate) struct EventList(Vec<EventRequest>);

/// What became of a reported event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EventStatus {
    /// It is new, and stored.
    Created,
    /// The same was stored before.
    Duplicate,
    /// Something else was stored under its key.
    Conflict,
    /// It breaks a rule.
    Invalid,
    /// It was not decided, and neither was any line after it: the stream ended early. Only in streams.
    Error,
}

/// What became of a reported event, wherever it stood.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) status: EventStatus,
    pub(crate) id: Option<EventId>,
    pub(crate) fields: Vec<&'static str>,
    pub(crate) errors: Vec<Fault>,
}

impl From<Ingested> for Verdict {
    fn from(ingested: Ingested) -> Verdict {
        let (status, id, fields) = match ingested {
            Ingested::Created(id) => (EventStatus::Created, id, Vec::new()),
            Ingested::Duplicate(id) => (EventStatus::Duplicate, id, Vec::new()),
            Ingested::Conflict { id, fields } => (EventStatus::Conflict, id, fields),
        };
        Verdict { status, id: Some(id), fields, errors: Vec::new() }
    }
}

impl From<Vec<Violation>> for Verdict {
    fn from(found: Vec<Violation>) -> Verdict {
        let errors = found.into_iter().map(Fault::in_body).collect();
        Verdict { status: EventStatus::Invalid, id: None, fields: Vec::new(), errors }
    }
}

/// What became of one event of many.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventResult {
    /// Its place in the request, from 0.
    index: usize,
    /// What became of it.
    status: EventStatus,
    /// The stored event; null if it is invalid.
    #[schema(value_type = Option<String>, format = "uuid")]
    id: Option<EventId>,
    /// In what it differs from the stored event, if it conflicts with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    fields: Vec<&'static str>,
    /// What is wrong with it, if it is invalid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<Fault>,
}

/// What became of many events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventsReceipt {
    /// Events that are stored, now or before.
    accepted_count: usize,
    /// Events that are new.
    created: usize,
    /// Events that were stored before.
    duplicates: usize,
    /// Events under whose key something else was stored before.
    conflicts: usize,
    /// Events that break a rule; only with `partial`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    invalid: Option<usize>,
    /// Each event, in order.
    results: Vec<EventResult>,
}

impl EventsReceipt {
    /// Counts the verdicts on events in order.
    pub(crate) fn new(verdicts: Vec<Verdict>, partial: bool) -> EventsReceipt {
        let count = |status| verdicts.iter().filter(|verdict| verdict.status == status).count();
        let (created, duplicates) = (count(EventStatus::Created), count(EventStatus::Duplicate));
        let (conflicts, invalid) = (count(EventStatus::Conflict), count(EventStatus::Invalid));
        let result = |(index, verdict)| {
            let Verdict { status, id, fields, errors } = verdict;
            EventResult { index, status, id, fields, errors }
        };
        EventsReceipt {
            accepted_count: created + duplicates,
            created,
            duplicates,
            conflicts,
            invalid: partial.then_some(invalid),
            results: verdicts.into_iter().enumerate().map(result).collect(),
        }
    }
}

/// What became of one line of a stream.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineResult {
    /// Its number in the request, from 1. Blank lines are counted too, but have no result.
    line: usize,
    /// What became of it.
    status: EventStatus,
    /// The stored event; null if the line is invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    id: Option<Option<EventId>>,
    /// In what it differs from the stored event, if it conflicts with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    fields: Vec<&'static str>,
    /// What is wrong with it, if it is invalid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<Fault>,
    /// Why the stream ended early: a problem document. What was answered before is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ProblemBody<'static>>, nullable = false)]
    problem: Option<Value>,
}

impl LineResult {
    /// The verdict on a line.
    pub(crate) fn new(line: usize, verdict: Verdict) -> LineResult {
        let Verdict { status, id, fields, errors } = verdict;
        LineResult { line, status, id: Some(id), fields, errors, problem: None }
    }

    /// The end of a stream before its end, at the first line that has no verdict.
    pub(crate) fn failed(line: usize, problem: Value) -> LineResult {
        let status = EventStatus::Error;
        LineResult { line, status, id: None, fields: Vec::new(), errors: Vec::new(), problem: Some(problem) }
    }
}
