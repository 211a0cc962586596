//! The limit of the engine: rows that are known to be new, inserted in bulk, and nothing else.
//!
//! What the service achieves is held against this: the same tables and settings, without requests, checks,
//! decisions, or anybody who waits for an answer.

use std::path::Path;
use std::time::Duration;

use angaros_clock::Clock;
use angaros_store::{Reported, Result};
use rusqlite::TransactionBehavior;

use crate::error::SqliteResult;
use crate::log::Log;
use crate::tail::{Session, Tail};
use crate::{Options, checkpoint, connection, fold, migrate};

/// Rows of one transaction.
const COMMIT_ROWS: usize = 10_000;

/// Inserts events into a database that nobody has open, 10,000 a transaction, and answers how long the transactions took.
/// It is made if it is missing. Keys must be new.
pub fn insert(path: &Path, clock: &Clock, rows: &[Reported]) -> Result<Duration> {
    connection::assert_version()?;
    let _ownership = connection::own(path)?;
    let mut connection = connection::open_writer(path)?;
    migrate::up(&mut connection)?;
    let checkpointer = checkpoint::of_writer(&mut connection, path, Options::default())?;
    let left = Tail::load(&connection)?.unfolded();
    if !left.is_empty() {
        let transaction = connection.transaction().stored()?;
        fold::all(&transaction, left)?;
        transaction.commit().stored()?;
    }
    let tail = Tail::default();
    let stopwatch = clock.stopwatch();
    for rows in rows.chunks(COMMIT_ROWS) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).stored()?;
        insert_rows(&Session { connection: &transaction, tail: &tail }, rows)?;
        transaction.commit().stored()?;
        checkpointer.after_commit(&connection);
    }
    Ok(stopwatch.elapsed())
}

/// Every row of every table.
fn insert_rows(session: &Session<'_>, rows: &[Reported]) -> Result<()> {
    let mut log = Log::new(session)?;
    for row in rows {
        log.append_with(&row.event, Some(row.key))?;
    }
    fold::all(session, log.into_entries())
}
