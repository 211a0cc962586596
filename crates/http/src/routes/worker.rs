//! `/worker`: pausing and resuming.

use angaros_service::Pauses;
use axum::extract::State;

use crate::AppState;
use crate::auth::{Authorized, CanAdminister, CanRead};
use crate::dto::worker::{WorkerBody, WorkerRequest};
use crate::error::Problem;
use crate::extract::OptionalJson;
use crate::openapi::{Guarded, WithBody, tag};

#[utoipa::path(
    get,
    path = "/worker",
    operation_id = "worker_get",
    tag = tag::WORKER,
    summary = "Which channels send",
    description = "Which channels send and since when the others do not, and which workers live. Needs the scope `read`.",
    responses(
        (status = 200, description = "The state of every channel.", body = WorkerBody),
        Guarded
    )
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    _: Authorized<CanRead>,
) -> Result<axum::Json<WorkerBody>, Problem> {
    Ok(answer(&app, &app.service.worker().await?))
}

#[utoipa::path(
    post,
    path = "/worker/start",
    operation_id = "worker_start",
    tag = tag::WORKER,
    summary = "Let channels send",
    description = "Resumes one channel, or all of them without a body, on every worker of the cluster. It stays so \
                   after a restart. Starting what runs changes nothing. Needs the scope `admin`.",
    request_body(
        content = Option<WorkerRequest>,
        description = "Which channel; without a body all of them.",
        examples(
            ("one" = (summary = "One channel", value = json!({"channel": "sms"}))),
            ("all" = (summary = "All channels", value = json!({})))
        )
    ),
    responses(
        (status = 200, description = "The state of every channel.", body = WorkerBody),
        Guarded, WithBody
    )
)]
pub(crate) async fn start(
    State(app): State<AppState>,
    _: Authorized<CanAdminister>,
    OptionalJson(request): OptionalJson<WorkerRequest>,
) -> Result<axum::Json<WorkerBody>, Problem> {
    Ok(answer(&app, &app.service.worker_start(&request.channels()).await?))
}

#[utoipa::path(
    post,
    path = "/worker/stop",
    operation_id = "worker_stop",
    tag = tag::WORKER,
    summary = "Stop channels from sending",
    description = "Pauses one channel, or all of them without a body, on every worker of the cluster. It stays so after \
                   a restart. What is being sent is finished; new notifications are accepted and wait. Stopping what is \
                   stopped changes nothing. Needs the scope `admin`.",
    request_body(
        content = Option<WorkerRequest>,
        description = "Which channel; without a body all of them.",
        examples(
            ("one" = (summary = "One channel", value = json!({"channel": "sms"}))),
            ("all" = (summary = "All channels", value = json!({})))
        )
    ),
    responses(
        (status = 200, description = "The state of every channel.", body = WorkerBody),
        Guarded, WithBody
    )
)]
pub(crate) async fn stop(
    State(app): State<AppState>,
    _: Authorized<CanAdminister>,
    OptionalJson(request): OptionalJson<WorkerRequest>,
) -> Result<axum::Json<WorkerBody>, Problem> {
    Ok(answer(&app, &app.service.worker_stop(&request.channels()).await?))
}

fn answer(app: &AppState, pauses: &Pauses) -> axum::Json<WorkerBody> {
    axum::Json(WorkerBody::new(pauses, app.service.workers()))
}
