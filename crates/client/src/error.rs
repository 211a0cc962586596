//! What can go wrong with a call.

use std::fmt;
use std::time::Duration;

use angaros_domain::{EventId, Status};
use serde::Deserialize;

/// What a call answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why there is no answer to use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address, or the key, is none that can be called with.
    #[error("{0}")]
    Setup(String),
    /// The service could not be reached, or its answer was lost on the way.
    #[error("{url} does not answer")]
    Unreachable {
        /// The address.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The service refused the request.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The service answered something that this client does not understand.
    #[error("the service's answer is not what was expected")]
    Unexpected(#[source] serde_json::Error),
}

impl Error {
    /// Whether asking again may help: the service was not reached, is busy, or has a fault of its own.
    pub fn is_passing(&self) -> bool {
        match self {
            Error::Unreachable { .. } => true,
            Error::Refused(problem) => matches!(problem.status, 408 | 429 | 500..),
            Error::Setup(_) | Error::Unexpected(_) => false,
        }
    }

    /// How long the service wants to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        self.problem().and_then(|problem| problem.retry_after)
    }

    /// The problem document, if it is a refusal.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Error::Refused(problem) => Some(problem),
            _ => None,
        }
    }
}

/// A problem document (RFC 9457) as the service writes it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// The HTTP status.
    #[serde(skip)]
    pub status: u16,
    /// The reason phrase of that.
    #[serde(skip)]
    pub(crate) phrase: &'static str,
    /// Which problem: `/problems/SLUG`. Programs decide by this.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is called.
    pub title: String,
    /// What it is this time.
    pub detail: String,
    /// With this the service's operator finds what was logged.
    pub correlation_id: String,
    /// What is wrong with the request, each with its place.
    pub errors: Vec<Fault>,
    /// For a transition that is not possible: where the notification stands.
    pub current_status: Option<Status>,
    /// For an event in conflict: the one that is stored.
    pub stored_id: Option<EventId>,
    /// For an event in conflict: the fields that differ.
    pub fields: Vec<String>,
    /// How long the service wants to be left alone.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Fault {
    /// Where in the body, as a JSON pointer.
    pub pointer: Option<String>,
    /// Which parameter.
    pub parameter: Option<String>,
    /// What is wrong with it.
    pub detail: String,
}

impl Problem {
    /// The last part of its type, such as `invalid-transition`.
    pub fn slug(&self) -> &str {
        self.kind.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.phrase)?;
        // Where the faults are listed, the detail only says them a second time.
        let summary = if self.errors.is_empty() { &self.detail } else { &self.title };
        if !summary.is_empty() {
            write!(f, ": {summary}")?;
        }
        for Fault { pointer, parameter, detail } in &self.errors {
            let place = pointer.as_ref().or(parameter.as_ref()).map_or("", String::as_str);
            write!(f, "\n  {place} {detail}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16, json: &str) -> Problem {
        Problem { status, phrase: "Phrase", ..serde_json::from_str(json).unwrap() }
    }

    #[test]
    fn a_refusal_says_each_fault_once() {
        let text = r##"{"type": "/problems/invalid-request", "title": "Broken", "detail": "#/recipient must be a number.",
            "errors": [{ "pointer": "#/recipient", "detail": "must be a number" }]}"##;
        let refused = problem(400, text);
        assert_eq!(refused.to_string(), "400 Phrase: Broken\n  #/recipient must be a number");
        assert_eq!(refused.slug(), "invalid-request");
        assert_eq!(problem(502, "{}").to_string(), "502 Phrase");
    }

    #[test]
    fn what_is_about_the_moment_passes() {
        let passes = |status| Error::Refused(Box::new(problem(status, "{}"))).is_passing();
        assert!([408, 429, 500, 503].into_iter().all(passes));
        assert!(![400, 401, 404, 409, 422].into_iter().any(passes));
    }
}
