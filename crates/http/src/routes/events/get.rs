//! `GET /events/{id}`.

use angaros_domain::EventId;
use axum::extract::State;

use crate::AppState;
use crate::auth::{Authorized, CanRead};
use crate::dto::event::EventBody;
use crate::error::Problem;
use crate::extract::Id;
use crate::openapi::{Guarded, Unknown, tag};

#[utoipa::path(
    get,
    path = "/events/{id}",
    operation_id = "event_get",
    tag = tag::EVENTS,
    summary = "One event",
    description = "An event, reported or of the engine's own. Needs the scope `read`.",
    params(("id" = String, Path, format = "uuid", description = "The event's id.")),
    responses(
        (status = 200, description = "The event.", body = EventBody),
        Guarded, Unknown
    )
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    auth: Authorized<CanRead>,
    Id(id): Id<EventId>,
) -> Result<axum::Json<EventBody>, Problem> {
    Ok(axum::Json(app.service.event(auth.tenant(), id).await?.into()))
}
