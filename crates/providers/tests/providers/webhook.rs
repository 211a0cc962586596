//! What a webhook sends, and what it makes of ordinary answers.

use angaros_clock::Clock;
use angaros_domain::attempt::Class;
use angaros_domain::outbound::OutboundPolicy;
use angaros_domain::{Channel, Timestamp};
use angaros_providers::settings::WebhookSettings;
use angaros_providers::webhook::Webhook;
use angaros_providers::{Outgoing, Provider, install_crypto};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::support::notification::{ID, TRACE_PARENT, notification};
use crate::support::{loopback, send};
use angaros_testkit::http_sink::{Answer, HttpSink};

const NOW: Timestamp = Timestamp::from_millis(1_770_000_000_007);

pub(crate) fn webhook(settings: &WebhookSettings, policy: &OutboundPolicy) -> Webhook {
    install_crypto();
    Webhook::new("hook", settings, Clock::tokio(NOW), policy).unwrap()
}

/// A webhook to the recipients' own URLs, which may lie on this machine.
pub(crate) fn to_recipients() -> Webhook {
    webhook(&WebhookSettings::default(), &loopback())
}

#[tokio::test]
async fn the_recipient_gets_the_notification_and_what_identifies_it() {
    let sink = HttpSink::with(202, r#"{"messageId":"m-1","status":"queued"}"#).await;
    let notification = notification(Channel::Webhook, &sink.url("/in?key=1"));
    let outcome = send(&to_recipients(), &notification).await;
    assert_eq!((outcome.class, outcome.provider_message_id.as_deref()), (Class::Accepted, Some("m-1")));

    let request = &sink.recorded()[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/in?key=1"));
    for (name, value) in [
        ("content-type", "application/json"),
        ("user-agent", concat!("Angaros/", env!("CARGO_PKG_VERSION"))),
        ("idempotency-key", ID),
        ("x-correlation-id", "request-1"),
        ("traceparent", TRACE_PARENT),
        ("webhook-id", ""),
        ("webhook-signature", ""),
    ] {
        assert_eq!(request.header(name), value, "{name}");
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((&body["content"], &body["id"]), (&"Your code is 123456".into(), &ID.into()));
}

#[tokio::test]
async fn everything_goes_to_a_configured_url_even_inside() {
    let sink = HttpSink::with(200, "ok").await;
    let settings = WebhookSettings { url: Some(sink.url("/relay").into()), ..WebhookSettings::default() };
    let webhook = webhook(&settings, &OutboundPolicy::default());
    let outcome = send(&webhook, &notification(Channel::Sms, "+4915112345678")).await;
    assert_eq!((outcome.class, outcome.detail.as_str()), (Class::Accepted, "HTTP 200: ok"));
    let request = &sink.recorded()[0];
    assert_eq!(request.path, "/relay");
    assert_eq!(serde_json::from_slice::<Value>(&request.body).unwrap()["to"], "+4915112345678");
}

#[tokio::test]
async fn a_repeated_send_differs_only_in_time_and_signature() {
    let sink = HttpSink::with(500, "").await;
    let key = [9_u8; 32];
    let secret = format!("whsec_{}", STANDARD.encode(key));
    let settings = WebhookSettings { secret: Some(secret.into()), ..WebhookSettings::default() };
    let webhook = webhook(&settings, &loopback());
    let mut notification = notification(Channel::Webhook, &sink.url("/"));
    for attempt in 1..=3 {
        webhook.send(Outgoing { notification: &notification, attempt }).await;
        notification.attempts = attempt;
        notification.last_attempted_at = Some(NOW);
    }
    let requests = sink.recorded();
    assert_eq!(requests.len(), 3);
    for request in &requests {
        assert_eq!((request.header("idempotency-key"), request.header("webhook-id")), (ID, ID));
        assert_eq!(request.body, requests[0].body);

        // Verified as a receiver would: over the raw bytes.
        let seconds = request.header("webhook-timestamp");
        assert_eq!(seconds, "1770000000");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(&[ID.as_bytes(), b".", seconds.as_bytes(), b".", &request.body].concat());
        let signature = request.header("webhook-signature").strip_prefix("v1,").unwrap();
        mac.verify_slice(&STANDARD.decode(signature).unwrap()).unwrap();
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = HttpSink::with(200, "").await;
    let location = target.url("/secret");
    for status in [301, 302, 303, 307, 308] {
        let sink = HttpSink::always(Answer::with_headers(status, &[("location", &location)], "")).await;
        let outcome = send(&to_recipients(), &notification(Channel::Webhook, &sink.url("/"))).await;
        assert_eq!(outcome.class, Class::Permanent, "{status}");
        assert!(outcome.detail.contains("not followed"), "{}", outcome.detail);
        assert_eq!(sink.recorded().len(), 1);
    }
    assert!(target.recorded().is_empty());
}

#[tokio::test]
async fn retry_after_is_read_in_both_forms() {
    for (value, millis) in [("7", 7_000), ("Mon, 02 Feb 2026 02:41:00 GMT", 59_993)] {
        for status in [429, 503] {
            let sink = HttpSink::always(Answer::with_headers(status, &[("retry-after", value)], "")).await;
            let clock = angaros_clock::Clock::tokio(NOW);
            let webhook =
                Webhook::new("hook", &WebhookSettings::default(), clock.clone(), &loopback()).unwrap();
            let outcome = send(&webhook, &notification(Channel::Webhook, &sink.url("/"))).await;
            assert_eq!(outcome.class, Class::Throttled);
            // The date is read against a clock that runs while the request does.
            let passed = clock.now().millis_since(NOW);
            let asked = outcome.retry_after_millis.unwrap();
            assert!((millis - passed..=millis).contains(&asked), "{asked}");
        }
    }
}

#[tokio::test]
async fn the_status_decides() {
    for (status, class) in [
        (204, Class::Accepted),
        (400, Class::Permanent),
        (401, Class::Misconfigured),
        (408, Class::Transient),
        (410, Class::Permanent),
        (429, Class::Throttled),
        (503, Class::Transient),
    ] {
        let sink = HttpSink::with(status, "").await;
        let outcome = send(&to_recipients(), &notification(Channel::Webhook, &sink.url("/"))).await;
        assert_eq!((outcome.class, outcome.retry_after_millis), (class, None), "{status}");
    }
}
