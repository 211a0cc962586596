//! `/templates`.

use angaros_domain::TemplateId;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::LOCATION;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::AppState;
use crate::auth::{Authorized, CanFollow, CanSend};
use crate::dto::template::{PreviewBody, PreviewRequest, TemplateBody, TemplateRequest};
use crate::error::Problem;
use crate::extract::{Id, Json, Query};
use crate::openapi::{Guarded, NameTaken, Unfit, Unknown, WithBody, WithQuery, tag};
use crate::pagination::{Limit, Listing};
use crate::routes::BASE;

#[utoipa::path(
    post,
    path = "/templates",
    operation_id = "template_create",
    tag = tag::TEMPLATES,
    summary = "Store a template",
    description = "Stores a Jinja-style template. A syntax error is refused at once. Needs the scope `send`.",
    request_body(
        content = TemplateRequest,
        description = "The template.",
        example = json!({
            "name": "order-shipped",
            "subject": "Order {{ order }} is on its way",
            "body": "Hello {{ name }}, order {{ order }} left our warehouse today.",
            "html": "<p>Hello {{ name }},</p><p>order <b>{{ order }}</b> left our warehouse today.</p>"
        })
    ),
    responses(
        (status = 201, description = "It is stored.", body = TemplateBody, headers(
            ("Location" = String, description = "Its path.")
        )),
        Guarded, WithBody, NameTaken
    )
)]
pub(crate) async fn create(
    State(app): State<AppState>,
    auth: Authorized<CanSend>,
    Json(request): Json<TemplateRequest>,
) -> Result<Response, Problem> {
    let template = app.service.template_create(auth.tenant(), request.into()).await?;
    let location = format!("{BASE}/templates/{}", template.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], axum::Json(TemplateBody::from(template)))
        .into_response())
}

/// Which templates to list.
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
    path = "/templates",
    operation_id = "template_list",
    tag = tag::TEMPLATES,
    summary = "Templates",
    description = "Templates, newest first. Needs the scope `read` or `send`.",
    params(ListQuery),
    responses(
        (status = 200, description = "A page.", body = Listing<TemplateBody>),
        Guarded, WithQuery
    )
)]
pub(crate) async fn list(
    State(app): State<AppState>,
    auth: Authorized<CanFollow>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Listing<TemplateBody>>, Problem> {
    let found = app.service.templates(auth.tenant(), query.limit.page(query.cursor.as_deref())).await?;
    Ok(axum::Json(Listing::of(found)))
}

#[utoipa::path(
    get,
    path = "/templates/{id}",
    operation_id = "template_get",
    tag = tag::TEMPLATES,
    summary = "One template",
    description = "The template as it is stored. Needs the scope `read` or `send`.",
    params(("id" = String, Path, format = "uuid", description = "The template's id.")),
    responses(
        (status = 200, description = "The template.", body = TemplateBody),
        Guarded, Unknown
    )
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    auth: Authorized<CanFollow>,
    Id(id): Id<TemplateId>,
) -> Result<axum::Json<TemplateBody>, Problem> {
    Ok(axum::Json(app.service.template(auth.tenant(), id).await?.into()))
}

#[utoipa::path(
    put,
    path = "/templates/{id}",
    operation_id = "template_update",
    tag = tag::TEMPLATES,
    summary = "Replace a template",
    description = "Replaces the whole template. What was rendered from it before stays as it is. Needs the scope \
                   `send`.",
    params(("id" = String, Path, format = "uuid", description = "The template's id.")),
    request_body(
        content = TemplateRequest,
        description = "The new template.",
        example = json!({
            "name": "order-shipped",
            "subject": "Good news about order {{ order }}",
            "body": "Hello {{ name }}, order {{ order }} is on its way."
        })
    ),
    responses(
        (status = 200, description = "It is replaced.", body = TemplateBody),
        Guarded, Unknown, WithBody, NameTaken
    )
)]
pub(crate) async fn update(
    State(app): State<AppState>,
    auth: Authorized<CanSend>,
    Id(id): Id<TemplateId>,
    Json(request): Json<TemplateRequest>,
) -> Result<axum::Json<TemplateBody>, Problem> {
    Ok(axum::Json(app.service.template_update(auth.tenant(), id, request.into()).await?.into()))
}

#[utoipa::path(
    delete,
    path = "/templates/{id}",
    operation_id = "template_delete",
    tag = tag::TEMPLATES,
    summary = "Remove a template",
    description = "Notifications that were made from it are not touched: their content was rendered when they were \
                   created. Needs the scope `send`.",
    params(("id" = String, Path, format = "uuid", description = "The template's id.")),
    responses(
        (status = 204, description = "It is gone."),
        Guarded, Unknown
    )
)]
pub(crate) async fn delete(
    State(app): State<AppState>,
    auth: Authorized<CanSend>,
    Id(id): Id<TemplateId>,
) -> Result<StatusCode, Problem> {
    app.service.template_delete(auth.tenant(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    post,
    path = "/templates/{id}/preview",
    operation_id = "template_preview",
    tag = tag::TEMPLATES,
    summary = "Try a template",
    description = "Renders the template and stores nothing. A variable that the template uses and that is not given is \
                   an error that names it. Needs the scope `read` or `send`.",
    params(("id" = String, Path, format = "uuid", description = "The template's id.")),
    request_body(
        content = PreviewRequest,
        description = "What to render it with.",
        example = json!({"template_variables": {"name": "Ada", "order": 4711}})
    ),
    responses(
        (status = 200, description = "What a notification would carry.", body = PreviewBody),
        Guarded, Unknown, WithBody, Unfit
    )
)]
pub(crate) async fn preview(
    State(app): State<AppState>,
    auth: Authorized<CanFollow>,
    Id(id): Id<TemplateId>,
    Json(request): Json<PreviewRequest>,
) -> Result<axum::Json<PreviewBody>, Problem> {
    Ok(axum::Json(app.service.template_preview(auth.tenant(), id, &request.variables()).await?.into()))
}
