//! From which pages a browser sends something.
//!
//! Browsers let any page post a form or open a WebSocket to anywhere, with the cookies that go there, and tell only here
//! which page it is. So whatever a cookie opens, and whatever opens without a key, asks this first.

use http::HeaderName;
use http::header::ORIGIN;
use http::request::Parts;

use crate::error::Problem;
use crate::{host, problems};

/// What browsers say of the page that asks (W3C Fetch Metadata).
pub(crate) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whose page sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// One of this service, or the user's own hand in the address bar.
    Own,
    /// One of somebody else.
    Foreign,
    /// Nobody said: a program, or a very old browser.
    Unknown,
}

/// Whose page sends a request: what the browser itself says about that (W3C Fetch Metadata, `Sec-Fetch-Site`), else
/// whether its origin (RFC 6454 section 7) is the host that is asked. Scripts can set neither.
pub(crate) fn sender(parts: &Parts) -> Sender {
    let text = |name| parts.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    match text(SEC_FETCH_SITE) {
        Some("same-origin" | "none") => return Sender::Own,
        Some(_) => return Sender::Foreign,
        None => {}
    }
    let Some(origin) = text(ORIGIN) else { return Sender::Unknown };
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    match (authority, host::of(parts)) {
        (Some(authority), Some(host)) if authority.eq_ignore_ascii_case(host) => Sender::Own,
        _ => Sender::Foreign,
    }
}

/// Refuses what somebody else's page asks to change. Who may read an answer is up to the browser: nothing here tells it to
/// hand one to another page.
pub(crate) fn require_no_stranger(parts: &Parts) -> Result<(), Problem> {
    if parts.method.is_safe() || sender(parts) != Sender::Foreign {
        return Ok(());
    }
    Err(Problem::new(
        problems::FOREIGN_ORIGIN,
        "The page that asks is not of this service, and no key was given.",
    ))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn sender_of(headers: &[(&str, &str)], uri: &str) -> Sender {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        sender(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn only_pages_of_this_service_are_at_home() {
        for (origin, host, expected) in [
            (None, "a.example:8080", Sender::Unknown),
            (Some("http://a.example:8080"), "a.example:8080", Sender::Own),
            (Some("https://A.example"), "a.example", Sender::Own),
            (Some("http://b.example:8080"), "a.example:8080", Sender::Foreign),
            (Some("http://a.example:8081"), "a.example:8080", Sender::Foreign),
            (Some("http://a.example.b.example"), "a.example", Sender::Foreign),
            (Some("null"), "a.example", Sender::Foreign),
            (Some(""), "a.example", Sender::Foreign),
        ] {
            let headers: Vec<_> = [("host", host)].into_iter().chain(origin.map(|o| ("origin", o))).collect();
            assert_eq!(sender_of(&headers, "/"), expected, "{origin:?} {host}");
        }
    }

    #[test]
    fn the_authority_is_the_host_of_http_2() {
        let origin = [("origin", "https://a.example")];
        assert_eq!(sender_of(&origin, "https://a.example/x"), Sender::Own);
        assert_eq!(sender_of(&origin, "https://b.example/x"), Sender::Foreign);
        assert_eq!(sender_of(&origin, "/x"), Sender::Foreign);
    }

    #[test]
    fn what_the_browser_says_of_the_site_goes_first() {
        for (site, expected) in [
            ("same-origin", Sender::Own),
            ("none", Sender::Own),
            ("same-site", Sender::Foreign),
            ("cross-site", Sender::Foreign),
            ("", Sender::Foreign),
        ] {
            let headers = [("sec-fetch-site", site), ("host", "a.example"), ("origin", "http://a.example")];
            assert_eq!(sender_of(&headers, "/"), expected, "{site}");
        }
    }
}
