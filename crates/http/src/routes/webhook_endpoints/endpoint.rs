//! `/webhook-endpoints` and `/webhook-endpoints/{id}`.

use angaros_domain::WebhookEndpointId;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::LOCATION;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::AppState;
use crate::auth::{Authorized, CanAdminister, CanRead};
use crate::dto::webhook_endpoint::{
    WebhookEndpointBody, WebhookEndpointChangeRequest, WebhookEndpointRequest,
};
use crate::error::Problem;
use crate::extract::{Id, Json, Query};
use crate::openapi::{Guarded, TooManyEndpoints, Unknown, WithBody, WithQuery, tag};
use crate::pagination::{Limit, Listing};
use crate::routes::BASE;

#[utoipa::path(
    post,
    path = "/webhook-endpoints",
    operation_id = "webhook_endpoint_create",
    tag = tag::WEBHOOKS,
    summary = "Subscribe to events",
    description = "Stores an endpoint that is told of every event of these types from now on. Each delivery is a POST \
                   of `{\"type\", \"timestamp\", \"data\"}`, signed as Standard Webhooks define it, and tried again \
                   like any other webhook. The answer shows the secret. A tenant has at most 100 endpoints. Needs the \
                   scope `admin`.",
    request_body(
        content = WebhookEndpointRequest,
        description = "The endpoint.",
        example = json!({
            "url": "https://shop.example.org/hooks/angaros",
            "event_types": ["notification.delivered", "notification.failed", "order.*"],
            "description": "Shop"
        })
    ),
    responses(
        (status = 201, description = "It is stored.", body = WebhookEndpointBody, headers(
            ("Location" = String, description = "Its path.")
        )),
        Guarded, WithBody, TooManyEndpoints
    )
)]
pub(crate) async fn create(
    State(app): State<AppState>,
    auth: Authorized<CanAdminister>,
    Json(request): Json<WebhookEndpointRequest>,
) -> Result<Response, Problem> {
    let endpoint = app.service.webhook_endpoint_create(auth.tenant(), request.into()).await?;
    let location = format!("{BASE}/webhook-endpoints/{}", endpoint.id);
    let body = axum::Json(WebhookEndpointBody::with_secret(endpoint));
    Ok((StatusCode::CREATED, [(LOCATION, location)], body).into_response())
}

/// Which endpoints to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// How many at most.
    #[serde(default)]
    #[param(value_type = u32, minimum = 1, maximum = 200, default = 50)]
    limit: Limit,
    /// The `next_cursor` of the page before.
    #[param(nullable = false, min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

#[utoipa::path(
    get,
    path = "/webhook-endpoints",
    operation_id = "webhook_endpoint_list",
    tag = tag::WEBHOOKS,
    summary = "Webhook endpoints",
    description = "Endpoints, newest first. Needs the scope `read`.",
    params(ListQuery),
    responses(
        (status = 200, description = "A page.", body = Listing<WebhookEndpointBody>),
        Guarded, WithQuery
    )
)]
pub(crate) async fn list(
    State(app): State<AppState>,
    auth: Authorized<CanRead>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Listing<WebhookEndpointBody>>, Problem> {
    let page = query.limit.page(query.cursor.as_deref());
    let found = app.service.webhook_endpoints(auth.tenant(), page).await?;
    Ok(axum::Json(Listing::of(found)))
}

#[utoipa::path(
    get,
    path = "/webhook-endpoints/{id}",
    operation_id = "webhook_endpoint_get",
    tag = tag::WEBHOOKS,
    summary = "One webhook endpoint",
    description = "The endpoint, without its secret, and how it fares. Needs the scope `read`.",
    params(("id" = String, Path, format = "uuid", description = "The endpoint's id.")),
    responses(
        (status = 200, description = "The endpoint.", body = WebhookEndpointBody),
        Guarded, Unknown
    )
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    auth: Authorized<CanRead>,
    Id(id): Id<WebhookEndpointId>,
) -> Result<axum::Json<WebhookEndpointBody>, Problem> {
    Ok(axum::Json(app.service.webhook_endpoint(auth.tenant(), id).await?.into()))
}

#[utoipa::path(
    patch,
    path = "/webhook-endpoints/{id}",
    operation_id = "webhook_endpoint_change",
    tag = tag::WEBHOOKS,
    summary = "Change, disable or enable a webhook endpoint",
    description = "Changes what is given; the rest stays. While an endpoint is disabled nothing is queued for it, and \
                   what waits for it fails as `suppressed`. Enabled again, it is told of what happens from then on. \
                   Needs the scope `admin`.",
    params(("id" = String, Path, format = "uuid", description = "The endpoint's id.")),
    request_body(
        content = WebhookEndpointChangeRequest,
        description = "What to change.",
        examples(
            ("filter" = (summary = "Other events", value = json!({"event_types": ["notification.*"]}))),
            ("disable" = (summary = "Nothing for now", value = json!({"enabled": false})))
        )
    ),
    responses(
        (status = 200, description = "It is changed.", body = WebhookEndpointBody),
        Guarded, Unknown, WithBody
    )
)]
pub(crate) async fn change(
    State(app): State<AppState>,
    auth: Authorized<CanAdminister>,
    Id(id): Id<WebhookEndpointId>,
    Json(request): Json<WebhookEndpointChangeRequest>,
) -> Result<axum::Json<WebhookEndpointBody>, Problem> {
    let changed = app.service.webhook_endpoint_change(auth.tenant(), id, request.into()).await?;
    Ok(axum::Json(changed.into()))
}

#[utoipa::path(
    delete,
    path = "/webhook-endpoints/{id}",
    operation_id = "webhook_endpoint_delete",
    tag = tag::WEBHOOKS,
    summary = "Remove a webhook endpoint",
    description = "Nothing more is sent to it: what waits for it fails as `suppressed`. Its delivery log goes with it. \
                   Needs the scope `admin`.",
    params(("id" = String, Path, format = "uuid", description = "The endpoint's id.")),
    responses(
        (status = 204, description = "It is gone."),
        Guarded, Unknown
    )
)]
pub(crate) async fn delete(
    State(app): State<AppState>,
    auth: Authorized<CanAdminister>,
    Id(id): Id<WebhookEndpointId>,
) -> Result<StatusCode, Problem> {
    app.service.webhook_endpoint_delete(auth.tenant(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
