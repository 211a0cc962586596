//! What a provider can be told in the configuration, and how a wrong value is reported.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

/// The settings of one provider: a table `[providers.NAME]` whose `kind` says which provider it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ProviderSettings {
    /// Pretends to send.
    Sandbox(SandboxSettings),
    /// Posts JSON to a URL.
    Webhook(WebhookSettings),
    /// Hands e-mail to a mail server.
    Smtp(SmtpSettings),
}

impl ProviderSettings {
    /// The most sends a second; 0 is no limit.
    pub fn rate_per_second(&self) -> u32 {
        match self {
            ProviderSettings::Sandbox(settings) => settings.rate_per_second,
            ProviderSettings::Webhook(settings) => settings.rate_per_second,
            ProviderSettings::Smtp(settings) => settings.rate_per_second,
        }
    }
}

/// `kind = "sandbox"`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxSettings {
    /// The share of sends that succeed, 0 to 1. Exactly 0 and 1 leave nothing to chance.
    pub success_rate: f64,
    /// What happens to the others.
    pub failure: Failure,
    /// How long a send takes, in milliseconds, 0 to 600 000.
    pub latency_ms: u64,
    /// The period of pretended outages in seconds, from the start of the process on: up to 86 400; 0 is never.
    pub outage_every_seconds: u64,
    /// How long nothing gets through at the end of each period, in seconds: up to the whole of it.
    pub outage_seconds: u64,
    /// Whether what is sent waits for a report of its delivery, as with a provider that gives receipts.
    pub receipts: bool,
    /// The most sends a second, whichever channels they come from; 0 is no limit.
    pub rate_per_second: u32,
}

impl Default for SandboxSettings {
    fn default() -> SandboxSettings {
        SandboxSettings {
            success_rate: 1.0,
            failure: Failure::Transient,
            latency_ms: 0,
            outage_every_seconds: 0,
            outage_seconds: 0,
            receipts: false,
            rate_per_second: 0,
        }
    }
}

/// How a pretended send fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Failure {
    /// A fault that may pass.
    Transient,
    /// The message is refused for good.
    Permanent,
    /// No answer until the time-out, so that nobody knows whether it was sent.
    Timeout,
    /// A request to come back later.
    Throttled,
}

/// `kind = "webhook"`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookSettings {
    /// Where everything that is routed here goes. The operator wrote it, so it is trusted and may lead into the
    /// operator's own network. Without it each notification goes to its recipient, which then is a URL that somebody
    /// else chose and that the outbound policy judges. Secret, because such URLs often carry a token.
    pub url: Option<SecretString>,
    /// What requests are signed with (Standard Webhooks): `whsec_` and 24 to 64 bytes in base64. Several, separated by
    /// spaces, while keys are rotated: each gives a signature.
    pub secret: Option<SecretString>,
    /// How long a send may take in all, the answer's body included: 1 to 300 seconds.
    pub timeout_seconds: u64,
    /// The most sends a second, whichever channels they come from; 0 is no limit.
    pub rate_per_second: u32,
}

impl Default for WebhookSettings {
    fn default() -> WebhookSettings {
        WebhookSettings { url: None, secret: None, timeout_seconds: 10, rate_per_second: 0 }
    }
}

/// `kind = "smtp"`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpSettings {
    /// The mail server: `smtps://user:password@host:port` (TLS from the start, port 465 by default) or
    /// `smtp://...?tls=required|opportunistic|none` (STARTTLS, port 587; without TLS port 25). User and password are
    /// percent-encoded. Without `tls`, `smtp://` means `required`, but `none` for a server on this machine.
    pub url: SecretString,
    /// Who it comes from: `address` or `Name <address>`.
    pub from: String,
    /// How long a send may take in all: 1 to 300 seconds.
    #[serde(default = "smtp_timeout_seconds")]
    pub timeout_seconds: u64,
    /// A file of certificates (PEM) to trust beside those of the machine, for a server with a private authority.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// How many connections to the server there may be at once, 1 to 1000. More sends wait.
    #[serde(default = "smtp_connections_max")]
    pub connections_max: usize,
    /// The most sends a second; 0 is no limit.
    #[serde(default)]
    pub rate_per_second: u32,
}

