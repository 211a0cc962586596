//! Checkpoints: moving the write-ahead log into the database, beside the writer instead of in its way.
//!
//! A PASSIVE checkpoint never blocks anyone, but under constant writes it may never catch up. So the writer itself
//! runs a TRUNCATE checkpoint when the log has grown to several times the threshold: a pause now and then, and a bound
//! on the file.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use angaros_domain::metric;
use angaros_store::{Result, StoreError};
use rusqlite::Connection;

use crate::connection;

/// How many times the threshold the log may grow before the writer stops to empty it.
const HARD_FACTOR: u32 = 4;

/// The handle of the checkpointing thread.
pub(crate) struct Checkpointer {
    threshold: u32,
    /// Pages in the log after the last commit, as the writer's hook saw them.
    pages: Arc<AtomicU32>,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread on a connection of its own.
    pub(crate) fn start(path: &Path, threshold: u32, pages: Arc<AtomicU32>) -> Result<Checkpointer> {
        let connection = connection::open_writer(path)?;
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("angaros-checkpoint".into())
            .spawn(move || checkpoint_when_woken(&connection, &woken))
            .map_err(|error| StoreError::Unavailable(format!("cannot start the checkpointer: {error}")))?;
        Ok(Checkpointer { threshold, pages, wake: Some(wake), thread: Some(thread) })
    }

    /// Called by the writer after each commit: wakes the thread, or empties the log if it is far behind.
    pub(crate) fn after_commit(&self, writer: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        metrics::gauge!(metric::STORE_WAL_PAGES).set(f64::from(pages));
        if pages >= self.threshold.saturating_mul(HARD_FACTOR) {
            checkpoint(writer, "PRAGMA wal_checkpoint(TRUNCATE)");
            self.pages.store(0, Ordering::Relaxed);
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
        checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)");
    }
}

fn checkpoint(connection: &Connection, pragma: &str) {
    if let Err(error) = connection.query_row(pragma, [], |_| Ok(())) {
        tracing::warn!(%error, "a checkpoint failed; it is tried again after the next commit");
    }
}
