//! JSON bodies.

use axum::extract::{FromRequest, Request};
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
    // Where a fault is costs an allocation a key to know, so only faulty bodies are read that way, a second time.
    serde_json::from_slice::<Object<T>>(bytes).map(|Object(body)| body).map_err(|_| explain::<T>(bytes))
}

fn explain<T: DeserializeOwned>(bytes: &[u8]) -> Problem {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let (path, error) = match serde_path_to_error::deserialize::<_, Object<T>>(&mut deserializer) {
        Err(error) => (Some(error.path().clone()), error.into_inner()),
        // What was read is well-formed, so the fault is what follows it.
        Ok(_) => match deserializer.end() {
            Err(error) => (None, error),
            Ok(()) => return Problem::internal("a body was refused once and then accepted"),
        },
    };
    match (path, error.is_data()) {
        (Some(path), true) => {
            let fault = Fault::new(&path, &error.to_string());
            Problem::faults(problems::INVALID_REQUEST, vec![fault.in_body()])
        }
        _ if bytes.is_empty() => Problem::new(problems::MALFORMED_JSON, "The body is empty."),
        _ => Problem::new(problems::MALFORMED_JSON, format!("The body is not JSON: {error}.")),
    }
}