const fn smtp_timeout_seconds() -> u64 {
    30
}

const fn smtp_connections_max() -> usize {
    10
}

impl SmtpSettings {
    /// Settings with every default.
    pub fn new(url: SecretString, from: String) -> SmtpSettings {
        let (timeout_seconds, connections_max) = (smtp_timeout_seconds(), smtp_connections_max());
        SmtpSettings { url, from, timeout_seconds, ca_file: None, connections_max, rate_per_second: 0 }
    }
}

/// One setting that cannot be used. It never shows the value, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct SettingsFault {
    /// The key inside the provider's table.
    pub field: &'static str,
    /// What is wrong and what to do.
    pub problem: String,
}

impl SettingsFault {
    pub(crate) fn new(field: &'static str, problem: impl Into<String>) -> SettingsFault {
        SettingsFault { field, problem: problem.into() }
    }
}

/// Reads `timeout_seconds`.
pub(crate) fn timeout(seconds: u64) -> Result<Duration, SettingsFault> {
    if (1..=300).contains(&seconds) {
        Ok(Duration::from_secs(seconds))
    } else {
        Err(SettingsFault::new("timeout_seconds", "must be between 1 and 300"))
    }
}

/// Whether this machine has certificates of authorities to check servers against.
pub(crate) fn machine_has_roots() -> bool {
    !rustls_native_certs::load_native_certs().certs.is_empty()
}

/// What to do on a machine without certificates.
pub(crate) const ROOTS_MISSING: &str =
    "needs TLS, but this machine has no root certificates; install ca-certificates or set SSL_CERT_FILE";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<ProviderSettings, String> {
        serde_json::from_str(json).map_err(|e| e.to_string())
    }

    #[test]
    fn defaults_are_the_documented_ones() {
        let Ok(ProviderSettings::Sandbox(sandbox)) = read(r#"{"kind":"sandbox"}"#) else { panic!() };
        assert!((sandbox.success_rate, sandbox.failure, sandbox.latency_ms) == (1.0, Failure::Transient, 0));
        let Ok(ProviderSettings::Webhook(webhook)) = read(r#"{"kind":"webhook"}"#) else { panic!() };
        assert!(webhook.url.is_none() && webhook.secret.is_none() && webhook.timeout_seconds == 10);
        let Ok(ProviderSettings::Smtp(smtp)) = read(r#"{"kind":"smtp","url":"smtp://h","from":"a@b.org"}"#)
        else {
            panic!()
        };
        assert_eq!((smtp.timeout_seconds, smtp.connections_max, smtp.ca_file), (30, 10, None));
    }

    #[test]
    fn typing_errors_are_named() {
        assert!(read(r#"{"kind":"sandbox","sucess_rate":1}"#).unwrap_err().contains("sucess_rate"));
        assert!(read(r#"{"kind":"webhook","uri":"x"}"#).unwrap_err().contains("uri"));
        assert!(read(r#"{"kind":"smtp","url":"smtp://h"}"#).unwrap_err().contains("from"));
        assert!(read(r#"{"kind":"pigeon"}"#).unwrap_err().contains("pigeon"));
        assert!(read(r#"{"kind":"sandbox","failure":"often"}"#).unwrap_err().contains("often"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let settings = read(r#"{"kind":"smtp","url":"smtp://u:hunter2@h","from":"a@b.org"}"#).unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
        let settings = read(r#"{"kind":"webhook","url":"https://h/t0ken","secret":"whsec_s3cret"}"#).unwrap();
        let shown = format!("{settings:?}");
        assert!(!shown.contains("t0ken") && !shown.contains("s3cret"));
    }
}
