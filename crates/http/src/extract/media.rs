//! In which form the events of a request are written.

use http::{HeaderMap, header};

use super::body;
use crate::error::Problem;
use crate::problems;

/// One JSON text a line.
pub(crate) const NDJSON: &str = "application/x-ndjson";
/// One CloudEvent.
pub(crate) const CLOUD_EVENT: &str = "application/cloudevents+json";
/// An array of CloudEvents.
pub(crate) const CLOUD_EVENTS: &str = "application/cloudevents-batch+json";

/// The forms in which events come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    /// JSON as this API writes it.
    Json,
    /// Line by line.
    Lines,
    /// One CloudEvent.
    CloudEvent,
    /// Many CloudEvents.
    CloudEvents,
}

impl Media {
    /// What the headers announce; refused if it is nothing that events come in.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Media, Problem> {
        if let Some(media) = Media::named(headers) {
            body::require_plain(headers)?;
            return Ok(media);
        }
        body::require_json(headers).map(|()| Media::Json)
    }

    fn named(headers: &HeaderMap) -> Option<Media> {
        let mut types = headers.get_all(header::CONTENT_TYPE).iter();
        let (Some(only), None) = (types.next(), types.next()) else { return None };
        let essence = body::essence(only.to_str().ok()?)?;
        let known =
            [(NDJSON, Media::Lines), (CLOUD_EVENT, Media::CloudEvent), (CLOUD_EVENTS, Media::CloudEvents)];
        known.into_iter().find_map(|(name, media)| essence.eq_ignore_ascii_case(name).then_some(media))
    }
}

/// The answer to a form that the path does not take.
pub(crate) fn unsupported(expected: &str) -> Problem {
    Problem::new(problems::UNSUPPORTED_MEDIA_TYPE, format!("Content-Type must be {expected}."))
}
