//! One request and the reading of its answer.

use angaros_domain::Notification;
use angaros_domain::attempt::{Class, Outcome};
use reqwest::header::{CONTENT_TYPE, HeaderName};
use reqwest::{Request, Response};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::classify::{self, Answer};
use super::signature::Signer;
use super::{Destination, Webhook, body, retry_after};

/// How much of an answer is read. A receiver that says more has said enough.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

const CORRELATION: HeaderName = HeaderName::from_static("x-correlation-id");
const IDEMPOTENCY: HeaderName = HeaderName::from_static("idempotency-key");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

impl Webhook {
    pub(super) async fn post(&self, notification: &Notification) -> Outcome {
        let request = self.destination(&notification.recipient).and_then(|url| {
            let body = body::write(notification).map_err(|e| unsendable(&e))?;
            self.request(url, notification, body, self.signer.as_ref())
        });
        match request {
            Ok(request) => self.execute(request).await,
            Err(refusal) => refusal,
        }
    }

    /// Makes one attempt.
    pub(super) async fn execute(&self, request: Request) -> Outcome {
        let deadline = Instant::now() + self.timeout;
        let mut response = match timeout_at(deadline, self.client.execute(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return classify::failure(&error),
            Err(_) => return Outcome::new(Class::Ambiguous, "sent, but no answer came in time"),
        };
        let (body, whole) = read(&mut response, deadline).await;
        classify::answer(&Answer {
            status: response.status(),
            retry_after_millis: retry_after::millis(response.headers(), self.clock.now()),
            body: &body,
            whole,
        })
    }

    /// Where a request goes that is meant for `recipient`, or why it must not.
    pub(super) fn destination(&self, recipient: &str) -> Result<Url, Outcome> {
        match &self.destination {
            Destination::Fixed(url) => Ok(url.clone()),
            Destination::Recipient(policy) => policy
                .check_url(recipient)
                .map_err(|fault| Outcome::new(Class::Permanent, &format!("the recipient {fault}"))),
        }
    }

    /// The request of one attempt, or why there can be none.
    pub(super) fn request(
        &self,
        url: Url,
        notification: &Notification,
        body: Vec<u8>,
        signer: Option<&Signer>,
    ) -> Result<Request, Outcome> {
        let id = notification.id.to_string();
        let mut request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(IDEMPOTENCY, &id)
            .header(CORRELATION, notification.correlation.id.as_str());
        if let Some(parent) = &notification.correlation.trace_parent {
            request = request.header(TRACE_PARENT, parent.as_str());
        }
        if let Some(signer) = signer {
            let seconds = self.clock.now().as_seconds();
            request = request
                .header(WEBHOOK_SIGNATURE, signer.sign(&id, seconds, &body))
                .header(WEBHOOK_TIMESTAMP, seconds)
                .header(WEBHOOK_ID, id);
        }
        request.body(body).build().map_err(|e| unsendable(&e.without_url()))
    }
}

fn unsendable(error: &dyn std::fmt::Display) -> Outcome {
    Outcome::new(Class::Permanent, &format!("cannot be written as a request: {error}"))
}

/// Reads an answer's body up to its end, to [`ANSWER_BYTES_MAX`], or until it breaks off: then the flag is false.
async fn read(response: &mut Response, deadline: Instant) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while body.len() < ANSWER_BYTES_MAX {
        match timeout_at(deadline, response.chunk()).await {
            Ok(Ok(Some(chunk))) => {
                let room = ANSWER_BYTES_MAX - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
            Ok(Ok(None)) => return (body, true),
            Ok(Err(_)) | Err(_) => return (body, false),
        }
    }
    (body, true)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use angaros_clock::Clock;
    use angaros_domain::Channel;
    use angaros_domain::outbound::OutboundPolicy;
    use tokio::net::TcpListener;

    use super::super::guard::tests::Fixed;
    use crate::fixture::notification;
    use crate::settings::WebhookSettings;
    use crate::webhook::Webhook;
    use crate::{Outgoing, Provider};

    use super::*;

    /// Sends to a public name that a hostile name server points at a listener on this machine.
    async fn rebound(allow: &[&str]) -> (Outcome, TcpListener) {
        crate::install_crypto();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let policy = OutboundPolicy::allowing(allow.iter().map(|net| net.parse().unwrap()).collect());
        let resolver = Arc::new(Fixed(vec![SocketAddr::new(address.ip(), 0)]));
        let settings = WebhookSettings::default();
        let webhook =
            Webhook::with_resolver("hook", &settings, Clock::system(), &policy, resolver, true).unwrap();
        let url = format!("http://innocent.example.org:{}/", address.port());
        let notification = notification(Channel::Webhook, &url);
        let send = webhook.send(Outgoing { notification: &notification, attempt: 1 });
        let outcome = tokio::select! {
            outcome = send => outcome,
            accepted = listener.accept() => {
                drop(accepted);
                Outcome::new(Class::Accepted, "reached the listener")
            }
        };
        (outcome, listener)
    }

    #[tokio::test]
    async fn a_public_name_cannot_be_pointed_inside() {
        let (outcome, _listener) = rebound(&[]).await;
        assert_eq!(outcome.class, Class::Permanent);
        assert!(outcome.detail.contains("may not reach"), "{}", outcome.detail);
    }

    #[tokio::test]
    async fn unless_the_operator_allows_it() {
        let (outcome, _listener) = rebound(&["127.0.0.0/8"]).await;
        assert_eq!(outcome.detail, "reached the listener");
    }
}
