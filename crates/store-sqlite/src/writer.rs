//! The one writer: a thread that takes every write that waits into one transaction.
//!
//! While a commit is being flushed, whatever arrives queues, and the next commit takes all of it. Nobody waits for a
//! timer, and the number of flushes stays far below the number of writes. Each job runs in a savepoint, so that one
//! that fails leaves no trace and does not touch the others. Answers are sent after the commit, never before.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use angaros_clock::Clock;
use angaros_domain::metric;
use angaros_store::{Result, StoreError};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::Options;
use crate::checkpoint::Checkpointer;
use crate::error::SqliteResult;

/// Jobs that may wait for the writer; each may hold thousands of rows, and more are refused.
const JOBS_MAX: usize = 1024;
/// Jobs that one commit may take, and how long it may gather them: bounds the time of a commit.
const COMMIT_JOBS_MAX: usize = 256;
const COMMIT_MILLIS_MAX: i64 = 100;

/// Runs in a transaction, and says whether it failed and how to answer once the transaction's fate is known. Without a
/// connection there is no transaction to run in; the answer is then that of the failed transaction.
type Job = Box<dyn FnOnce(Option<&Connection>) -> Done + Send>;

struct Done {
    failed: bool,
    answer: Box<dyn FnOnce(std::result::Result<(), String>) + Send>,
}

/// The handle of the writing thread.
pub(crate) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread, and the one that checkpoints beside it.
    pub(crate) fn start(
        mut connection: Connection,
        path: &Path,
        clock: &Clock,
        options: Options,
    ) -> Result<Writer> {
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
        let checkpointer = Checkpointer::start(path, options.checkpoint_pages, pages)?;
        let (jobs, waiting) = mpsc::channel(JOBS_MAX);
        let clock = clock.clone();
        let thread = std::thread::Builder::new()
            .name("angaros-writer".into())
            .spawn(move || write(&connection, waiting, &clock, &checkpointer))
            .map_err(|error| StoreError::Unavailable(format!("cannot start the writer: {error}")))?;
        Ok(Writer { jobs: Some(jobs), thread: Mutex::new(Some(thread)) })
    }

    /// Runs `work` in a transaction and answers when it is durable. An error of `work` undoes only its own writes.
    /// Refuses if too many jobs wait: for calls from outside.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (job, outcome) = job(work);
        self.jobs()?.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => closed(),
        })?;
        outcome.await.unwrap_or_else(|_| Err(closed()))
    }

    /// The same, but waits for room in the queue: for the engine and for coalesced calls, of which there are only a few
    /// at a time, and which calls from outside must not keep from working.
    pub(crate) async fn run_patiently<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (job, outcome) = job(work);
        self.jobs()?.send(job).await.map_err(|_| closed())?;
        outcome.await.unwrap_or_else(|_| Err(closed()))
    }

    fn jobs(&self) -> Result<&mpsc::Sender<Job>> {
        self.jobs.as_ref().ok_or_else(closed)
    }
}

/// Packs work as a job, and says where its outcome will come.
fn job<T, F>(work: F) -> (Job, oneshot::Receiver<Result<T>>)
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> Result<T> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    let job: Job = Box::new(move |connection| {
        let result = match connection {
            Some(connection) => catch_unwind(AssertUnwindSafe(|| work(connection)))
                .unwrap_or_else(|_| Err(StoreError::Internal("a write panicked".into()))),
            None => Err(StoreError::Unavailable("no transaction could be begun".into())),
        };
        let failed = result.is_err();
        let answer = move |committed: std::result::Result<(), String>| {
            // Nobody waits any more: what is stored stays stored.
            drop(sender.send(committed.map_err(StoreError::Unavailable).and(result)));
        };
        Done { failed, answer: Box::new(answer) }
    });
    (job, receiver)
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Closing the queue lets the thread finish what is in it and end.
        self.jobs = None;
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            drop(thread.join());
        }
    }
}

fn write(
    connection: &Connection,
    mut waiting: mpsc::Receiver<Job>,
    clock: &Clock,
    checkpointer: &Checkpointer,
) {
    while let Some(first) = waiting.blocking_recv() {
        let stopwatch = clock.stopwatch();
        let mut done = Vec::new();
        let waiting = &mut waiting;
        // Only what is taken beyond the first job is limited: the wait for another process's lock counts too.
        let more = std::iter::from_fn(|| {
            let in_time = stopwatch.elapsed_millis() <= COMMIT_MILLIS_MAX;
            if in_time { waiting.try_recv().ok() } else { None }
        });
        let committed =
            commit(connection, &mut done, std::iter::once(first).chain(more.take(COMMIT_JOBS_MAX - 1)));
        metrics::histogram!(metric::STORE_COMMIT_SECONDS).record(stopwatch.elapsed().as_secs_f64());
        let outcome = committed.map_err(|error| {
            tracing::error!(%error, "a transaction could not be committed");
            error.to_string()
        });
        for Done { answer, .. } in done {
            answer(outcome.clone());
        }
        checkpointer.after_commit(connection);
    }
}

/// One transaction with every job in it. On an error nothing is stored, and every job is told so.
fn commit(
    connection: &Connection,
    done: &mut Vec<Done>,
    jobs: impl Iterator<Item = Job>,
) -> rusqlite::Result<()> {
    let execute = |sql: &str| connection.prepare_cached(sql)?.execute([]).map(drop);
    let mut failed = execute("BEGIN IMMEDIATE").err();
    for job in jobs {
        if failed.is_none() {
            failed = execute("SAVEPOINT job").err();
        }
        let runs = failed.is_none();
        let result = job(runs.then_some(connection));
        if runs {
            if result.failed {
                failed = failed.or(execute("ROLLBACK TO job").err());
            }
            failed = failed.or(execute("RELEASE job").err());
        }
        done.push(result);
        if failed.is_some() {
            // What still waits gets a transaction of its own.
            break;
        }
    }
    if failed.is_none() {
        failed = execute("COMMIT").err();
    }
    match failed {
        None => Ok(()),
        Some(error) => {
            // A failed transaction may already have been rolled back by SQLite itself.
            if !connection.is_autocommit()
                && let Err(error) = execute("ROLLBACK")
            {
                tracing::error!(%error, "a failed transaction could not be rolled back");
            }
            Err(error)
        }
    }
}
