//! Metrics of events: counts from whole quarters of hours and, at the edges of a range, from the events themselves;
//! unique recipients from the thinned events of the series.

use std::collections::BTreeMap;
use std::ops::Range;

use angaros_domain::event::THINNING_LEVEL_MAX;
use angaros_domain::{TenantId, Timestamp};
use angaros_store::{EventMetrics, Group, Grouping, MetricsQuery, Result, Tally};
use rusqlite::{Connection, params};

use crate::error::SqliteResult;
use crate::quarters::{self, Quarters, day_of};
use crate::series::{self, Matching};

/// Events that are looked at to count unique recipients. More in a range, and a sample of the recipients is counted.
const SAMPLED_MAX: u64 = 1 << 17;

/// Standard errors on each side of an estimate that hold it in 95 of 100 cases.
const STANDARD_ERRORS: f64 = 1.96;

pub(crate) fn metrics(
    connection: &Connection,
    tenant: TenantId,
    query: &MetricsQuery,
) -> Result<EventMetrics> {
    metrics_sampled(connection, tenant, query, SAMPLED_MAX)
}

/// The metrics, with unique recipients counted from about so many events at most.
fn metrics_sampled(
    connection: &Connection,
    tenant: TenantId,
    query: &MetricsQuery,
    sampled_max: u64,
) -> Result<EventMetrics> {
    let Range { start, end } = query.range;
    let series = series::matching(connection, tenant, &query.filter, start, end)?;
    let groups = Groups::of(query, &series);
    let mut counts = vec![0; groups.keys.len()];
    let mut active = Vec::new();
    for (place, one) in series.iter().enumerate() {
        if count(connection, query, &groups, (place, one), &mut counts)? > 0 {
            active.push((place, one));
        }
    }
    let total: u64 = counts.iter().sum();
    let sample = Sample::take(connection, query, &groups, &active, sample_level(total, sampled_max))?;
    let tallies = groups.keys.into_iter().zip(counts).zip(sample.per_group());
    let tallies = tallies.filter(|((_, count), _)| *count > 0);
    let groups = match query.grouping {
        Grouping::Whole => Vec::new(),
        _ => tallies.map(|((key, count), seen)| (key, sample.tally(count, seen))).collect(),
    };
    Ok(EventMetrics { totals: sample.tally(total, sample.in_all()), groups })
}

/// Into which group an event belongs.
struct Groups<'q> {
    range: &'q Range<Timestamp>,
    keys: Vec<Group>,
    /// Starts of spans, if that is how events are grouped.
    starts: Option<&'q [Timestamp]>,
    /// The group of each series otherwise.
    of_series: Vec<usize>,
}

