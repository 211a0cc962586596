//! Promoting: what has become due moves into its lane. Costs what is due, never what waits.

use angaros_domain::lifecycle::Change;
use angaros_domain::{Status, Timestamp};
use angaros_store::{Promotion, Result, Transition};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::SqliteResult;
use crate::log::Log;
use crate::tail::Session;
use crate::{claim, enqueue, row};

pub(crate) fn promote(session: &Session<'_>, now: Timestamp, limit: usize) -> Result<Promotion> {
    let connection = session.connection;
    let sql = "SELECT due_at, slot FROM deferred WHERE due_at <= ?1 ORDER BY due_at, slot LIMIT ?2";
    let due: Vec<(i64, i64)> = connection
        .prepare_cached(sql)
        .stored()?
        .query_map(params![now.as_millis(), i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .stored()?
        .collect::<rusqlite::Result<_>>()
        .stored()?;
    let mut log = Log::new(session)?;
    let mut transitions = Vec::new();
    let mut delete =
        connection.prepare_cached("DELETE FROM deferred WHERE due_at = ?1 AND slot = ?2").stored()?;
    let slots: Vec<i64> = due.iter().map(|(_, slot)| *slot).collect();
    for ((due_at, slot), (_, mut notification)) in due.iter().zip(claim::load(connection, &slots)?) {
        delete.execute(params![due_at, slot]).stored()?;
        if notification.status == Status::Pending {
            let events = notification.apply(Change::Promote, now)?;
            row::update_notification(connection, *slot, &notification)?;
            transitions.push(Transition::of(&notification, log.append_all(&events)?));
        }
        enqueue::make_ready(connection, *slot, &notification)?;
    }
    log.finish()?;
    Ok(Promotion { transitions, moved: due.len(), next_due: next_due(connection)? })
}

fn next_due(connection: &Connection) -> Result<Option<Timestamp>> {
    let sql = "SELECT due_at FROM deferred ORDER BY due_at LIMIT 1";
    let found =
        connection.prepare_cached(sql).stored()?.query_row([], |row| row.get(0)).optional().stored()?;
    Ok(found.map(Timestamp::from_millis))
}
