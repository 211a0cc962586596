//! Webhook delivery by the real binary to a real receiver: what arrives, what is tried again, what is given up.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::{Duration, UNIX_EPOCH};

use angaros_clock::Clock;
use angaros_testkit::api::{Api, id};
use angaros_testkit::http_sink::{Answer, HttpSink, Recorded, Then};
use angaros_testkit::launch::Launch;
use angaros_testkit::process::Angaros;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

/// Generous: other builds may share the machine.
const SOON: Duration = Duration::from_secs(30);
/// The key of the signatures: 32 bytes.
const KEY: [u8; 32] = *b"a key of thirty-two bytes, a key";

/// A service that posts to recipients' URLs on this machine, and retries within moments.
async fn service() -> Angaros {
    let launch = Launch::new(env!("CARGO_BIN_EXE_angaros")).unlimited();
    launch
        .set("security.outbound_allow", "127.0.0.0/8")
        .set("delivery.retry.base_seconds", "0.05")
        .set("delivery.breaker.failures", "10000")
        .start()
        .await
}

fn to(sink: &HttpSink) -> Value {
    json!({ "channel": "webhook", "recipient": sink.url("/in"), "content": "Your code is 123456" })
}

fn with(mut notification: Value, field: &str, value: Value) -> Value {
    notification[field] = value;
    notification
}

/// What each attempt of a trace came to, such as `transient: HTTP 503`.
async fn outcomes(api: &Api, id: &str) -> Vec<String> {
    let trace = api.trace(id).await;
    let detail = |entry: &Value| entry["detail"].as_str().unwrap_or_default().to_owned();
    let is_outcome = |entry: &&Value| entry["attempt"].is_u64() && entry["event"] != "processing";
    trace.iter().filter(is_outcome).map(detail).filter(|detail| detail.contains(": ")).collect()
}

/// Checks the signature as a receiver does that knows only the specification of Standard Webhooks.
fn verify(request: &Recorded) {
    let (id, seconds) = (request.header("webhook-id"), request.header("webhook-timestamp"));
    let mut mac = Hmac::<Sha256>::new_from_slice(&KEY).unwrap();
    mac.update(&[id.as_bytes(), b".", seconds.as_bytes(), b".", &request.body].concat());
    let signature = request.header("webhook-signature").strip_prefix("v1,").expect("version 1");
    mac.verify_slice(&STANDARD.decode(signature).unwrap()).expect("the signature is right");
    let age = Clock::system().now().as_seconds() - seconds.parse::<i64>().unwrap();
    assert!((0..60).contains(&age), "the timestamp is of now: {seconds}");
}

