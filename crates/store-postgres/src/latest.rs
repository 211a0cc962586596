//! Events with the latest first: of the whole log as it was appended, and of a few series as they happened.

use angaros_domain::event::{Event, THINNING_LEVEL_MAX};
use angaros_domain::{EventId, TenantId, Timestamp};
use angaros_store::{EventFilter, LATEST_LOOKED_AT_MAX, LatestEvents, PageRequest, Position, SeriesFilter};

use crate::error::Run;
use crate::row::{self, get};
use crate::session::Session;
use crate::text::Text;
use crate::values::{Value, value, values};
use crate::{feed, series};

pub(crate) async fn latest_events(
    session: &Session<'_>,
    tenant: TenantId,
    filter: &EventFilter,
    before: Option<Position>,
    limit: usize,
) -> Run<LatestEvents> {
    let before = match before {
        Some(Position(before)) => before,
        // What is committed late stands before it, too: who looks at the latest sees all that is there.
        None => feed::reach(session).await?.0.saturating_add(1),
    };
    let lowest = before.saturating_sub(LATEST_LOOKED_AT_MAX).max(1);
    let (sql, values) = latest_query(tenant, filter, (lowest, before), limit);
    let rows = session.rows(&sql, values).await?;
    let found: Vec<(Position, Event)> =
        row::all(&rows, |row| Ok((Position(get(row, row::EVENT_COLUMNS)?), row::event(row)?)))?;
    let next = match found.last() {
        Some((last, _)) if found.len() == limit => *last,
        _ => Position(lowest),
    };
    let events = found.into_iter().map(|(_, event)| event).collect();
    Ok(LatestEvents { events, next: (next.0 > 1).then_some(next) })
}

fn latest_query(
    tenant: TenantId,
    filter: &EventFilter,
    (lowest, before): (i64, i64),
    limit: usize,
) -> (String, Vec<Value<'_>>) {
    let (columns, tables) = (row::EVENT, row::EVENT_TABLES);
    let mut sql = format!(
        "SELECT {columns}, e.position FROM {tables} WHERE e.position >= $1 AND e.position < $2 AND e.tenant = $3"
    );
    let mut values: Vec<Value<'_>> = values![lowest, before, tenant.0];
    let SeriesFilter { event_name, channel, campaign_id, provider } = &filter.series;
    let [name, channel, campaign_id, provider] =
        [event_name, channel, campaign_id, provider].map(|one| one.as_deref().map(Text).map(value));
    let optional = [
        (" AND s.name = ", name),
        (" AND nullif(s.channel, '') = ", channel),
        (" AND nullif(s.campaign_id, '') = ", campaign_id),
        (" AND s.provider = ", provider),
        (" AND e.occurred_at >= ", row::millis(filter.from).map(value)),
        (" AND e.occurred_at <= ", row::millis(filter.to).map(value)),
    ];
    for (before, asked) in optional {
        let Some(asked) = asked else { continue };
        values.push(asked);
        sql.push_str(&format!("{before}${}", values.len()));
    }
    values.push(value(row::limit(limit)));
    sql.push_str(&format!(" ORDER BY e.position DESC LIMIT ${}", values.len()));
    (sql, values)
}

pub(crate) async fn series_timeline(
    session: &Session<'_>,
    tenant: TenantId,
    filter: &EventFilter,
    page: &PageRequest<(Timestamp, EventId)>,
) -> Run<Vec<Event>> {
    let series: Vec<i32> =
        series::matching(session, tenant, &filter.series).await?.iter().map(|one| one.id).collect();
    let (sql, values) = series_query(series, filter, page);
    row::all(&session.rows(&sql, values).await?, row::event)
}

fn series_query<'q>(
    series: Vec<i32>,
    filter: &EventFilter,
    page: &PageRequest<(Timestamp, EventId)>,
) -> (String, Vec<Value<'q>>) {
    let latest = filter.to.unwrap_or(Timestamp::MAX);
    let earliest = filter.from.unwrap_or(Timestamp::MIN);
    // The order of ids is that of positions.
    let after = page.after.map(|(at, id)| (at, id.place())).filter(|(at, _)| *at <= latest);
    let (at, position) = after.unwrap_or((latest, i64::MAX));
    let (columns, limit) = (row::EVENT, row::limit(page.limit));
    // The bound on the time alone is what the index is entered with; the pair decides about the rest.
    let sql = format!(
        "SELECT {columns} FROM unnest($1) AS u (series) CROSS JOIN generate_series(0, {THINNING_LEVEL_MAX}) AS l (level)
         CROSS JOIN LATERAL (
            SELECT * FROM events AS w
            WHERE w.series = u.series AND w.level = l.level::smallint AND w.occurred_at >= $2 AND w.occurred_at <= $3
                AND (w.occurred_at, w.position) < ($3, $4)
            ORDER BY w.occurred_at DESC, w.position DESC LIMIT $5
         ) AS e JOIN series AS s ON s.id = e.series
         ORDER BY e.occurred_at DESC, e.position DESC LIMIT $5"
    );
    (sql, values![series, earliest.as_millis(), at.as_millis(), position, limit])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::Bench;

    fn filter() -> EventFilter {
        let text = || Some("some".to_owned());
        let series =
            SeriesFilter { event_name: text(), channel: text(), campaign_id: text(), provider: text() };
        EventFilter { series, from: Some(Timestamp::MIN), to: Some(Timestamp::MAX) }
    }

    #[tokio::test]
    async fn the_latest_of_the_log_are_a_walk_along_its_places() {
        let bench = Bench::new().await;
        let filter = filter();
        let (sql, values) = latest_query(TenantId::DEFAULT, &filter, (1, 9), 50);
        bench.walks("events_default_position_idx", &sql, values).await;
    }

    /// What a page of each level of each series needs is sorted, and nothing else is read.
    #[tokio::test]
    async fn the_latest_of_a_series_are_found_by_their_time() {
        let bench = Bench::new().await;
        let page = PageRequest { limit: 50, after: Some((Timestamp::MAX, EventId(uuid::Uuid::nil()))) };
        let (sql, values) = series_query(vec![1, 2], &filter(), &page);
        let plan = bench.plan(&sql, values).await;
        assert!(plan.contains(" events_default_series_level_occurred_at_idx on "), "{plan}");
        assert!(!plan.contains("Seq Scan"), "{plan}");
    }
}
