//! The log in the order of appending, for consumers.
//!
//! Transactions commit in another order than that in which they take their places, so a reader goes no further than
//! `log_end()`, a place before which nothing will ever be inserted. It is asked for in a statement of its own, before the
//! events are read: whoever had ended by then is seen by the next statement's snapshot.

use angaros_domain::TenantId;
use angaros_domain::event::Event;
use angaros_store::{FeedPage, Position};

use crate::error::Run;
use crate::row::{self, get};
use crate::session::Session;
use crate::values::values;

/// Rows that one page looks at: bounds the time of a page in which other tenants' events are passed over.
const LOOKED_AT_MAX: i64 = 10_000;

pub(crate) async fn feed(
    session: &Session<'_>,
    tenant: TenantId,
    after: Position,
    limit: usize,
) -> Run<FeedPage> {
    let Position(end) = end(session).await?;
    if end <= after.0 {
        return Ok(FeedPage { events: Vec::new(), next: after });
    }
    let sql = "SELECT max(position), count(*) FROM (SELECT position FROM events
        WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3) AS seen";
    let seen = session.row(sql, values![after.0, end, LOOKED_AT_MAX]).await?;
    let seen: Option<i64> = match seen {
        // Only some of what is there was looked at.
        Some(row) if get::<i64>(&row, 1)? == LOOKED_AT_MAX => get(&row, 0)?,
        // Places without an event stay so.
        _ => None,
    };
    let seen = seen.unwrap_or(end);
    let (columns, tables) = (row::EVENT, row::EVENT_TABLES);
    let sql = format!(
        "SELECT {columns}, e.position FROM {tables} WHERE e.position > $1 AND e.position <= $2 AND e.tenant = $3
         ORDER BY e.position LIMIT $4"
    );
    let rows = session.rows(&sql, values![after.0, seen, tenant.0, row::limit(limit)]).await?;
    let events: Vec<(Position, Event)> =
        row::all(&rows, |row| Ok((Position(get(row, row::EVENT_COLUMNS)?), row::event(row)?)))?;
    let next = match events.last() {
        Some((last, _)) if events.len() == limit => *last,
        _ => Position(seen),
    };
    Ok(FeedPage { events, next })
}

/// Where the log ends for now: everything that will be committed lies behind it.
pub(crate) async fn end(session: &Session<'_>) -> Run<Position> {
    let end = session.row("SELECT log_end()", values![]).await?;
    Ok(Position(end.map(|row| get(&row, 0)).transpose()?.unwrap_or(0)))
}

/// The last place that was given out to anybody.
pub(crate) async fn reach(session: &Session<'_>) -> Run<Position> {
    let last = session.row("SELECT last_value FROM log_positions", values![]).await?;
    Ok(Position(last.map(|row| get(&row, 0)).transpose()?.unwrap_or(0)))
}
