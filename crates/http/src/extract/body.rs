//! Reading a body: of the right type, not too large, not too slowly.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::deadline::Reading;
use crate::error::Problem;
use crate::problems;

/// How much more of a body that is too large is read and thrown away, in bodies of the largest allowed size, so that
/// a client which only listens once it has sent everything still hears the 413.
const LINGER_FACTOR: usize = 4;
/// How long such a client is listened to.
const LINGER: Duration = Duration::from_secs(5);

/// Reads the whole body, at most `bytes_max` of it.
pub(crate) async fn read(request: Request, bytes_max: usize) -> Result<Bytes, Problem> {
    let (parts, mut body) = request.into_parts();
    if announced(&parts.headers).is_some_and(|length| length > bytes_max as u64) {
        linger(body, bytes_max);
        return Err(too_large(bytes_max));
    }
    let reading = parts.extensions.get::<Reading>().cloned().unwrap_or_default();
    reading.begin();
    let outcome = Limited::new(&mut body, bytes_max).collect().await;
    reading.end();
    match outcome {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            linger(body, bytes_max);
            Err(too_large(bytes_max))
        }
        Err(error) => {
            let detail = "The connection ended before the body was complete.";
            Err(Problem::new(problems::UNREADABLE_BODY, detail).because(error.to_string()))
        }
    }
}

/// Refuses everything but JSON in UTF-8 without a content encoding (RFC 8259 section 8.1).
pub(super) fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let refused = |detail| Err(Problem::new(problems::UNSUPPORTED_MEDIA_TYPE, detail));
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    match (types.next().map(|value| value.to_str().is_ok_and(is_json)), types.next()) {
        (Some(true), None) => {}
        (None, _) => return refused("Content-Type is missing; send application/json."),
        _ => return refused("Content-Type must be application/json in UTF-8."),
    }
    require_plain(headers)
}

/// Refuses a content encoding.
pub(super) fn require_plain(headers: &HeaderMap) -> Result<(), Problem> {
    let plain = |value: &http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(header::CONTENT_ENCODING).iter().all(plain) {
        Ok(())
    } else {
        let detail = "Send the body without a content encoding.";
        Err(Problem::new(problems::UNSUPPORTED_MEDIA_TYPE, detail))
    }
}

/// `application/json` or `application/<something>+json`, with no parameter but `charset=utf-8`.
fn is_json(content_type: &str) -> bool {
    let Some((main, sub)) = essence(content_type).and_then(|essence| essence.split_once('/')) else {
        return false;
    };
    let structured = sub.len().checked_sub(5).and_then(|at| sub.get(at..));
    main.eq_ignore_ascii_case("application")
        && (sub.eq_ignore_ascii_case("json")
            || structured.is_some_and(|end| sub.len() > 5 && end.eq_ignore_ascii_case("+json")))
}

/// The type without its parameters, if there is none but `charset=utf-8`.
pub(super) fn essence(content_type: &str) -> Option<&str> {
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next()?;
    let in_utf_8 = parts.all(|parameter| {
        parameter.split_once('=').is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("charset") && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
    });
    in_utf_8.then_some(essence)
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(bytes_max: usize) -> Problem {
    Problem::new(problems::BODY_TOO_LARGE, format!("The body may have at most {bytes_max} bytes."))
}

/// Throws away what still comes of a body, within bounds: the request's time limit does not hold here, but hyper ends
/// the connection once the answer is out and this gives up.
pub(crate) fn linger(mut body: Body, bytes_max: usize) {
    let left = bytes_max.saturating_mul(LINGER_FACTOR);
    let drain = async move {
        let mut seen = 0;
        while seen <= left
            && let Some(Ok(frame)) = body.frame().await
        {
            seen += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    tokio::spawn(tokio::time::timeout(LINGER, drain));
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn only_json_in_utf_8() {
        for good in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/vnd.example+json",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "text/json",
            "application/jsonx",
            "application/+json",
            "application/x-ndjson",
            "application/json; charset=latin1",
            "application/json; boundary=x",
            "application/x-www-form-urlencoded",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
