//! What callers hear who would rather not wait until their events are stored.

use angaros_domain::Violation;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Fault;
use super::report::EventStatus;

/// An event that waits to be stored.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventQueued {
    status: QueuedStatus,
}

/// Where it stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum QueuedStatus {
    /// It is valid, and waits to be stored.
    Queued,
}

impl EventQueued {
    /// It is in the queue.
    pub(crate) const QUEUED: EventQueued = EventQueued { status: QueuedStatus::Queued };
}

/// Many events that wait to be stored.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct EventsQueued {
    /// Events that are valid, and wait to be stored.
    pub(crate) accepted_count: usize,
    /// Events that break a rule; with `partial`, and of streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) invalid: Option<usize>,
    /// The invalid ones in order; of a stream the first 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) results: Vec<RefusedEvent>,
}

/// An event of many that breaks a rule.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefusedEvent {
    /// Its place in the request, from 0; not of a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    index: Option<usize>,
    /// Its line in the stream, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    line: Option<usize>,
    /// Always `invalid`.
    status: EventStatus,
    /// What is wrong with it.
    errors: Vec<Fault>,
}

impl RefusedEvent {
    /// One of a list.
    pub(crate) fn at_index(index: usize, found: Vec<Violation>) -> RefusedEvent {
        RefusedEvent { index: Some(index), line: None, ..RefusedEvent::with(found) }
    }

    /// One of a stream.
    pub(crate) fn at_line(line: usize, found: Vec<Violation>) -> RefusedEvent {
        RefusedEvent { index: None, line: Some(line), ..RefusedEvent::with(found) }
    }

    fn with(found: Vec<Violation>) -> RefusedEvent {
        let errors = found.into_iter().map(Fault::in_body).collect();
        RefusedEvent { index: None, line: None, status: EventStatus::Invalid, errors }
    }
}

/// One event, or the many of a stream.
#[derive(ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it is only described: the form of the request decides which of both it is")]
pub(crate) enum EventOrEventsQueued {
    /// One event.
    One(EventQueued),
    /// Lines.
    Many(EventsQueued),
}
