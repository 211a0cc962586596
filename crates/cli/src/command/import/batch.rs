//! Rows put together into requests, while the file is read on a thread of its own.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use tokio::sync::mpsc;

use super::array;
use super::lines;
use super::row::Row;
use super::source::{Format, Source};
use super::table;

/// The most rows of one request.
const ROWS_MAX: usize = 500;
/// How many bytes of events are enough for one request; one row more may come on top.
const BYTES_ENOUGH: usize = 1024 * 1024;

/// Rows that are sent together, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) rows: Vec<Row>,
    /// How far the file was read when it was complete, in bytes.
    pub(super) read_bytes: u64,
}

impl Batch {
    /// The request; `None` if no row of it can be sent.
    pub(super) fn body(&self) -> Option<String> {
        let events: Vec<&str> =
            self.rows.iter().filter_map(|row| Some(row.event.as_ref().ok()?.get())).collect();
        (!events.is_empty()).then(|| format!("[{}]", events.join(",")))
    }
}

/// Reads all rows but the first `skipped`. Batches come as they are complete; after an error comes nothing.
///
/// The thread ends when nobody takes its batches any more, or with the process: a read from a terminal or a pipe cannot
/// be called off.
pub(super) fn read(source: &Source, skipped: u64) -> Result<mpsc::Receiver<Result<Batch>>> {
    let (sender, receiver) = mpsc::channel(1);
    let bytes = Arc::new(AtomicU64::new(0));
    let input = source.open(Arc::clone(&bytes))?;
    let (name, format) = (source.name(), source.format);
    let mut batcher = Batcher { skipped, bytes, held: 0, batch: Batch::default(), sender };
    let read = move || {
        let mut take = |row| batcher.take(row);
        let read = match format {
            Format::Ndjson => lines::read(input, &mut take),
            Format::Json => array::read(input, &mut take),
            Format::Csv => table::read(input, &mut take),
        };
        // Nobody may be there any more to hear of it.
        if batcher.flush().is_continue()
            && let Err(error) = read.context(name)
        {
            drop(batcher.sender.blocking_send(Err(error)));
        }
    };
    std::thread::Builder::new().name("import-reader".into()).spawn(read)?;
    Ok(receiver)
}

struct Batcher {
    skipped: u64,
    bytes: Arc<AtomicU64>,
    /// The bytes of the batch so far.
    held: usize,
    batch: Batch,
    sender: mpsc::Sender<Result<Batch>>,
}

impl Batcher {
    fn take(&mut self, row: Row) -> ControlFlow<()> {
        if self.skipped > 0 {
            self.skipped -= 1;
            return ControlFlow::Continue(());
        }
        self.held += row.bytes();
        self.batch.rows.push(row);
        let is_full = self.batch.rows.len() >= ROWS_MAX || self.held >= BYTES_ENOUGH;
        if is_full { self.flush() } else { ControlFlow::Continue(()) }
    }

    fn flush(&mut self) -> ControlFlow<()> {
        if self.batch.rows.is_empty() {
            return ControlFlow::Continue(());
        }
        self.held = 0;
        let mut batch = std::mem::take(&mut self.batch);
        batch.read_bytes = self.bytes.load(Ordering::Relaxed);
        match self.sender.blocking_send(Ok(batch)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}
