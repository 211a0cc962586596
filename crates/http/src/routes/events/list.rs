//! `GET /events`.

use angaros_domain::event::Event;
use angaros_service::{Page, ServiceError};
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::AppState;
use crate::auth::{Authorized, CanRead};
use crate::dto::event::FeedBody;
use crate::error::Problem;
use crate::extract::Query;
use crate::openapi::{Guarded, WithQuery, tag};
use crate::pagination::Limit;

/// Instead of a cursor: the log's end. Too short to be a cursor.
const END: &str = "end";

/// Where to go on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FeedQuery {
    /// The `next_cursor` of the page before. Without it the log is read from its beginning; `end` gives an empty page
    /// whose cursor leads to what is stored from now on.
    #[param(nullable = false, min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    after: Option<String>,
    /// How many at most.
    #[serde(default)]
    #[param(value_type = u32, minimum = 1, maximum = 200, default = 50)]
    limit: Limit,
}

#[utoipa::path(
    get,
    path = "/events",
    operation_id = "event_feed",
    tag = tag::EVENTS,
    summary = "The log of events",
    description = "All events, the engine's own included, in the order in which they were stored, for consumers that \
                   follow the log. Keep `next_cursor` and send it as `after`: it skips no event, however late its \
                   transaction ended. A page may be short or empty although more follow; the end is reached when \
                   `next_cursor` is the one that was sent. Needs the scope `read`.",
    params(FeedQuery),
    responses(
        (status = 200, description = "A page.", body = FeedBody),
        Guarded, WithQuery
    )
)]
pub(crate) async fn list(
    State(app): State<AppState>,
    auth: Authorized<CanRead>,
    Query(query): Query<FeedQuery>,
) -> Result<axum::Json<FeedBody>, Problem> {
    if query.after.as_deref() == Some(END) {
        let end = Page { items: Vec::new(), next_cursor: Some(app.service.feed_end(auth.tenant()).await?) };
        return body(end);
    }
    let page = query.limit.page(query.after.as_deref());
    let found = app.service.feed(auth.tenant(), page).await.map_err(|error| match error {
        ServiceError::InvalidCursor(fault) => Problem::foreign_cursor("after").because(fault.to_string()),
        error => error.into(),
    })?;
    body(found)
}

fn body(page: Page<Event>) -> Result<axum::Json<FeedBody>, Problem> {
    FeedBody::new(page).map(axum::Json).ok_or_else(|| Problem::internal("the log gave no cursor"))
}
