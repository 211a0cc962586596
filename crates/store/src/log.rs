//! The verbs of the event log: append what was reported, read it back by id, by recipient, in order.

use angaros_domain::event::Event;
use angaros_domain::ingest::EventKey;
use angaros_domain::{EventId, TenantId, Timestamp};
use async_trait::async_trait;

use crate::{PageRequest, Position, Result, SeriesFilter, TimelineFilter, Transition};

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

/// How many places of the log one page of [`EventLog::latest_events`] looks at.
pub const LATEST_LOOKED_AT_MAX: i64 = 20_000;

/// Which events to list, whoever they are about. Every condition that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// With this name, channel, campaign and provider.
    pub series: SeriesFilter,
    /// That happened at or after this.
    pub from: Option<Timestamp>,
    /// That happened at or before this.
    pub to: Option<Timestamp>,
}

impl EventFilter {
    /// Whether an event is one of those that are meant.
    pub fn chooses(&self, event: &Event) -> bool {
        let SeriesFilter { event_name, channel, campaign_id, provider } = &self.series;
        event_name.as_ref().is_none_or(|name| event.name == *name)
            && channel.as_ref().is_none_or(|channel| event.channel.as_ref() == Some(channel))
            && campaign_id.as_ref().is_none_or(|id| event.campaign_id.as_ref() == Some(id))
            && provider.as_ref().is_none_or(|provider| event.provider == *provider)
            && self.from.is_none_or(|from| event.occurred_at >= from)
            && self.to.is_none_or(|to| event.occurred_at <= to)
    }
}

/// A stretch of the log, the latest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LatestEvents {
    /// The events.
    pub events: Vec<Event>,
    /// Before which place to go on; `None` if the log's beginning was reached.
    pub next: Option<Position>,
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

    /// A tenant's events before a place, or before the end of the log, the latest first, at most `limit`. No more than
    /// [`LATEST_LOOKED_AT_MAX`] places are looked at, so that a page may be short or empty although more follow.
    async fn latest_events(
        &self,
        tenant: TenantId,
        filter: &EventFilter,
        before: Option<Position>,
        limit: usize,
    ) -> Result<LatestEvents>;

    /// The events that a filter chooses, by `(occurred_at, id)` descending. It costs a page for each series that the filter
    /// lets through, wherever in the log they are: that is for filters which name a campaign.
    async fn series_timeline(
        &self,
        tenant: TenantId,
        filter: &EventFilter,
        page: PageRequest<(Timestamp, EventId)>,
    ) -> Result<Vec<Event>>;

    /// A tenant's events behind a place, in the order of appending, at most `limit`. A page may be short or empty
    /// although more follow: the log's end is reached when `next` does not move.
    async fn feed(&self, tenant: TenantId, after: Position, limit: usize) -> Result<FeedPage>;

    /// Where the log of all tenants ends now: everything that is stored later lies behind it.
    async fn end(&self) -> Result<Position>;

    /// A place behind which nothing stands that anybody could have seen before this was asked, and behind which stands
    /// whatever is stored on the strength of that. Where many write at once it may lie behind [`EventLog::end`], which an
    /// older transaction holds back.
    async fn reach(&self) -> Result<Position> {
        self.end().await
    }
}
