//! Events with the latest first: of the whole log as it was appended, and of a few series as they happened.

use std::cmp::Reverse;
use std::collections::HashSet;

use angaros_domain::event::{Event, THINNING_LEVEL_MAX};
use angaros_domain::{EventId, TenantId, Timestamp};
use angaros_store::{
    EventFilter, LATEST_LOOKED_AT_MAX, LatestEvents, PageRequest, Position, Result, SeriesFilter,
};
use rusqlite::{Connection, ToSql, params, params_from_iter};

use crate::error::SqliteResult;
use crate::tail::{Entry, Session};
use crate::{feed, row, series};

pub(crate) fn latest_events(
    connection: &Connection,
    tenant: TenantId,
    filter: &EventFilter,
    before: Option<Position>,
    limit: usize,
) -> Result<LatestEvents> {
    let before = match before {
        Some(Position(before)) => before,
        None => feed::end(connection)?.0.saturating_add(1),
    };
    let lowest = before.saturating_sub(LATEST_LOOKED_AT_MAX).max(1);
    let (sql, values) = latest_query(tenant, filter, (lowest, before), limit);
    let mut statement = connection.prepare_cached(&sql).stored()?;
    let rows = statement
        .query_map(params_from_iter(values), |row| {
            Ok((Position(row.get(row::EVENT_COLUMNS)?), row::event(row)?))
        })
        .stored()?;
    let found: Vec<(Position, Event)> = rows.collect::<rusqlite::Result<_>>().stored()?;
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
) -> (String, Vec<Box<dyn ToSql>>) {
    let (columns, tables) = (row::EVENT, row::EVENT_TABLES);
    let mut sql = format!(
        "SELECT {columns}, e.position FROM {tables} WHERE e.position >= ? AND e.position < ? AND e.tenant = ?"
    );
    let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(lowest), Box::new(before), Box::new(tenant.0)];
    let SeriesFilter { event_name, channel, campaign_id, provider } = filter.series.clone();
    for (condition, value) in [
        (" AND s.name = ?", event_name),
        (" AND nullif(s.channel, '') = ?", channel),
        (" AND nullif(s.campaign_id, '') = ?", campaign_id),
        (" AND s.provider = ?", provider),
    ] {
        if let Some(value) = value {
            sql.push_str(condition);
            values.push(Box::new(value));
        }
    }
    for (condition, at) in [(" AND e.occurred_at >= ?", filter.from), (" AND e.occurred_at <= ?", filter.to)]
    {
        if let Some(at) = at {
            sql.push_str(condition);
            values.push(Box::new(at.as_millis()));
        }
    }
    sql.push_str(" ORDER BY e.position DESC LIMIT ?");
    values.push(Box::new(i64::try_from(limit).unwrap_or(i64::MAX)));
    (sql, values)
}

/// Where an event stands in the order in which events happened.
type Place = (Timestamp, i64);

pub(crate) fn series_timeline(
    session: &Session<'_>,
    tenant: TenantId,
    filter: &EventFilter,
    page: &PageRequest<(Timestamp, EventId)>,
) -> Result<Vec<Event>> {
    let series: HashSet<i64> =
        series::matching(session, tenant, &filter.series)?.iter().map(|one| one.id).collect();
    // The order of ids is that of positions.
    let after: Option<Place> = page.after.map(|(at, id)| (at, id.place()));
    let is_wanted = |entry: &Entry| {
        series.contains(&entry.series)
            && filter.from.is_none_or(|from| entry.occurred_at >= from)
            && filter.to.is_none_or(|to| entry.occurred_at <= to)
            && after.is_none_or(|after| (entry.occurred_at, entry.position) < after)
    };
    let (folded, tail) = session.tail(is_wanted)?;
    let mut places: Vec<Place> = tail.iter().map(|entry| (entry.occurred_at, entry.position)).collect();
    let latest = filter.to.unwrap_or(Timestamp::MAX);
    let (at, position) = after.filter(|(at, _)| *at <= latest).unwrap_or((latest, i64::MAX));
    let earliest = filter.from.unwrap_or(Timestamp::MIN).as_millis();
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
    let mut statement = session.prepare_cached(SERIES_SQL).stored()?;
    for one in series {
        for level in 0..=THINNING_LEVEL_MAX {
            let values = params![one, level, earliest, at.as_millis(), position, folded, limit];
            let rows = statement
                .query_map(values, |row| Ok((Timestamp::from_millis(row.get(0)?), row.get(1)?)))
                .stored()?;
            for place in rows {
                places.push(place.stored()?);
            }
        }
    }
    places.sort_unstable_by_key(|place| Reverse(*place));
    places.truncate(page.limit);
    let (columns, tables) = (row::EVENT, row::EVENT_TABLES);
    let sql = format!("SELECT {columns} FROM {tables} WHERE e.position = ?1");
    let mut statement = session.prepare_cached(&sql).stored()?;
    places.into_iter().map(|(_, position)| statement.query_row([position], row::event).stored()).collect()
}

/// The latest of one level of a series, between two times.
const SERIES_SQL: &str = "SELECT occurred_at, position FROM series_events
    WHERE series = ?1 AND level = ?2 AND occurred_at >= ?3 AND (occurred_at, position) < (?4, ?5) AND position <= ?6
    ORDER BY occurred_at DESC, position DESC LIMIT ?7";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{connection, migrate};

    fn plan(sql: &str, values: Vec<Box<dyn ToSql>>) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = connection::open_writer(&folder.path().join("a.db")).unwrap();
        migrate::up(&mut writer).unwrap();
        let mut statement = writer.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let rows = statement.query_map(params_from_iter(values), |row| row.get(3)).unwrap();
        rows.map(std::result::Result::unwrap).collect()
    }

    /// Both are walks along the table they are in: no scan, no sorting, whatever the filter.
    #[test]
    fn the_latest_are_served_in_their_own_order() {
        let text = || Some("some".to_owned());
        let series =
            SeriesFilter { event_name: text(), channel: text(), campaign_id: text(), provider: text() };
        let filter = EventFilter { series, from: Some(Timestamp::MIN), to: Some(Timestamp::MAX) };
        let (sql, values) = latest_query(TenantId::DEFAULT, &filter, (1, 9), 50);
        let log = plan(&sql, values);
        assert_eq!(log.len(), 2, "{log:?}");
        assert!(log[0].starts_with("SEARCH e USING INTEGER PRIMARY KEY"), "{log:?}");
        assert!(log[1].starts_with("SEARCH s USING INTEGER PRIMARY KEY"), "{log:?}");

        let values = (0..7).map(|_| Box::new(1) as Box<dyn ToSql>).collect();
        let one = plan(SERIES_SQL, values);
        assert_eq!(one.len(), 1, "{one:?}");
        assert!(one[0].starts_with("SEARCH series_events USING PRIMARY KEY"), "{one:?}");
    }
}
