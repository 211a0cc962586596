//! What a page is asked in its address: strictly, so that a filter is never silently left out, and kindly to forms, which
//! send the fields that were left empty too.

use std::fmt;
use std::str::FromStr;

use angaros_domain::Timestamp;
use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::{self, Deserialize, DeserializeOwned, Deserializer};
use url::form_urlencoded;

use crate::AppState;
use crate::error::Problem;
use crate::extract::Query;

/// What [`super::notice`] reads.
const NOTICE: &str = "done";

/// The query of a page. `T` denies unknown fields. Fields that are empty are absent, spaces around a value are not part
/// of it.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Asked<T>, Problem> {
        let mut given = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            let value = value.trim();
            if name != NOTICE && !value.is_empty() {
                given.append_pair(&name, value);
            }
        }
        let Query(asked) = Query::parse(&given.finish())?;
        Ok(Asked(asked))
    }
}

/// Something by its name, or its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Named<T>(pub(crate) T);

impl<'de, T: FromStr> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Named<T>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let unknown =
            |_| de::Error::invalid_value(de::Unexpected::Str(&text), &"one of the names that there are");
        text.parse().map(Named).map_err(unknown)
    }
}

/// A point in time as forms send it: RFC 3339, or what a browser's field for date and time gives, which is UTC here; a
/// date alone is its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct When(pub(crate) Timestamp);

impl When {
    /// Reads it.
    pub(crate) fn parse(text: &str) -> Option<When> {
        let utc = |text: String| Timestamp::parse(&text);
        let found = match text.len() {
            // 2026-02-02, 2026-02-02T08:15, 2026-02-02T08:15:30
            10 => utc(format!("{text}T00:00:00Z")),
            16 => utc(format!("{text}:00Z")),
            19 => utc(format!("{text}Z")),
            _ => None,
        };
        found.or_else(|| text.contains('T').then(|| Timestamp::parse(text)).flatten()).map(When)
    }

    /// As a field for date and time wants its value.
    pub(crate) fn field(self) -> String {
        // 2026-02-02T08:15:30.000Z
        let text = self.0.to_string();
        let seconds = text.get(..19).unwrap_or(&text);
        seconds.strip_suffix(":00").unwrap_or(seconds).to_owned()
    }
}

/// Exactly, for links: a cursor belongs to the very filter that it came with.
impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<When, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expected = "a date and time such as 2026-02-02T08:15";
        When::parse(&text).ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&text), &expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_unless_they_say_otherwise() {
        let at = |text: &str| When::parse(text).map(|When(at)| at.to_string());
        assert_eq!(at("2026-02-02").as_deref(), Some("2026-02-02T00:00:00.000Z"));
        assert_eq!(at("2026-02-02T08:15").as_deref(), Some("2026-02-02T08:15:00.000Z"));
        assert_eq!(at("2026-02-02 08:15").as_deref(), Some("2026-02-02T08:15:00.000Z"));
        assert_eq!(at("2026-02-02T08:15:30").as_deref(), Some("2026-02-02T08:15:30.000Z"));
        assert_eq!(at("2026-02-02T08:15:30+01:00").as_deref(), Some("2026-02-02T07:15:30.000Z"));
        for bad in ["", "soon", "2026-02-30", "1770000000", "2026-02-02T08"] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }

    #[test]
    fn links_say_exactly_what_was_asked() {
        let when = When::parse("2026-02-02T08:15:30.5Z").unwrap();
        assert_eq!(When::parse(&when.to_string()), Some(when));
    }

    #[test]
    fn fields_get_back_what_they_gave() {
        for text in ["2026-02-02T08:15", "2026-02-02T08:15:30"] {
            assert_eq!(When::parse(text).unwrap().field(), text);
        }
    }
}
