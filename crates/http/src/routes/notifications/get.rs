//! `GET /notifications/{id}`.

use angaros_domain::NotificationId;
use axum::extract::State;

use crate::AppState;
use crate::auth::{Authorized, CanFollow};
use crate::dto::notification::NotificationBody;
use crate::error::Problem;
use crate::extract::Id;
use crate::openapi::{Guarded, Unknown, tag};

#[utoipa::path(
    get,
    path = "/notifications/{id}",
    operation_id = "notification_get",
    tag = tag::NOTIFICATIONS,
    summary = "One notification",
    description = "The notification and what has become of it so far. Needs the scope `read` or `send`.",
    params(("id" = String, Path, format = "uuid", description = "The notification's id.")),
    responses(
        (status = 200, description = "The notification.", body = NotificationBody),
        Guarded, Unknown
    )
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    auth: Authorized<CanFollow>,
    Id(id): Id<NotificationId>,
) -> Result<axum::Json<NotificationBody>, Problem> {
    Ok(axum::Json(app.service.notification(auth.tenant(), id).await?.into()))
}
