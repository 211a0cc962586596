//! `GET /api/v1/metrics`: numbers as JSON.

use axum::extract::State;

use crate::AppState;
use crate::auth::{Authorized, CanCount};
use crate::dto::metrics::MetricsBody;
use crate::error::Problem;
use crate::openapi::{Guarded, tag};

#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics_get",
    tag = tag::SERVICE,
    summary = "Numbers for people and scripts",
    description = "How the service is doing for your tenant: rates of the last minute, the depth of the queue, the \
                   share of the last hour's notifications that were delivered. Needs the scope `read`.",
    responses(
        (status = 200, description = "The numbers.", body = MetricsBody),
        Guarded
    )
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    auth: Authorized<CanCount>,
) -> Result<axum::Json<MetricsBody>, Problem> {
    let stats = app.service.stats(Some(auth.tenant())).await?;
    Ok(axum::Json(MetricsBody::new(&stats, app.service.accounts(), app.service.clock().now())))
}
