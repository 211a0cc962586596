//! The verbs that count: campaigns, metrics of events, and whether the counts agree with the log.

use std::collections::BTreeMap;
use std::ops::Range;

use angaros_domain::batch::StatusCounts;
use angaros_domain::{TenantId, Timestamp};
use async_trait::async_trait;

use crate::{PageRequest, Result};

/// A campaign and how often each event happened in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CampaignCounts {
    /// Its id.
    pub campaign_id: String,
    /// How many events there are, by name.
    pub counts: BTreeMap<String, u64>,
    /// When the first of them happened.
    pub first_event_at: Timestamp,
    /// When the last of them happened.
    pub last_event_at: Timestamp,
}

/// Everything that is counted of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CampaignSummary {
    /// The campaign and its events.
    pub campaign: CampaignCounts,
    /// How many different recipients each event had, by name.
    pub unique_recipients: BTreeMap<String, u64>,
    /// How many of its notifications stand in each status.
    pub notifications: StatusCounts,
}

/// Which events to count. Every condition that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeriesFilter {
    /// With this name.
    pub event_name: Option<String>,
    /// Over this channel.
    pub channel: Option<String>,
    /// Of this campaign.
    pub campaign_id: Option<String>,
    /// Reported by this provider.
    pub provider: Option<String>,
}

/// By what events are counted apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping {
    /// Not at all.
    Whole,
    /// By consecutive spans of time: the span with the number `i` reaches from `starts[i]` up to `starts[i + 1]`, the
    /// last one to the end of the range. The first does not begin after the range.
    Spans(Vec<Timestamp>),
    /// By name.
    Name,
    /// By channel.
    Channel,
    /// By campaign.
    Campaign,
}

/// A question about events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsQuery {
    /// Which events.
    pub filter: SeriesFilter,
    /// That happened in this range: from its start up to its end, which is not part of it.
    pub range: Range<Timestamp>,
    /// Counted apart by this.
    pub grouping: Grouping,
}

/// How many events, and of how many recipients.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tally {
    /// How many events: exact.
    pub count: u64,
    /// How many different recipients.
    pub unique_recipients: u64,
    /// By how much `unique_recipients` may be wrong, as a share of it, in 95 of 100 cases; 0 if it is exact.
    pub error: f64,
}

/// The answer to a [`MetricsQuery`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventMetrics {
    /// All events together.
    pub totals: Tally,
    /// Per group that has any: for spans by number, else by text; events without a channel or campaign are under none.
    pub groups: Vec<(Group, Tally)>,
}

/// What the events of a group have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// They happened in the span with this number.
    Span(usize),
    /// They have this name, channel or campaign.
    Text(Option<String>),
}

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Audit {
    /// Events that were looked at.
    pub events: u64,
    /// Counts that were held against them.
    pub counts: u64,
    /// How many do not agree.
    pub drift: u64,
    /// The first of those, for people. At most [`Audit::SHOWN_MAX`].
    pub differences: Vec<String>,
}

impl Audit {
    /// How many differences are kept as text.
    pub const SHOWN_MAX: usize = 100;

    /// Holds a count against what the log says.
    pub fn compare(&mut self, what: impl FnOnce() -> String, counted: i64, in_log: i64) {
        self.counts += 1;
        if counted != in_log {
            self.drift += 1;
            if self.differences.len() < Audit::SHOWN_MAX {
                self.differences.push(format!("{}: counted {counted}, in the log {in_log}", what()));
            }
        }
    }
}

/// The counting side. What it answers is exact at the moment of the acknowledgement, whenever a store writes its
/// counts: an event is counted from the commit on that stores it, and every answer is as of one moment.
#[async_trait]
pub trait Counts: Send + Sync + 'static {
    /// Campaigns, those with the latest event first, by `(last_event_at, campaign_id)` descending.
    async fn campaign_page(
        &self,
        tenant: TenantId,
        page: PageRequest<(Timestamp, String)>,
    ) -> Result<Vec<CampaignCounts>>;

    /// One campaign; `None` if it has no event.
    async fn campaign(&self, tenant: TenantId, campaign_id: &str) -> Result<Option<CampaignSummary>>;

    /// Counts events.
    async fn event_metrics(&self, tenant: TenantId, query: MetricsQuery) -> Result<EventMetrics>;

    /// Counts the events of one UTC day, of all tenants, again from the log, and compares, as far as counts are
    /// written. The day is that which holds `at`. Bounded like every read.
    async fn audit_day(&self, at: Timestamp) -> Result<Audit>;

    /// The beginning of the latest UTC day before that of `at` on which anything is counted, of all tenants; `None` if
    /// there is none.
    async fn counted_day_before(&self, at: Timestamp) -> Result<Option<Timestamp>>;
}
