//! Traces.

use angaros_domain::{NotificationId, Timestamp};
use angaros_service::TraceEntry;
use serde::Serialize;
use utoipa::ToSchema;

/// Everything that happened to a notification.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Trace)]
pub(crate) struct TraceBody {
    /// Which notification.
    #[schema(value_type = String, format = "uuid")]
    pub(crate) notification_id: NotificationId,
    /// What happened, oldest first.
    pub(crate) entries: Vec<TraceEntryBody>,
}

/// One line of a trace.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TraceEntry)]
pub(crate) struct TraceEntryBody {
    /// `created`, a status that was entered, or what a provider reported.
    #[schema(example = "delivered")]
    event: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// In which attempt, from 1.
    attempt: Option<u64>,
    /// By which provider.
    provider: Option<String>,
    /// In words: class, answer and duration of an attempt, when the next one is due, why it was given up.
    #[schema(example = "accepted: HTTP 200 (12 ms)")]
    detail: Option<String>,
    /// The correlation id of the request that caused it.
    correlation_id: Option<String>,
}

impl From<TraceEntry> for TraceEntryBody {
    fn from(entry: TraceEntry) -> TraceEntryBody {
        let TraceEntry { event, at, attempt, provider, detail, correlation_id } = entry;
        TraceEntryBody { event, at, attempt, provider, detail, correlation_id }
    }
}
