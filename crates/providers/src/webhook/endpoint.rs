//! Deliveries to webhook endpoints: the body as it was queued, signed with the endpoint's own secrets.

use std::time::Duration;

use angaros_clock::Clock;
use angaros_domain::attempt::{Class, Outcome};
use angaros_domain::outbound::OutboundPolicy;
use angaros_domain::webhook_endpoint::{SigningSecret, WebhookEndpoint};
use angaros_domain::{Notification, Timestamp};

use super::Webhook;
use super::signature::Signer;
use crate::settings::{SettingsFault, WebhookSettings};

/// What traces and metrics call it. No provider of the configuration is used for endpoints, so that whatever the
/// `webhook` channel is routed to, their deliveries go to them.
const NAME: &str = "webhook-endpoints";

/// Posts deliveries to the endpoints that they are for.
pub struct Endpoints(Webhook);

impl Endpoints {
    /// A sender whose requests `policy` judges. Its time-out is that of webhooks by default.
    ///
    /// # Errors
    /// If this machine can not build an HTTP client.
    pub fn new(clock: Clock, policy: &OutboundPolicy) -> Result<Endpoints, SettingsFault> {
        Webhook::new(NAME, &WebhookSettings::default(), clock, policy).map(Endpoints)
    }

    /// What traces and metrics call it.
    pub fn name(&self) -> &'static str {
        NAME
    }

    /// [`Endpoints::send`] answers within this time.
    pub fn timeout(&self) -> Duration {
        self.0.timeout
    }

    /// Posts once, to where the endpoint is now. Never fails otherwise than by its outcome.
    pub async fn send(&self, delivery: &Notification, endpoint: &WebhookEndpoint, now: Timestamp) -> Outcome {
        let secrets: Vec<&str> = endpoint.secrets(now).into_iter().map(SigningSecret::reveal).collect();
        let Ok(signer) = Signer::new(&secrets.join(" ")) else {
            // No endpoint is stored with a secret that does not sign.
            return Outcome::new(Class::Misconfigured, "the endpoint's secret does not sign");
        };
        let body = delivery.content.text.clone().into_bytes();
        match self
            .0
            .destination(&endpoint.url)
            .and_then(|url| self.0.request(url, delivery, body, Some(&signer)))
        {
            Ok(request) => self.0.execute(request).await,
            Err(refusal) => refusal,
        }
    }
}
