//! Events line by line: read, stored and answered while more come, in constant memory.
//!
//! One task serves a stream. It holds the lines of the chunk that is being read and of the chunks that are being stored,
//! and it stops reading while those are full, so that a caller is never faster than the store. Each wait has the
//! request's time limit for itself; the stream as a whole has none.

use std::future::{Future, ready};
use std::io;

use angaros_service::{Caller, ServiceError};
use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, Request};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use futures_util::stream::{self, FuturesOrdered};
use http::header::CONTENT_TYPE;
use tokio::sync::mpsc;
use tokio::time::{Duration, sleep, timeout};
use tracing::{Instrument, Span};

use super::bulk;
use super::intake::Taken;
use super::rows::{Row, Rows, next_piece};
use crate::AppState;
use crate::dto::report::{LineResult, Verdict};
use crate::error::Problem;
use crate::extract::{NDJSON, body};

/// Chunks that are being stored while the next one is read.
const CHUNKS_IN_FLIGHT: usize = 2;
/// The pause before a full queue is asked again.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// Why a stream ends before its end: the first line that has no answer, and the reason.
type Broken = (usize, Problem);

/// The caller does not take its answer any more.
struct Gone;

/// Answers a stream of events with a stream of results.
pub(super) fn answer(app: AppState, caller: Caller, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri).path();
    let (sender, receiver) = mpsc::channel(CHUNKS_IN_FLIGHT);
    let rows = Rows::new(&app);
    let intake = Intake { app, caller, path: path.to_owned(), rows, sender };
    tokio::spawn(intake.run(body).instrument(Span::current()));
    let rows = stream::unfold(receiver, |mut receiver| async move {
        match receiver.recv().await {
            Some(Some(rows)) => Some((Ok(rows), receiver)),
            Some(None) => None,
            None => Some((Err(io::Error::other("the stream was given up")), receiver)),
        }
    });
    ([(CONTENT_TYPE, NDJSON)], Body::from_stream(rows)).into_response()
}

struct Intake {
    app: AppState,
    caller: Caller,
    path: String,
    rows: Rows,
    /// Takes rows of the answer; `None` is its proper end.
    sender: mpsc::Sender<Option<Bytes>>,
}

impl Intake {
    async fn run(mut self, mut body: Body) {
        match self.pump(&mut body).await {
            Ok(None) => {}
            Ok(Some((line, problem))) => {
                body::linger(body, self.app.api.body_bytes_max);
                let problem = problem.document(&self.path, self.caller.correlation.id.as_str());
                let row = LineResult::failed(line, serde_json::to_value(problem).unwrap_or_default());
                if self.send(&[row]).await.is_err() {
                    return;
                }
            }
            Err(Gone) => return,
        }
        drop(self.give(None).await);
    }

    /// Reads, stores and answers until the body or something else ends.
    async fn pump(&mut self, body: &mut Body) -> Result<Option<Broken>, Gone> {
        let limit = self.app.api.request_timeout;
        let mut storing = FuturesOrdered::new();
        let mut chunk = Vec::new();
        let mut broken = None;
        let mut ended = false;
        loop {
            self.rows.fill(&mut chunk);
            let full = chunk.len() >= Rows::CHUNK_MAX;
            // A chunk that is not full waits for more only as long as something else is being stored.
            let due = !chunk.is_empty() && (full || ended) && storing.len() < CHUNKS_IN_FLIGHT;
            if due {
                storing.push_back(self.store(std::mem::take(&mut chunk)));
                continue;
            }
            let idle = !chunk.is_empty() && storing.is_empty();
            tokio::select! {
                biased;
                Some(stored) = storing.next() => match stored {
                    Ok(results) => self.send(&results).await?,
                    Err(failed) => return Ok(Some(failed)),
                },
                piece = next_piece(body, limit), if !full && !ended => match piece {
                    Ok(Some(piece)) => self.rows.push(piece),
                    Ok(None) => {
                        ended = true;
                        chunk.extend(self.rows.last());
                    }
                    Err(problem) => {
                        ended = true;
                        broken = Some((self.rows.next_line(), problem));
                    }
                },
                () = ready(()), if idle => storing.push_back(self.store(std::mem::take(&mut chunk))),
                else => return Ok(broken),
            }
        }
    }

    /// Stores the valid lines of a chunk, and answers all of them.
    fn store(&self, rows: Vec<Row>) -> impl Future<Output = Result<Vec<LineResult>, Broken>> + use<> {
        let (app, caller) = (AppState::clone(&self.app), self.caller.clone());
        async move {
            let first = rows.first().map_or(0, |row| row.line);
            let (numbers, taken): (Vec<usize>, Vec<Taken>) =
                rows.into_iter().map(|row| (row.line, row.taken)).unzip();
            let verdicts = patiently(&app, &caller, taken).await.map_err(|problem| (first, problem))?;
            Ok(numbers
                .into_iter()
                .zip(verdicts)
                .map(|(line, verdict)| LineResult::new(line, verdict))
                .collect())
        }
    }

    async fn send(&self, results: &[LineResult]) -> Result<(), Gone> {
        let mut rows = Vec::new();
        for result in results {
            serde_json::to_writer(&mut rows, result).map_err(|_| Gone)?;
            rows.push(b'\n');
        }
        self.give(Some(rows.into())).await
    }

    /// Hands a part of the answer over, unless the caller does not read it in time.
    async fn give(&self, rows: Option<Bytes>) -> Result<(), Gone> {
        let given = timeout(self.app.api.request_timeout, self.sender.send(rows)).await;
        given.map_err(|_| Gone)?.map_err(|_| Gone)
    }
}

/// Stores events, and waits while the queue is full: a stream can be held up, so it need not be refused.
async fn patiently(app: &AppState, caller: &Caller, taken: Vec<Taken>) -> Result<Vec<Verdict>, Problem> {
    let limit = app.api.request_timeout;
    let mut waited = Duration::ZERO;
    loop {
        let attempt = bulk::store(&app.service, caller, taken.clone());
        match timeout(limit, attempt).await {
            Ok(Err(ServiceError::Busy)) if waited < limit => {
                sleep(BUSY_PAUSE).await;
                waited += BUSY_PAUSE;
            }
            Ok(outcome) => return Ok(outcome?),
            Err(_) => return Err(Problem::timeout()),
        }
    }
}
