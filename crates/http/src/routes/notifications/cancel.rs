//! `PATCH /notifications/{id}/cancel`.

use angaros_domain::NotificationId;
use axum::extract::State;

use crate::AppState;
use crate::auth::{Authorized, CanSend};
use crate::dto::notification::NotificationBody;
use crate::error::Problem;
use crate::extract::{Id, NoJson};
use crate::openapi::{Guarded, Unknown, WithoutBody, WrongStatus, tag};

#[utoipa::path(
    patch,
    path = "/notifications/{id}/cancel",
    operation_id = "notification_cancel",
    tag = tag::NOTIFICATIONS,
    summary = "Take a notification back",
    description = "Once this has answered 200, the notification is never sent. Possible while it is `pending`, \
                   `queued` or `retrying`. Needs the scope `send`.",
    params(("id" = String, Path, format = "uuid", description = "The notification's id.")),
    responses(
        (status = 200, description = "It is cancelled.", body = NotificationBody),
        Guarded, Unknown, WithoutBody, WrongStatus
    )
)]
pub(crate) async fn cancel(
    State(app): State<AppState>,
    auth: Authorized<CanSend>,
    Id(id): Id<NotificationId>,
    NoJson: NoJson,
) -> Result<axum::Json<NotificationBody>, Problem> {
    Ok(axum::Json(app.service.cancel(auth.tenant(), id).await?.into()))
}
