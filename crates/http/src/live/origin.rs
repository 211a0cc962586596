//! From which pages a browser may open a WebSocket.

use http::HeaderMap;
use http::header::{HOST, ORIGIN};

/// Whether a browser's page of another origin asks. Browsers let any page open a WebSocket to anywhere and tell only
/// here which one it is (RFC 6455 section 10.2), so a service that asks for no key would talk to every page that its
/// user visits.
pub(crate) fn is_foreign(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let authority = origin.to_str().ok().and_then(|origin| Some(origin.split_once("://")?.1));
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    match (authority, host) {
        (Some(authority), Some(host)) => !authority.eq_ignore_ascii_case(host),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_pages_of_this_service_are_at_home() {
        for (origin, host, foreign) in [
            (None, "a.example:8080", false),
            (Some("http://a.example:8080"), "a.example:8080", false),
            (Some("https://A.example"), "a.example", false),
            (Some("http://b.example:8080"), "a.example:8080", true),
            (Some("http://a.example:8081"), "a.example:8080", true),
            (Some("http://a.example.b.example"), "a.example", true),
            (Some("null"), "a.example", true),
            (Some(""), "a.example", true),
        ] {
            let mut headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
            headers.extend(origin.map(|origin| (ORIGIN, HeaderValue::from_static(origin))));
            assert_eq!(is_foreign(&headers), foreign, "{origin:?} {host}");
        }
    }
}
