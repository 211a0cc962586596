//! A webhook's receiver that is away, hangs, lies, floods, or is not to be reached at all.

use std::time::Duration;

use angaros_domain::Channel;
use angaros_domain::attempt::{Class, DETAIL_CHARACTERS_MAX, Outcome};
use angaros_domain::outbound::OutboundPolicy;
use angaros_providers::settings::WebhookSettings;
use tokio::net::TcpListener;

use crate::support::notification::notification;
use crate::support::{loopback, send, send_and_wait_in_vain};
use crate::webhook::{to_recipients, webhook};
use angaros_testkit::http_sink::{Answer, HttpSink, Then};

async fn send_to(url: &str) -> Outcome {
    send(&to_recipients(), &notification(Channel::Webhook, url)).await
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let outcome = send_to(&format!("http://127.0.0.1:{port}/t0ken")).await;
    assert_eq!(outcome.class, Class::Transient);
    assert!(outcome.detail.starts_with("could not connect: "), "{}", outcome.detail);
    assert!(!outcome.detail.contains("t0ken"), "{}", outcome.detail);
}

#[tokio::test]
async fn an_unknown_host_may_become_known() {
    let outcome = send_to("http://nowhere.invalid/").await;
    assert_eq!(outcome.class, Class::Transient, "{}", outcome.detail);
}

#[tokio::test]
async fn no_answer_at_all() {
    let sink = HttpSink::always(Answer::raw(b"", Then::Hang)).await;
    let (outcome, took) = send_and_wait_in_vain(
        &to_recipients(),
        &notification(Channel::Webhook, &sink.url("/in")),
        &sink.holds,
    )
    .await;
    assert_eq!(outcome.class, Class::Ambiguous);
    assert!((Duration::from_secs(10)..Duration::from_secs(11)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn the_time_out_includes_the_body() {
    let start = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
    let sink = HttpSink::always(Answer::raw(start, Then::Hang)).await;
    let settings = WebhookSettings { timeout_seconds: 3, ..WebhookSettings::default() };
    let (outcome, took) = send_and_wait_in_vain(
        &webhook(&settings, &loopback()),
        &notification(Channel::Webhook, &sink.url("/in")),
        &sink.holds,
    )
    .await;
    assert_eq!(outcome.class, Class::Ambiguous);
    assert!((Duration::from_secs(3)..Duration::from_secs(4)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_reset_instead_of_an_answer_says_nothing() {
    for then in [Then::Reset, Then::Close] {
        let sink = HttpSink::always(Answer::raw(b"", then)).await;
        let outcome = send_to(&sink.url("/in")).await;
        assert_eq!(outcome.class, Class::Ambiguous, "{then:?}: {}", outcome.detail);
    }
}

#[tokio::test]
async fn a_reset_in_the_middle_of_an_answer() {
    for then in [Then::Reset, Then::Close] {
        let good =
            HttpSink::always(Answer::raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"mess", then))
                .await;
        assert_eq!(send_to(&good.url("/in")).await.class, Class::Ambiguous);
        let head = HttpSink::always(Answer::raw(b"HTTP/1.1 200 OK\r\ncontent-le", then)).await;
        assert_eq!(send_to(&head.url("/in")).await.class, Class::Ambiguous);
        let refusal =
            HttpSink::always(Answer::raw(b"HTTP/1.1 404 Not Found\r\ncontent-length: 100\r\n\r\nno", then))
                .await;
        assert_eq!(send_to(&refusal.url("/in")).await.class, Class::Permanent);
    }
}

#[tokio::test]
async fn garbage_instead_of_http() {
    let sink = HttpSink::always(Answer::raw(b"\x00\xff\xfe SSH-2.0-nonsense\r\n\r\n", Then::Close)).await;
    assert_eq!(send_to(&sink.url("/in")).await.class, Class::Ambiguous);
}

#[tokio::test]
async fn a_garbage_body_does_not_matter() {
    let json = [("content-type", "application/json")];
    let sink = HttpSink::always(Answer::with_headers(200, &json, [0xff_u8; 3_000])).await;
    let outcome = send_to(&sink.url("/")).await;
    assert_eq!((outcome.class, outcome.provider_message_id), (Class::Accepted, None));
    assert!(outcome.detail.chars().count() <= DETAIL_CHARACTERS_MAX);
}

#[tokio::test]
async fn of_a_huge_body_only_the_beginning_is_read() {
    // The rest never comes: whoever waits for it, waits in vain.
    let start = [&b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n"[..], &[b'x'; 70_000]].concat();
    let sink = HttpSink::always(Answer::raw(start, Then::Hang)).await;
    let outcome = send_to(&sink.url("/in")).await;
    assert_eq!(outcome.class, Class::Accepted);
}

#[tokio::test]
async fn a_private_url_is_refused_before_anything_is_sent() {
    let sink = HttpSink::with(200, "").await;
    let port = sink.port();
    let guarded = webhook(&WebhookSettings::default(), &OutboundPolicy::default());
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "a.localhost"] {
        let notification = notification(Channel::Webhook, &format!("http://{host}:{port}/"));
        let outcome = send(&guarded, &notification).await;
        assert_eq!(outcome.class, Class::Permanent, "{host}");
        assert!(outcome.detail.contains("private"), "{}", outcome.detail);
    }
    assert!(sink.recorded().is_empty());

    let outcome = send_to(&format!("http://localhost:{port}/")).await;
    assert_eq!(outcome.class, Class::Accepted, "allowed: {}", outcome.detail);
}

#[tokio::test]
async fn what_is_no_url_is_refused() {
    for recipient in ["", "+4915112345678", "ftp://example.org/", "https://user:hunter2@example.org/"] {
        let outcome = send(&to_recipients(), &notification(Channel::Webhook, recipient)).await;
        assert_eq!(outcome.class, Class::Permanent, "{recipient}");
        assert!(!outcome.detail.contains("hunter2"));
    }
}
