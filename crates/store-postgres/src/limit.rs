//! The limit of the engine: rows that are known to be new, inserted in bulk, and nothing else.
//!
//! What the service achieves is held against this: the same tables and settings, without requests, checks,
//! decisions, or anybody who waits for an answer.

use std::time::Duration;

use angaros_clock::Clock;
use angaros_store::{Reported, Result};

use crate::error::Run;
use crate::log::Log;
use crate::session::Session;
use crate::store::{Options, PostgresStore, transaction};
use crate::target::Target;

/// Rows of one transaction.
const COMMIT_ROWS: usize = 10_000;

/// Inserts events into a database that nobody else uses, 10,000 a transaction, and answers how long the transactions took.
/// Its schema is made if it is missing. Keys must be new.
///
/// # Errors
/// If the database cannot be reached or refuses, or if a key is not new.
pub async fn insert(target: &Target, clock: &Clock, rows: &[Reported]) -> Result<Duration> {
    let options = Options { statement_millis_max: 0, ..Options::default() };
    let store = PostgresStore::open(target, clock, options).await?;
    store.maintain(clock.now(), None).await?;
    let stopwatch = clock.stopwatch();
    for rows in rows.chunks(COMMIT_ROWS) {
        commit(&store, rows).await?;
    }
    Ok(stopwatch.elapsed())
}

async fn commit(store: &PostgresStore, rows: &[Reported]) -> Result<()> {
    transaction!(store.inner, Write, |c| insert_rows(&c, rows))
}

/// Every row of every table.
async fn insert_rows(session: &Session<'_>, rows: &[Reported]) -> Run<()> {
    let mut log = Log::default();
    for row in rows {
        log.append_with(row.event.clone(), row.key);
    }
    log.finish(session).await.map(drop)
}
