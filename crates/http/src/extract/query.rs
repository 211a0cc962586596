//! Query strings.

use angaros_domain::Timestamp;
use angaros_domain::calendar::Zone;
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
        Query::parse(parts.uri.query().unwrap_or_default())
    }
}

impl<T: DeserializeOwned> Query<T> {
    /// The parameters of a query string.
    pub(crate) fn parse(text: &str) -> Result<Query<T>, Problem> {
        let deserializer = serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(text.as_bytes()));
        serde_path_to_error::deserialize(deserializer).map(Query).map_err(|error| {
            let Fault { path, detail } = Fault::new(error.path(), &error.inner().to_string());
            let detail =
                if detail == "is not a known field" { "is not known here".to_owned() } else { detail };
            let name = path.last().map_or("?", String::as_str);
            Problem::parameter(problems::INVALID_PARAMETER, name, &detail)
        })
    }
}

/// Refuses every parameter.
pub(crate) fn no_parameters(query: &str) -> Result<(), Problem> {
    Query::parse(query).map(|Query(Nothing {})| ())
}

/// A point in time as a parameter: RFC 3339 or epoch seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time(pub(crate) Timestamp);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let expected = "an RFC 3339 time (with + written as %2B) or whole seconds since 1970-01-01";
        read(deserializer, expected, |text| Timestamp::parse(text).map(Time))
    }
}

/// A time zone as a parameter, by its name.
#[derive(Debug, Clone)]
pub(crate) struct ZoneName(pub(crate) Zone);

impl<'de> Deserialize<'de> for ZoneName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ZoneName, D::Error> {
        let expected = "the name of a time zone in the IANA database, such as Europe/Berlin";
        read(deserializer, expected, |text| Zone::named(text).ok().map(ZoneName))
    }
}

/// A text as a parameter. One that is empty names nothing, and is refused.
#[derive(Debug, Clone)]
pub(crate) struct Text(pub(crate) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        let given = |text: &str| (!text.is_empty()).then(|| Text(text.to_owned()));
        read(deserializer, "a text that is not empty", given)
    }
}

/// Reads a parameter from its text; what is expected there goes on from `must be`.
fn read<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    expected: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&text), &expected))
}
