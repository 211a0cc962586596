//! By which name a request reaches the service, and which names an open service answers pages at.
//!
//! Whoever owns a name can let it lead to any address, this machine's own included, at any time (DNS rebinding). A browser
//! then takes the page that it has from there and the service for one, and lets the page do everything. Nobody owns an
//! address or `localhost`, so while there are no keys these are the names that pages may use, and those that the
//! configuration lists. Programs are not led anywhere: they may use any name, such as that of a service in a cluster.

use std::net::IpAddr;

use http::header::{ACCEPT_LANGUAGE, HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;

use crate::error::Problem;
use crate::origin::SEC_FETCH_SITE;
use crate::{console, problems};

/// The ends of names that nobody can register (RFC 6761, RFC 6762, RFC 8375, and what ICANN set aside).
const PRIVATE_ENDS: [&str; 5] = ["local", "internal", "test", "invalid", "home.arpa"];

/// The host that is asked, and its port if it was written: HTTP/2 has it in the request's own authority.
pub(crate) fn of(parts: &Parts) -> Option<&str> {
    let header = parts.headers.get(HOST).map(|value| value.to_str().unwrap_or_default());
    header.or_else(|| parts.uri.authority().map(Authority::as_str))
}

/// Refuses what a page may have sent to an open service by a name that anybody can own, unless it is one of `known`.
pub(crate) fn require_known(parts: &Parts, known: &[String]) -> Result<(), Problem> {
    // Browsers always say what they ask.
    let Some(host) = of(parts) else { return Ok(()) };
    let name = name_in(host);
    if name.as_deref().is_some_and(|name| is_at_home(name) || known.iter().any(|known| known == name)) {
        return Ok(());
    }
    if !may_be_of_a_page(parts, name.as_deref()) {
        return Ok(());
    }
    Err(Problem::new(
        problems::UNKNOWN_HOST,
        "Without keys the service answers browsers only at an address, at localhost, and at the names in \
         security.open_hosts. Add this name there, or make a key.",
    ))
}

/// The name alone: lower-case, without its port and the dot at its end; `None` if it is none.
fn name_in(host: &str) -> Option<String> {
    let authority: Authority = host.parse().ok()?;
    let name = authority.host().trim_end_matches('.');
    (!name.is_empty()).then(|| name.to_ascii_lowercase())
}

/// An address, or a name that every browser takes for this machine's (RFC 6761 section 6.3).
fn is_at_home(name: &str) -> bool {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost") || bare.parse::<IpAddr>().is_ok()
}

/// Whether a page in a browser may have sent it. What browsers say of a page's origin no page can leave out, but to names
/// without TLS they say it of few requests. The languages of the user they say with every one, as some programs do: that
/// counts where somebody can own the name.
fn may_be_of_a_page(parts: &Parts, name: Option<&str>) -> bool {
    let has = |header| parts.headers.contains_key(header);
    console::is_console(parts.uri.path())
        || has(ORIGIN)
        || has(SEC_FETCH_SITE)
        || (has(ACCEPT_LANGUAGE) && name.is_none_or(can_be_owned))
}

/// Whether anybody could register the name.
fn can_be_owned(name: &str) -> bool {
    let is_below = |end: &str| name.strip_suffix(end).is_some_and(|rest| rest.ends_with('.'));
    name.contains('.') && !PRIVATE_ENDS.into_iter().any(is_below)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn is_let_in(host: &str, path: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().uri(path).header(HOST, host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        require_known(&request.body(()).unwrap().into_parts().0, &["angaros.lan".to_owned()]).is_ok()
    }

    #[test]
    fn pages_use_addresses_localhost_and_names_that_are_listed() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:8080",
            "192.0.2.7:80",
            "[::1]:8080",
            "localhost",
            "LocalHost:8080",
            "localhost.",
            "a.b.localhost:8080",
            "angaros.lan:8080",
            "ANGAROS.LAN",
        ] {
            assert!(is_let_in(host, "/console", &[]), "{host}");
        }
        for host in [
            "evil.example",
            "angaros:8080",
            "localhost.evil.example",
            "notlocalhost",
            "127.0.0.1.evil.example",
            "angaros.lan.evil.example",
            "",
            ":8080",
            "a b",
        ] {
            assert!(!is_let_in(host, "/console", &[]), "{host}");
            assert!(!is_let_in(host, "/api/v1/worker", &[("origin", "http://evil.example")]), "{host}");
            assert!(!is_let_in(host, "/api/v1/worker", &[("sec-fetch-site", "same-origin")]), "{host}");
        }
    }

    #[test]
    fn programs_use_any_name() {
        for host in ["evil.example", "angaros:8080", "angaros.shop.svc.cluster.local"] {
            assert!(is_let_in(host, "/api/v1/notifications", &[]), "{host}");
        }
        let languages = [("accept-language", "*")];
        for host in ["angaros:8080", "angaros.shop.svc.cluster.local", "host.docker.internal"] {
            assert!(is_let_in(host, "/api/v1/notifications", &languages), "{host}");
        }
        assert!(!is_let_in("evil.example", "/api/v1/notifications", &languages));
    }
}
