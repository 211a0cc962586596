//! What people and programs talk to: the HTTP API.
//!
//! Requests are taken apart and checked for form here, and handed to [`angaros_service`]; what it answers is written as
//! JSON, what it refuses as a problem document (RFC 9457). Nothing here decides about notifications, and nothing here
//! knows how they are stored or sent.
//!
//! A request passes, from the outside in: `correlation` (correlation id, log span, metrics, headers that every answer
//! carries, and the rendering of problems), `deadline` (one time limit for body and answer), a net for panics,
//! `parameters`, its route, and the route's extractors: first `auth`, which also counts the call (`limits`), last the body.

mod auth;
mod console;
mod correlation;
mod deadline;
mod docs;
mod dropin;
mod dto;
mod error;
mod extract;
mod host;
mod idempotency;
mod limits;
mod live;
mod openapi;
mod origin;
mod pagination;
mod parameters;
mod probe;
mod problems;
mod routes;
mod server;
mod timeline;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use angaros_domain::Channel;
use angaros_service::Service;
use axum::Router;
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi as Document;

pub use limits::Limits;
pub use live::LiveSettings;
pub use openapi::document as openapi;
pub use probe::probe;
pub use server::{Server, serve};

/// Writes the Prometheus text of `GET /metrics`.
pub type MetricsText = Arc<dyn Fn() -> String + Send + Sync>;

/// How the API behaves.
#[derive(Clone)]
pub struct Api {
    /// The largest request body, in bytes; a larger one gets 413.
    pub body_bytes_max: usize,
    /// How long a request may take, its body included: 408 while the body is read, 503 after that.
    pub request_timeout: Duration,
    /// Refuse calls without a key even while no key exists.
    pub require_keys: bool,
    /// Names, in lower case, at which browsers may use the service while it has no keys.
    pub open_hosts: Vec<String>,
    /// How often callers may call.
    pub limits: Limits,
    /// How clients that follow live status are treated.
    pub live: LiveSettings,
    /// The channels that only pretend to send, which the console says of them.
    pub pretending: Vec<Channel>,
    /// Writes the Prometheus text.
    pub metrics_text: MetricsText,
    /// Cancelled when the process begins to shut down: from then on it is not ready.
    pub stopping: CancellationToken,
}

/// What every route can reach.
pub(crate) struct App {
    pub(crate) service: Arc<Service>,
    pub(crate) api: Api,
    /// Counts calls; `None` if nothing is limited.
    pub(crate) limiter: Option<limits::Limiter>,
    pub(crate) written: openapi::Written,
    pub(crate) places: Arc<live::Places>,
    /// Held by the one form that makes something which can not be told from what it would make a second time.
    pub(crate) making: tokio::sync::Mutex<()>,
}

pub(crate) type AppState = Arc<App>;

/// The whole HTTP surface, ready to be served.
pub fn router(service: Arc<Service>, api: Api) -> Router {
    let (routes, document) = openapi::routes().split_for_parts();
    surround(
        routes.merge(dropin::routes()).merge(docs::files()).merge(console::routes()),
        &document,
        service,
        api,
    )
}

/// What a process answers that serves no API: whether it lives, whether it can work, and its numbers.
pub fn operations(service: Arc<Service>, api: Api) -> Router {
    let routes = Router::new()
        .route("/healthz", get(routes::health::health))
        .route("/healthz/live", get(routes::health::live))
        .route("/healthz/ready", get(routes::health::ready))
        .route("/readyz", get(routes::health::readyz))
        .route("/metrics", get(routes::prometheus::get));
    surround(routes, &openapi::document(), service, api)
}

/// Puts around routes what every request passes on its way to one.
fn surround(routes: Router<AppState>, document: &Document, service: Arc<Service>, api: Api) -> Router {
    let without = parameters::Without::of(document);
    let (limiter, places) = (limits::Limiter::new(&api.limits), live::Places::new(&api.live));
    let written = openapi::Written::new(document);
    let app = Arc::new(App { service, api, limiter, written, places, making: tokio::sync::Mutex::default() });
    routes
        .fallback(routes::unknown)
        .method_not_allowed_fallback(routes::wrong_method)
        .layer(axum::middleware::from_fn_with_state(without, parameters::check))
        .layer(CatchPanicLayer::custom(|panic: Box<dyn Any + Send>| error::panicked(&*panic)))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&app), correlation::observe))
        .with_state(app)
}