impl<'q> Groups<'q> {
    fn of(query: &'q MetricsQuery, series: &[Matching]) -> Groups<'q> {
        let range = &query.range;
        let text = |one: &Matching| match query.grouping {
            Grouping::Name => Some(one.name.clone()),
            Grouping::Channel => one.channel.clone(),
            Grouping::Campaign => one.campaign_id.clone(),
            Grouping::Whole | Grouping::Spans(_) => None,
        };
        if let Grouping::Spans(starts) = &query.grouping {
            let keys = (0..starts.len()).map(Group::Span).collect();
            return Groups { range, keys, starts: Some(starts), of_series: Vec::new() };
        }
        let mut numbers = BTreeMap::new();
        for one in series {
            numbers.insert(text(one), 0);
        }
        for (number, place) in numbers.values_mut().zip(0..) {
            *number = place;
        }
        let of_series = series.iter().map(|one| numbers[&text(one)]).collect();
        Groups { range, keys: numbers.into_keys().map(Group::Text).collect(), starts: None, of_series }
    }

    /// The group of an event of a series; none if it is out of range.
    fn at(&self, series: usize, at: Timestamp) -> Option<usize> {
        if !self.range.contains(&at) {
            return None;
        }
        match self.starts {
            None => Some(self.of_series[series]),
            Some(starts) => starts.partition_point(|start| *start <= at).checked_sub(1),
        }
    }

    /// The group that a whole span of time belongs to; none if an edge runs through it.
    fn whole(&self, series: usize, span: &Range<Timestamp>) -> Option<usize> {
        let first = self.at(series, span.start)?;
        let last = self.at(series, span.end.plus_millis(-1))?;
        (first == last).then_some(first)
    }
}

/// Counts a series; answers how many of its events are in range.
fn count(
    connection: &Connection,
    query: &MetricsQuery,
    groups: &Groups<'_>,
    (place, series): (usize, &Matching),
    counts: &mut [u64],
) -> Result<u64> {
    let sql = "SELECT day, quarters FROM event_counts WHERE series = ?1 AND day BETWEEN ?2 AND ?3";
    let mut statement = connection.prepare_cached(sql).stored()?;
    let days = (day_of(query.range.start), day_of(query.range.end.plus_millis(-1)));
    let mut rows = statement.query(params![series.id, days.0, days.1]).stored()?;
    let mut total = 0;
    while let Some(row) = rows.next().stored()? {
        let day: i64 = row.get(0).stored()?;
        let quarters =
            Quarters::decode(row.get_ref(1).stored()?.as_blob().map_err(rusqlite::Error::from).stored()?)?;
        for (quarter, n) in quarters.counted() {
            let span = quarters::span(day, quarter);
            if span.end <= query.range.start || span.start >= query.range.end {
                continue;
            }
            if let Some(group) = groups.whole(place, &span) {
                counts[group] += n;
                total += n;
                continue;
            }
            each_event(connection, series.id, 0, &span, |at, _| {
                if let Some(group) = groups.at(place, at) {
                    counts[group] += 1;
                    total += 1;
                }
            })?;
        }
    }
    Ok(total)
}

/// Shows every event of a series in a span of time whose recipient is on a level or above.
fn each_event(
    connection: &Connection,
    series: i64,
    level: u32,
    span: &Range<Timestamp>,
    mut see: impl FnMut(Timestamp, Option<i64>),
) -> Result<()> {
    let sql = "SELECT occurred_at, recipient FROM series_events
               WHERE series = ?1 AND level = ?2 AND occurred_at >= ?3 AND occurred_at < ?4";
    let mut statement = connection.prepare_cached(sql).stored()?;
    for level in level..=THINNING_LEVEL_MAX {
        let mut rows =
            statement.query(params![series, level, span.start.as_millis(), span.end.as_millis()]).stored()?;
        while let Some(row) = rows.next().stored()? {
            see(Timestamp::from_millis(row.get(0).stored()?), row.get(1).stored()?);
        }
    }
    Ok(())
}

/// The lowest level on which no more than so many events are to be expected.
fn sample_level(total: u64, sampled_max: u64) -> u32 {
    (0..THINNING_LEVEL_MAX).find(|level| total >> level <= sampled_max).unwrap_or(THINNING_LEVEL_MAX)
}

/// The recipients that were seen, of each group: all of them, or those of a level.
struct Sample {
    level: u32,
    /// Sorted, each once.
    seen: Vec<(usize, i64)>,
    groups: usize,
}

impl Sample {
    /// Takes every recipient that is on a level or above.
    fn take(
        connection: &Connection,
        query: &MetricsQuery,
        groups: &Groups<'_>,
        series: &[(usize, &Matching)],
        level: u32,
    ) -> Result<Sample> {
        let mut seen = Vec::new();
        for (place, one) in series {
            each_event(connection, one.id, level, &query.range, |at, recipient| {
                seen.extend(groups.at(*place, at).zip(recipient));
            })?;
        }
        seen.sort_unstable();
        seen.dedup();
        Ok(Sample { level, seen, groups: groups.keys.len() })
    }

    /// How many different recipients were seen in each group.
    fn per_group(&self) -> Vec<usize> {
        let mut counts = vec![0; self.groups];
        for (group, _) in &self.seen {
            counts[*group] += 1;
        }
        counts
    }

    /// How many different recipients were seen in all.
    fn in_all(&self) -> usize {
        let mut recipients: Vec<i64> = self.seen.iter().map(|(_, recipient)| *recipient).collect();
        recipients.sort_unstable();
        recipients.dedup();
        recipients.len()
    }

