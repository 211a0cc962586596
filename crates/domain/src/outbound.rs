//! Which addresses outbound HTTP may reach: the guard against server-side request forgery (SSRF).
//!
//! Callers choose webhook URLs, so a URL must not lead into the operator's own network. The same policy judges the
//! URL when a notification is created and every resolved address when it is sent.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::{Host, Url};

/// The longest webhook URL, in bytes.
pub const URL_BYTES_MAX: usize = 2048;

/// Which addresses may be reached. Everything that is not globally routable is refused unless it is allowed here.
#[derive(Debug, Clone, Default)]
pub struct OutboundPolicy {
    allow: Vec<IpNet>,
}

/// Why a URL is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// It does not parse, is too long, is not http or https, holds anything but visible ASCII, or has the port 0.
    #[error("must be an http or https URL of at most 2048 visible ASCII characters")]
    Malformed,
    /// It carries a user name or password, which would end up in logs and proxies.
    #[error("must not carry a user name or password")]
    Credentials,
    /// It leads to an address that is not public.
    #[error(
        "leads to a private, local or reserved address, which outbound requests may not reach unless \
         security.outbound_allow lets them"
    )]
    Private,
}

impl OutboundPolicy {
    /// A policy that also reaches these networks.
    pub fn allowing(allow: Vec<IpNet>) -> OutboundPolicy {
        OutboundPolicy { allow }
    }

    /// Whether a connection to `ip` may be made.
    pub fn permits(&self, ip: IpAddr) -> bool {
        let ip = unmapped(ip);
        self.allow.iter().any(|net| net.contains(&ip)) || is_public(ip)
    }

    /// Whether the operator allows anything that is not public. Names that mean something only inside lead nowhere
    /// else; which address such a name stands for is judged when it is resolved.
    fn reaches_inside(&self) -> bool {
        self.allow.iter().any(|net| !is_public(net.network()))
    }

    /// Checks what can be known of a URL without asking a name server: its form, and its host if that is an address
    /// or a name that only means something on this machine or in this network.
    pub fn check_url(&self, text: &str) -> Result<Url, UrlFault> {
        // The parser drops blanks and control characters, and other programs would read the text in another way.
        if text.len() > URL_BYTES_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(UrlFault::Malformed);
        }
        let url = Url::parse(text).map_err(|_| UrlFault::Malformed)?;
        if !matches!(url.scheme(), "http" | "https") || url.port() == Some(0) {
            return Err(UrlFault::Malformed);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlFault::Credentials);
        }
        let permitted = match url.host().ok_or(UrlFault::Malformed)? {
            Host::Ipv4(ip) => self.permits(ip.into()),
            Host::Ipv6(ip) => self.permits(ip.into()),
            Host::Domain(name) if is_localhost(name) => self.permits(Ipv4Addr::LOCALHOST.into()),
            Host::Domain(name) if is_local(name) => self.reaches_inside(),
            Host::Domain(_) => true,
        };
        if permitted { Ok(url) } else { Err(UrlFault::Private) }
    }
}

/// `localhost` and every name below it (RFC 6761 section 6.3).
fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

/// The ends of names that no public name server knows: reserved (RFC 6762, RFC 8375, ICANN's `.internal`), or taken by
/// local networks so often that they are never given away.
const LOCAL_SUFFIXES: [&str; 7] = ["internal", "local", "home.arpa", "lan", "intranet", "corp", "home"];

/// A name of a single label, or one that ends as only local names do.
fn is_local(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let below = |suffix| name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    !name.contains('.') || LOCAL_SUFFIXES.into_iter().any(below)
}

/// The IPv4 address inside an IPv6 address that stands for one: mapped, NAT64 (RFC 6052) or 6to4 (RFC 3056).
fn unmapped(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let v4 = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => v4(g, h),
        [0, 0, 0, 0, 0, 0] if (g, h) != (0, 0) && (g, h) != (0, 1) => v4(g, h),
        [0x2002, high, low, ..] => v4(high, low),
        _ => ip,
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// Not in the IANA special-purpose registry (RFC 6890) and neither multicast nor reserved.
fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(a == 0
        || ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b))
        || a >= 224)
}

