//! `GET /console/stream`: the live status that pages follow, for whoever is signed in.

use axum::extract::State;
use axum::response::Response;
use http::request::Parts;

use super::session::shown;
use crate::AppState;
use crate::auth::{CanRead, Staying};
use crate::error::Problem;
use crate::extract::Query;
use crate::routes::stream::{StreamQuery, follow};

/// The same as the API's stream, opened by a session in place of a key.
pub(crate) async fn open(State(app): State<AppState>, parts: Parts) -> Result<Response, Problem> {
    let caller = Staying::<CanRead>::enter(&app, &parts, shown(&parts.headers)).await?;
    let Query(query) = Query::<StreamQuery>::parse(parts.uri.query().unwrap_or_default())?;
    follow(app, caller, &parts.headers, query).await
}
