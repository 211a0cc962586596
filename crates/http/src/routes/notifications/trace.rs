//! `GET /notifications/{id}/trace`.

use angaros_domain::NotificationId;
use axum::extract::State;

use crate::AppState;
use crate::auth::{Authorized, CanFollow};
use crate::dto::trace::{TraceBody, TraceEntryBody};
use crate::error::Problem;
use crate::extract::Id;
use crate::openapi::{Guarded, Unknown, tag};

#[utoipa::path(
    get,
    path = "/notifications/{id}/trace",
    operation_id = "notification_trace",
    tag = tag::NOTIFICATIONS,
    summary = "What happened to a notification",
    description = "Everything that happened to it, oldest first: created, queued, each attempt with its outcome, \
                   duration and the provider's answer, and what providers reported later. Needs the scope `read` or \
                   `send`.",
    params(("id" = String, Path, format = "uuid", description = "The notification's id.")),
    responses(
        (status = 200, description = "The trace.", body = TraceBody),
        Guarded, Unknown
    )
)]
pub(crate) async fn trace(
    State(app): State<AppState>,
    auth: Authorized<CanFollow>,
    Id(id): Id<NotificationId>,
) -> Result<axum::Json<TraceBody>, Problem> {
    let entries = app.service.trace(auth.tenant(), id).await?;
    let entries = entries.into_iter().map(TraceEntryBody::from).collect();
    Ok(axum::Json(TraceBody { notification_id: id, entries }))
}
