//! E-mail through a mail server (RFC 5321), over TLS, STARTTLS or in the clear.
//!
//! The conversation is held step by step on lettre's connection instead of its transport, for two reasons. A reset
//! or a time-out means something else before the message was handed over (nothing was sent) than after (nobody knows).
//! And lettre's pool takes a connection back when a send is given up halfway, with the server's answer still to come:
//! the next message would then read the answers of the last one.

mod classify;
mod compose;
mod pool;
mod send;
mod target;

use std::sync::Arc;
use std::time::Duration;

use angaros_clock::Clock;
use angaros_domain::attempt::Outcome;
use async_trait::async_trait;
use lettre::message::Mailbox;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use secrecy::ExposeSecret;
use url::Host;

use crate::settings::{ROOTS_MISSING, SettingsFault, SmtpSettings, machine_has_roots, timeout};
use crate::{Capabilities, Outgoing, Provider};
use pool::Pool;
use target::{Target, Tls};

/// Hands e-mail to a mail server.
pub struct Smtp {
    name: String,
    from: Mailbox,
    /// The domain of message ids, in ASCII.
    domain: String,
    timeout: Duration,
    pool: Arc<Pool>,
    clock: Clock,
}

impl Smtp {
    /// A mail server under the name it has in the configuration. It is not connected to before the first send.
    pub fn new(name: &str, settings: &SmtpSettings, clock: Clock) -> Result<Smtp, SettingsFault> {
        Smtp::with_roots(name, settings, clock, machine_has_roots())
    }

    fn with_roots(
        name: &str,
        settings: &SmtpSettings,
        clock: Clock,
        has_roots: bool,
    ) -> Result<Smtp, SettingsFault> {
        let timeout = timeout(settings.timeout_seconds)?;
        let from: Mailbox = settings
            .from
            .parse()
            .map_err(|_| SettingsFault::new("from", "must be an address or \"Name <address>\""))?;
        let domain = Host::parse(from.email.domain())
            .map_err(|_| SettingsFault::new("from", "must have a domain name after the @"))?
            .to_string();
        if !(1..=1000).contains(&settings.connections_max) {
            return Err(SettingsFault::new("connections_max", "must be between 1 and 1000"));
        }
        let target = Target::parse(settings.url.expose_secret())?;
        let tls = tls(&target, settings, has_roots)?;
        let pool = Pool::new(target, tls, settings.connections_max, timeout);
        Ok(Smtp { name: name.into(), from, domain, timeout, pool: Arc::new(pool), clock })
    }
}

/// What servers' certificates are checked with, where there is to be TLS at all.
fn tls(
    target: &Target,
    settings: &SmtpSettings,
    has_roots: bool,
) -> Result<Option<TlsParameters>, SettingsFault> {
    if target.tls == Tls::Off {
        return Ok(None);
    }
    let mut builder = TlsParameters::builder(target.host.clone());
    if let Some(file) = &settings.ca_file {
        let fault = |e: &dyn std::fmt::Display| {
            SettingsFault::new("ca_file", format!("{} cannot be used: {e}", file.display()))
        };
        let pem = std::fs::read(file).map_err(|e| fault(&e))?;
        if !pem.windows(27).any(|w| w == b"-----BEGIN CERTIFICATE-----") {
            return Err(fault(&"it has no certificate in PEM form"));
        }
        builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(|e| fault(&e))?);
    } else if !has_roots {
        return Err(SettingsFault::new("url", format!("{ROOTS_MISSING}, or name a ca_file")));
    }
    builder.build().map(Some).map_err(|e| SettingsFault::new("url", format!("TLS cannot be set up: {e}")))
}

#[async_trait]
impl Provider for Smtp {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        // Mail servers do not compare message ids: what is handed over twice is delivered twice.
        Capabilities { receipts: false, idempotent: false, pretends: false, account: true }
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    async fn send(&self, outgoing: Outgoing<'_>) -> Outcome {
        self.deliver(outgoing.notification).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(edit: impl Fn(&mut SmtpSettings), has_roots: bool) -> Option<(&'static str, String)> {
        let mut settings = SmtpSettings::new("smtp://127.0.0.1:2525".into(), "A <a@example.org>".into());
        edit(&mut settings);
        Smtp::with_roots("mail", &settings, Clock::system(), has_roots).err().map(|f| (f.field, f.problem))
    }

    #[test]
    fn wrong_settings_are_named() {
        assert_eq!(fault(|_| (), true), None);
        let field = |edit: fn(&mut SmtpSettings)| fault(edit, true).map(|f| f.0);
        assert_eq!(field(|s| s.from = "nobody".into()), Some("from"));
        assert_eq!(field(|s| s.from = "a@b.org\r\nBcc: x@y.org".into()), Some("from"));
        assert_eq!(field(|s| s.timeout_seconds = 0), Some("timeout_seconds"));
        assert_eq!(field(|s| s.connections_max = 0), Some("connections_max"));
        assert_eq!(field(|s| s.url = "http://example.org".into()), Some("url"));
    }

    #[test]
    fn only_tls_needs_root_certificates() {
        assert_eq!(fault(|_| (), false), None);
        let (field, problem) = fault(|s| s.url = "smtps://mail.example.org".into(), false).unwrap();
        assert!(field == "url" && problem.contains("ca-certificates"), "{problem}");
    }

    #[test]
    fn a_file_of_certificates_must_have_some() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let with = |path: &std::path::Path| {
            let path = path.to_owned();
            fault(
                move |s| {
                    s.url = "smtps://mail.example.org".into();
                    s.ca_file = Some(path.clone());
                },
                true,
            )
        };
        assert_eq!(with(file.path()).map(|f| f.0), Some("ca_file"));
        std::fs::write(file.path(), "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n").unwrap();
        assert_eq!(with(file.path()).map(|f| f.0), Some("ca_file"));
        assert_eq!(with(std::path::Path::new("/nonexistent/ca.pem")).map(|f| f.0), Some("ca_file"));
    }
}
