//! `POST /notifications/{id}/retry` and `POST /notifications/retry`.

use angaros_domain::{NotificationId, Timestamp};
use angaros_service::RedriveFilter;
use axum::extract::State;
use http::StatusCode;

use crate::auth::{Authorized, CanSend};
use crate::dto::notification::NotificationBody;
use crate::dto::redrive::{RedriveReceipt, RedriveRequest};
use crate::error::Problem;
use crate::extract::{Id, Json, NoJson};
use crate::openapi::{Guarded, Unknown, WithBody, WithoutBody, WrongStatus, tag};
use crate::{AppState, problems};

#[utoipa::path(
    post,
    path = "/notifications/{id}/retry",
    operation_id = "notification_retry",
    tag = tag::NOTIFICATIONS,
    summary = "Send a dead letter again",
    description = "Puts a `failed` notification back into the queue with fresh attempts. Needs the scope `send`.",
    params(("id" = String, Path, format = "uuid", description = "The notification's id.")),
    responses(
        (status = 202, description = "It is queued again.", body = NotificationBody),
        Guarded, Unknown, WithoutBody, WrongStatus
    )
)]
pub(crate) async fn retry(
    State(app): State<AppState>,
    auth: Authorized<CanSend>,
    Id(id): Id<NotificationId>,
    NoJson: NoJson,
) -> Result<(StatusCode, axum::Json<NotificationBody>), Problem> {
    let notification = app.service.retry(auth.tenant(), id).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(notification.into())))
}

#[utoipa::path(
    post,
    path = "/notifications/retry",
    operation_id = "notification_retry_many",
    tag = tag::NOTIFICATIONS,
    summary = "Send many dead letters again",
    description = "Puts every `failed` notification that the filter chooses back into the queue with fresh attempts, \
                   and answers how many there were. Needs the scope `send`.",
    request_body(
        content = RedriveRequest,
        description = "Which dead letters.",
        examples(
            ("some" = (summary = "Those that ran out of attempts on one channel", value = json!({
                "filter": {"channel": "email", "failure_reason": "retries_exhausted"}
            }))),
            ("all" = (summary = "All of them", value = json!({"filter": {}})))
        )
    ),
    responses(
        (status = 202, description = "They are queued again.", body = RedriveReceipt),
        Guarded, WithBody
    )
)]
pub(crate) async fn retry_many(
    State(app): State<AppState>,
    auth: Authorized<CanSend>,
    Json(request): Json<RedriveRequest>,
) -> Result<(StatusCode, axum::Json<RedriveReceipt>), Problem> {
    let filter = RedriveFilter::try_from(request)
        .map_err(|fault| Problem::faults(problems::INVALID_REQUEST, vec![fault]))?;
    let count = app.service.retry_many(auth.tenant(), filter, Timestamp::MAX).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(RedriveReceipt { count })))
}
