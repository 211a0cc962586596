//! The limit of the engine: rows that are known to be new, inserted in bulk, and nothing else.
//!
//! What the service achieves is held against this: the same writer, tables and settings, without requests, checks,
//! decisions, or anybody who waits for an answer.

use std::path::Path;
use std::time::Duration;

use angaros_clock::Clock;
use angaros_store::{Reported, Result};
use rusqlite::Connection;

use crate::error::SqliteResult;
use crate::log::Log;
use crate::{Options, SqliteStore};

/// Rows of one transaction.
const COMMIT_ROWS: usize = 10_000;

/// Inserts events into a database that nobody has open, 10,000 a transaction, and answers how long the transactions took.
/// It is made if it is missing. Keys must be new: one that is not is an error.
pub async fn insert(path: &Path, clock: &Clock, mut rows: Vec<Reported>) -> Result<Duration> {
    let store = SqliteStore::open(path, clock, Options::default())?;
    let mut transactions = Vec::new();
    while !rows.is_empty() {
        let rest = rows.split_off(COMMIT_ROWS.min(rows.len()));
        transactions.push(std::mem::replace(&mut rows, rest));
    }
    let stopwatch = clock.stopwatch();
    for rows in transactions {
        store.writer.run_patiently(move |connection| insert_rows(connection, &rows)).await?;
    }
    Ok(stopwatch.elapsed())
}

fn insert_rows(connection: &Connection, rows: &[Reported]) -> Result<()> {
    let mut log = Log::new(connection)?;
    let mut keys = Vec::with_capacity(rows.len());
    for row in rows {
        keys.push([row.key.0, log.append(&row.event)?.place()]);
    }
    log.finish()?;
    keys.sort_unstable();
    let mut statement = connection.prepare_cached("INSERT INTO event_keys VALUES (?1, ?2)").stored()?;
    for key in keys {
        statement.execute(key).stored()?;
    }
    Ok(())
}
