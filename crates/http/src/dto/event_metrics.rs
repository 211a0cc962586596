//! Event metrics.

use angaros_domain::Timestamp;
use angaros_domain::calendar::Unit;
use angaros_service::{Bucket, BucketOf, Counted, GroupBy, Tally};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// By what events are counted apart.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[schema(as = GroupBy)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GroupByName {
    /// Hours of the zone's clocks.
    Hour,
    /// Days of the zone; where clocks shift they have 23 or 25 hours.
    Day,
    /// Weeks of the zone, from Monday on.
    Week,
    /// Months of the zone.
    Month,
    /// Names.
    EventName,
    /// Channels.
    Channel,
    /// Campaigns.
    CampaignId,
}

impl From<GroupByName> for GroupBy {
    fn from(name: GroupByName) -> GroupBy {
        match name {
            GroupByName::Hour => GroupBy::Time(Unit::Hour),
            GroupByName::Day => GroupBy::Time(Unit::Day),
            GroupByName::Week => GroupBy::Time(Unit::Week),
            GroupByName::Month => GroupBy::Time(Unit::Month),
            GroupByName::EventName => GroupBy::Name,
            GroupByName::Channel => GroupBy::Channel,
            GroupByName::CampaignId => GroupBy::Campaign,
        }
    }
}

/// How many events there are, and of how many recipients.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventMetrics)]
pub(crate) struct EventMetricsBody {
    /// The first point in time that was looked at.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// The last one.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    /// The zone of the buckets.
    #[schema(example = "Europe/Berlin")]
    timezone: String,
    /// By what the buckets are apart; null if there are none.
    group_by: Option<GroupByName>,
    /// Whether any `unique_users` is an estimate; those that are have an `error_bound`.
    approximate: bool,
    /// All events together.
    totals: EventTally,
    /// Units of time in their order, those without events included; or names, channels and campaigns that have events,
    /// those with the most first. Empty without `group_by`.
    buckets: Vec<EventBucket>,
}

impl EventMetricsBody {
    /// The whole answer.
    pub(crate) fn new(counted: Counted, timezone: String, group_by: Option<GroupByName>) -> EventMetricsBody {
        let approximate = counted.is_approximate();
        let Counted { from, to, totals, buckets } = counted;
        let (totals, buckets) = (totals.into(), buckets.into_iter().map(Into::into).collect());
        EventMetricsBody { from, to, timezone, group_by, approximate, totals, buckets }
    }
}

/// All events together.
#[derive(Debug, Serialize, ToSchema)]
struct EventTally {
    /// How many events: exact.
    count: u64,
    /// How many different recipients.
    unique_users: u64,
    /// By how much `unique_users` may be wrong, as a share of it, in 95 of 100 cases; there only if it is an estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error_bound: Option<f64>,
}

impl From<Tally> for EventTally {
    fn from(tally: Tally) -> EventTally {
        let Tally { count, unique_recipients, error } = tally;
        EventTally { count, unique_users: unique_recipients, error_bound: (error > 0.0).then_some(error) }
    }
}

/// Events that have something in common.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum EventBucket {
    /// When they happened.
    Time(TimeBucket),
    /// What they are.
    Value(ValueBucket),
}

/// The events of an hour, a day, a week or a month.
#[derive(Debug, Serialize, ToSchema)]
struct TimeBucket {
    /// Where it begins, in UTC. The first may begin before `from`; only what lies within `from` and `to` is counted.
    #[schema(value_type = String, format = DateTime)]
    bucket_start: Timestamp,
    /// How many events: exact.
    count: u64,
    /// How many different recipients.
    unique_users: u64,
    /// By how much `unique_users` may be wrong, as a share of it, in 95 of 100 cases; there only if it is an estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error_bound: Option<f64>,
}

/// The events of a name, a channel or a campaign.
#[derive(Debug, Serialize, ToSchema)]
struct ValueBucket {
    /// The name, the channel or the campaign; null are the events without one.
    #[schema(required = true)]
    value: Option<String>,
    /// How many events: exact.
    count: u64,
    /// How many different recipients.
    unique_users: u64,
    /// By how much `unique_users` may be wrong, as a share of it, in 95 of 100 cases; there only if it is an estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error_bound: Option<f64>,
}

impl From<Bucket> for EventBucket {
    fn from(bucket: Bucket) -> EventBucket {
        let EventTally { count, unique_users, error_bound } = bucket.tally.into();
        match bucket.of {
            BucketOf::Span(bucket_start) => {
                EventBucket::Time(TimeBucket { bucket_start, count, unique_users, error_bound })
            }
            BucketOf::Value(value) => {
                EventBucket::Value(ValueBucket { value, count, unique_users, error_bound })
            }
        }
    }
}
