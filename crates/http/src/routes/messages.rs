//! `/messages`: what was sent, and the timeline of each message.

use angaros_service::TimelineFilter;
use axum::extract::State;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Authorized, CanRead};
use crate::dto::event::EventBody;
use crate::dto::message::SentMessageBody;
use crate::dto::schema::TimeInput;
use crate::error::Problem;
use crate::extract::{Id, Query, Time};
use crate::openapi::{Guarded, WithQuery, tag};
use crate::pagination::{Limit, Listing};
use crate::{AppState, problems};

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

/// In which order events are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Order {
    /// Earliest first.
    #[default]
    Asc,
    /// Latest first.
    Desc,
}

/// Which events to list. Every condition that is given must hold.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TimelineQuery {
    /// With this name.
    #[param(nullable = false)]
    event_name: Option<String>,
    /// Over this channel.
    #[param(nullable = false)]
    channel: Option<String>,
    /// Happened at or after this: RFC 3339 or epoch seconds.
    #[param(value_type = Option<TimeInput>, nullable = false)]
    from: Option<Time>,
    /// Happened at or before this: RFC 3339 or epoch seconds.
    #[param(value_type = Option<TimeInput>, nullable = false)]
    to: Option<Time>,
    /// Earliest or latest first.
    #[serde(default)]
    #[param(default = "asc")]
    order: Order,
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
    let (from, to) = (query.from.map(|Time(at)| at), query.to.map(|Time(at)| at));
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        return Err(Problem::parameter(problems::INVALID_PARAMETER, "from", "must not be later than to"));
    }
    let filter = TimelineFilter {
        event_name: query.event_name,
        channel: query.channel,
        from,
        to,
        descending: query.order == Order::Desc,
    };
    let page = query.limit.page(query.cursor.as_deref());
    let found = app.service.message_timeline(auth.tenant(), &message_id, &filter, page).await?;
    Ok(axum::Json(Listing::of(found)))
}
