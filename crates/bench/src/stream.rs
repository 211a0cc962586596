//! One long request: events line by line, whose answers are read while more are sent.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::{Method, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::Result;
use crate::body::{LinesBody, Sent};
use crate::connection::{Connection, finish};
use crate::event::Events;
use crate::load::{Load, Outcome};
use crate::rows::Rows;
use crate::tally::Tally;

/// How long a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// As long as there are events.
    Events,
    /// At least so many bytes, if there are enough events.
    Bytes(u64),
}

/// Streams events over one connection, in constant memory on this side.
///
/// # Errors
/// If nobody answers, or if the connection breaks.
pub async fn stream(load: &Load, events: Events, length: Length) -> Result<Outcome> {
    let mut connection = Connection::open(&load.target).await?;
    let sent = Arc::new(Sent::default());
    let watch = load.clock.stopwatch();
    let body = LinesBody {
        place: events.first(),
        events,
        bytes_left: if let Length::Bytes(bytes) = length { bytes } else { u64::MAX },
        watch,
        limit: load.limit,
        sent: Arc::clone(&sent),
    };
    let uri = Uri::from_static("/api/v1/events/bulk");
    let (status, answer) = connection.send(Method::POST, &uri, "application/x-ndjson", body).await?;
    let mut tally = Tally::new()?;
    tally.requests = 1;
    if status == StatusCode::OK {
        count(answer, &mut tally).await?;
    } else {
        let answer = finish(status, answer).await?;
        tally.errors = 1;
        tally.error = Some(format!("the stream was refused: {status} {}", answer.text()));
    }
    tally.fresh = sent.fresh.load(Ordering::Relaxed);
    let unanswered = sent.lines.load(Ordering::Relaxed).saturating_sub(tally.answered());
    if unanswered > 0 {
        tally.errors += unanswered;
        tally.error.get_or_insert(format!("{unanswered} lines have no answer"));
    }
    Ok(Outcome { tally, elapsed: watch.elapsed() })
}

async fn count(mut answer: Incoming, tally: &mut Tally) -> Result<()> {
    let mut rows = Rows::default();
    while let Some(frame) = answer.frame().await {
        if let Some(piece) = frame?.data_ref() {
            rows.push(piece);
        }
    }
    tally.take(rows.taken);
    tally.errors = rows.errors;
    tally.error = rows.error;
    Ok(())
}
