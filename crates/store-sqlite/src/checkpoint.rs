//! Checkpoints: moving the write-ahead log into the database, beside the writer instead of in its way.
//!
//! A PASSIVE checkpoint never blocks anyone, but under constant writes it may never catch up. So the writer itself
//! runs a TRUNCATE checkpoint when the log has grown to several times the threshold: a pause now and then, and a bound
//! on the file.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use angaros_domain::metric;
use angaros_store::{Result, StoreError};
use rusqlite::Connection;

use crate::error::SqliteResult;
use crate::{Options, connection};

/// How many times the threshold the log may grow before the writer stops to empty it.
const HARD_FACTOR: u32 = 4;

/// The handle of the checkpointing thread.
pub(crate) struct Checkpointer {
    threshold: u32,
    /// At how many pages the writer stops to empty the log.
    empty_at: Cell<u32>,
    /// Pages in the log after the last commit, as the writer's hook saw them.
    pages: Arc<AtomicU32>,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts checkpointing beside a writing connection.
pub(crate) fn of_writer(connection: &mut Connection, path: &Path, options: Options) -> Result<Checkpointer> {
    let pages = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&pages);
    connection
        .wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, count: i32| {
            // Called for commits that wrote something, and for no others.
            metrics::counter!(metric::STORE_COMMITS).increment(1);
            seen.store(count.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        }))
        .stored()?;
    Checkpointer::start(path, options.checkpoint_pages, pages)
}

impl Checkpointer {
    /// Starts the thread on a connection of its own.
    fn start(path: &Path, threshold: u32, pages: Arc<AtomicU32>) -> Result<Checkpointer> {
        let connection = connection::open_writer(path)?;
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("angaros-checkpoint".into())
            .spawn(move || checkpoint_when_woken(&connection, &woken))
            .map_err(|error| StoreError::Unavailable(format!("cannot start the checkpointer: {error}")))?;
        let empty_at = Cell::new(threshold.saturating_mul(HARD_FACTOR));
        Ok(Checkpointer { threshold, empty_at, pages, wake: Some(wake), thread: Some(thread) })
    }

    /// Called by the writer after each commit: wakes the thread, or empties the log if it is far behind.
    pub(crate) fn after_commit(&self, writer: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        metrics::gauge!(metric::STORE_WAL_PAGES).set(f64::from(pages));
        if pages >= self.empty_at.get() {
            // While a reader holds an old snapshot nothing can be emptied. Then it is tried again only after another
            // stretch of growth, so that no commit waits for that reader.
            let emptied = empty(writer);
            let next = if emptied { 0 } else { pages };
            self.empty_at.set(next.saturating_add(self.threshold.saturating_mul(HARD_FACTOR)));
        } else if pages >= self.threshold
            && let Some(wake) = &self.wake
        {
            // A full channel means that it is awake already.
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn checkpoint_when_woken(connection: &Connection, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            tracing::warn!(%error, "a checkpoint failed; it is tried again after the next commit");
        }
    }
}

/// Empties the log without waiting for anyone; whether that was possible.
fn empty(writer: &Connection) -> bool {
    let emptied = writer
        .busy_timeout(Duration::ZERO)
        .and_then(|()| writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)))
        .map(|busy| busy == 0);
    if let Err(error) = writer.busy_timeout(connection::BUSY_TIMEOUT) {
        tracing::error!(%error, "the time-out for locks could not be set again");
    }
    match emptied {
        Ok(true) => true,
        Ok(false) => {
            tracing::warn!("the write-ahead log cannot be emptied: another process reads an old snapshot");
            false
        }
        Err(error) => {
            tracing::warn!(%error, "the write-ahead log could not be emptied");
            false
        }
    }
}
