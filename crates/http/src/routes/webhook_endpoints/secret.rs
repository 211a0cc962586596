//! `GET /webhook-endpoints/{id}/secret` and `POST /webhook-endpoints/{id}/rotate-secret`.

use angaros_domain::WebhookEndpointId;
use axum::extract::State;

use crate::AppState;
use crate::auth::{Authorized, CanAdminister};
use crate::dto::webhook_endpoint::{RotateSecretRequest, WebhookEndpointBody, WebhookSecretBody};
use crate::error::Problem;
use crate::extract::{Id, OptionalJson};
use crate::openapi::{Guarded, Unknown, WithBody, tag};

#[utoipa::path(
    get,
    path = "/webhook-endpoints/{id}/secret",
    operation_id = "webhook_endpoint_secret",
    tag = tag::WEBHOOKS,
    summary = "An endpoint's secret",
    description = "What deliveries to the endpoint are signed with. Needs the scope `admin`.",
    params(("id" = String, Path, format = "uuid", description = "The endpoint's id.")),
    responses(
        (status = 200, description = "The secret.", body = WebhookSecretBody),
        Guarded, Unknown
    )
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    auth: Authorized<CanAdminister>,
    Id(id): Id<WebhookEndpointId>,
) -> Result<axum::Json<WebhookSecretBody>, Problem> {
    Ok(axum::Json(app.service.webhook_endpoint(auth.tenant(), id).await?.into()))
}

#[utoipa::path(
    post,
    path = "/webhook-endpoints/{id}/rotate-secret",
    operation_id = "webhook_endpoint_rotate_secret",
    tag = tag::WEBHOOKS,
    summary = "Give an endpoint another secret",
    description = "The new secret signs from the next attempt on. For 24 hours the former one signs too - \
                   `webhook-signature` then has both signatures, separated by a space - so that the receiver can be \
                   changed without missing a delivery; a second rotation within that time ends it. The answer shows \
                   the new secret. Needs the scope `admin`.",
    params(("id" = String, Path, format = "uuid", description = "The endpoint's id.")),
    request_body(
        content = Option<RotateSecretRequest>,
        description = "A secret of your own, if you have one.",
        example = json!({"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
    ),
    responses(
        (status = 200, description = "The endpoint with its new secret.", body = WebhookEndpointBody),
        Guarded, Unknown, WithBody
    )
)]
pub(crate) async fn rotate(
    State(app): State<AppState>,
    auth: Authorized<CanAdminister>,
    Id(id): Id<WebhookEndpointId>,
    OptionalJson(request): OptionalJson<RotateSecretRequest>,
) -> Result<axum::Json<WebhookEndpointBody>, Problem> {
    let rotated = app.service.webhook_endpoint_rotate(auth.tenant(), id, request.secret.as_deref()).await?;
    Ok(axum::Json(WebhookEndpointBody::with_secret(rotated)))
}
