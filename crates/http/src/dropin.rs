//! The paths of the systems that this product unites. Each is another name of a route; nothing is decided here.

use axum::Router;
use axum::routing::{get, post};

use crate::routes::{campaigns, events, messages, recipients, worker};
use crate::{AppState, docs, openapi};

/// The routes under their other names.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/events", get(events::list::list).post(events::create::create))
        .route("/events/bulk", post(events::bulk::create))
        .route("/recipients/{recipient_id}/activity", get(recipients::activity))
        .route("/campaigns/{campaign_id}/summary", get(campaigns::summary))
        .route("/messages", get(messages::list))
        .route("/messages/{message_id}/timeline", get(messages::timeline))
        .route("/start", post(worker::start))
        .route("/stop", post(worker::stop))
        .route("/docs/index.html", get(docs::page))
        .route("/docs/openapi.yaml", get(openapi::yaml))
}

/// Parameters that make `GET /metrics` the event metrics.
const EVENT_PARAMETERS: [&str; 5] = ["event_name", "channel", "from", "to", "group_by"];

/// Whether the query of `GET /metrics` asks for event metrics, not for the Prometheus text.
pub(crate) fn asks_for_events(query: &str) -> bool {
    let mut names = url::form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
    names.any(|name| EVENT_PARAMETERS.contains(&&*name))
}
