//! The rows of a stream of events as they are read: cut into lines, counted, and each held against the rules.

use std::time::Duration;

use angaros_domain::Violation;
use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::intake::{Form, Taken};
use crate::error::Problem;
use crate::extract::{Line, Lines};
use crate::{AppState, problems};

/// The longest line, in bytes, whatever the limit of whole bodies is.
const LINE_BYTES_MAX: usize = 1024 * 1024;

/// A line that was read, and its number from 1.
pub(super) struct Row {
    pub(super) line: usize,
    pub(super) taken: Taken,
}

/// Takes pieces of a body and gives rows. It holds one piece and at most one line.
pub(super) struct Rows {
    app: AppState,
    lines: Lines,
    read: usize,
}

impl Rows {
    /// Rows that are handled together.
    pub(super) const CHUNK_MAX: usize = 500;

    /// Nothing was read yet.
    pub(super) fn new(app: &AppState) -> Rows {
        let lines = Lines::new(LINE_BYTES_MAX.min(app.api.body_bytes_max / 10));
        Rows { app: AppState::clone(app), lines, read: 0 }
    }

    /// The next piece of the body. The rows of the piece before must have been taken.
    pub(super) fn push(&mut self, piece: Bytes) {
        self.lines.push(piece);
    }

    /// Takes the rows of complete lines until the chunk is full.
    pub(super) fn fill(&mut self, chunk: &mut Vec<Row>) {
        while chunk.len() < Rows::CHUNK_MAX
            && let Some(line) = self.lines.next()
        {
            chunk.extend(self.row(line));
        }
    }

    /// The row of what came after the last end of a line, once the body is at its end.
    pub(super) fn last(&mut self) -> Option<Row> {
        let last = self.lines.last()?;
        self.row(last)
    }

    /// The number of the line that is read next.
    pub(super) fn next_line(&self) -> usize {
        self.read + 1
    }

    /// Counts a line and reads it; blank ones are no rows.
    fn row(&mut self, line: Line) -> Option<Row> {
        self.read += 1;
        let taken = match line {
            Line::Text(text) if text.trim_ascii().is_empty() => return None,
            Line::Text(text) => Form::Plain.take(&self.app.service, &text).map_err(Vec::from),
            Line::TooLong => Err(vec![Violation::new("#", "is too long for a line")]),
        };
        Some(Row { line: self.read, taken })
    }
}

/// The next piece of the body; `None` at its end.
pub(super) async fn next_piece(body: &mut Body, limit: Duration) -> Result<Option<Bytes>, Problem> {
    loop {
        match timeout(limit, body.frame()).await {
            Ok(None) => return Ok(None),
            // Trailers are no part of the events.
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(piece) => return Ok(Some(piece)),
                Err(_) => continue,
            },
            Ok(Some(Err(error))) => {
                let detail = "The connection ended before the body was complete.";
                return Err(Problem::new(problems::UNREADABLE_BODY, detail).because(error.to_string()));
            }
            Err(_) => {
                let detail = format!("Nothing came for {} seconds.", limit.as_secs_f32());
                return Err(Problem::new(problems::REQUEST_TIMEOUT, detail));
            }
        }
    }
}
