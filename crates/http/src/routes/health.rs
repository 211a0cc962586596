//! `/healthz`, `/healthz/live`, `/healthz/ready` and `/readyz`.

use std::time::Duration;

use axum::extract::State;

use crate::dto::health::{Dependency, DependencyStatus, Live, Ready};
use crate::error::Problem;
use crate::openapi::{NotReady, tag};
use crate::{AppState, problems};

/// How long the store may take before it counts as down. Probes ask every few seconds and do not wait long.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// When a probe may come back after a 503.
const PROBE_AGAIN_SECONDS: u16 = 1;

#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "health_get",
    tag = tag::SERVICE,
    summary = "Whether the process runs",
    description = "Answers as long as the process can answer at all. It asks nothing of the store.",
    responses((status = 200, description = "It runs.", body = Live)),
    security(())
)]
pub(crate) async fn health() -> axum::Json<Live> {
    live().await
}

#[utoipa::path(
    get,
    path = "/healthz/live",
    operation_id = "health_live",
    tag = tag::SERVICE,
    summary = "Whether the process runs",
    description = "Answers as long as the process can answer at all. It asks nothing of the store.",
    responses((status = 200, description = "It runs.", body = Live)),
    security(())
)]
pub(crate) async fn live() -> axum::Json<Live> {
    axum::Json(Live { status: "live" })
}

#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "ready_get",
    tag = tag::SERVICE,
    summary = "Whether the service can work",
    description = "Names everything that the service needs. While anything of it is down, or the process shuts down, \
                   the answer is 503. What is `degraded` does not answer, but the service goes on without it: that is \
                   Redis, and the answer is 200.",
    responses((status = 200, description = "It can.", body = Ready), NotReady),
    security(())
)]
pub(crate) async fn readyz(state: State<AppState>) -> Result<axum::Json<Ready>, Problem> {
    ready(state).await
}

#[utoipa::path(
    get,
    path = "/healthz/ready",
    operation_id = "health_ready",
    tag = tag::SERVICE,
    summary = "Whether the service can work",
    description = "Names everything that the service needs. While anything of it is down, or the process shuts down, \
                   the answer is 503. What is `degraded` does not answer, but the service goes on without it: that is \
                   Redis, and the answer is 200.",
    responses((status = 200, description = "It can.", body = Ready), NotReady),
    security(())
)]
pub(crate) async fn ready(State(app): State<AppState>) -> Result<axum::Json<Ready>, Problem> {
    let ping = tokio::time::timeout(PING_TIMEOUT, app.service.ping()).await;
    let (status, cause) = match ping {
        Ok(Ok(())) => (DependencyStatus::Up, None),
        Ok(Err(error)) => (DependencyStatus::Down, Some(error.to_string())),
        Err(_) => (DependencyStatus::Down, Some("the store did not answer the ping in time".to_owned())),
    };
    let mut dependencies = vec![Dependency { name: "store", status }];
    // Without it every process goes on by itself: that is no reason to send callers elsewhere.
    dependencies.extend(app.service.coord().server_is_up().map(|is_up| Dependency {
        name: "redis",
        status: if is_up { DependencyStatus::Up } else { DependencyStatus::Degraded },
    }));
    let detail = if app.api.stopping.is_cancelled() {
        "The process is shutting down."
    } else if status == DependencyStatus::Down {
        "The store does not answer."
    } else {
        return Ok(axum::Json(Ready { status: "ready", dependencies }));
    };
    let problem = Problem::new(problems::NOT_READY, detail).retry_after(PROBE_AGAIN_SECONDS);
    Err(problem.with_dependencies(dependencies).because(cause.unwrap_or_else(|| detail.to_owned())))
}
