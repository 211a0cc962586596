//! The one writer: a thread that takes every write that waits into one transaction.
//!
//! While a transaction is under way, whatever arrives queues, and the next one takes all of it. Nobody waits for a timer, and
//! the number of flushes stays far below the number of writes. A job that fails leaves no trace and does not touch the others.
//! Answers are sent when the commit is on disk (`flush.rs`), never before.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use angaros_clock::Clock;
use angaros_store::{Result, StoreError};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::Options;
use crate::checkpoint::{self, Checkpointer};
use crate::flush::{Answer, Flushed, Flusher};
use crate::fold::Folding;
use crate::tail::{Session, Tail};

/// Jobs that may wait for the writer; each may hold thousands of rows, and more are refused.
const JOBS_MAX: usize = 1024;
/// Jobs that one commit may take, and how long it may gather them: bounds the time of a commit.
const COMMIT_JOBS_MAX: usize = 256;
const COMMIT_MILLIS_MAX: i64 = 100;

/// How long what is left may be folded when the store closes. The next start reads the rest from the log.
const CLOSE_MILLIS_MAX: i64 = 3_000;

/// Runs in a transaction, and says whether it failed and how to answer once the transaction's fate is known. Without a
/// connection there is no transaction to run in; the answer is then that of the failed transaction.
type Job = Box<dyn FnOnce(Option<&Session<'_>>) -> Done + Send>;

struct Done {
    failed: bool,
    answer: Answer,
}

/// The handle of the writing thread.
pub(crate) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread, and those that flush and checkpoint beside it.
    pub(crate) fn start(
        mut connection: Connection,
        tail: Arc<Tail>,
        flushed: Arc<Flushed>,
        path: &Path,
        clock: &Clock,
        options: Options,
    ) -> Result<Writer> {
        let flusher = match options.exclusive {
            true => Flusher::of_writer(&connection, path, flushed)?,
            false => Flusher::of_guest(flushed)?,
        };
        let checkpointer = checkpoint::of_writer(&mut connection, path, options)?;
        let (jobs, waiting) = mpsc::channel(JOBS_MAX);
        let clock = clock.clone();
        let thread = std::thread::Builder::new()
            .name("angaros-writer".into())
            .spawn(move || {
                let session = Session { connection: &connection, tail: &tail };
                let folding = Folding::of(&tail, options.fold_events);
                write(&session, folding, waiting, &clock, &flusher, &checkpointer);
            })
            .map_err(|error| StoreError::Unavailable(format!("cannot start the writer: {error}")))?;
        Ok(Writer { jobs: Some(jobs), thread: Mutex::new(Some(thread)) })
    }

    /// Runs `work` in a transaction and answers when it is durable. An error of `work` undoes only its own writes.
    /// Refuses if too many jobs wait: for calls from outside.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Session<'_>) -> Result<T> + Send + 'static,
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
        F: FnOnce(&Session<'_>) -> Result<T> + Send + 'static,
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
    F: FnOnce(&Session<'_>) -> Result<T> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    let job: Job = Box::new(move |session| {
        let result = match session {
            Some(session) => catch_unwind(AssertUnwindSafe(|| work(session)))
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
    session: &Session<'_>,
    mut folding: Folding,
    mut waiting: mpsc::Receiver<Job>,
    clock: &Clock,
    flusher: &Flusher,
    checkpointer: &Checkpointer,
) {
    let mut closing = None;
    loop {
        // As long as there is something to fold, nobody has to write for the next transaction to begin.
        let is_closed = waiting.is_closed();
        let first = if folding.is_due() { waiting.try_recv().ok() } else { waiting.blocking_recv() };
        if first.is_none() && waiting.is_closed() {
            let closing = closing.get_or_insert_with(|| clock.stopwatch());
            let in_time = closing.elapsed_millis() < CLOSE_MILLIS_MAX;
            if is_closed && !(in_time && folding.begin_last(session.tail)) {
                return;
            }
            if !folding.is_due() {
                continue;
            }
        }
        let stopwatch = clock.stopwatch();
        let mut done = Vec::new();
        let waiting = &mut waiting;
        // Only what is taken beyond the first job is limited: the wait for another process's lock counts too.
        let more = std::iter::from_fn(|| {
            let in_time = stopwatch.elapsed_millis() <= COMMIT_MILLIS_MAX;
            if in_time { waiting.try_recv().ok() } else { None }
        });
        let jobs = first.into_iter().chain(more.take(COMMIT_JOBS_MAX - 1));
        let committed = commit(session, &mut folding, &mut done, jobs, flusher.flushed());
        let outcome = committed.map_err(|error| {
            tracing::error!(%error, "a transaction could not be committed");
            error.to_string()
        });
        // What is only folded nobody waits for, and nobody sees.
        if !done.is_empty() {
            flusher.answer(outcome, done.into_iter().map(|done| done.answer).collect(), stopwatch);
        }
        checkpointer.after_commit(session.connection);
    }
}

/// One transaction with every job in it, and a step of the folding. On an error nothing is stored, and every job is told
/// so.
fn commit(
    session: &Session<'_>,
    folding: &mut Folding,
    done: &mut Vec<Done>,
    jobs: impl Iterator<Item = Job>,
    flushed: &Flushed,
) -> rusqlite::Result<()> {
    let execute = |sql: &str| session.prepare_cached(sql)?.execute([]).map(drop);
    let start = session.tail.mark();
    let mut failed = execute("BEGIN IMMEDIATE").err();
    for (index, job) in jobs.enumerate() {
        // What the first job writes can be undone with the transaction itself, and mostly there is no second one: a
        // savepoint would copy every page that the job changes.
        let is_first = index == 0;
        if failed.is_none() && !is_first {
            failed = execute("SAVEPOINT job").err();
        }
        let runs = failed.is_none();
        let mark = session.tail.mark();
        let result = job(runs.then_some(session));
        if runs && result.failed {
            session.tail.back_to(mark);
            failed = if is_first { begin_anew(session) } else { execute("ROLLBACK TO job") }.err();
        }
        if runs && !is_first {
            failed = failed.or(execute("RELEASE job").err());
        }
        done.push(result);
        if failed.is_some() {
            // What still waits gets a transaction of its own.
            break;
        }
    }
    if failed.is_none() {
        failed = fold(session, folding, start).err();
    }
    if failed.is_none() {
        if !done.is_empty() {
            flushed.begin();
        }
        failed = execute("COMMIT").err();
    }
    match failed {
        None => {
            folding.committed(session.tail);
            Ok(())
        }
        Some(error) => {
            folding.rolled_back(session.tail);
            // A failed transaction may already have been rolled back by SQLite itself.
            if !session.is_autocommit()
                && let Err(error) = execute("ROLLBACK")
            {
                tracing::error!(%error, "a failed transaction could not be rolled back");
            }
            session.tail.back_to(start);
            Err(error)
        }
    }
}

/// Undoes all that the transaction did so far. SQLite itself may have done that.
fn begin_anew(session: &Session<'_>) -> rusqlite::Result<()> {
    if !session.is_autocommit() {
        session.execute("ROLLBACK", [])?;
    }
    session.execute("BEGIN IMMEDIATE", []).map(drop)
}

/// A step of the folding. If it fails, that is nobody's fault who writes: it is undone and begun again later.
fn fold(session: &Session<'_>, folding: &mut Folding, start: i64) -> rusqlite::Result<()> {
    let execute = |sql: &str| session.prepare_cached(sql)?.execute([]).map(drop);
    let appended = usize::try_from(session.tail.mark() - start).unwrap_or(0);
    execute("SAVEPOINT fold")?;
    if let Err(error) = folding.step(session.connection, appended) {
        tracing::error!(%error, "events could not be folded; it is tried again");
        folding.rolled_back(session.tail);
        execute("ROLLBACK TO fold")?;
    }
    execute("RELEASE fold")
}
