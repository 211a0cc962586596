//! Flushing the write-ahead log, beside the writer instead of in its way.
//!
//! SQLite would flush the log at the end of each transaction, and the writer would stand still meanwhile. So the owner of
//! a database commits without that (`synchronous = NORMAL`), and a thread of its own flushes the log while the next
//! transaction is under way. Nobody hears of a commit before it is on disk: answers to writers are sent from here, and
//! what a reader has read waits for all that it may have seen.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use angaros_clock::Stopwatch;
use angaros_domain::metric;
use angaros_store::{Result, StoreError};
use rusqlite::Connection;

use crate::error::SqliteResult;

/// Commits by which the writer may be ahead.
const AHEAD_MAX: usize = 4;

/// Sends the answer of one job, once the fate of its transaction is known.
pub(crate) type Answer = Box<dyn FnOnce(std::result::Result<(), String>) + Send>;

/// How far what was committed is on disk.
#[derive(Default)]
pub(crate) struct Flushed {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Commits that readers may see.
    begun: u64,
    /// Those of them that are on disk, or have failed.
    flushed: u64,
    /// What went wrong with a flush. The system may have thrown away what it could not write, so that no later flush
    /// makes up for it: nothing is answered any more.
    fault: Option<String>,
}

impl Flushed {
    /// A commit begins: from here on readers may see what it writes.
    pub(crate) fn begin(&self) {
        self.state().begun += 1;
    }

    /// Waits until all that could be seen up to now is on disk.
    ///
    /// # Errors
    /// If it could not be written.
    pub(crate) fn wait(&self) -> Result<()> {
        let state = self.state();
        let seen = state.begun;
        let waited = self.changed.wait_while(state, |state| state.flushed < seen);
        match &waited.unwrap_or_else(PoisonError::into_inner).fault {
            Some(fault) => Err(StoreError::Unavailable(fault.clone())),
            None => Ok(()),
        }
    }

