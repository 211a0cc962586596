//! `/suppressions`.

use angaros_domain::request::TOKEN_CHARACTERS_MAX;
use angaros_domain::{Address, Channel, SuppressionReason};
use angaros_service::SuppressionQuestion;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Authorized, CanRead, CanSend};
use crate::dto::schema::{ChannelName, SuppressionReasonName};
use crate::dto::suppression::{
    SuppressionBody, SuppressionRequest, SuppressionsReceipt, SuppressionsRequest,
};
use crate::error::Problem;
use crate::extract::{Json, Query, Reached, Text};
use crate::idempotency::located;
use crate::openapi::{Guarded, Unknown, WithBody, WithQuery, tag};
use crate::pagination::{Limit, Listing};
use crate::routes::BASE;
use crate::{AppState, problems};

#[utoipa::path(
    post,
    path = "/suppressions",
    operation_id = "suppression_create",
    tag = tag::SUPPRESSIONS,
    summary = "Suppress an address",
    description = "Puts an address on the suppression list. From then on notifications to it are accepted, and end as \
                   `failed` with the reason `suppressed` when it is their turn, without an attempt. E-mail addresses \
                   are compared without regard to case. What is on the list already stays as it is. Bounces, \
                   complaints, unsubscribes and opt-outs that are recorded as events put addresses there by \
                   themselves. Needs the scope `send`.",
    request_body(
        content = SuppressionRequest,
        description = "The address.",
        example = json!({"channel": "email", "address": "ada@example.org", "reason": "unsubscribed"})
    ),
    responses(
        (status = 201, description = "It is on the list from here on.", body = SuppressionBody, headers(
            ("Location" = String, description = "Its path.")
        )),
        (status = 200, description = "It was on the list before, like this.", body = SuppressionBody, headers(
            ("Location" = String, description = "Its path."),
            ("Idempotency-Replayed" = String, description = "Always `true`.")
        )),
        Guarded, WithBody
    )
)]
pub(crate) async fn create(
    State(app): State<AppState>,
    auth: Authorized<CanSend>,
    Json(request): Json<SuppressionRequest>,
) -> Result<Response, Problem> {
    let (suppression, is_new) = app.service.suppress(auth.tenant(), request.into()).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let location = path_of(&suppression.address);
    Ok(located(status, !is_new, location, SuppressionBody::from(suppression)))
}

/// Where an address on the list is.
fn path_of(address: &Address) -> String {
    let text = utf8_percent_encode(address.as_str(), NON_ALPHANUMERIC);
    format!("{BASE}/suppressions/{}/{text}", address.channel())
}

#[utoipa::path(
    post,
    path = "/suppressions/bulk",
    operation_id = "suppression_create_many",
    tag = tag::SUPPRESSIONS,
    summary = "Suppress many addresses",
    description = "Puts 1 to 1000 addresses on the suppression list in one transaction: all of them, or none if any is \
                   refused. Faults point at the entry, such as `#/suppressions/3/address`. Needs the scope `send`.",
    request_body(
        content = SuppressionsRequest,
        description = "The addresses.",
        example = json!({
            "suppressions": [
                {"channel": "email", "address": "ada@example.org", "reason": "bounced"},
                {"channel": "sms", "address": "+4915112345678", "reason": "opted_out"}
            ]
        })
    ),
    responses(
        (status = 200, description = "All of them are on the list.", body = SuppressionsReceipt),
        Guarded, WithBody
    )
)]
pub(crate) async fn create_many(
    State(app): State<AppState>,
    auth: Authorized<CanSend>,
    Json(request): Json<SuppressionsRequest>,
) -> Result<axum::Json<SuppressionsReceipt>, Problem> {
    let drafts = request.drafts();
    let created = app.service.suppress_many(auth.tenant(), &drafts).await?;
    Ok(axum::Json(SuppressionsReceipt { created, duplicates: drafts.len() - created }))
}

