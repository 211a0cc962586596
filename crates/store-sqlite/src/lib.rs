//! The embedded store on SQLite: one file, one writer, many readers.
//!
//! Every write of the process goes through one thread, which takes all that wait into one transaction (`writer.rs`);
//! reads run on a small pool beside it. The database is in WAL mode, and what is answered is on disk: a thread flushes the log
//! (`flush.rs`). The SQL of each verb stands in the file named for it.

mod append;
pub mod audit;
mod campaigns;
mod cancel;
mod catalog;
mod checkpoint;
mod claim;
mod connection;
mod counts;
mod dead_letters;
mod enqueue;
mod error;
mod expire;
mod feed;
mod flush;
mod fold;
mod keys;
mod latest;
mod lease;
pub mod limit;
mod list;
mod log;
mod metrics;
pub mod migrate;
mod promote;
mod quarters;
mod read;
mod readers;
mod receipts;
mod redrive;
mod row;
mod series;
mod settle;
mod stats;
mod suppressions;
mod tail;
mod timeline;
pub mod transfer;
mod verbs;
mod webhooks;
#[cfg(test)]
mod work;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use angaros_clock::Clock;
use angaros_store::Result;

use flush::Flushed;
use readers::Readers;
use tail::Tail;
use writer::Writer;

pub use connection::SQLITE_VERSION_MIN;

/// How the store is opened.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Reading connections.
    pub readers: usize,
    /// The longest that one read may take, in milliseconds: long readers keep the write-ahead log from being reused.
    pub read_millis_max: i64,
    /// Pages of 4 KiB in the write-ahead log that start a checkpoint.
    pub checkpoint_pages: u32,
    /// Events that wait to be folded before that begins: more means fewer pages written for each, more memory (about 100
    /// bytes for each), and a longer tail that reads look through.
    pub fold_events: usize,
    /// Whether the process owns the file. Then no second owner may open it, and leases left over are its own.
    pub exclusive: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            readers: 4,
            read_millis_max: 10_000,
            checkpoint_pages: 10_000,
            fold_events: 1 << 15,
            exclusive: true,
        }
    }
}

/// The store. Dropping it finishes what is queued and closes the file.
pub struct SqliteStore {
    path: PathBuf,
    writer: Writer,
    readers: Readers,
    // Held for as long as the store is open; the operating system releases it with the process.
    _ownership: Option<std::fs::File>,
}

impl SqliteStore {
    /// Opens a database file, makes it if it is missing, and brings its schema up to this program's version.
    ///
    /// Without [`Options::exclusive`] the file may belong to another process, which then alone brings the schema up, and
    /// alone writes to the log of events and reads what depends on it: those verbs are refused.
    ///
    /// # Errors
    /// If another process owns the file, if SQLite is too old, or if the schema is not of this program's version.
    pub fn open(path: &Path, clock: &Clock, options: Options) -> Result<SqliteStore> {
        connection::assert_version()?;
        let ownership = if options.exclusive { Some(connection::own(path)?) } else { None };
        let mut writing = match &ownership {
            Some(_) => connection::open_writer(path)?,
            None => connection::open_beside(path)?,
        };
        if ownership.is_some() {
            migrate::up(&mut writing)?;
        }
        // Only the owner knows the tail of the log: whoever else folded it would count it a second time.
        let tail = Arc::new(if options.exclusive { Tail::load(&writing)? } else { Tail::of_guest() });
        let flushed = Arc::new(Flushed::default());
        let readers = Readers::open(path, Arc::clone(&tail), Arc::clone(&flushed), clock, options)?;
        let writer = Writer::start(writing, tail, flushed, path, clock, options)?;
        Ok(SqliteStore { path: path.to_owned(), writer, readers, _ownership: ownership })
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