    fn end(&self, commit: u64, fault: Option<String>) {
        let mut state = self.state();
        state.flushed = commit;
        state.fault = fault;
        drop(state);
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A transaction that has ended, and who waits for it.
struct Ended {
    /// Up to which commit the log has to be on disk.
    commit: u64,
    outcome: std::result::Result<(), String>,
    answers: Vec<Answer>,
    since: Stopwatch,
}

/// The handle of the flushing thread. It belongs to the writer, and ends with it.
pub(crate) struct Flusher {
    flushed: Arc<Flushed>,
    queue: Option<SyncSender<Ended>>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    /// Flushes for a writing connection on the database at a path, which commits without flushing from here on.
    pub(crate) fn of_writer(connection: &Connection, path: &Path, flushed: Arc<Flushed>) -> Result<Flusher> {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let unavailable =
            |error| StoreError::Unavailable(format!("cannot open the write-ahead log: {error}"));
        // SQLite keeps no locks on this file, and the file stays the same one as long as any connection is open.
        let log = File::open(log).map_err(unavailable)?;
        connection.pragma_update(None, "synchronous", "NORMAL").stored()?;
        Flusher::start(flushed, move || log.sync_data())
    }

    /// For a connection that flushes by itself.
    pub(crate) fn of_guest(flushed: Arc<Flushed>) -> Result<Flusher> {
        Flusher::start(flushed, || Ok(()))
    }

    fn start(
        flushed: Arc<Flushed>,
        flush: impl FnMut() -> io::Result<()> + Send + 'static,
    ) -> Result<Flusher> {
        let (queue, ended) = sync_channel(AHEAD_MAX);
        let known = Arc::clone(&flushed);
        let thread = std::thread::Builder::new()
            .name("angaros-flusher".into())
            .spawn(move || flush_all(&ended, &known, flush))
            .map_err(|error| StoreError::Unavailable(format!("cannot start the flusher: {error}")))?;
        Ok(Flusher { flushed, queue: Some(queue), thread: Some(thread) })
    }

    /// How far the log is on disk.
    pub(crate) fn flushed(&self) -> &Flushed {
        &self.flushed
    }

    /// Takes over the answers to a transaction that has ended. Waits if the writer is too far ahead.
    pub(crate) fn answer(
        &self,
        outcome: std::result::Result<(), String>,
        answers: Vec<Answer>,
        since: Stopwatch,
    ) {
        let commit = self.flushed.state().begun;
        if let Some(queue) = &self.queue {
            // The thread ends only after its queue.
            drop(queue.send(Ended { commit, outcome, answers, since }));
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
        let state = self.flushed.state();
        let (begun, is_left) = (state.begun, state.flushed < state.begun);
        drop(state);
        if is_left {
            self.flushed.end(begun, Some("the writer ended in the middle of a commit".into()));
        }
    }
}

fn flush_all(ended: &Receiver<Ended>, flushed: &Flushed, mut flush: impl FnMut() -> io::Result<()>) {
    let mut fault = None;
    while let Ok(first) = ended.recv() {
        let batch: Vec<Ended> = std::iter::once(first).chain(ended.try_iter()).collect();
        if fault.is_none() && batch.iter().any(|ended| ended.outcome.is_ok()) {
            fault = flush().err().map(|error| {
                tracing::error!(%error, "the write-ahead log could not be flushed; nothing is stored until a restart");
                format!("the write-ahead log could not be flushed: {error}")
            });
        }
        flushed.end(batch.last().map_or(0, |last| last.commit), fault.clone());
        for Ended { outcome, answers, since, .. } in batch {
            metrics::histogram!(metric::STORE_COMMIT_SECONDS).record(since.elapsed().as_secs_f64());
            let outcome = fault.clone().map_or(outcome, Err);
            for answer in answers {
                answer(outcome.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    use angaros_clock::Clock;

    use super::*;

    /// What is not to happen has so much time to happen.
    const MOMENT: Duration = Duration::from_millis(50);
    const PATIENCE: Duration = Duration::from_secs(30);

    /// A flusher whose flushes end as they are told to, and how they are told.
    fn told() -> (Flusher, Sender<io::Result<()>>) {
        let (tell, told) = channel();
        let flusher = Flusher::start(Arc::default(), move || told.recv().unwrap()).unwrap();
        (flusher, tell)
    }

    /// Commits, and says where its answer comes.
    fn commit(flusher: &Flusher) -> Receiver<std::result::Result<(), String>> {
        let (sender, answered) = channel();
        flusher.flushed().begin();
        let answer: Answer = Box::new(move |outcome| sender.send(outcome).unwrap());
        flusher.answer(Ok(()), vec![answer], Clock::system().stopwatch());
        answered
    }

    #[test]
    fn nobody_hears_of_a_commit_before_it_is_on_disk() {
        let (flusher, tell) = told();
        flusher.flushed().wait().unwrap();
        let answered = commit(&flusher);
        let (sender, read) = channel();
        let flushed = Arc::clone(&flusher.flushed);
        let reader = std::thread::spawn(move || sender.send(flushed.wait()).unwrap());
        assert!(answered.recv_timeout(MOMENT).is_err() && read.try_recv().is_err(), "not before the flush");
        tell.send(Ok(())).unwrap();
        assert_eq!(answered.recv_timeout(PATIENCE).unwrap(), Ok(()));
        read.recv_timeout(PATIENCE).unwrap().unwrap();
        reader.join().unwrap();
    }

    /// What came in during a flush shares the next one.
    #[test]
    fn a_flush_is_for_all_that_wait() {
        let (flusher, tell) = told();
        let first = commit(&flusher);
        let others = [commit(&flusher), commit(&flusher), commit(&flusher)];
        // The first may have been alone, or with others; two flushes are enough for all in any case.
        tell.send(Ok(())).unwrap();
        tell.send(Ok(())).unwrap();
        for answered in std::iter::once(first).chain(others) {
            assert_eq!(answered.recv_timeout(PATIENCE).unwrap(), Ok(()));
        }
    }

    /// A system that could not write may have thrown the pages away: a later flush that works proves nothing.
    #[test]
    fn after_a_flush_that_failed_nothing_is_answered_as_stored() {
        let (flusher, tell) = told();
        let failed = commit(&flusher);
        tell.send(Err(io::Error::other("no such disk"))).unwrap();
        tell.send(Ok(())).unwrap();
        let refusal = failed.recv_timeout(PATIENCE).unwrap().unwrap_err();
        assert!(refusal.contains("no such disk"), "{refusal}");
        assert!(commit(&flusher).recv_timeout(PATIENCE).unwrap().is_err());
        assert!(flusher.flushed().wait().is_err());
    }

    /// A writer that ends between the beginning of a commit and its answer leaves no reader waiting.
    #[test]
    fn readers_do_not_wait_for_a_writer_that_is_gone() {
        let (flusher, _tell) = told();
        let flushed = Arc::clone(&flusher.flushed);
        flushed.begin();
        drop(flusher);
        assert!(flushed.wait().is_err());
    }
}
