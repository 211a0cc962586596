//! `GET /metrics`: numbers as Prometheus reads them.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use crate::AppState;
use crate::auth::{Authorized, CanRead};
use crate::openapi::{Guarded, tag};

/// The text exposition format, version 0.0.4.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics_prometheus",
    tag = tag::SERVICE,
    summary = "Numbers for Prometheus",
    description = "Every metric of this process in the Prometheus text format. Needs the scope `read`.",
    responses(
        (status = 200, description = "The metrics.", body = String, content_type = "text/plain"),
        Guarded
    )
)]
pub(crate) async fn get(State(app): State<AppState>, _: Authorized<CanRead>) -> Response {
    ([(CONTENT_TYPE, TEXT)], (app.api.metrics_text)()).into_response()
}
