//! `GET /metrics`: numbers as Prometheus reads them.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use super::events;
use crate::auth::{Authorized, CanScrape};
use crate::dto::event_metrics::EventMetricsBody;
use crate::error::Problem;
use crate::extract::Query;
use crate::openapi::{Guarded, tag};
use crate::{AppState, dropin};

/// The text exposition format, version 0.0.4.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics_prometheus",
    tag = tag::SERVICE,
    summary = "Numbers for Prometheus",
    description = "Every metric of this process in the Prometheus text format. With any of `event_name`, `channel`, \
                   `from`, `to` and `group_by` it is another name of `/api/v1/events/metrics` instead. Needs the scope \
                   `read`.",
    params(events::metrics::EventMetricsQuery),
    responses(
        (
            status = 200,
            description = "The metrics, or the counts of events.",
            content((String = "text/plain"), (EventMetricsBody = "application/json"))
        ),
        Guarded
    )
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    auth: Authorized<CanScrape>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = query.unwrap_or_default();
    if dropin::asks_for_events(&query) {
        let counted = events::metrics::count(&app, auth.tenant(), Query::parse(&query)?).await?;
        return Ok(counted.into_response());
    }
    Ok(([(CONTENT_TYPE, TEXT)], (app.api.metrics_text)()).into_response())
}
