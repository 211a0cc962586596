//! JSON bodies.

use angaros_domain::Violation;
use axum::extract::{FromRequest, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::body;
use super::fault::Fault;
use super::strict::{Nothing, Object};
use crate::error::Problem;
use crate::{AppState, problems};

/// A request body that is one JSON object.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<AppState> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &AppState) -> Result<Json<T>, Problem> {
        body::require_json(request.headers())?;
        let bytes = body::read(request, app.api.body_bytes_max).await?;
        parse(&bytes).map(Json)
    }
}

/// The same for requests that may also have no body at all, or null. That says what `T::default()` says.
pub(crate) struct OptionalJson<T>(pub(crate) T);

impl<T: DeserializeOwned + Default> FromRequest<AppState> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &AppState) -> Result<OptionalJson<T>, Problem> {
        let typed = body::require_json(request.headers());
        let bytes = body::read(request, app.api.body_bytes_max).await?;
        if bytes.is_empty() {
            return Ok(OptionalJson(T::default()));
        }
        typed?;
        if bytes.trim_ascii() == b"null" {
            return Ok(OptionalJson(T::default()));
        }
        parse(&bytes).map(OptionalJson)
    }
}

/// For requests that have nothing to say: no body, null, or an empty object, of whatever type it claims to be.
pub(crate) struct NoJson;

impl FromRequest<AppState> for NoJson {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &AppState) -> Result<NoJson, Problem> {
        let bytes = body::read(request, app.api.body_bytes_max).await?;
        match bytes.trim_ascii() {
            b"" | b"null" => Ok(NoJson),
            _ => parse(&bytes).map(|Nothing {}| NoJson),
        }
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    read(bytes).map(|Object(body)| body).map_err(Problem::from)
}

/// Why a text could not be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// It is not JSON, for this reason.
    Malformed(String),
    /// It is JSON, but not what is expected there.
    Faulty(Vec<Violation>),
}

impl From<Unreadable> for Problem {
    fn from(reason: Unreadable) -> Problem {
        match reason {
            Unreadable::Malformed(why) => Problem::new(problems::MALFORMED_JSON, format!("The body {why}.")),
            Unreadable::Faulty(found) => Problem::faults(problems::INVALID_REQUEST, found),
        }
    }
}

impl From<Unreadable> for Vec<Violation> {
    fn from(reason: Unreadable) -> Vec<Violation> {
        match reason {
            Unreadable::Malformed(why) => vec![Violation::new("#", why)],
            Unreadable::Faulty(found) => found,
        }
    }
}

/// Reads a JSON text.
pub(crate) fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Unreadable> {
    // Where a fault is costs an allocation a key to know, so only faulty texts are read that way, a second time.
    serde_json::from_slice(bytes).map_err(|error| explain::<T>(bytes, &error))
}

fn explain<'de, T: Deserialize<'de>>(bytes: &'de [u8], first: &serde_json::Error) -> Unreadable {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(error) if error.inner().is_data() => {
            let fault = Fault::new(error.path(), &error.inner().to_string());
            Unreadable::Faulty(vec![fault.in_body()])
        }
        _ if bytes.is_empty() => Unreadable::Malformed("is empty".to_owned()),
        // If only the whole is refused, the fault is what follows the value.
        _ => Unreadable::Malformed(format!("is not JSON: {first}")),
    }
}
