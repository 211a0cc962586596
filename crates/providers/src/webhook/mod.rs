//! HTTP POST of a JSON body, to one URL that the operator configured or to the recipient's own URL.
//!
//! Requests follow Standard Webhooks (<https://www.standardwebhooks.com>): the id is the notification's and stays the
//! same for every attempt, and with a secret the request is signed. Redirects are not followed and proxies of the
//! environment are not used: either would lead to an address that nobody has checked.

mod body;
mod classify;
mod endpoint;
mod guard;
mod retry_after;
mod send;
mod signature;

use std::sync::Arc;
use std::time::Duration;

use angaros_clock::Clock;
use angaros_domain::attempt::Outcome;
use angaros_domain::outbound::OutboundPolicy;
use async_trait::async_trait;
use reqwest::Client;
use reqwest::dns::Resolve;
use secrecy::ExposeSecret;
use url::Url;

use crate::settings::{ROOTS_MISSING, SettingsFault, WebhookSettings, machine_has_roots, timeout};
use crate::{Capabilities, Outgoing, Provider};
use guard::{Guard, System};
use signature::Signer;

pub use endpoint::Endpoints;

/// Less than the minute or so after which common servers and load balancers close an idle connection, so that a
/// request rarely meets a connection that is being closed.
const IDLE_SECONDS_MAX: u64 = 20;
/// Idle connections kept per host.
const IDLE_CONNECTIONS_MAX: usize = 32;

/// Posts notifications as JSON.
pub struct Webhook {
    name: String,
    destination: Destination,
    signer: Option<Signer>,
    timeout: Duration,
    client: Client,
    clock: Clock,
}

enum Destination {
    /// Everything goes to the operator's URL, which is not subject to the outbound policy.
    Fixed(Url),
    /// Each notification goes to its recipient's URL, if the policy permits it.
    Recipient(Arc<OutboundPolicy>),
}

impl Webhook {
    /// A webhook under the name it has in the configuration. `policy` judges recipients' URLs and the addresses that
    /// their hosts resolve to; a configured `url` is the operator's own and is not judged.
    pub fn new(
        name: &str,
        settings: &WebhookSettings,
        clock: Clock,
        policy: &OutboundPolicy,
    ) -> Result<Webhook, SettingsFault> {
        Webhook::with_resolver(name, settings, clock, policy, Arc::new(System), machine_has_roots())
    }

    fn with_resolver(
        name: &str,
        settings: &WebhookSettings,
        clock: Clock,
        policy: &OutboundPolicy,
        resolver: Arc<dyn Resolve>,
        has_roots: bool,
    ) -> Result<Webhook, SettingsFault> {
        let timeout = timeout(settings.timeout_seconds)?;
        let signer = settings.secret.as_ref().map(|s| Signer::new(s.expose_secret())).transpose()?;
        let mut client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .user_agent(concat!("Angaros/", env!("CARGO_PKG_VERSION")))
            // Half of the whole, so that whoever exceeds the whole was connected and may have got the request.
            .connect_timeout(timeout / 2)
            .pool_idle_timeout(Duration::from_secs(IDLE_SECONDS_MAX))
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX);
        let destination = match &settings.url {
            Some(url) => Destination::Fixed(fixed(url.expose_secret(), has_roots)?),
            None => {
                let policy = Arc::new(policy.clone());
                client = client.dns_resolver(Guard::new(resolver, Arc::clone(&policy)));
                Destination::Recipient(policy)
            }
        };
        if !has_roots {
            tracing::warn!(provider = name, "webhook.tls_unavailable: https {ROOTS_MISSING}");
            // Without this the client could not be built, and plain http would not work either.
            client = client.tls_certs_only([]);
        }
        let client =
            client.build().map_err(|e| SettingsFault::new("kind", format!("no HTTP client: {e:?}")))?;
        Ok(Webhook { name: name.into(), destination, signer, timeout, client, clock })
    }
}

fn fixed(text: &str, has_roots: bool) -> Result<Url, SettingsFault> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.ok_or_else(|| SettingsFault::new("url", "must be an http or https URL"))?;
    if url.scheme() == "https" && !has_roots {
        return Err(SettingsFault::new("url", ROOTS_MISSING));
    }
    Ok(url)
}

#[async_trait]
impl Provider for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        let account = matches!(self.destination, Destination::Fixed(_));
        Capabilities { receipts: false, idempotent: true, pretends: false, account }
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    async fn send(&self, outgoing: Outgoing<'_>) -> Outcome {
        self.post(outgoing.notification).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(settings: &WebhookSettings, has_roots: bool) -> Option<&'static str> {
        crate::install_crypto();
        let policy = OutboundPolicy::default();
        Webhook::with_resolver("hook", settings, Clock::system(), &policy, Arc::new(System), has_roots)
            .err()
            .map(|f| f.field)
    }

    #[test]
    fn wrong_settings_are_named() {
        let url = |text: &str| WebhookSettings { url: Some(text.into()), ..WebhookSettings::default() };
        assert_eq!(fault(&url("http://10.0.0.1/in"), true), None, "the operator's own URL is not judged");
        assert_eq!(fault(&url("ftp://example.org"), true), Some("url"));
        assert_eq!(fault(&url("example.org"), true), Some("url"));
        let slow = WebhookSettings { timeout_seconds: 301, ..WebhookSettings::default() };
        assert_eq!(fault(&slow, true), Some("timeout_seconds"));
        let weak = WebhookSettings { secret: Some("whsec_c2hvcnQ=".into()), ..WebhookSettings::default() };
        assert_eq!(fault(&weak, true), Some("secret"));
    }

    #[test]
    fn a_machine_without_root_certificates_still_sends_plain_http() {
        let url = |text: &str| WebhookSettings { url: Some(text.into()), ..WebhookSettings::default() };
        assert_eq!(fault(&url("http://example.org"), false), None);
        assert_eq!(fault(&WebhookSettings::default(), false), None);
        assert_eq!(fault(&url("https://example.org"), false), Some("url"));
    }
}