/// Which addresses to list. Every condition that is given must hold.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Of this channel.
    #[param(value_type = Option<ChannelName>, nullable = false, example = "email")]
    channel: Option<Channel>,
    /// Suppressed for this reason.
    #[param(value_type = Option<SuppressionReasonName>, nullable = false, example = "bounced")]
    reason: Option<SuppressionReason>,
    /// This one, of whatever channel.
    #[param(
        value_type = Option<String>, nullable = false, min_length = 1, max_length = 4096, example = "ada@example.org"
    )]
    address: Option<Text>,
    /// How many at most.
    #[serde(default)]
    #[param(value_type = u32, minimum = 1, maximum = 200, default = 50)]
    limit: Limit,
    /// The `next_cursor` of the page before, with the same filters.
    #[param(nullable = false, min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

#[utoipa::path(
    get,
    path = "/suppressions",
    operation_id = "suppression_list",
    tag = tag::SUPPRESSIONS,
    summary = "Suppressed addresses",
    description = "Addresses that nothing is sent to, the latest first. What is added while you page through them \
                   comes before the first page and shifts nothing. Needs the scope `read`.",
    params(ListQuery),
    responses(
        (status = 200, description = "A page.", body = Listing<SuppressionBody>),
        Guarded, WithQuery
    )
)]
pub(crate) async fn list(
    State(app): State<AppState>,
    auth: Authorized<CanRead>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Listing<SuppressionBody>>, Problem> {
    let address = query.address.map(|Text(address)| address);
    if address.as_ref().is_some_and(|address| address.chars().count() > TOKEN_CHARACTERS_MAX) {
        let detail = format!("must have 1 to {TOKEN_CHARACTERS_MAX} characters");
        return Err(Problem::parameter(problems::INVALID_PARAMETER, "address", &detail));
    }
    let question = SuppressionQuestion { channel: query.channel, reason: query.reason, address };
    let page = query.limit.page(query.cursor.as_deref());
    Ok(axum::Json(Listing::of(app.service.suppressions(auth.tenant(), &question, page).await?)))
}

#[utoipa::path(
    get,
    path = "/suppressions/{channel}/{address}",
    operation_id = "suppression_get",
    tag = tag::SUPPRESSIONS,
    summary = "One suppressed address",
    description = "Why and since when nothing is sent to an address; 404 if it is not suppressed. Needs the scope \
                   `read`.",
    params(
        ("channel" = ChannelName, Path, description = "Of which channel it is an address.", example = "email"),
        ("address" = String, Path, description = "The address, percent-encoded: `%2B4915112345678`.",
            example = "ada@example.org")
    ),
    responses(
        (status = 200, description = "It is suppressed.", body = SuppressionBody),
        Guarded, Unknown
    )
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    auth: Authorized<CanRead>,
    Reached(address): Reached,
) -> Result<axum::Json<SuppressionBody>, Problem> {
    Ok(axum::Json(app.service.suppression(auth.tenant(), address).await?.into()))
}

#[utoipa::path(
    delete,
    path = "/suppressions/{channel}/{address}",
    operation_id = "suppression_delete",
    tag = tag::SUPPRESSIONS,
    summary = "Stop suppressing an address",
    description = "Takes an address off the list: what is queued for it, and what comes later, is sent again. What \
                   ended as `suppressed` stays so until it is retried. Needs the scope `send`.",
    params(
        ("channel" = ChannelName, Path, description = "Of which channel it is an address.", example = "email"),
        ("address" = String, Path, description = "The address, percent-encoded: `%2B4915112345678`.",
            example = "ada@example.org")
    ),
    responses(
        (status = 204, description = "It is off the list."),
        Guarded, Unknown
    )
)]
pub(crate) async fn delete(
    State(app): State<AppState>,
    auth: Authorized<CanSend>,
    Reached(address): Reached,
) -> Result<StatusCode, Problem> {
    app.service.unsuppress(auth.tenant(), address).await?;
    Ok(StatusCode::NO_CONTENT)
}
