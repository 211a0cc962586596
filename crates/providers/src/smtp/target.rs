//! Where the mail server is and how to talk to it, from one URL.

use lettre::transport::smtp::authentication::Credentials;
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::settings::SettingsFault;

/// Whether and how a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tls {
    /// Never.
    Off,
    /// By STARTTLS if the server offers it. Whoever sits between can take the offer away.
    Opportunistic,
    /// By STARTTLS, or not at all connected.
    Required,
    /// From the first byte.
    Implicit,
}

/// A mail server.
pub(super) struct Target {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Tls,
    pub(super) credentials: Option<Credentials>,
}

impl Target {
    /// Reads the setting `url`. No fault repeats it, for it holds the password.
    pub(super) fn parse(text: &str) -> Result<Target, SettingsFault> {
        let fault = |problem: &str| SettingsFault::new("url", problem);
        let url = Url::parse(text).map_err(|_| {
            fault(
                "must be smtps://host or smtp://host; in user and password percent-encode @ : / and the like",
            )
        })?;
        let host = match url.host() {
            Some(Host::Ipv6(ip)) => ip.to_string(),
            Some(host) => {
                decode(&host.to_string()).filter(|h| !h.is_empty()).ok_or_else(|| fault("names no host"))?
            }
            None => return Err(fault("names no host")),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(fault("must end after the port and ?tls=..."));
        }
        let asked = asked(&url)?;
        let tls = match (url.scheme(), asked.as_deref()) {
            ("smtps", None) => Tls::Implicit,
            ("smtps", Some(_)) => return Err(fault("smtps is always TLS: leave out ?tls=")),
            ("smtp", Some("required")) => Tls::Required,
            ("smtp", Some("opportunistic")) => Tls::Opportunistic,
            ("smtp", Some("none")) => Tls::Off,
            ("smtp", Some(_)) => return Err(fault("?tls= must be required, opportunistic or none")),
            // Nobody listens on the way to this very machine, and its test servers rarely have certificates.
            ("smtp", None) if is_loopback(&host) => Tls::Off,
            ("smtp", None) => Tls::Required,
            _ => return Err(fault("must begin with smtp:// or smtps://")),
        };
        let port = url.port().unwrap_or(match tls {
            Tls::Off => 25,
            Tls::Opportunistic | Tls::Required => 587,
            Tls::Implicit => 465,
        });
        Ok(Target { host, port, tls, credentials: credentials(&url)? })
    }
}

/// The value of `?tls=`; other parameters are typing errors.
fn asked(url: &Url) -> Result<Option<String>, SettingsFault> {
    let mut asked = None;
    for (key, value) in url.query_pairs() {
        if key != "tls" {
            return Err(SettingsFault::new("url", "knows no parameter but tls"));
        }
        asked = Some(value.into_owned());
    }
    Ok(asked)
}

fn credentials(url: &Url) -> Result<Option<Credentials>, SettingsFault> {
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        (user, Some(password)) if !user.is_empty() => match (decode(user), decode(password)) {
            (Some(user), Some(password)) => Ok(Some(Credentials::new(user, password))),
            _ => Err(SettingsFault::new("url", "user and password must be percent-encoded UTF-8")),
        },
        _ => Err(SettingsFault::new("url", "needs both a user and a password, or neither")),
    }
}

fn decode(text: &str) -> Option<String> {
    Some(percent_decode_str(text).decode_utf8().ok()?.into_owned())
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> (String, u16, Tls, bool) {
        let target = Target::parse(url).unwrap();
        (target.host, target.port, target.tls, target.credentials.is_some())
    }

    #[test]
    fn the_scheme_and_tls_decide_encryption_and_port() {
        for (url, host, port, tls) in [
            ("smtps://mail.example.org", "mail.example.org", 465, Tls::Implicit),
            ("smtps://mail.example.org:2465/", "mail.example.org", 2465, Tls::Implicit),
            ("smtp://mail.example.org", "mail.example.org", 587, Tls::Required),
            ("smtp://mail.example.org?tls=required", "mail.example.org", 587, Tls::Required),
            ("smtp://mail.example.org:2587/?tls=opportunistic", "mail.example.org", 2587, Tls::Opportunistic),
            ("smtp://mail.example.org?tls=none", "mail.example.org", 25, Tls::Off),
            ("smtp://localhost:1025", "localhost", 1025, Tls::Off),
            ("smtp://127.0.0.1", "127.0.0.1", 25, Tls::Off),
            ("smtp://[::1]:26", "::1", 26, Tls::Off),
            ("smtp://localhost?tls=required", "localhost", 587, Tls::Required),
        ] {
            assert_eq!(read(url), (host.into(), port, tls, false), "{url}");
        }
    }

    #[test]
    fn credentials_are_decoded() {
        let target = Target::parse("smtps://user%40example.org:p%3A%2F%40%C3%BC+@mail.example.org").unwrap();
        let expected = Credentials::new("user@example.org".into(), "p:/@\u{fc}+".into());
        assert!(target.credentials == Some(expected));
    }

    #[test]
    fn faults_do_not_repeat_the_url() {
        for bad in [
            "",
            "mail.example.org",
            "http://hunter2@h",
            "smtp://",
            "smtp:///",
            "smtp://u:hunter2@",
            "smtp://u@h",
            "smtp://:hunter2@h",
            "smtps://h?tls=none",
            "smtp://h?tls=hunter2",
            "smtp://h?tsl=none",
            "smtp://h/hunter2",
            "smtp://h:hunter2",
            "smtp://u:%ff@h",
            "smtp://u:hunter2@h#x",
        ] {
            let fault = Target::parse(bad).err().unwrap_or_else(|| panic!("{bad}"));
            assert!(fault.field == "url" && !fault.problem.contains("hunter2"), "{bad}: {fault}");
        }
    }
}
