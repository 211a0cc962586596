//! The `Prefer` header (RFC 7240), of which one preference is heard: `respond-async`.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::HeaderName;
use http::request::Parts;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

const PREFER: HeaderName = HeaderName::from_static("prefer");
/// Names the preferences that an answer goes by.
pub(crate) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// The preference of a caller who would rather not wait (RFC 7240 section 4.1).
pub(crate) const RESPOND_ASYNC: &str = "respond-async";

/// What the document says about the header.
pub(crate) struct PreferHeader;

impl IntoParams for PreferHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let header = ParameterBuilder::new()
            .name("Prefer")
            .parameter_in(ParameterIn::Header)
            .description(Some(
                "`respond-async`: answer 202 as soon as the events are checked and wait to be stored. This is the one \
                 acknowledgement that is not durable yet. Other preferences are ignored (RFC 7240).",
            ))
            .schema(Some(ObjectBuilder::new().schema_type(SchemaType::new(Type::String))));
        vec![header.build()]
    }
}

/// When the caller wants its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acknowledge {
    /// When everything is decided and stored.
    Stored,
    /// When everything waits to be stored.
    Queued,
}

impl<S: Sync> FromRequestParts<S> for Acknowledge {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Acknowledge, Infallible> {
        let prefers = prefers_async(&parts.headers);
        Ok(if prefers { Acknowledge::Queued } else { Acknowledge::Stored })
    }
}

/// Of preferences with one name the first counts, and an empty value is none (section 2). Parameters of a preference
/// are ignored, and so is what is not a preference at all.
fn prefers_async(headers: &HeaderMap) -> bool {
    let first = headers.get_all(PREFER).iter().find_map(|header| {
        let text = String::from_utf8_lossy(header.as_bytes());
        split(&text, ',').find_map(|preference| {
            let (name, value) = split(preference, ';').next().map(name_and_value)?;
            let is_empty = value.is_empty() || value == "\"\"";
            name.eq_ignore_ascii_case(RESPOND_ASYNC).then_some(is_empty)
        })
    });
    first.unwrap_or(false)
}

fn name_and_value(preference: &str) -> (&str, &str) {
    let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
    (name.trim_matches([' ', '\t']), value.trim_matches([' ', '\t']))
}

/// The parts of a text between separators that do not stand in a quoted string (RFC 9110 section 5.6.4).
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        if escaped {
            escaped = false;
            return false;
        }
        match c {
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            _ => return c == separator && !quoted,
        }
        false
    })
}
