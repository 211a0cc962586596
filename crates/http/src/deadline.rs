//! One time limit for a whole request, from its head to its answer.
//!
//! Whose fault it is when it runs out depends on what was awaited: the client's body (408) or ours (503).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::Problem;
use crate::problems;

/// Whether the request's body is being awaited. Whoever reads a body says so here.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading(Arc<AtomicBool>);

impl Reading {
    /// From now on the client is awaited.
    pub(crate) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// The body is complete.
    pub(crate) fn end(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Runs the rest of the way for at most `limit`.
pub(crate) async fn run(limit: Duration, mut request: Request, next: Next) -> Response {
    let reading = Reading::default();
    request.extensions_mut().insert(reading.clone());
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) if reading.0.load(Ordering::Relaxed) => {
            let seconds = limit.as_secs_f32();
            let unit = if limit == Duration::from_secs(1) { "second" } else { "seconds" };
            let detail = format!("The body did not arrive within {seconds} {unit}.");
            Problem::new(problems::REQUEST_TIMEOUT, detail).into_response()
        }
        Err(_) => Problem::timeout().into_response(),
    }
}
