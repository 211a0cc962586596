//! The part of recording that is not storing, alone: what `angaros bench` holds the whole against.
//!
//! A request goes the same way as through [`crate::router`] - correlation, deadline, key, body, parsing, rules - and is
//! answered as if all of it were new, at the same length. Nothing is stored.

use std::sync::Arc;

use angaros_domain::EventId;
use angaros_service::{Ingested, Service};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;

use crate::auth::{Authorized, CanIngest};
use crate::error::Problem;
use crate::extract::{Media, Query};
use crate::routes::events::bulk::{self, BulkQuery};
use crate::routes::events::create;
use crate::{Api, AppState, openapi, routes};

/// `POST /api/v1/events` and `/api/v1/events/bulk`, without storing.
pub fn probe(service: Arc<Service>, api: Api) -> Router {
    let routes = Router::new().route("/events", post(one)).route("/events/bulk", post(many));
    crate::surround(Router::new().nest(routes::BASE, routes), &openapi::document(), service, api)
}

async fn one(
    State(app): State<AppState>,
    auth: Authorized<CanIngest>,
    request: Request,
) -> Result<Response, Problem> {
    let draft = create::take(&app, Media::of(request.headers())?, request).await?;
    let clock = app.service.clock();
    let (id, tenant) = (EventId(clock.new_uuid()), auth.tenant());
    let event = draft.into_event(tenant, id, clock.now(), auth.caller.correlation.id);
    create::answer(Ingested::Created(id), event)
}

async fn many(
    State(app): State<AppState>,
    _: Authorized<CanIngest>,
    Query(query): Query<BulkQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let taken = bulk::take(&app, &query, Media::of(request.headers())?, request).await?;
    let clock = app.service.clock();
    let as_new = |_| Ingested::Created(EventId(clock.new_uuid())).into();
    let verdicts = taken.into_iter().map(|one| one.map_or_else(Into::into, as_new)).collect();
    Ok(bulk::answer(&query, verdicts))
}
