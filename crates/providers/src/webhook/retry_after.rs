//! The `Retry-After` header (RFC 9110 section 10.2.3): whole seconds or an HTTP date.

use std::time::UNIX_EPOCH;

use angaros_domain::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// How long to wait from `now`, in milliseconds; 0 for a date that has passed, `None` without a readable header.
pub(super) fn millis(headers: &HeaderMap, now: Timestamp) -> Option<i64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More seconds than fit into a number mean a very long time. Whoever decides puts a limit to it.
        let seconds: i64 = text.parse().unwrap_or(i64::MAX);
        return Some(seconds.saturating_mul(1000));
    }
    let at = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let at = i64::try_from(at.as_millis()).ok()?;
    Some((at - now.as_millis()).max(0))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn read(text: &str) -> Option<i64> {
        let headers = [(RETRY_AFTER, HeaderValue::from_str(text).unwrap())].into_iter().collect();
        // 1994-11-06T08:49:37Z, the date of the examples in RFC 9110 section 5.6.7.
        millis(&headers, Timestamp::from_seconds(784_111_777).unwrap())
    }

    #[test]
    fn reads_seconds() {
        assert_eq!(read("120"), Some(120_000));
        assert_eq!(read(" 0 "), Some(0));
        assert_eq!(read("99999999999999999999999"), Some(i64::MAX));
        for bad in ["", "-1", "1.5", "soon", "+3"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(millis(&HeaderMap::new(), Timestamp::MIN), None);
    }

    #[test]
    fn reads_dates_in_the_three_forms_that_recipients_must_accept() {
        assert_eq!(read("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60_000));
        assert_eq!(read("Sunday, 06-Nov-94 08:50:37 GMT"), Some(60_000));
        assert_eq!(read("Sun Nov  6 08:50:37 1994"), Some(60_000));
        assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
    }
}
