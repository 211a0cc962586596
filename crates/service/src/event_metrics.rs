//! Event metrics: how many events there are in a range of time, and of how many recipients, all together and apart.

use std::cmp::Reverse;
use std::ops::RangeInclusive;

use angaros_domain::calendar::{Unit, Zone};
use angaros_domain::{TenantId, Timestamp};
use angaros_store::{Group, Grouping, MetricsQuery, SeriesFilter, Tally};

use crate::{Result, Service};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// How long the range is if the caller leaves one end of it open.
const RANGE_DEFAULT_MILLIS: i64 = DAY_MILLIS;
/// How long it may be, in days.
const RANGE_DAYS_MAX: i64 = 366;

/// By what events are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// By units of the calendar.
    Time(Unit),
    /// By name.
    Name,
    /// By channel.
    Channel,
    /// By campaign.
    Campaign,
}

/// A question about events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuestion {
    /// Which events.
    pub filter: SeriesFilter,
    /// That happened at or after this; a day before `to` unless given.
    pub from: Option<Timestamp>,
    /// That happened at or before this; now unless given.
    pub to: Option<Timestamp>,
    /// Counted apart by this.
    pub group_by: Option<GroupBy>,
    /// Whose hours, days, weeks and months are meant.
    pub zone: Zone,
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    /// The first point in time that was looked at.
    pub from: Timestamp,
    /// The last one.
    pub to: Timestamp,
    /// All events together.
    pub totals: Tally,
    /// Units of time in their order, those without events included; names, channels and campaigns that have events,
    /// those with the most first.
    pub buckets: Vec<Bucket>,
}

/// Events that have something in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// What that is.
    pub of: BucketOf,
    /// How many there are.
    pub tally: Tally,
}

/// What the events of a bucket have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum BucketOf {
    /// They happened in the unit of time that begins here.
    Span(Timestamp),
    /// They have this name, channel or campaign; `None` are those without one.
    Value(Option<String>),
}

/// Why a range of time can not be counted. The words go on from the name of its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RangeFault {
    /// It ends before it begins.
    #[error("must not be later than to")]
    Reversed,
    /// It is too long.
    #[error("must not be more than {RANGE_DAYS_MAX} days before to")]
    TooLong,
}

impl Counted {
    /// Whether any number of recipients is an estimate.
    pub fn is_approximate(&self) -> bool {
        let tallies = self.buckets.iter().map(|bucket| &bucket.tally);
        tallies.chain([&self.totals]).any(|tally| tally.error > 0.0)
    }
}

impl Service {
    /// Counts events.
    pub async fn event_metrics(&self, tenant: TenantId, question: EventQuestion) -> Result<Counted> {
        let EventQuestion { filter, from, to, group_by, zone } = question;
        let range = range(from, to, self.clock.now())?;
        let (from, to) = (*range.start(), *range.end());
        let starts = match group_by {
            Some(GroupBy::Time(unit)) => {
                let spans = zone.spans(unit, from, to).map_err(|_| RangeFault::TooLong)?;
                spans.into_iter().map(|span| span.start).collect()
            }
            _ => Vec::new(),
        };
        let grouping = match group_by {
            None => Grouping::Whole,
            Some(GroupBy::Time(_)) => Grouping::Spans(starts.clone()),
            Some(GroupBy::Name) => Grouping::Name,
            Some(GroupBy::Channel) => Grouping::Channel,
            Some(GroupBy::Campaign) => Grouping::Campaign,
        };
        let query = MetricsQuery { filter, range: from..to.plus_millis(1), grouping };
        let found = self.store.event_metrics(tenant, query).await?;
        Ok(Counted { from, to, totals: found.totals, buckets: buckets(&starts, found.groups) })
    }
}

/// The range that is meant, both ends included.
fn range(
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    now: Timestamp,
) -> std::result::Result<RangeInclusive<Timestamp>, RangeFault> {
    let to = to.unwrap_or(now);
    let from = from.unwrap_or(to.plus_millis(-RANGE_DEFAULT_MILLIS));
    match to.millis_since(from) {
        ..0 => Err(RangeFault::Reversed),
        millis if millis > RANGE_DAYS_MAX * DAY_MILLIS => Err(RangeFault::TooLong),
        _ => Ok(from..=to),
    }
}

/// One bucket for each span, counted or not; then those of texts, the largest first.
fn buckets(starts: &[Timestamp], groups: Vec<(Group, Tally)>) -> Vec<Bucket> {
    let mut spans: Vec<Bucket> =
        starts.iter().map(|start| Bucket { of: BucketOf::Span(*start), tally: Tally::default() }).collect();
    let mut texts = Vec::new();
    for (group, tally) in groups {
        match group {
            Group::Span(number) => {
                if let Some(bucket) = spans.get_mut(number) {
                    bucket.tally = tally;
                }
            }
            Group::Text(text) => texts.push(Bucket { of: BucketOf::Value(text), tally }),
        }
    }
    texts.sort_by(|a, b| (Reverse(a.tally.count), &a.of).cmp(&(Reverse(b.tally.count), &b.of)));
    spans.append(&mut texts);
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_123);

    fn days_before_now(days: i64) -> Timestamp {
        NOW.plus_millis(-days * DAY_MILLIS)
    }

    #[test]
    fn an_open_end_is_completed() {
        let (early, late) = (days_before_now(9), days_before_now(2));
        for (from, to, expected) in [
            (None, None, days_before_now(1)..=NOW),
            (Some(early), None, early..=NOW),
            (None, Some(late), days_before_now(3)..=late),
            (Some(early), Some(late), early..=late),
            (Some(NOW), Some(NOW), NOW..=NOW),
            (None, Some(Timestamp::MIN), Timestamp::MIN..=Timestamp::MIN),
        ] {
            assert_eq!(range(from, to, NOW), Ok(expected));
        }
    }

    #[test]
    fn a_range_is_neither_reversed_nor_too_long() {
        let longest = days_before_now(366);
        assert_eq!(range(Some(longest), None, NOW), Ok(longest..=NOW));
        assert_eq!(range(Some(longest.plus_millis(-1)), None, NOW), Err(RangeFault::TooLong));
        assert_eq!(range(Some(NOW.plus_millis(1)), None, NOW), Err(RangeFault::Reversed));
    }

    #[test]
    fn the_hours_of_the_longest_range_are_not_too_many() {
        for zone in ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Casablanca"] {
            let spans = Zone::named(zone).unwrap().spans(Unit::Hour, days_before_now(366), NOW);
            assert!(spans.is_ok(), "{zone}");
        }
    }

    #[test]
    fn texts_come_with_the_largest_first_and_then_in_order() {
        let tally = |count| Tally { count, ..Tally::default() };
        let text = |text: &str| Group::Text(Some(text.into()));
        let groups = vec![
            (text("b"), tally(2)),
            (text("z"), tally(9)),
            (Group::Text(None), tally(2)),
            (text("a"), tally(2)),
        ];
        let values = buckets(&[], groups).into_iter().map(|bucket| bucket.of);
        let expected = [Some("z"), None, Some("a"), Some("b")];
        assert!(values.eq(expected.map(|text| BucketOf::Value(text.map(str::to_owned)))));
    }
}
