//! The verbs of the event log: append what was reported, read it back by id, by recipient, in order.

use angaros_domain::event::Event;
use angaros_domain::ingest::EventKey;
use angaros_domain::{EventId, TenantId, Timestamp};
use async_trait::async_trait;

use crate::{PageRequest, Position, Result, TimelineFilter, Transition};

/// A reported event, ready to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Reported {
    /// What is stored if it is new. Of its id the store takes the time and the random bits, see [`EventId::placed`].
    pub event: Event,
    /// By what it is found.
    pub key: EventKey,
}

/// What became of a [`Reported`] event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// It is stored, and this is its id.
    Stored(EventId),
    /// The same was stored before, as this event: nothing was stored now.
    Duplicate(EventId),
    /// Something else was stored under its key: nothing was stored now.
    Conflict {
        /// The event that was stored.
        id: EventId,
        /// The fields in which they differ, as callers know them.
        fields: Vec<&'static str>,
    },
}

/// What [`EventLog::append`] did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AppendReport {
    /// What became of each event, in order.
    pub outcomes: Vec<Appended>,
    /// The status changes of notifications for which an event was a receipt.
    pub transitions: Vec<Transition>,
}

/// A stretch of the log in the order of appending.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FeedPage {
    /// The events, each with its place.
    pub events: Vec<(Position, Event)>,
    /// Where to go on: the place of the last event that was looked at, shown or not. Everything at or before it will
    /// never change, so that nothing is skipped by going on behind it.
    pub next: Position,
}

/// The event log. Nothing in it is ever changed or deleted.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// Appends reported events, each decided by its key inside the transaction. Outcomes are in order; two with one key
    /// in the same call are decided in their order. A [receipt](angaros_domain::receipt::Receipt) that names a sent
    /// notification, by its id or by its provider's, changes its status. An event that is a
    /// [reason](angaros_domain::SuppressionReason::of) to suppress an address puts that of the notification that it
    /// names on the tenant's list; if it names none of ours, the address that it names itself.
    async fn append(&self, reported: Vec<Reported>) -> Result<AppendReport>;

    /// One event.
    async fn event(&self, tenant: TenantId, id: EventId) -> Result<Option<Event>>;

    /// The events of a recipient, ordered by `(occurred_at, id)`.
    async fn recipient_timeline(
        &self,
        tenant: TenantId,
        recipient_id: &str,
        filter: &TimelineFilter,
        page: PageRequest<(Timestamp, EventId)>,
    ) -> Result<Vec<Event>>;

    /// A tenant's events behind a place, in the order of appending, at most `limit`. A page may be short or empty
    /// although more follow: the log's end is reached when `next` does not move.
    async fn feed(&self, tenant: TenantId, after: Position, limit: usize) -> Result<FeedPage>;

    /// Where the log of all tenants ends now: everything that is stored later lies behind it.
    async fn end(&self) -> Result<Position>;
}
