//! The address that a request comes from: that of the connection, unless a proxy that is trusted says whose it is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use http::header::HeaderName;
use http::request::Parts;
use ipnet::IpNet;

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whose request it is. A proxy adds who called it at the end of `X-Forwarded-For`, and everything before that may be
/// made up: so it is the last address there that is not a trusted proxy's own. What is no address is passed over. If
/// all are trusted the first one called, from inside.
///
/// A request without a connection, as only tests have it, comes from nowhere: 0.0.0.0.
pub(super) fn address(parts: &Parts, trusted: &[IpNet]) -> IpAddr {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let mut address = peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |ConnectInfo(peer)| peer.ip().to_canonical());
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(&address) {
        return address;
    }
    // Several headers are one list, in their order (RFC 9110 section 5.3).
    let lines = parts.headers.get_all(FORWARDED_FOR).iter().rev().filter_map(|line| line.to_str().ok());
    for forwarded in lines.flat_map(|line| line.rsplit(',')).filter_map(parse) {
        address = forwarded;
        if !is_trusted(&address) {
            break;
        }
    }
    address
}

/// Whether the client itself speaks HTTPS: then the proxy that it speaks to says so, if that one is trusted. The last of
/// several proxies knows only how it was called, so the first one's word counts, as far as all of them are ours.
pub(crate) fn is_https(parts: &Parts, trusted: &[IpNet]) -> bool {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let is_trusted = peer.is_some_and(|ConnectInfo(peer)| {
        trusted.iter().any(|network| network.contains(&peer.ip().to_canonical()))
    });
    let proto = parts.headers.get(FORWARDED_PROTO).and_then(|value| value.to_str().ok());
    let first = proto.and_then(|list| list.split(',').next());
    is_trusted && first.is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"))
}

/// An address, which some proxies write with a port, or in brackets.
fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.parse::<IpAddr>().ok().or_else(with_port).map(|address| address.to_canonical())
}

/// What is limited together with an address: of IPv6 the network of 2^64 addresses around it.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const PROXIES: [&str; 2] = ["10.0.0.0/8", "2001:db8:1::/48"];

    fn from(peer: &str, forwarded_for: &[&str]) -> String {
        let mut request = Request::builder();
        for line in forwarded_for {
            request = request.header(FORWARDED_FOR, line.as_bytes());
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        let trusted: Vec<IpNet> = PROXIES.iter().map(|network| network.parse().unwrap()).collect();
        address(&parts, &trusted).to_string()
    }

    #[test]
    fn strangers_are_not_believed() {
        assert_eq!(from("192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(from("::ffff:192.0.2.1", &[]), "192.0.2.1");
    }

    #[test]
    fn of_trusted_proxies_the_last_stranger_counts() {
        for (forwarded_for, expected) in [
            (&["198.51.100.1"][..], "198.51.100.1"),
            (&["203.0.113.9, 198.51.100.1"], "198.51.100.1"),
            (&["203.0.113.9,198.51.100.1 , 10.1.1.1"], "198.51.100.1"),
            (&["203.0.113.9", "198.51.100.1", "10.1.1.1, 10.1.1.2"], "198.51.100.1"),
            (&["198.51.100.1, 2001:db8:1::7"], "198.51.100.1"),
            (&["198.51.100.1:4711"], "198.51.100.1"),
            (&["[2001:db8:2::1]:4711"], "2001:db8:2::1"),
            (&["[2001:db8:2::1]"], "2001:db8:2::1"),
            (&["::ffff:198.51.100.1"], "198.51.100.1"),
        ] {
            assert_eq!(from("10.0.0.1", forwarded_for), expected, "{forwarded_for:?}");
        }
        assert_eq!(from("::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn what_is_no_address_is_passed_over() {
        for malformed in ["", ",", "unknown", "198.51.100.1.7", "_hidden", "1e3", "[::1", "caf\u{e9}"] {
            assert_eq!(from("10.0.0.1", &[malformed]), "10.0.0.1", "{malformed}");
            assert_eq!(from("10.0.0.1", &["198.51.100.1", malformed]), "198.51.100.1", "{malformed}");
        }
        assert_eq!(from("10.0.0.1", &["198.51.100.1, unknown, 10.1.1.1"]), "198.51.100.1");
    }

    #[test]
    fn a_call_from_inside_is_its_callers() {
        assert_eq!(from("10.0.0.1", &["10.7.7.7, 10.1.1.1"]), "10.7.7.7");
    }

    #[test]
    fn ipv6_counts_by_networks() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("192.0.2.77"), "192.0.2.77");
    }

    #[test]
    fn only_trusted_proxies_say_that_a_client_speaks_https() {
        let https = |peer: &str, proto: &str| {
            let (mut parts, ()) =
                Request::builder().header(FORWARDED_PROTO, proto).body(()).unwrap().into_parts();
            parts.extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
            is_https(&parts, &["10.0.0.0/8".parse().unwrap()])
        };
        assert!(https("10.0.0.1", "https") && https("10.0.0.1", "HTTPS, http"));
        assert!(!https("10.0.0.1", "http") && !https("10.0.0.1", "http, https") && !https("10.0.0.1", ""));
        assert!(!https("192.0.2.1", "https"));
    }
}
