//! Path segments.

use std::str::FromStr;

use angaros_domain::{Address, Channel};
use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use crate::AppState;
use crate::error::Problem;

/// The one variable segment of a path. What can not be an id names nothing that exists: 404.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: FromStr> FromRequestParts<AppState> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Id<T>, Problem> {
        let text = Path::<String>::from_request_parts(parts, app).await;
        text.ok().and_then(|Path(text)| text.parse().ok()).map(Id).ok_or_else(Problem::not_found)
    }
}

/// The two variable segments of a path, in order.
pub(crate) struct Ids<A, B>(pub(crate) A, pub(crate) B);

impl<A: FromStr, B: FromStr> FromRequestParts<AppState> for Ids<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Ids<A, B>, Problem> {
        let texts = Path::<(String, String)>::from_request_parts(parts, app).await;
        let ids = texts.ok().and_then(|Path((a, b))| Some(Ids(a.parse().ok()?, b.parse().ok()?)));
        ids.ok_or_else(Problem::not_found)
    }
}

/// The two variable segments `{channel}/{address}` of a path. What names no channel names nothing that exists: 404.
pub(crate) struct Reached(pub(crate) Address);

impl FromRequestParts<AppState> for Reached {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Reached, Problem> {
        let texts = Path::<(String, String)>::from_request_parts(parts, app).await;
        let Path((channel, address)) = texts.map_err(|_| Problem::not_found())?;
        let channel: Channel = channel.parse().map_err(|_| Problem::not_found())?;
        Ok(Reached(Address::new(channel, &address)))
    }
}
