//! Metrics of events: counts from whole quarters of hours and, at the edges of a range, from the events themselves;
//! unique recipients from the thinned events of the series.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use angaros_domain::event::THINNING_LEVEL_MAX;
use angaros_domain::sample::{SAMPLED_AGAIN, SAMPLED_MAX, SAMPLED_MIN, estimate, sample_level};
use angaros_domain::{TenantId, Timestamp};
use angaros_store::{EventMetrics, Group, Grouping, MetricsQuery, Tally};

use crate::counts::{QUARTER_MILLIS, quarter_of};
use crate::error::Run;
use crate::row::{self, get};
use crate::series::{self, Matching};
use crate::session::Session;
use crate::values::values;

pub(crate) async fn metrics(
    session: &Session<'_>,
    tenant: TenantId,
    query: &MetricsQuery,
) -> Run<EventMetrics> {
    metrics_sampled(session, tenant, query, SAMPLED_MAX).await
}

/// The metrics, with unique recipients counted from about so many events at most.
pub(crate) async fn metrics_sampled(
    session: &Session<'_>,
    tenant: TenantId,
    query: &MetricsQuery,
    sampled_max: u64,
) -> Run<EventMetrics> {
    if query.range.start >= query.range.end {
        return Ok(EventMetrics::default());
    }
    session.uncompiled().await?;
    let series = series::matching(session, tenant, &query.filter).await?;
    let groups = Groups::of(query, &series);
    let (counts, active) = groups.counts(session).await?;
    let total: u64 = counts.iter().sum();
    let mut level = sample_level(total, sampled_max);
    let lowest = sample_level(total, sampled_max.saturating_mul(SAMPLED_AGAIN));
    let (per_group, in_all) = loop {
        let (per_group, in_all) = groups.uniques(session, &active, level).await?;
        if level == lowest || in_all >= SAMPLED_MIN {
            break (per_group, in_all);
        }
        // Few recipients have many events: they need a thicker sample.
        level = level.saturating_sub(2).max(lowest);
    };
    let tally = |count: u64, seen: usize| {
        let (unique_recipients, error) = estimate(level, count, seen);
        Tally { count, unique_recipients, error }
    };
    let tallies = groups.keys.into_iter().zip(counts).zip(per_group).filter(|((_, count), _)| *count > 0);
    let groups = match query.grouping {
        Grouping::Whole => Vec::new(),
        _ => tallies.map(|((key, count), seen)| (key, tally(count, seen))).collect(),
    };
    Ok(EventMetrics { totals: tally(total, in_all), groups })
}

/// Into which group events belong.
struct Groups {
    range: Range<i64>,
    keys: Vec<Group>,
    /// The series, and the group of each, unless spans are the groups.
    series: Vec<i32>,
    of_series: Vec<i32>,
    /// Starts of spans; a single one, before everything, unless they are the groups.
    starts: Vec<i64>,
}

impl Groups {
    fn of(query: &MetricsQuery, series: &[Matching]) -> Groups {
        let range = query.range.start.as_millis()..query.range.end.as_millis();
        let ids = series.iter().map(|one| one.id).collect();
        if let Grouping::Spans(starts) = &query.grouping {
            let keys = (0..starts.len()).map(Group::Span).collect();
            let starts = starts.iter().map(|start| start.as_millis()).collect();
            return Groups { range, keys, series: ids, of_series: vec![0; series.len()], starts };
        }
        let text = |one: &Matching| match query.grouping {
            Grouping::Name => Some(one.name.clone()),
            Grouping::Channel => one.channel.clone(),
            Grouping::Campaign => one.campaign_id.clone(),
            Grouping::Whole | Grouping::Spans(_) => None,
        };
        let texts: BTreeSet<Option<String>> = series.iter().map(text).collect();
        // There are never more than series, whose numbers are of that width.
        let numbers: BTreeMap<Option<String>, i32> = texts.iter().cloned().zip(0..).collect();
        let of_series = series.iter().map(|one| numbers[&text(one)]).collect();
        let keys = texts.into_iter().map(Group::Text).collect();
        Groups { range, keys, series: ids, of_series, starts: vec![i64::MIN] }
    }

    /// The quarters of hours through which the edge of a span runs: their events tell.
    fn edges(&self) -> BTreeSet<i64> {
        let bounds = self.starts.iter().chain([&self.range.start, &self.range.end]);
        let within = bounds.filter(|at| (self.range.start..=self.range.end).contains(at));
        within.filter(|at| **at % QUARTER_MILLIS != 0).map(|at| at / QUARTER_MILLIS).collect()
    }

