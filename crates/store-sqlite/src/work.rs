//! For tests: how much work SQLite has with a verb, by its plan and by the instructions that it carries out. Both say the
//! same on every machine, however busy it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use angaros_store::{Submission, Submitted};
use rusqlite::{Connection, ToSql};
use tempfile::TempDir;

use crate::tail::{Session, Tail};
use crate::{connection, enqueue, migrate};

/// An empty database with a writer.
pub(crate) struct Bench {
    pub(crate) connection: Connection,
    tail: Tail,
    _folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = connection::open_writer(&folder.path().join("a.db")).unwrap();
        migrate::up(&mut connection).unwrap();
        let tail = Tail::load(&connection).unwrap();
        Bench { connection, tail, _folder: folder }
    }

    fn session(&self) -> Session<'_> {
        Session { connection: &self.connection, tail: &self.tail }
    }

    pub(crate) fn submit(&self, submission: Submission) {
        self.connection.execute_batch("BEGIN").unwrap();
        let stored = enqueue::submit(&self.session(), &[submission]).unwrap();
        self.connection.execute_batch("COMMIT").unwrap();
        assert!(matches!(stored[..], [Submitted::Stored(_)]));
    }

    /// What a query does, step by step.
    pub(crate) fn plan(&self, sql: &str, values: &[&dyn ToSql]) -> Vec<String> {
        let mut statement = self.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = statement.query_map(values, |row| row.get(3)).unwrap();
        steps.map(Result::unwrap).collect()
    }

    /// Runs a job, and counts the instructions of all its statements.
    pub(crate) fn instructions<T>(&mut self, job: impl FnOnce(&Session<'_>) -> T) -> (u64, T) {
        let count = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&count);
        let counting = move || {
            counter.fetch_add(1, Ordering::Relaxed);
            false
        };
        self.connection.progress_handler(1, Some(counting)).unwrap();
        let answer = job(&self.session());
        self.connection.progress_handler(0, None::<fn() -> bool>).unwrap();
        (count.load(Ordering::Relaxed), answer)
    }
}
