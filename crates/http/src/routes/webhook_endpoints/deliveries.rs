//! `/webhook-endpoints/{id}/deliveries`.

use angaros_domain::{NotificationId, Status, WebhookEndpointId};
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::AppState;
use crate::auth::{Authorized, CanAdminister, CanRead};
use crate::dto::schema::StatusName;
use crate::dto::webhook_delivery::{WebhookDeliveryBody, WebhookDeliveryTraceBody};
use crate::error::Problem;
use crate::extract::{Id, Ids, NoJson, Query};
use crate::openapi::{Guarded, Unknown, WithQuery, WithoutBody, WrongStatus, tag};
use crate::pagination::{Limit, Listing};

/// Which deliveries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// In this status.
    #[param(value_type = Option<StatusName>, nullable = false)]
    status: Option<Status>,
    /// How many at most.
    #[serde(default)]
    #[param(value_type = u32, minimum = 1, maximum = 200, default = 50)]
    limit: Limit,
    /// The `next_cursor` of the page before, with the same filter.
    #[param(nullable = false, min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

#[utoipa::path(
    get,
    path = "/webhook-endpoints/{id}/deliveries",
    operation_id = "webhook_delivery_list",
    tag = tag::WEBHOOKS,
    summary = "The delivery log",
    description = "Deliveries to the endpoint, newest first: attempts, the last answer, the next retry. They are in no \
                   list of notifications, and no event tells of them. A page may hold fewer than `limit` items; only \
                   `next_cursor` says whether it is the last. Needs the scope `read`.",
    params(("id" = String, Path, format = "uuid", description = "The endpoint's id."), ListQuery),
    responses(
        (status = 200, description = "A page.", body = Listing<WebhookDeliveryBody>),
        Guarded, Unknown, WithQuery
    )
)]
pub(crate) async fn list(
    State(app): State<AppState>,
    auth: Authorized<CanRead>,
    Id(id): Id<WebhookEndpointId>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Listing<WebhookDeliveryBody>>, Problem> {
    let page = query.limit.page(query.cursor.as_deref());
    let found = app.service.webhook_deliveries(auth.tenant(), id, query.status, page).await?;
    Ok(axum::Json(Listing::of(found)))
}

#[utoipa::path(
    get,
    path = "/webhook-endpoints/{id}/deliveries/{delivery_id}",
    operation_id = "webhook_delivery_get",
    tag = tag::WEBHOOKS,
    summary = "One delivery",
    description = "The delivery with the body that is posted, and every attempt with its answer. Needs the scope `read`.",
    params(
        ("id" = String, Path, format = "uuid", description = "The endpoint's id."),
        ("delivery_id" = String, Path, format = "uuid", description = "The delivery's id.")
    ),
    responses(
        (status = 200, description = "The delivery.", body = WebhookDeliveryTraceBody),
        Guarded, Unknown
    )
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    auth: Authorized<CanRead>,
    Ids(id, delivery): Ids<WebhookEndpointId, NotificationId>,
) -> Result<axum::Json<WebhookDeliveryTraceBody>, Problem> {
    Ok(axum::Json(app.service.webhook_delivery(auth.tenant(), id, delivery).await?.into()))
}

#[utoipa::path(
    post,
    path = "/webhook-endpoints/{id}/deliveries/{delivery_id}/retry",
    operation_id = "webhook_delivery_retry",
    tag = tag::WEBHOOKS,
    summary = "Send a failed delivery again",
    description = "Puts a `failed` delivery back into the queue with fresh attempts, under the same `webhook-id`. Needs \
                   the scope `admin`.",
    params(
        ("id" = String, Path, format = "uuid", description = "The endpoint's id."),
        ("delivery_id" = String, Path, format = "uuid", description = "The delivery's id.")
    ),
    responses(
        (status = 202, description = "It is queued again.", body = WebhookDeliveryBody),
        Guarded, Unknown, WithoutBody, WrongStatus
    )
)]
pub(crate) async fn retry(
    State(app): State<AppState>,
    auth: Authorized<CanAdminister>,
    Ids(id, delivery): Ids<WebhookEndpointId, NotificationId>,
    NoJson: NoJson,
) -> Result<(StatusCode, axum::Json<WebhookDeliveryBody>), Problem> {
    let queued = app.service.webhook_delivery_retry(auth.tenant(), id, delivery).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(queued.into())))
}
