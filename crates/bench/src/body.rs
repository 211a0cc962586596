//! A body of lines that is made while it is sent, so that it may be of any length.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use angaros_clock::Stopwatch;
use hyper::body::{Body, Bytes, Frame};

use crate::event::Events;

/// Lines are handed over in pieces of at least so many bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// How much was sent.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) lines: AtomicU64,
    pub(crate) fresh: AtomicU64,
}

/// The body.
#[derive(Debug)]
pub(crate) struct LinesBody {
    pub(crate) events: Events,
    /// The place of the next event.
    pub(crate) place: u64,
    /// Bytes that are still to be sent.
    pub(crate) bytes_left: u64,
    pub(crate) watch: Stopwatch,
    /// No line is made after this time.
    pub(crate) limit: Duration,
    pub(crate) sent: Arc<Sent>,
}

impl LinesBody {
    fn piece(&mut self) -> Bytes {
        let mut piece = Vec::with_capacity(PIECE_BYTES + 1024);
        let end = self.events.first() + self.events.count();
        let wanted = PIECE_BYTES.min(usize::try_from(self.bytes_left).unwrap_or(usize::MAX));
        let (mut lines, mut fresh) = (0, 0);
        while piece.len() < wanted && self.place < end && self.watch.elapsed() < self.limit {
            let (event, is_new) = self.events.get(self.place);
            // An event always can be written, and a vector takes everything.
            drop(serde_json::to_writer(&mut piece, &event));
            piece.push(b'\n');
            self.place += 1;
            lines += 1;
            fresh += u64::from(is_new);
        }
        self.bytes_left = self.bytes_left.saturating_sub(piece.len() as u64);
        self.sent.lines.fetch_add(lines, Ordering::Relaxed);
        self.sent.fresh.fetch_add(fresh, Ordering::Relaxed);
        piece.into()
    }
}

impl Body for LinesBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.piece();
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }
}
