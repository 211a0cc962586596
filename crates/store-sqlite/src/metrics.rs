//! Metrics of events: counts from whole quarters of hours and, at the edges of a range, from the events themselves;
//! unique recipients from the thinned events of the series.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use angaros_domain::event::{THINNING_LEVEL_MAX, thinning_level};
use angaros_domain::sample::{SAMPLED_AGAIN, SAMPLED_MAX, SAMPLED_MIN, estimate, sample_level};
use angaros_domain::{TenantId, Timestamp};
use angaros_store::{EventMetrics, Group, Grouping, MetricsQuery, Result, Tally};
use rusqlite::{Connection, params};

use crate::error::SqliteResult;
use crate::quarters::{self, Quarters, day_of};
use crate::series::{self, Matching};
use crate::tail::{Entry, Session};

pub(crate) fn metrics(session: &Session<'_>, tenant: TenantId, query: &MetricsQuery) -> Result<EventMetrics> {
    metrics_sampled(session, tenant, query, SAMPLED_MAX)
}

/// The metrics, with unique recipients counted from about so many events at most.
fn metrics_sampled(
    session: &Session<'_>,
    tenant: TenantId,
    query: &MetricsQuery,
    sampled_max: u64,
) -> Result<EventMetrics> {
    let series = series::matching(session, tenant, &query.filter)?;
    let places: HashMap<i64, usize> = series.iter().zip(0..).map(|(one, place)| (one.id, place)).collect();
    let is_wanted =
        |entry: &Entry| query.range.contains(&entry.occurred_at) && places.contains_key(&entry.series);
    let (folded, tail) = session.tail(is_wanted)?;
    let groups = Groups::of(query, &series);
    let mut counts = vec![0; groups.keys.len()];
    let mut plans = Plans::default();
    let mut active = Vec::new();
    for (place, one) in series.iter().enumerate() {
        if count(session, &groups, &mut plans, folded, (place, one), &mut counts)? > 0 {
            active.push((place, one));
        }
    }
    let tail: Vec<(usize, Option<i64>)> = tail
        .iter()
        .filter_map(|entry| Some((groups.at(places[&entry.series], entry.occurred_at)?, entry.recipient)))
        .collect();
    for (group, _) in &tail {
        counts[*group] += 1;
    }
    let total: u64 = counts.iter().sum();
    let mut level = sample_level(total, sampled_max);
    let lowest = sample_level(total, sampled_max.saturating_mul(SAMPLED_AGAIN));
    let uniques = loop {
        let mut sample = Sample { level, seen: Vec::new(), groups: groups.keys.len() };
        sample.add(tail.iter().copied());
        for (place, one) in &active {
            each_event(session, (one.id, level), folded, groups.range, |at, recipient| {
                sample.seen_at(groups.at(*place, at), recipient);
            })?;
        }
        let uniques = sample.uniques();
        if level == lowest || uniques.in_all >= SAMPLED_MIN {
            break uniques;
        }
        // Few recipients have many events: they need a thicker sample.
        level = level.saturating_sub(2).max(lowest);
    };
    let tallies = groups.keys.into_iter().zip(counts).zip(uniques.per_group);
    let tallies = tallies.filter(|((_, count), _)| *count > 0);
    let groups = match query.grouping {
        Grouping::Whole => Vec::new(),
        _ => tallies.map(|((key, count), seen)| (key, tally(uniques.level, count, seen))).collect(),
    };
    Ok(EventMetrics { totals: tally(uniques.level, total, uniques.in_all), groups })
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

    /// What is done with a span of time.
    fn part(&self, span: &Range<Timestamp>) -> Part {
        if span.end <= self.range.start || span.start >= self.range.end {
            return Part::Outside;
        }
        let last = span.end.plus_millis(-1);
        if !self.range.contains(&span.start) || !self.range.contains(&last) {
            return Part::Edge;
        }
        match self.starts {
            None => Part::Whole(None),
            Some(starts) => {
                let number = |at: Timestamp| starts.partition_point(|start| *start <= at).checked_sub(1);
                match (number(span.start), number(last)) {
                    (Some(first), Some(last)) if first == last => Part::Whole(Some(first)),
                    _ => Part::Edge,
                }
            }
        }
    }
}

/// What is done with the quarters of a day: the same for every series.
enum Plan {
    /// They lie in one span as a whole: the group, if it is the span that makes it.
    Whole(Option<usize>),
    /// Each by itself.
    Quarters(Vec<Part>),
}