#[tokio::test]
async fn a_configured_webhook_gets_the_whole_notification_signed() {
    let sink = HttpSink::with(202, r#"{"messageId":"m-1","status":"queued"}"#).await;
    let service = Launch::new(env!("CARGO_BIN_EXE_angaros"))
        .set("providers.hook.kind", "webhook")
        .set("providers.hook.url", sink.url("/relay?tenant=1"))
        .set("providers.hook.secret", format!("whsec_{}", STANDARD.encode(KEY)))
        .set("channels.sms.providers", "hook")
        .start()
        .await;
    let api = service.api();
    let trace_parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [("X-Correlation-ID", "order-42"), ("traceparent", trace_parent)];
    let sms = json!({
        "channel": "sms", "recipient": "+15550100123", "recipient_id": "user-1", "content": "Grüße 👋",
        "priority": "high", "campaign_id": "welcome", "metadata": {"order": 42}, "tags": ["receipt"],
    });
    let created = api.call(Method::POST, "/api/v1/notifications", &headers, Some(&sms)).await.unwrap();
    assert_eq!(created.header("x-correlation-id"), "order-42");
    let id = id(&created.expect(202));
    let delivered = api.until(&id, "delivered", SOON).await;
    assert_eq!((&delivered["provider"], &delivered["provider_message_id"]), (&json!("hook"), &json!("m-1")));
    assert_eq!(delivered["correlation_id"], "order-42");

    let requests = sink.recorded();
    assert_eq!(requests.len(), 1);
    let request = &requests[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/relay?tenant=1"));
    for (name, value) in [
        ("content-type", "application/json"),
        ("idempotency-key", &*id),
        ("webhook-id", &*id),
        ("x-correlation-id", "order-42"),
    ] {
        assert_eq!(request.header(name), value, "{name}");
    }
    // The same trace goes on, whatever span this service adds to it.
    assert_eq!(request.header("traceparent").split('-').nth(1), trace_parent.split('-').nth(1));
    assert_eq!(
        request.json(),
        json!({
            "to": "+15550100123", "channel": "sms", "content": "Grüße 👋", "id": id, "recipient_id": "user-1",
            "priority": "high", "campaign_id": "welcome", "metadata": {"order": 42}, "tags": ["receipt"],
        })
    );
    verify(request);

    let sent = api.get("/api/v1/messages").await.expect(200);
    assert_eq!(sent["items"][0]["provider_message_id"], "m-1");
}

#[tokio::test]
async fn a_passing_fault_is_tried_again_with_the_same_key_and_body() {
    let sink = HttpSink::with(200, "").await;
    let garbage = Answer::raw(b"\x00\xff SSH-2.0-nonsense\r\n\r\n", Then::Close);
    let reset = Answer::raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"mess", Then::Reset);
    sink.script([Answer::new(503, "busy"), garbage, reset]);
    let service = service().await;
    let api = service.api();
    let id = api.notify(&to(&sink)).await;
    let delivered = api.until(&id, "delivered", SOON).await;
    assert_eq!(delivered["attempts"], 4);
    let requests = sink.recorded();
    assert_eq!((requests.len(), sink.seen(&id)), (4, 4), "every attempt has the same key");
    assert!(requests.iter().all(|request| request.body == requests[0].body));

    let outcomes = outcomes(&api, &id).await;
    assert_eq!(outcomes.len(), 4, "{outcomes:?}");
    assert!(outcomes[0].starts_with("transient: HTTP 503: busy"), "{outcomes:?}");
    assert!(outcomes[1].starts_with("ambiguous") && outcomes[2].starts_with("ambiguous"), "{outcomes:?}");
    assert!(outcomes[3].starts_with("accepted: HTTP 200"), "{outcomes:?}");
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let sink = HttpSink::with(200, "").await;
    sink.script([
        Answer::with_headers(429, &[("retry-after", "2")], ""),
        Answer::with_headers(503, &[("retry-after", "1")], ""),
    ]);
    let service = service().await;
    let api = service.api();
    let id = api.notify(&to(&sink)).await;
    api.until(&id, "delivered", SOON).await;
    let at: Vec<_> = sink.recorded().iter().map(|request| request.at).collect();
    let gaps = [at[1] - at[0], at[2] - at[1]];
    println!("asked for 2 s and 1 s, waited {gaps:?}");
    // The clock of the service has milliseconds.
    assert!(gaps[0] >= Duration::from_millis(1_990) && gaps[0] < Duration::from_secs(10), "{gaps:?}");
    assert!(gaps[1] >= Duration::from_millis(990) && gaps[1] < Duration::from_secs(9), "{gaps:?}");
}

#[tokio::test]
async fn retry_after_is_honoured_as_a_date() {
    let sink = HttpSink::with(200, "").await;
    let service = service().await;
    let api = service.api();
    let start = tokio::time::Instant::now();
    // Whole seconds are what such a date can say: between two and three from now.
    let date = UNIX_EPOCH + Duration::from_secs(Clock::system().now().as_seconds().unsigned_abs() + 3);
    let date = httpdate::fmt_http_date(date);
    sink.script([Answer::with_headers(503, &[("retry-after", &date)], "")]);
    let id = api.notify(&to(&sink)).await;
    let delivered = api.until(&id, "delivered", SOON).await;
    assert_eq!(delivered["attempts"], 2);
    let waited = sink.recorded()[1].at - start;
    println!("asked to wait until {date}, waited {waited:?}");
    assert!(waited >= Duration::from_millis(1_990) && waited < Duration::from_secs(12), "{waited:?}");
}

#[tokio::test]
async fn a_refusal_is_final_until_someone_sends_it_again() {
    let sink = HttpSink::with(200, "").await;
    sink.script([Answer::new(422, "no such user")]);
    let service = service().await;
    let api = service.api();
    let id = api.notify(&to(&sink)).await;
    let failed = api.until(&id, "failed", SOON).await;
    assert_eq!((&failed["failure_reason"], &failed["attempts"]), (&json!("permanent"), &json!(1)));
    assert!(failed["failure_detail"].as_str().unwrap().contains("422"), "{failed}");
    assert_eq!(api.patch(&format!("/api/v1/notifications/{id}/cancel")).await.status, 409);

    let again = api.post_nothing(&format!("/api/v1/notifications/{id}/retry")).await.expect(202);
    assert_eq!(again["failure_reason"], Value::Null);
    let delivered = api.until(&id, "delivered", SOON).await;
    assert_eq!(delivered["attempts"], 1, "with fresh attempts");
    assert_eq!(sink.seen(&id), 2);
    assert_eq!(api.post_nothing(&format!("/api/v1/notifications/{id}/retry")).await.status, 409);
}

#[tokio::test]
async fn what_stays_down_exhausts_its_attempts() {
    let sink = HttpSink::with(500, "").await;
    let service = service().await;
    let api = service.api();
    let id = api.notify(&with(to(&sink), "max_attempts", json!(3))).await;
    let failed = api.until(&id, "failed", SOON).await;
    assert_eq!((&failed["failure_reason"], &failed["attempts"]), (&json!("retries_exhausted"), &json!(3)));
    assert_eq!(sink.recorded().len(), 3);
}

#[tokio::test]
async fn a_redirect_is_never_followed_and_a_flood_is_not_read() {
    let target = HttpSink::with(200, "").await;
    let location = target.url("/secret");
    let sink = HttpSink::with(200, "").await;
    // The rest of the flood never comes: whoever waits for it, waits in vain.
    let flood = [&b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n"[..], &[b'x'; 70_000]].concat();
    sink.script([Answer::with_headers(307, &[("location", &location)], ""), Answer::raw(flood, Then::Hang)]);
    let service = service().await;
    let api = service.api();
    let redirected = api.notify(&to(&sink)).await;
    assert_eq!(api.until(&redirected, "failed", SOON).await["failure_reason"], "permanent");
    assert!(target.recorded().is_empty());
    let flooded = api.notify(&to(&sink)).await;
    api.until(&flooded, "delivered", SOON).await;
}

/// Whatever a receiver does to an answer, the message is sent again with its key, and arrives.
#[tokio::test]
async fn every_fault_of_a_receiver_is_survived() {
    let sink = HttpSink::with(200, "").await;
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf of";
    let faults = [
        Answer::raw(half, Then::Reset),
        Answer::raw(half, Then::Close),
        Answer::raw(b"", Then::Close),
        Answer::raw(b"", Then::Reset),
        Answer::raw(b"\x16\x03\x01garbage\r\n\r\n", Then::Close),
        Answer::raw(b"", Then::Hang),
        Answer::raw(half, Then::Hang),
        Answer::new(200, "").after(Duration::from_secs(4)),
    ];
    let count = faults.len();
    sink.script(faults);
    let launch = Launch::new(env!("CARGO_BIN_EXE_angaros")).unlimited();
    let service = launch
        .set("security.outbound_allow", "127.0.0.0/8")
        .set("delivery.retry.base_seconds", "0.05")
        .set("delivery.retry.cap_seconds", "0.1")
        .set("providers.webhook.timeout_seconds", "2")
        .start()
        .await;
    let api = service.api();
    let id = api.notify(&with(to(&sink), "max_attempts", json!(10))).await;
    let done = api.until(&id, "delivered", SOON).await;
    assert_eq!(done["attempts"], count + 1, "{done}");
    let keys: Vec<String> =
        sink.recorded().iter().map(|request| request.header("webhook-id").to_owned()).collect();
    assert_eq!(keys, vec![keys[0].clone(); count + 1], "the same key each time");
    assert_eq!(outcomes(&api, &id).await.len(), count + 1);
}

#[tokio::test]
async fn what_expires_is_not_sent_any_more() {
    let sink = HttpSink::with(503, "").await;
    let service = service().await;
    let api = service.api();
    let soon = Clock::system().now().plus_seconds(2).to_string();
    let id = api.notify(&with(with(to(&sink), "expires_at", json!(soon)), "max_attempts", json!(10))).await;
    let failed = api.until(&id, "failed", SOON).await;
    assert_eq!(failed["failure_reason"], "expired", "{failed}");

    // One that waits behind a pause expires too, without an attempt.
    api.post_nothing("/api/v1/worker/stop").await.expect(200);
    let before = sink.recorded().len();
    let soon = Clock::system().now().plus_seconds(1);
    let late = api.notify(&with(to(&sink), "expires_at", json!(soon.to_string()))).await;
    let failed = api.until(&late, "failed", SOON).await;
    assert_eq!((&failed["failure_reason"], &failed["attempts"]), (&json!("expired"), &json!(0)));
    assert_eq!(sink.recorded().len(), before);
}

#[tokio::test]
async fn a_schedule_is_kept_to_the_second() {
    let sink = HttpSink::with(200, "").await;
    let service = service().await;
    let api = service.api();
    let clock = Clock::system();
    let due = clock.now().as_seconds() + 3;
    let scheduled = api.post("/api/v1/notifications", &with(to(&sink), "scheduled_at", json!(due))).await;
    let scheduled = scheduled.expect(202);
    assert_eq!(scheduled["status"], "pending");
    let cancelled = api.notify(&with(to(&sink), "scheduled_at", json!(due))).await;
    let cancel = format!("/api/v1/notifications/{cancelled}/cancel");
    assert_eq!(api.patch(&cancel).await.expect(200)["status"], "cancelled");
    // Due later than both: whatever the cancelled one may still do, it does before this one arrives.
    let last = api.notify(&with(to(&sink), "scheduled_at", json!(due + 1))).await;

    sink.wait_for(1, SOON).await;
    let late_millis = clock.now().as_millis() - due * 1000;
    println!("a scheduled notification arrived {late_millis} ms after it was due");
    assert!((0..2_000).contains(&late_millis), "{late_millis}");
    let id = id(&scheduled);
    api.until(&id, "delivered", SOON).await;
    api.until(&last, "delivered", SOON).await;
    assert_eq!((sink.seen(&id), sink.seen(&last), sink.seen(&cancelled)), (1, 1, 0));
    assert_eq!(api.notification(&cancelled).await["status"], "cancelled");
}
