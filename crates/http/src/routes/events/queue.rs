//! Acknowledging events once they wait to be stored: what callers get who prefer it.
//!
//! A stream is read in constant memory. Each wait, for a piece of it and for room in the queue, has the request's time
//! limit for itself; the stream as a whole has none. It never fills the queue alone, so that others have room too.

use std::collections::VecDeque;
use std::time::Duration;

use angaros_domain::ingest::EventDraft;
use angaros_domain::violation::VIOLATIONS_MAX;
use angaros_service::{Caller, Queued, Service, ServiceError};
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use tokio::time::timeout;

use super::intake::Taken;
use super::rows::{Row, Rows, next_piece};
use crate::AppState;
use crate::deadline::Reading;
use crate::dto::queued::{EventQueued, EventsQueued, RefusedEvent};
use crate::error::Problem;
use crate::extract::{PREFERENCE_APPLIED, RESPOND_ASYNC, body};

/// Rows of one stream that may wait to be stored.
const STREAM_ROWS_MAX: usize = 10_000;

/// Queues one event.
pub(super) fn one(service: &Service, caller: &Caller, draft: EventDraft) -> Result<Response, Problem> {
    service.enqueue(caller, vec![draft])?;
    Ok(applied(EventQueued::QUEUED))
}

/// Queues the valid ones of many events: all of them, or none.
pub(super) fn many(
    service: &Service,
    caller: &Caller,
    taken: Vec<Taken>,
    partial: bool,
) -> Result<Response, Problem> {
    let mut drafts = Vec::with_capacity(taken.len());
    let mut results = Vec::new();
    for (index, one) in taken.into_iter().enumerate() {
        match one {
            Ok(draft) => drafts.push(draft),
            Err(found) => results.push(RefusedEvent::at_index(index, found)),
        }
    }
    let accepted_count = drafts.len();
    if accepted_count > 0 {
        service.enqueue(caller, drafts)?;
    }
    let invalid = partial.then_some(results.len());
    Ok(applied(EventsQueued { accepted_count, invalid, results }))
}

/// Queues the valid lines of a stream as they come, and answers at its end.
pub(super) async fn lines(app: &AppState, caller: &Caller, request: Request) -> Result<Response, Problem> {
    let (parts, mut body) = request.into_parts();
    if let Some(reading) = parts.extensions.get::<Reading>() {
        reading.in_pieces();
    }
    let mut stream = Stream::new(app, caller);
    match stream.pump(&mut body).await {
        Ok(()) => Ok(applied(stream.answer)),
        Err(problem) => {
            body::linger(body, app.api.body_bytes_max);
            Err(problem.after_queueing(stream.answer.accepted_count))
        }
    }
}

fn applied(answer: impl Serialize) -> Response {
    let header = [(PREFERENCE_APPLIED, HeaderValue::from_static(RESPOND_ASYNC))];
    (StatusCode::ACCEPTED, header, axum::Json(answer)).into_response()
}

struct Stream<'a> {
    app: &'a AppState,
    caller: &'a Caller,
    rows: Rows,
    answer: EventsQueued,
    /// What of it is in the queue, oldest first, and how many rows that are.
    waiting: VecDeque<(usize, Queued)>,
    waiting_rows: usize,
}

impl<'a> Stream<'a> {
    fn new(app: &'a AppState, caller: &'a Caller) -> Stream<'a> {
        let answer = EventsQueued { invalid: Some(0), ..EventsQueued::default() };
        Stream { app, caller, rows: Rows::new(app), answer, waiting: VecDeque::new(), waiting_rows: 0 }
    }

    /// Reads and queues until the body ends.
    async fn pump(&mut self, body: &mut Body) -> Result<(), Problem> {
        let limit = self.app.api.request_timeout;
        let mut chunk = Vec::new();
        while let Some(piece) = next_piece(body, limit).await? {
            self.rows.push(piece);
            loop {
                self.rows.fill(&mut chunk);
                if chunk.is_empty() {
                    break;
                }
                self.queue(std::mem::take(&mut chunk)).await?;
            }
        }
        chunk.extend(self.rows.last());
        self.queue(chunk).await
    }

    /// Queues the valid rows of a chunk.
    async fn queue(&mut self, chunk: Vec<Row>) -> Result<(), Problem> {
        let mut drafts = Vec::with_capacity(chunk.len());
        for Row { line, taken } in chunk {
            match taken {
                Ok(draft) => drafts.push(draft),
                Err(found) => {
                    *self.answer.invalid.get_or_insert(0) += 1;
                    if self.answer.results.len() < VIOLATIONS_MAX {
                        self.answer.results.push(RefusedEvent::at_line(line, found));
                    }
                }
            }
        }
        let count = drafts.len();
        if count == 0 {
            return Ok(());
        }
        let limit = self.app.api.request_timeout;
        while self.waiting_rows + count > STREAM_ROWS_MAX
            && let Some((rows, oldest)) = self.waiting.pop_front()
        {
            in_time(limit, oldest.left()).await?;
            self.waiting_rows -= rows;
        }
        let queued = in_time(limit, self.app.service.enqueue_patiently(self.caller, drafts)).await??;
        self.waiting.push_back((count, queued));
        self.waiting_rows += count;
        self.answer.accepted_count += count;
        Ok(())
    }
}

/// Waits for room, but not for ever.
async fn in_time<T>(limit: Duration, waiting: impl Future<Output = T>) -> Result<T, ServiceError> {
    timeout(limit, waiting).await.map_err(|_| ServiceError::Busy)
}
