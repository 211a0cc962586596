//! One time limit for a whole request, from its head to its answer.
//!
//! Whose fault it is when it runs out depends on what was awaited: the client's body (408) or ours (503).

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::Problem;
use crate::problems;

/// What is awaited of a request that is under way. Whoever reads its body says so here.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading(Arc<State>);

#[derive(Debug, Default)]
struct State {
    of_the_client: AtomicBool,
    in_pieces: AtomicBool,
}

impl Reading {
    /// From now on the client is awaited.
    pub(crate) fn begin(&self) {
        self.0.of_the_client.store(true, Ordering::Relaxed);
    }

    /// The body is complete.
    pub(crate) fn end(&self) {
        self.0.of_the_client.store(false, Ordering::Relaxed);
    }

    /// The body is read piece by piece, and may take as long as it goes on: whoever reads it limits each wait.
    pub(crate) fn in_pieces(&self) {
        self.0.in_pieces.store(true, Ordering::Relaxed);
    }
}

/// Runs the rest of the way for at most `limit`, unless the body comes in pieces.
pub(crate) async fn run(limit: Duration, mut request: Request, next: Next) -> Response {
    let reading = Reading::default();
    request.extensions_mut().insert(reading.clone());
    let mut answer = pin!(next.run(request));
    match tokio::time::timeout(limit, &mut answer).await {
        Ok(response) => response,
        Err(_) if reading.0.in_pieces.load(Ordering::Relaxed) => answer.await,
        Err(_) if reading.0.of_the_client.load(Ordering::Relaxed) => {
            let seconds = limit.as_secs_f32();
            let unit = if limit == Duration::from_secs(1) { "second" } else { "seconds" };
            let detail = format!("The body did not arrive within {seconds} {unit}.");
            Problem::new(problems::REQUEST_TIMEOUT, detail).into_response()
        }
        Err(_) => Problem::timeout().into_response(),
    }
}
