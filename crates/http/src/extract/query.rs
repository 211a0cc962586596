//! Query strings.

use std::fmt;

use angaros_domain::Timestamp;
use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::{self, Deserialize, DeserializeOwned, Deserializer};

use super::fault::Fault;
use super::strict::Nothing;
use crate::error::Problem;
use crate::{AppState, problems};

/// The query parameters of a request. `T` must deny unknown fields; a repeated one is refused by derived code.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Query<T>, Problem> {
        parse(parts.uri.query().unwrap_or_default()).map(Query)
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let deserializer = serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let Fault { path, detail } = Fault::new(error.path(), &error.inner().to_string());
        let detail = if detail == "is not a known field" { "is not known here".to_owned() } else { detail };
        let name = path.last().map_or("?", String::as_str);
        Problem::parameter(problems::INVALID_PARAMETER, name, &detail)
    })
}

/// Refuses every parameter.
pub(crate) fn no_parameters(query: &str) -> Result<(), Problem> {
    parse(query).map(|Nothing {}| ())
}

/// A point in time as a parameter: RFC 3339 or epoch seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time(pub(crate) Timestamp);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        struct TimeVisitor;

        impl de::Visitor<'_> for TimeVisitor {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time (with + written as %2B) or whole seconds since 1970-01-01")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
                let at = Timestamp::parse(text).map(Time);
                at.ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_str(TimeVisitor)
    }
}
