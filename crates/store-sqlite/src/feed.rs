//! The log in the order of appending, for consumers.
//!
//! There is one writer, so the order of positions is the order of commits: whatever a reader sees ends at a place
//! behind which nothing will ever be inserted. No watermark is needed.

use angaros_domain::TenantId;
use angaros_domain::event::Event;
use angaros_store::{FeedPage, Position, Result};
use rusqlite::{Connection, params};

use crate::error::SqliteResult;
use crate::row;

/// Rows that one page looks at: bounds the time of a page in which other tenants' events are passed over.
const LOOKED_AT_MAX: i64 = 10_000;

pub(crate) fn feed(
    connection: &Connection,
    tenant: TenantId,
    after: Position,
    limit: usize,
) -> Result<FeedPage> {
    let sql = "SELECT max(position) FROM (SELECT position FROM events WHERE position > ?1 ORDER BY position LIMIT ?2)";
    let seen: Option<i64> = connection
        .prepare_cached(sql)
        .stored()?
        .query_row(params![after.0, LOOKED_AT_MAX], |row| row.get(0))
        .stored()?;
    let Some(seen) = seen else { return Ok(FeedPage { events: Vec::new(), next: after }) };

    let (columns, tables) = (row::EVENT, row::EVENT_TABLES);
    let sql = format!(
        "SELECT {columns}, e.position FROM {tables}
         WHERE e.position > ?1 AND e.position <= ?2 AND e.tenant = ?3 ORDER BY e.position LIMIT ?4"
    );
    let mut statement = connection.prepare_cached(&sql).stored()?;
    let limit_rows = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement
        .query_map(params![after.0, seen, tenant.0, limit_rows], |row| {
            Ok((Position(row.get(row::EVENT_COLUMNS)?), row::event(row)?))
        })
        .stored()?;
    let events: Vec<(Position, Event)> = rows.collect::<rusqlite::Result<_>>().stored()?;
    let next = match events.last() {
        Some((last, _)) if events.len() == limit => *last,
        _ => Position(seen),
    };
    Ok(FeedPage { events, next })
}

/// Where the log ends.
pub(crate) fn end(connection: &Connection) -> Result<Position> {
    let sql = "SELECT ifnull(max(position), 0) FROM events";
    let mut statement = connection.prepare_cached(sql).stored()?;
    statement.query_row([], |row| row.get(0).map(Position)).stored()
}
