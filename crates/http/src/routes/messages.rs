//! `/messages`: what was sent, and the timeline of each message.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::AppState;
use crate::auth::{Authorized, CanRead};
use crate::dto::event::EventBody;
use crate::dto::message::SentMessageBody;
use crate::error::Problem;
use crate::extract::{Id, Query};
use crate::openapi::{Guarded, WithQuery, tag};
use crate::pagination::{Limit, Listing};
use crate::timeline::TimelineQuery;

/// Which messages to list.
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
    path = "/messages",
    operation_id = "message_list",
    tag = tag::MESSAGES,
    summary = "Sent messages",
    description = "Messages that a provider accepted, newest first. Needs the scope `read`.",
    params(ListQuery),
    responses(
        (status = 200, description = "A page.", body = Listing<SentMessageBody>),
        Guarded, WithQuery
    )
)]
pub(crate) async fn list(
    State(app): State<AppState>,
    auth: Authorized<CanRead>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Listing<SentMessageBody>>, Problem> {
    let found = app.service.sent_messages(auth.tenant(), query.limit.page(query.cursor.as_deref())).await?;
    Ok(axum::Json(Listing::of(found)))
}

#[utoipa::path(
    get,
    path = "/messages/{message_id}/timeline",
    operation_id = "message_timeline",
    tag = tag::MESSAGES,
    summary = "The timeline of a message",
    description = "Everything that happened to a message, by `(occurred_at, id)`. A message that nothing is known of \
                   has an empty timeline. What is reported late sorts into its place. Needs the scope `read`.",
    params(
        ("message_id" = String, Path, description = "The message's id: that of its notification."),
        TimelineQuery
    ),
    responses(
        (status = 200, description = "A page.", body = Listing<EventBody>),
        Guarded, WithQuery
    )
)]
pub(crate) async fn timeline(
    State(app): State<AppState>,
    auth: Authorized<CanRead>,
    Id(message_id): Id<String>,
    Query(query): Query<TimelineQuery>,
) -> Result<axum::Json<Listing<EventBody>>, Problem> {
    let (filter, page) = (query.filter()?, query.page());
    let found = app.service.message_timeline(auth.tenant(), &message_id, &filter, page).await?;
    Ok(axum::Json(Listing::of(found)))
}
