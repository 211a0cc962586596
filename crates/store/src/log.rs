//! The verbs of the event log: append what was reported, read it back by id, by recipient, in order.

use angaros_domain::event::Event;
use angaros_domain::fingerprint::Fingerprint;
use angaros_domain::ingest::EventKey;
use angaros_domain::{EventId, TenantId, Timestamp};
use async_trait::async_trait;

use crate::{PageRequest, Position, Result, TimelineFilter};

/// A reported event, ready to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Reported {
    /// What is stored if it is new.
    pub event: Event,
    /// Which event it is.
    pub key: EventKey,
    /// What it says.
    pub fingerprint: Fingerprint,
}

/// What became of a [`Reported`] event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// It is stored at this place.
    Stored(Position),
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
    /// in the same call are decided in their order.
    async fn append(&self, reported: Vec<Reported>) -> Result<Vec<Appended>>;

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
}
