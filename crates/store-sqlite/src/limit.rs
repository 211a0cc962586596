//! The limit of the engine: rows that are known to be new, inserted in bulk, and nothing else.
//!
//! What the service achieves is held against this: the same writer, tables and settings, without requests, checks,
//! decisions, or anybody who waits for an answer.

use angaros_store::{Reported, Result};

use crate::SqliteStore;
use crate::error::SqliteResult;
use crate::log::Log;

/// Inserts events in one transaction. Their keys must be new: one that is not is an error, and nothing is stored.
pub async fn insert(store: &SqliteStore, rows: Vec<Reported>) -> Result<()> {
    let insert = move |connection: &rusqlite::Connection| {
        let mut log = Log::new(connection)?;
        let mut keys = Vec::with_capacity(rows.len());
        for row in &rows {
            keys.push([row.key.0, log.append(&row.event)?.place()]);
        }
        log.finish()?;
        keys.sort_unstable();
        let mut statement = connection.prepare_cached("INSERT INTO event_keys VALUES (?1, ?2)").stored()?;
        for key in keys {
            statement.execute(key).stored()?;
        }
        Ok(())
    };
    store.writer.run_patiently(insert).await
}
