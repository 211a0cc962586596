//! The reading pool: a few connections, each read bounded in time.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use angaros_clock::Clock;
use angaros_store::{Result, StoreError};
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::error::SqliteResult;
use crate::flush::Flushed;
use crate::tail::{Session, Tail};
use crate::{Options, connection};

/// Steps of SQLite's machine between two looks at the clock: well under a millisecond of work.
const STEPS_BETWEEN_LOOKS: i32 = 20_000;

/// A reading connection and when its current read must end, in milliseconds of the clock.
struct Reader {
    connection: Connection,
    deadline: Arc<AtomicI64>,
}

/// A reader that goes back to the pool whatever happens, also when a read panics.
struct Lent {
    reader: Option<Reader>,
    idle: Arc<Mutex<Vec<Reader>>>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(reader) = self.reader.take() {
            if !reader.connection.is_autocommit() {
                // Only after a panic; a connection that cannot even roll back fails its next read and says so.
                drop(reader.connection.execute_batch("ROLLBACK"));
            }
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
        }
    }
}

/// The pool.
#[derive(Clone)]
pub(crate) struct Readers {
    tail: Arc<Tail>,
    flushed: Arc<Flushed>,
    idle: Arc<Mutex<Vec<Reader>>>,
    free: Arc<Semaphore>,
    clock: Clock,
    millis_max: i64,
}

impl Readers {
    /// Opens the connections.
    pub(crate) fn open(
        path: &Path,
        tail: Arc<Tail>,
        flushed: Arc<Flushed>,
        clock: &Clock,
        options: Options,
    ) -> Result<Readers> {
        let mut idle = Vec::with_capacity(options.readers);
        for _ in 0..options.readers {
            let mut connection = connection::open_reader(path)?;
            let deadline = Arc::new(AtomicI64::new(i64::MAX));
            let (now, until) = (clock.clone(), Arc::clone(&deadline));
            let overdue = move || now.now().as_millis() > until.load(Ordering::Relaxed);
            connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(overdue)).stored()?;
            idle.push(Reader { connection, deadline });
        }
        Ok(Readers {
            tail,
            flushed,
            idle: Arc::new(Mutex::new(idle)),
            free: Arc::new(Semaphore::new(options.readers)),
            clock: clock.clone(),
            millis_max: options.read_millis_max,
        })
    }

    /// Runs `work` in one read transaction, so that everything it sees is of one moment, and answers once all of that is on
    /// disk.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Session<'_>) -> Result<T> + Send + 'static,
    {
        let closed = |_| StoreError::Unavailable("the store is closed".into());
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(closed)?;
        let (tail, flushed) = (Arc::clone(&self.tail), Arc::clone(&self.flushed));
        let (idle, deadline) = (Arc::clone(&self.idle), self.clock.now().plus_millis(self.millis_max));
        let reading = tokio::task::spawn_blocking(move || {
            let reader = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let lent = Lent { reader, idle };
            // There are as many permits as connections, so one is there.
            let Some(reader) = &lent.reader else { return Err(StoreError::Busy) };
            reader.deadline.store(deadline.as_millis(), Ordering::Relaxed);
            // Before the transaction, so that what it does not see as folded is in the tail.
            let _pin = tail.pin();
            let session = Session { connection: &reader.connection, tail: &tail };
            let result = in_transaction(&session, work);
            drop(lent);
            drop(permit);
            flushed.wait().and(result)
        });
        reading.await.unwrap_or_else(|_| Err(StoreError::Internal("a read panicked".into())))
    }
}

fn in_transaction<T>(session: &Session<'_>, work: impl FnOnce(&Session<'_>) -> Result<T>) -> Result<T> {
    session.prepare_cached("BEGIN").stored()?.execute([]).stored()?;
    let result = work(session);
    // Nothing was written; ending the transaction only lets go of the snapshot.
    let ended = session.prepare_cached("ROLLBACK").stored()?.execute([]).stored();
    ended.and(result)
}