/// What is done with a quarter of an hour.
#[derive(Clone, Copy)]
enum Part {
    /// It lies out of range.
    Outside,
    /// It lies in one span as a whole: the group, if it is the span that makes it.
    Whole(Option<usize>),
    /// An edge runs through it: its events tell.
    Edge,
}

/// The plans of the days that were met.
#[derive(Default)]
struct Plans(HashMap<i64, Plan>);

impl Plans {
    fn of(&mut self, day: i64, groups: &Groups<'_>) -> &Plan {
        self.0.entry(day).or_insert_with(|| {
            let whole =
                quarters::span(day, 0).start..quarters::span(day, quarters::QUARTERS as usize - 1).end;
            if let Part::Whole(group) = groups.part(&whole) {
                return Plan::Whole(group);
            }
            let parts =
                (0..quarters::QUARTERS as usize).map(|quarter| groups.part(&quarters::span(day, quarter)));
            Plan::Quarters(parts.collect())
        })
    }
}

/// Counts a series as far as it is folded; answers how many of its events are in range.
fn count(
    connection: &Connection,
    groups: &Groups<'_>,
    plans: &mut Plans,
    folded: i64,
    (place, series): (usize, &Matching),
    counts: &mut [u64],
) -> Result<u64> {
    let range = groups.range;
    let sql = "SELECT day, quarters FROM event_counts WHERE series = ?1 AND day BETWEEN ?2 AND ?3";
    let mut statement = connection.prepare_cached(sql).stored()?;
    let days = (day_of(range.start), day_of(range.end.plus_millis(-1)));
    let mut rows = statement.query(params![series.id, days.0, days.1]).stored()?;
    let group_of = |group: Option<usize>| group.unwrap_or_else(|| groups.of_series[place]);
    let mut total = 0;
    while let Some(row) = rows.next().stored()? {
        let day: i64 = row.get(0).stored()?;
        let stored = row.get_ref(1).stored()?.as_blob().map_err(rusqlite::Error::from).stored()?;
        let quarters = Quarters::decode(stored)?;
        let parts = match plans.of(day, groups) {
            Plan::Whole(group) => {
                counts[group_of(*group)] += quarters.sum();
                total += quarters.sum();
                continue;
            }
            Plan::Quarters(parts) => parts,
        };
        for (quarter, n) in quarters.counted() {
            match parts[quarter] {
                Part::Outside => {}
                Part::Whole(group) => {
                    counts[group_of(group)] += n;
                    total += n;
                }
                Part::Edge => {
                    let span = quarters::span(day, quarter);
                    each_event(connection, (series.id, 0), folded, &span, |at, _| {
                        if let Some(group) = groups.at(place, at) {
                            counts[group] += 1;
                            total += 1;
                        }
                    })?;
                }
            }
        }
    }
    Ok(total)
}

/// Shows every folded event of a series in a span of time whose recipient is on a level or above.
fn each_event(
    connection: &Connection,
    (series, level): (i64, u32),
    folded: i64,
    span: &Range<Timestamp>,
    mut see: impl FnMut(Timestamp, Option<i64>),
) -> Result<()> {
    let sql = "SELECT occurred_at, recipient FROM series_events
               WHERE series = ?1 AND level = ?2 AND occurred_at >= ?3 AND occurred_at < ?4 AND position <= ?5";
    let mut statement = connection.prepare_cached(sql).stored()?;
    for level in level..=THINNING_LEVEL_MAX {
        let span = (span.start.as_millis(), span.end.as_millis());
        let mut rows = statement.query(params![series, level, span.0, span.1, folded]).stored()?;
        while let Some(row) = rows.next().stored()? {
            see(Timestamp::from_millis(row.get(0).stored()?), row.get(1).stored()?);
        }
    }
    Ok(())
}

/// The recipients that were seen, of each group: all of them, or those of a level and above.
struct Sample {
    level: u32,
    seen: Vec<(usize, i64)>,
    groups: usize,
}

/// How many different recipients a sample holds.
struct Uniques {
    level: u32,
    per_group: Vec<usize>,
    in_all: usize,
}

impl Sample {
    /// Adds those recipients that belong into it.
    fn add(&mut self, recipients: impl Iterator<Item = (usize, Option<i64>)>) {
        let level = self.level;
        let recipients = recipients.filter_map(|(group, recipient)| Some((group, recipient?)));
        self.seen.extend(recipients.filter(|(_, recipient)| thinning_level(*recipient) >= level));
    }

    /// Adds one. Those who come often are kept once now and then, so that memory is bounded by recipients, not by events.
    fn seen_at(&mut self, group: Option<usize>, recipient: Option<i64>) {
        if self.seen.len() == self.seen.capacity() {
            self.seen.sort_unstable();
            self.seen.dedup();
            // At least as much again, so that it is not sorted over and over.
            self.seen.reserve(self.seen.len());
        }
        self.seen.extend(group.zip(recipient));
    }