/// Global unicast (2000::/3) without documentation, benchmarking, Teredo and the other special blocks of 2001::/23.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    let global = (0x2000..0x4000).contains(&a);
    global && !(a == 0x2001 && b < 0x200) && !(a == 0x2001 && b == 0xdb8) && !(a == 0x3fff && b < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_reached() {
        let policy = OutboundPolicy::default();
        for public in ["93.184.215.14", "1.1.1.1", "172.32.0.1", "2606:2800:21f::1", "::ffff:1.1.1.1"] {
            assert!(policy.permits(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "100::1",
            "3fff::1",
        ] {
            assert!(!policy.permits(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn urls_are_judged_by_what_their_host_means() {
        let policy = OutboundPolicy::default();
        assert!(policy.check_url("https://example.org:8443/a?b#c").is_ok());
        for private in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://localhost:80/",
            "http://LOCALHOST./",
            "http://a.localhost/",
            "http://[::1]/",
            "http://[::ffff:7f00:1]/",
            "http://169.254.169.254/latest/meta-data/",
            "http://intranet/",
            "http://hook:8080/x",
            "http://metadata.google.internal/",
            "http://METADATA.Google.Internal./",
            "http://printer.local/",
            concat!("http://", "home.arpa/"),
            "http://nas.home.arpa/",
            "http://nas.lan/",
            "http://wiki.intranet/",
            "http://git.corp/",
            "http://nas.home/",
        ] {
            assert_eq!(policy.check_url(private), Err(UrlFault::Private), "{private}");
        }
        for malformed in
            ["", "example.org", "ftp://example.org/", "javascript:alert(1)", "http://", "file:///etc"]
        {
            assert_eq!(policy.check_url(malformed), Err(UrlFault::Malformed), "{malformed}");
        }
        for unclear in [
            "https://example.org/a b",
            " https://example.org/",
            "https://example.org/\n",
            "https://exam\tple.org/",
            "https://example.org/\0",
            "https://example.org/\u{7f}",
            "https://example.org/\u{a0}",
            "http://１２７.0.0.1/",
            "https://example.org:0/",
        ] {
            assert_eq!(policy.check_url(unclear), Err(UrlFault::Malformed), "{unclear:?}");
        }
        for public in ["https://localhost.example.org/", "https://mylan.example/", "https://notlocal.org/"] {
            assert!(policy.check_url(public).is_ok(), "{public}");
        }
        let long = format!("https://example.org/{}", "x".repeat(URL_BYTES_MAX));
        assert_eq!(policy.check_url(&long), Err(UrlFault::Malformed));
        assert_eq!(policy.check_url("https://u:p@example.org/"), Err(UrlFault::Credentials));
    }

    #[test]
    fn what_the_operator_allows_is_reached() {
        let policy = OutboundPolicy::allowing(vec!["127.0.0.0/8".parse().unwrap()]);
        assert!(policy.check_url("http://localhost:9000/").is_ok());
        assert!(policy.check_url("http://[::ffff:127.0.0.1]/").is_ok());
        assert!(policy.check_url("http://10.0.0.1/").is_err());
        assert!(policy.check_url("http://hook:9000/").is_ok());
        assert!(policy.check_url("http://hook.internal/").is_ok());
        let private = OutboundPolicy::allowing(vec!["10.0.0.0/8".parse().unwrap()]);
        assert!(private.check_url("http://hook.internal/").is_ok());
        assert!(private.check_url("http://localhost/").is_err());
        let public = OutboundPolicy::allowing(vec!["1.1.1.1/32".parse().unwrap()]);
        assert!(public.check_url("http://hook.internal/").is_err());
    }
}
