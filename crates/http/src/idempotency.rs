//! The `Idempotency-Key` header, and the answers to what was sent before.

use angaros_domain::idempotency::IdempotencyKey;
use angaros_service::Receipt;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::{HeaderName, LOCATION};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

use crate::error::Problem;
use crate::{AppState, problems};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What the document says about the header.
pub(crate) struct KeyHeader;

impl IntoParams for KeyHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .min_length(Some(1))
            .max_length(Some(IdempotencyKey::CHARACTERS_MAX));
        let header = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .description(Some(
                "Stands for this request: sending it again with the same key has no further effect. Bare or as a \
                 quoted string.",
            ))
            .schema(Some(text));
        vec![header.build()]
    }
}

/// The caller's key, if it sent one.
pub(crate) struct Key(pub(crate) Option<IdempotencyKey>);

impl FromRequestParts<AppState> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Key, Problem> {
        let mut given = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(header) = given.next() else { return Ok(Key(None)) };
        let key = std::str::from_utf8(header.as_bytes()).ok().and_then(IdempotencyKey::parse);
        match (key, given.next()) {
            (Some(key), None) => Ok(Key(Some(key))),
            _ => Err(Problem::new(
                problems::INVALID_HEADER,
                "Idempotency-Key must be given once, with 1 to 255 characters, bare or as a quoted string.",
            )),
        }
    }
}

/// 202 with the place of what was stored now; 200 and `Idempotency-Replayed` with what was stored before.
pub(crate) fn answer<T, B: Serialize>(receipt: Receipt<T>, write: impl FnOnce(T) -> (String, B)) -> Response {
    let (status, replayed, thing) = match receipt {
        Receipt::New(thing) => (StatusCode::ACCEPTED, false, thing),
        Receipt::Replayed(thing) => (StatusCode::OK, true, thing),
    };
    let (location, body) = write(thing);
    located(status, replayed, location, body)
}

/// An answer with the place of what is stored, and whether it was before.
pub(crate) fn located<B: Serialize>(
    status: StatusCode,
    replayed: bool,
    location: String,
    body: B,
) -> Response {
    let mut response = (status, axum::Json(body)).into_response();
    // A path of ours with a UUID in it always is a header value.
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    if replayed {
        response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    response
}