    /// The estimate from what was seen. The relative standard error of a sample with the probability p of d recipients
    /// is sqrt((1 - p) / d).
    fn tally(&self, count: u64, seen: usize) -> Tally {
        let unique_recipients = ((seen as u64) << self.level).min(count);
        let error = match (self.level, seen) {
            (0, _) => 0.0,
            (_, 0) => 1.0,
            (level, seen) => {
                let missed = 1.0 - 1.0 / f64::from(1u32 << level);
                (STANDARD_ERRORS * (missed / seen as f64).sqrt()).min(1.0)
            }
        };
        Tally { count, unique_recipients, error }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use angaros_store::{Reported, SeriesFilter};
    use angaros_store_test::fixture::{NOW, event_draft, reported};

    use super::*;
    use crate::{append, connection, migrate};

    const RECIPIENTS: u64 = 20_000;

    /// Two events of each recipient, one recipient a second.
    fn events() -> Vec<Reported> {
        let event = |n: u64| {
            let mut draft = event_draft(NOW.plus_seconds(n.cast_signed() / 2));
            (draft.event_id, draft.recipient_id) = (Some(format!("e-{n}")), Some(format!("user-{}", n / 2)));
            (draft.message_id, draft.metadata) = (None, Default::default());
            reported(draft)
        };
        (0..2 * RECIPIENTS).map(event).collect()
    }

    fn is_within_bounds(tally: &Tally, recipients: u64) -> bool {
        let off = tally.unique_recipients.abs_diff(recipients) as f64 / tally.unique_recipients as f64;
        tally.count == 2 * recipients && off <= 3.0 * tally.error
    }

    #[test]
    fn a_sample_estimates_recipients_within_its_error_and_levels_nest() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = connection::open_writer(&folder.path().join("a.db")).unwrap();
        migrate::up(&mut writer).unwrap();
        let transaction = writer.transaction().unwrap();
        append::append(&transaction, &events()).unwrap();
        transaction.commit().unwrap();

        let half = NOW.plus_seconds(RECIPIENTS.cast_signed() / 2);
        let range = NOW..NOW.plus_seconds(RECIPIENTS.cast_signed());
        let query = MetricsQuery {
            filter: SeriesFilter::default(),
            range: range.clone(),
            grouping: Grouping::Spans(vec![NOW, half]),
        };
        let whole = metrics(&writer, TenantId::DEFAULT, &query).unwrap();
        assert_eq!(whole.totals, Tally { count: 2 * RECIPIENTS, unique_recipients: RECIPIENTS, error: 0.0 });

        let sampled_max = RECIPIENTS >> 3;
        assert_eq!(sample_level(2 * RECIPIENTS, sampled_max), 4);
        let sampled = metrics_sampled(&writer, TenantId::DEFAULT, &query, sampled_max).unwrap();
        assert!((0.04..0.07).contains(&sampled.totals.error), "1.96 * sqrt(15/16 / 1250) is 0.054");
        assert!(is_within_bounds(&sampled.totals, RECIPIENTS), "{:?}", sampled.totals);
        assert_eq!(sampled.groups.len(), 2);
        for (group, tally) in &sampled.groups {
            assert!(tally.error > sampled.totals.error, "{group:?} holds fewer, so it is less sure");
            assert!(is_within_bounds(tally, RECIPIENTS / 2), "{group:?} {tally:?}");
        }

        let series: i64 = writer.query_row("SELECT id FROM series", [], |row| row.get(0)).unwrap();
        let on_level = |level| {
            let mut seen = BTreeSet::new();
            each_event(&writer, series, level, &range, |_, recipient| seen.extend(recipient)).unwrap();
            seen
        };
        let levels: Vec<BTreeSet<i64>> = (0..=THINNING_LEVEL_MAX).map(on_level).collect();
        assert_eq!(levels[0].len() as u64, RECIPIENTS);
        for (level, pair) in levels.windows(2).enumerate() {
            assert!(pair[1].is_subset(&pair[0]) && pair[1].len() < pair[0].len(), "level {level}");
        }
        assert_eq!(sampled.totals.unique_recipients, levels[4].len() as u64 * 16);
    }

    #[test]
    fn the_sample_is_as_large_as_it_may_be() {
        for (total, level) in [(0, 0), (100, 0), (101, 1), (201, 1), (202, 2), (1_600, 4)] {
            assert_eq!(sample_level(total, 100), level, "{total}");
        }
        assert_eq!(sample_level(u64::MAX, 100), THINNING_LEVEL_MAX);
    }
}
