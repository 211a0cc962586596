//! What a receiver's answer, or the lack of one, means for the message.

use std::error::Error;

use angaros_domain::attempt::{Class, Outcome};
use reqwest::StatusCode;
use serde_json::{Map, Value};

use super::guard::Refused;

/// How much of an answer's text is quoted, in characters.
const QUOTE_CHARACTERS_MAX: usize = 200;

/// What came back.
pub(super) struct Answer<'a> {
    pub(super) status: StatusCode,
    pub(super) retry_after_millis: Option<i64>,
    pub(super) body: &'a [u8],
    /// Whether the body was read as far as it is ever read, and did not break off before.
    pub(super) whole: bool,
}

/// Reads an answer. Only 2xx is success; a redirect is a refusal, because it is not followed.
pub(super) fn answer(answer: &Answer<'_>) -> Outcome {
    let status = answer.status;
    let class = class(status, answer.retry_after_millis.is_some());
    if class == Class::Accepted && !answer.whole {
        // A receiver that breaks off has perhaps failed halfway. Asking again is safe, as it gets the same key.
        let detail = format!("HTTP {}, but the answer broke off", status.as_u16());
        return Outcome::new(Class::Ambiguous, &detail);
    }
    let retry_after = answer.retry_after_millis.filter(|_| class == Class::Throttled);
    let message_id = if class == Class::Accepted { message_id(answer.body) } else { None };
    Outcome::new(class, &detail(status, answer.body))
        .with_message_id(message_id)
        .with_retry_after(retry_after)
        .with_gone(status == StatusCode::GONE)
}

fn class(status: StatusCode, says_when: bool) -> Class {
    match status.as_u16() {
        200..=299 => Class::Accepted,
        429 => Class::Throttled,
        503 if says_when => Class::Throttled,
        408 | 425 | 500..=599 => Class::Transient,
        401 | 403 | 407 => Class::Misconfigured,
        _ => Class::Permanent,
    }
}

fn detail(status: StatusCode, body: &[u8]) -> String {
    let note = if status.is_redirection() { " (redirects are not followed)" } else { "" };
    // A character has at most four bytes.
    let start = &body[..body.len().min(QUOTE_CHARACTERS_MAX * 4)];
    let text = String::from_utf8_lossy(start);
    let quote: String = text.trim().chars().take(QUOTE_CHARACTERS_MAX).collect();
    let separator = if quote.is_empty() { "" } else { ": " };
    format!("HTTP {}{note}{separator}{quote}", status.as_u16())
}

/// The receiver's id of the message, if the body is JSON that has one. Anything else is just not an id.
fn message_id(body: &[u8]) -> Option<String> {
    let body: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let id = match body.get("messageId").or_else(|| body.get("message_id"))? {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => return None,
    };
    (!id.chars().any(char::is_control)).then_some(id)
}

/// Reads a failure without an answer. The URL is left out: it may carry a token.
pub(super) fn failure(error: &reqwest::Error) -> Outcome {
    if Refused::caused(error) {
        return Outcome::new(Class::Permanent, &format!("not sent: {Refused}"));
    }
    let cause = root_cause(error);
    if error.is_connect() {
        Outcome::new(Class::Transient, &format!("could not connect: {cause}"))
    } else if error.is_builder() {
        Outcome::new(Class::Permanent, &format!("cannot be written as a request: {cause}"))
    } else {
        Outcome::new(Class::Ambiguous, &format!("sent, but the answer was lost: {cause}"))
    }
}

fn root_cause(error: &reqwest::Error) -> String {
    let Some(mut cause) = error.source() else { return "no cause is known".into() };
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, retry_after_millis: Option<i64>, body: &[u8], whole: bool) -> Outcome {
        let status = StatusCode::from_u16(status).unwrap();
        answer(&Answer { status, retry_after_millis, body, whole })
    }

    #[test]
    fn each_status_has_its_class() {
        for (class, statuses) in [
            (Class::Accepted, &[200, 201, 202, 204, 299][..]),
            (Class::Transient, &[408, 425, 500, 501, 502, 503, 504, 511, 599]),
            (Class::Throttled, &[429]),
            (Class::Misconfigured, &[401, 403, 407]),
            (
                Class::Permanent,
                &[300, 301, 302, 304, 307, 308, 400, 402, 404, 405, 409, 410, 413, 418, 422, 451],
            ),
        ] {
            for status in statuses {
                assert_eq!(read(*status, None, b"", true).class, class, "{status}");
            }
        }
    }

    #[test]
    fn retry_after_counts_where_it_means_fewer_requests() {
        for status in [429, 503] {
            let outcome = read(status, Some(7_000), b"", true);
            assert_eq!((outcome.class, outcome.retry_after_millis), (Class::Throttled, Some(7_000)));
        }
        assert_eq!(read(500, Some(7_000), b"", true).retry_after_millis, None);
        assert_eq!(read(200, Some(7_000), b"", true).retry_after_millis, None);
    }

    #[test]
    fn an_answer_that_breaks_off_is_only_doubtful_where_it_was_good() {
        assert_eq!(read(200, None, b"{", false).class, Class::Ambiguous);
        assert_eq!(read(500, None, b"{", false).class, Class::Transient);
        assert_eq!(read(404, None, b"{", false).class, Class::Permanent);
    }

    #[test]
    fn the_message_id_is_kept_if_there_is_one() {
        let id = |body: &str| read(202, None, body.as_bytes(), true).provider_message_id;
        assert_eq!(id(r#"{"messageId":"m-1","status":"queued"}"#).as_deref(), Some("m-1"));
        assert_eq!(id(r#"{"message_id":"m-2"}"#).as_deref(), Some("m-2"));
        assert_eq!(id(r#"{"messageId":42}"#).as_deref(), Some("42"));
        let long = format!(r#"{{"messageId":"{}"}}"#, "x".repeat(256));
        for none in ["", "ok", "{}", "[1]", r#"{"messageId":null}"#, r#"{"messageId":"a\nb"}"#, &long] {
            assert_eq!(id(none), None, "{none}");
        }
        assert_eq!(read(500, None, br#"{"messageId":"m"}"#, true).provider_message_id, None);
    }

    #[test]
    fn details_are_short_and_readable() {
        assert_eq!(read(503, None, b" try\r\nlater ", true).detail, "HTTP 503: try  later");
        assert_eq!(read(204, None, b"", true).detail, "HTTP 204");
        assert_eq!(read(302, None, b"", true).detail, "HTTP 302 (redirects are not followed)");
        let garbage = read(500, None, &[0xff; 70_000], true).detail;
        assert_eq!(garbage.chars().count(), "HTTP 500: ".len() + QUOTE_CHARACTERS_MAX);
    }
}
