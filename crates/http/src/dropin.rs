//! The paths of the systems that this product unites. Each is another name of a route; nothing is decided here.

use axum::Router;
use axum::routing::{get, post};

use crate::routes::{events, messages, recipients, worker};
use crate::{AppState, docs, openapi};

/// The routes under their other names.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/events", get(events::list::list).post(events::create::create))
        .route("/events/bulk", post(events::bulk::create))
        .route("/recipients/{recipient_id}/activity", get(recipients::activity))
        .route("/messages", get(messages::list))
        .route("/messages/{message_id}/timeline", get(messages::timeline))
        .route("/start", post(worker::start))
        .route("/stop", post(worker::stop))
        .route("/docs/index.html", get(docs::page))
        .route("/docs/openapi.yaml", get(openapi::yaml))
}
