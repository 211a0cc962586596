//! `/recipients/{recipient_id}/activity`.

use axum::extract::State;

use crate::AppState;
use crate::auth::{Authorized, CanRead};
use crate::dto::event::EventBody;
use crate::error::Problem;
use crate::extract::{Id, Query};
use crate::openapi::{Guarded, WithQuery, tag};
use crate::pagination::Listing;
use crate::timeline::TimelineQuery;

#[utoipa::path(
    get,
    path = "/recipients/{recipient_id}/activity",
    operation_id = "recipient_activity",
    tag = tag::EVENTS,
    summary = "The activity of a recipient",
    description = "Everything that happened to a recipient, reported or done by the engine, by `(occurred_at, id)`. A \
                   recipient that nothing is known of has none. What is reported late sorts into its place. Needs \
                   the scope `read`.",
    params(
        ("recipient_id" = String, Path, description = "Who the recipient is to you.", example = "user-1815"),
        TimelineQuery
    ),
    responses(
        (status = 200, description = "A page.", body = Listing<EventBody>),
        Guarded, WithQuery
    )
)]
pub(crate) async fn activity(
    State(app): State<AppState>,
    auth: Authorized<CanRead>,
    Id(recipient_id): Id<String>,
    Query(query): Query<TimelineQuery>,
) -> Result<axum::Json<Listing<EventBody>>, Problem> {
    let (filter, page) = (query.filter()?, query.page());
    let found = app.service.recipient_activity(auth.tenant(), &recipient_id, &filter, page).await?;
    Ok(axum::Json(Listing::of(found)))
}