    /// How many events each group has, and which series have any.
    async fn counts(&self, session: &Session<'_>) -> Run<(Vec<u64>, Vec<i32>)> {
        let edges: Vec<i32> = self.edges().into_iter().map(|quarter| quarter as i32).collect();
        let first = quarter_of(Timestamp::from_millis(self.range.start)) as i32;
        let last = quarter_of(Timestamp::from_millis(self.range.end - 1)) as i32;
        let sql = "SELECT u.number, width_bucket(c.quarter::bigint * $6, $5) - 1, c.series, sum(c.n)::bigint
            FROM unnest($1, $2) AS u (series, number) JOIN event_counts AS c ON c.series = u.series
            WHERE c.quarter BETWEEN $3 AND $4 AND c.quarter <> ALL ($7) GROUP BY 1, 2, 3";
        let (series, of_series) = (&self.series, &self.of_series);
        let whole = values![series, of_series, first, last, &self.starts, QUARTER_MILLIS, &edges];
        let mut rows = session.rows(sql, whole).await?;
        if !edges.is_empty() {
            let spans = edges.iter().map(|quarter| {
                let start = i64::from(*quarter) * QUARTER_MILLIS;
                (start.max(self.range.start), (start + QUARTER_MILLIS).min(self.range.end))
            });
            let (from, to): (Vec<i64>, Vec<i64>) = spans.unzip();
            let edges = values![series, of_series, edges, from, to, &self.starts];
            rows.extend(session.rows(&edges_sql(), edges).await?);
        }
        let mut counts = vec![0; self.keys.len()];
        let mut active = BTreeSet::new();
        for row in &rows {
            let (group, n) = (self.group(get(row, 0)?, get(row, 1)?), row::number(row, 3)?);
            if let Some(count) = group.and_then(|group| counts.get_mut(group)) {
                *count += n;
                active.insert(get(row, 2)?);
            }
        }
        Ok((counts, active.into_iter().collect()))
    }

    /// The group of what is in a series' group and in a span.
    fn group(&self, of_series: i32, span: i32) -> Option<usize> {
        let by_span = matches!(self.keys.first(), Some(Group::Span(_)));
        usize::try_from(if by_span { span } else { of_series }).ok()
    }

    /// How many different recipients of a level and above each group has, and all together.
    async fn uniques(&self, session: &Session<'_>, active: &[i32], level: u32) -> Run<(Vec<usize>, usize)> {
        let numbers: HashMap<i32, i32> =
            self.series.iter().copied().zip(self.of_series.iter().copied()).collect();
        let of_series: Vec<i32> =
            active.iter().map(|series| numbers.get(series).copied().unwrap_or(0)).collect();
        let by_span = matches!(self.keys.first(), Some(Group::Span(_)));
        let (from, to) = (self.range.start, self.range.end);
        let values = values![active.to_vec(), of_series, from, to, &self.starts];
        let rows = session.rows(&uniques_sql(by_span, level), values).await?;
        let (mut per_group, mut in_all) = (vec![0; self.keys.len()], 0);
        for row in &rows {
            // Never more than were looked at.
            let seen = row::number(row, 1)? as usize;
            match get::<Option<i32>>(row, 0)? {
                None => in_all = seen,
                Some(group) => {
                    let place = usize::try_from(group).ok().and_then(|group| per_group.get_mut(group));
                    place.into_iter().for_each(|place| *place = seen);
                }
            }
        }
        Ok((per_group, in_all))
    }
}

/// The events of series in the quarters of hours that are told by them, where there are any.
fn edges_sql() -> String {
    let occurred = series::occurred("u.series", "q.start", "q.stop");
    format!(
        "SELECT u.number, width_bucket(e.occurred_at, $6) - 1, u.series, count(*)
         FROM unnest($1, $2) AS u (series, number) CROSS JOIN unnest($3, $4, $5) AS q (quarter, start, stop)
         CROSS JOIN LATERAL (SELECT FROM event_counts AS c
            WHERE c.series = u.series AND c.quarter = q.quarter LIMIT 1) AS counted
         CROSS JOIN generate_series(0, {THINNING_LEVEL_MAX}) AS l (level) CROSS JOIN LATERAL {occurred} AS e
         GROUP BY 1, 2, 3"
    )
}

/// The different recipients of levels from one on, of each group and of all together.
fn uniques_sql(by_span: bool, level: u32) -> String {
    let group = if by_span { "width_bucket(e.occurred_at, $5) - 1" } else { "u.number" };
    let occurred = series::occurred("u.series", "$3", "$4");
    format!(
        "SELECT s.number, count(DISTINCT s.recipient_key) FROM (
            SELECT {group} AS number, e.recipient_key FROM unnest($1, $2) AS u (series, number)
            CROSS JOIN generate_series({level}, {THINNING_LEVEL_MAX}) AS l (level) CROSS JOIN LATERAL {occurred} AS e
            WHERE e.recipient_key IS NOT NULL) AS s
         GROUP BY GROUPING SETS ((s.number), ())"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::{Bench, GREAT_SERIES_AT};

    #[tokio::test]
    async fn of_a_series_with_a_long_history_only_the_range_is_read() {
        let bench = Bench::with_a_great_series().await;
        let (from, to) = (GREAT_SERIES_AT + 1_000, GREAT_SERIES_AT + 2_000);
        let (series, groups) = (vec![1i32, 2, 3], vec![0i32; 3]);
        let edges = values![
            &series,
            &groups,
            vec![(from / QUARTER_MILLIS) as i32],
            vec![from],
            vec![to],
            vec![i64::MIN]
        ];
        bench.reads_ranges_of_series(&edges_sql(), edges).await;
        for by_span in [false, true] {
            let uniques = values![&series, &groups, from, to, vec![i64::MIN]];
            bench.reads_ranges_of_series(&uniques_sql(by_span, 4), uniques).await;
        }
    }
}
