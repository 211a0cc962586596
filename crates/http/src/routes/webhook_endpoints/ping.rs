//! `POST /webhook-endpoints/{id}/ping`.

use angaros_domain::WebhookEndpointId;
use axum::extract::State;
use http::StatusCode;

use crate::AppState;
use crate::auth::{Authorized, CanAdminister};
use crate::dto::webhook_delivery::WebhookDeliveryBody;
use crate::error::Problem;
use crate::extract::{Id, NoJson};
use crate::openapi::{DisabledEndpoint, Guarded, Unknown, WithoutBody, tag};

#[utoipa::path(
    post,
    path = "/webhook-endpoints/{id}/ping",
    operation_id = "webhook_endpoint_ping",
    tag = tag::WEBHOOKS,
    summary = "Try an endpoint",
    description = "Queues a delivery of the type `webhook.ping` to this endpoint alone, whatever its filters are. What \
                   came of it is in the delivery log. Needs the scope `admin`.",
    params(("id" = String, Path, format = "uuid", description = "The endpoint's id.")),
    responses(
        (status = 202, description = "It is queued.", body = WebhookDeliveryBody),
        Guarded, Unknown, WithoutBody, DisabledEndpoint
    )
)]
pub(crate) async fn ping(
    State(app): State<AppState>,
    auth: Authorized<CanAdminister>,
    Id(id): Id<WebhookEndpointId>,
    NoJson: NoJson,
) -> Result<(StatusCode, axum::Json<WebhookDeliveryBody>), Problem> {
    let delivery = app.service.webhook_endpoint_ping(&auth.caller, id).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(delivery.into())))
}
