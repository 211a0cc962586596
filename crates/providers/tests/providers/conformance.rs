//! What holds for every provider, whatever it talks to.

use std::sync::Arc;

use angaros_clock::Clock;
use angaros_domain::Channel;
use angaros_domain::attempt::{Class, DETAIL_CHARACTERS_MAX, PROVIDER_MESSAGE_ID_CHARACTERS_MAX};
use angaros_providers::sandbox::Sandbox;
use angaros_providers::settings::{Failure, SandboxSettings};
use angaros_providers::{Outgoing, Provider};

use crate::mail::plain;
use crate::support::notification::{ID, notification};
use crate::webhook::to_recipients;
use angaros_testkit::http_sink::HttpSink;
use angaros_testkit::mail_server::{Fault, MailServer, Setup};

/// The keys by which the counterpart could tell that it has seen a message before.
type Keys = Box<dyn Fn() -> Vec<String>>;

/// Sends one notification several times and holds what comes of it against what the engine relies on.
async fn exercise(provider: &dyn Provider, channel: Channel, recipient: &str, expected: Class, keys: Keys) {
    assert!(!provider.name().is_empty() && !provider.timeout().is_zero());
    let mut notification = notification(channel, recipient);
    let mut ids = Vec::new();
    for attempt in 1..=3 {
        let outcome = provider.send(Outgoing { notification: &notification, attempt }).await;
        assert_eq!(outcome.class, expected, "{}", outcome.detail);
        assert!(!outcome.detail.is_empty() && outcome.detail.chars().count() <= DETAIL_CHARACTERS_MAX);
        assert!(!outcome.detail.chars().any(char::is_control));
        if let Some(id) = &outcome.provider_message_id {
            assert!(expected == Class::Accepted && id.chars().count() <= PROVIDER_MESSAGE_ID_CHARACTERS_MAX);
        }
        assert!(outcome.retry_after_millis.is_none_or(|millis| millis >= 0));
        ids.push(outcome.provider_message_id);
        notification.attempts = attempt;
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "the same message has the same id");
    let keys = keys();
    assert!(keys.iter().all(|key| key.contains(ID)), "{keys:?}");
    if provider.capabilities().idempotent && !provider.capabilities().pretends {
        assert_eq!(keys.len(), 3);
    }
}

fn no_keys() -> Keys {
    Box::new(Vec::new)
}

#[tokio::test(start_paused = true)]
async fn the_sandbox_conforms() {
    for (failure, class) in [
        (Failure::Transient, Class::Transient),
        (Failure::Permanent, Class::Permanent),
        (Failure::Timeout, Class::Ambiguous),
        (Failure::Throttled, Class::Throttled),
    ] {
        for (success_rate, expected) in [(1.0, Class::Accepted), (0.0, class)] {
            let settings =
                SandboxSettings { success_rate, failure, latency_ms: 5, ..SandboxSettings::default() };
            let sandbox = Sandbox::new("sandbox", &settings, Clock::system()).unwrap();
            for channel in Channel::ALL {
                exercise(&sandbox, channel, "anybody", expected, no_keys()).await;
            }
        }
    }
}

#[tokio::test]
async fn the_webhook_conforms() {
    let noise: &'static str = "\u{1}\r\n\u{fc}".repeat(2_000).leak();
    for (status, expected) in [(200, Class::Accepted), (500, Class::Transient), (404, Class::Permanent)] {
        let sink = Arc::new(HttpSink::with(status, noise).await);
        let asked = Arc::clone(&sink);
        let keys = move || asked.recorded().iter().map(|r| r.header("idempotency-key").to_owned()).collect();
        exercise(&to_recipients(), Channel::Webhook, &sink.url("/"), expected, Box::new(keys)).await;
    }
}

#[tokio::test]
async fn mail_conforms() {
    for (fault, expected) in [
        (None, Class::Accepted),
        (Some("451 4.3.0 later"), Class::Transient),
        (Some("550 5.1.1 no such user"), Class::Permanent),
    ] {
        let server = MailServer::start(Setup::default()).await;
        if let Some(reply) = fault {
            server.fail("RCPT", Fault::Reply(reply));
        }
        let asked = server.clone();
        let keys = move || {
            let ids = asked.delivered().into_iter().map(|mail| {
                let data = String::from_utf8(mail.data).unwrap();
                data.lines().find(|line| line.starts_with("Message-ID:")).unwrap().to_owned()
            });
            ids.collect()
        };
        exercise(&plain(&server), Channel::Email, "to@example.net", expected, Box::new(keys)).await;
    }
}