    fn uniques(mut self) -> Uniques {
        self.seen.sort_unstable();
        self.seen.dedup();
        let mut per_group = vec![0; self.groups];
        for (group, _) in &self.seen {
            per_group[*group] += 1;
        }
        let mut recipients: Vec<i64> = self.seen.iter().map(|(_, recipient)| *recipient).collect();
        recipients.sort_unstable();
        recipients.dedup();
        Uniques { level: self.level, per_group, in_all: recipients.len() }
    }
}

/// The estimate from what a sample of a level holds.
fn tally(level: u32, count: u64, seen: usize) -> Tally {
    let (unique_recipients, error) = estimate(level, count, seen);
    Tally { count, unique_recipients, error }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use angaros_store::{Reported, SeriesFilter};
    use angaros_store_test::fixture::{NOW, event_draft, reported};

    use super::*;
    use crate::tail::{Tail, folded};
    use crate::{append, connection, fold, migrate};

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
        // One transaction, as a job's writes are: otherwise each of them would be flushed.
        writer.execute_batch("BEGIN").unwrap();
        // Half of them are folded, the others are in the tail of the log.
        let (tail, events) = (Tail::default(), events());
        let session = Session { connection: &writer, tail: &tail };
        let (early, late) = events.split_at(events.len() / 2);
        append::append(&session, early).unwrap();
        fold::all(&writer, tail.unfolded()).unwrap();
        tail.folded_to(folded(&writer).unwrap());
        append::append(&session, late).unwrap();

        let half = NOW.plus_seconds(RECIPIENTS.cast_signed() / 2);
        let range = NOW..NOW.plus_seconds(RECIPIENTS.cast_signed());
        let query = MetricsQuery {
            filter: SeriesFilter::default(),
            range: range.clone(),
            grouping: Grouping::Spans(vec![NOW, half]),
        };
        let whole = metrics(&session, TenantId::DEFAULT, &query).unwrap();
        assert_eq!(whole.totals, Tally { count: 2 * RECIPIENTS, unique_recipients: RECIPIENTS, error: 0.0 });

        let sampled_max = RECIPIENTS >> 3;
        assert_eq!(sample_level(2 * RECIPIENTS, sampled_max), 4);
        let sampled = metrics_sampled(&session, TenantId::DEFAULT, &query, sampled_max).unwrap();
        assert!((0.04..0.07).contains(&sampled.totals.error), "1.96 * sqrt(15/16 / 1250) is 0.054");
        assert!(is_within_bounds(&sampled.totals, RECIPIENTS), "{:?}", sampled.totals);
        assert_eq!(sampled.groups.len(), 2);
        for (group, tally) in &sampled.groups {
            assert!(tally.error > sampled.totals.error, "{group:?} holds fewer, so it is less sure");
            assert!(is_within_bounds(tally, RECIPIENTS / 2), "{group:?} {tally:?}");
        }

        fold::all(&writer, tail.unfolded()).unwrap();
        // A sample that would hold some ten recipients is not enough, and not all of them are looked at either.
        let thicker = metrics_sampled(&session, TenantId::DEFAULT, &query, 20).unwrap();
        assert_eq!(
            (sample_level(2 * RECIPIENTS, 20), sample_level(2 * RECIPIENTS, 20 * SAMPLED_AGAIN)),
            (11, 7)
        );
        assert!(
            (0.1..0.3).contains(&thicker.totals.error),
            "1.96 * sqrt(127/128 / 156) is 0.16: {thicker:?}"
        );
        assert!(is_within_bounds(&thicker.totals, RECIPIENTS), "{:?}", thicker.totals);

        let series: i64 = writer.query_row("SELECT id FROM series", [], |row| row.get(0)).unwrap();
        let on_level = |level| {
            let mut seen = BTreeSet::new();
            each_event(&writer, (series, level), i64::MAX, &range, |_, recipient| seen.extend(recipient))
                .unwrap();
            seen
        };
        let levels: Vec<BTreeSet<i64>> = (0..=THINNING_LEVEL_MAX).map(on_level).collect();
        assert_eq!(levels[0].len() as u64, RECIPIENTS);
        for (level, pair) in levels.windows(2).enumerate() {
            assert!(pair[1].is_subset(&pair[0]) && pair[1].len() < pair[0].len(), "level {level}");
        }
        assert_eq!(sampled.totals.unique_recipients, levels[4].len() as u64 * 16);
    }
}
