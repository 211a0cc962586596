//! Webhook endpoints, by the real binary to a real receiver: what arrives, how it is signed, what disables an endpoint.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use angaros_testkit::api::{Api, id};
use angaros_testkit::eventually::eventually;
use angaros_testkit::http_sink::{Answer, HttpSink, Recorded};
use angaros_testkit::launch::Launch;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

/// Generous: other builds may share the machine.
const SOON: Duration = Duration::from_secs(60);
const ENDPOINTS: &str = "/api/v1/webhook-endpoints";

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_angaros"))
        .unlimited()
        .set("security.outbound_allow", "127.0.0.0/8")
        .set("delivery.retry.base_seconds", "0.05")
}

fn sms() -> Value {
    json!({"channel": "sms", "recipient": "+4915112345678", "content": "Your code is 123456"})
}

/// Subscribes a sink; the endpoint, with its secret.
async fn subscribe(api: &Api, sink: &HttpSink, event_types: &[&str]) -> Value {
    let body = json!({"url": sink.url("/hook"), "event_types": event_types});
    api.post(ENDPOINTS, &body).await.expect(201)
}

/// Waits until an endpoint shows what is asked for.
async fn until(api: &Api, endpoint: &Value, what: impl Fn(&Value) -> bool) -> Value {
    let path = format!("{ENDPOINTS}/{}", id(endpoint));
    eventually("the endpoint is as expected", SOON, async || {
        let found = api.get(&path).await.expect(200);
        if what(&found) { Ok(found) } else { Err(format!("{found:#}")) }
    })
    .await
}

/// Whether one of the signatures of a request is that of a secret: as the specification of Standard Webhooks says it.
fn is_signed_with(request: &Recorded, secret: &Value) -> bool {
    let key = STANDARD.decode(secret.as_str().unwrap().strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let (id, seconds) = (request.header("webhook-id"), request.header("webhook-timestamp"));
    mac.update(&[id.as_bytes(), b".", seconds.as_bytes(), b".", &request.body].concat());
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    request.header("webhook-signature").split(' ').any(|signature| signature == expected)
}

#[tokio::test]
async fn events_are_delivered_signed_and_retried_under_one_id() {
    let sink = HttpSink::with(204, "").await;
    sink.script([Answer::new(503, "busy")]);
    let service = launch().start().await;
    let api = service.api();
    let endpoint = subscribe(&api, &sink, &["notification.delivered"]).await;
    let sent = api.notify(&sms()).await;

    let requests = sink.wait_for(2, SOON).await;
    assert!(requests.iter().all(|request| is_signed_with(request, &endpoint["secret"])));
    assert_eq!(requests[0].header("webhook-id"), requests[1].header("webhook-id"));
    assert_eq!(requests[0].body, requests[1].body);
    let body = requests[0].json();
    assert_eq!(
        (&body["type"], &body["data"]["message_id"]),
        (&json!("notification.delivered"), &json!(sent))
    );
    assert_eq!(body["timestamp"], body["data"]["occurred_at"]);

    let path = format!("{ENDPOINTS}/{}/deliveries/{}", id(&endpoint), requests[0].header("webhook-id"));
    let delivered = eventually("the log says that it arrived", SOON, async || {
        let found = api.get(&path).await.expect(200);
        if found["delivery"]["status"] == "delivered" { Ok(found) } else { Err(format!("{found:#}")) }
    })
    .await;
    assert_eq!(delivered["delivery"]["attempts"], 2);
    assert_eq!(delivered["payload"].as_str().unwrap().as_bytes(), requests[0].body);
    let said = delivered["entries"].as_array().unwrap().iter().filter_map(|entry| entry["detail"].as_str());
    assert!(said.clone().any(|detail| detail.starts_with("transient: HTTP 503: busy")), "{delivered:#}");
}

/// An endpoint that wants everything hears of a notification's four steps, and of nothing that its deliveries do.
#[tokio::test]
async fn deliveries_cause_no_deliveries() {
    let sink = HttpSink::with(200, "").await;
    let service = launch().start().await;
    let api = service.api();
    let endpoint = subscribe(&api, &sink, &["*"]).await;
    api.notify(&sms()).await;
    sink.wait_for(4, SOON).await;
    // Told after those four were settled, so that a loop would have begun long before it.
    let event =
        json!({"event_name": "last", "recipient_id": "user-1", "occurred_at": "2026-02-02T08:15:30Z"});
    api.post("/api/v1/events", &event).await.expect(201);
    let requests = sink.wait_for(5, SOON).await;
    let mut types: Vec<String> =
        requests.iter().map(|request| request.json()["type"].as_str().unwrap().to_owned()).collect();
    types.sort_unstable();
    let steps = ["delivered", "processing", "queued", "sent"].map(|step| format!("notification.{step}"));
    assert_eq!(types, [vec!["last".to_owned()], steps.to_vec()].concat());

    let path = format!("{ENDPOINTS}/{}/deliveries", id(&endpoint));
    eventually("all five are delivered", SOON, async || {
        let found = api.get(&path).await.expect(200);
        let items = found["items"].as_array().unwrap();
        let is_done = items.iter().all(|item| item["status"] == "delivered") && items.len() == 5;
        if is_done { Ok(()) } else { Err(format!("{found:#}")) }
    })
    .await;
    assert_eq!(api.get("/api/v1/events").await.expect(200)["items"].as_array().unwrap().len(), 5);
    assert_eq!(api.get("/api/v1/notifications").await.expect(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn after_a_rotation_both_secrets_sign() {
    let sink = HttpSink::with(200, "").await;
    let service = launch().start().await;
    let api = service.api();
    let endpoint = subscribe(&api, &sink, &["*"]).await;
    let path = format!("{ENDPOINTS}/{}", id(&endpoint));
    let rotated = api.post_nothing(&format!("{path}/rotate-secret")).await.expect(200);
    let ping = api.post_nothing(&format!("{path}/ping")).await.expect(202);
    let requests = sink.wait_for(1, SOON).await;
    assert_eq!(
        (requests[0].header("webhook-id"), &requests[0].json()["type"]),
        (&*id(&ping), &json!("webhook.ping"))
    );
    assert!(
        is_signed_with(&requests[0], &endpoint["secret"]) && is_signed_with(&requests[0], &rotated["secret"])
    );
}

#[tokio::test]
async fn one_that_is_gone_is_disabled_and_others_are_told() {
    let (gone, watcher) = (HttpSink::with(410, "").await, HttpSink::with(200, "").await);
    let service = launch().start().await;
    let api = service.api();
    let watching = subscribe(&api, &watcher, &["webhook_endpoint.*"]).await;
    let endpoint = subscribe(&api, &gone, &["notification.queued"]).await;
    api.notify(&sms()).await;
    let disabled = until(&api, &endpoint, |found| found["enabled"] == false).await;
    assert_eq!(disabled["disabled_reason"], "gone");
    let told = watcher.wait_for(1, SOON).await;
    assert_eq!(told[0].json()["type"], "webhook_endpoint.disabled");
    assert_eq!(told[0].json()["data"]["recipient_id"], json!(id(&endpoint)));

    // Nothing is sent while it is disabled; enabled again it hears of what comes then, at its new address.
    api.notify(&sms()).await;
    let path = format!("{ENDPOINTS}/{}", id(&endpoint));
    let back = HttpSink::with(200, "").await;
    let change = json!({"enabled": true, "url": back.url("/back")});
    api.call(Method::PATCH, &path, &[], Some(&change)).await.unwrap().expect(200);
    let last = api.notify(&sms()).await;
    let heard = back.wait_for(1, SOON).await;
    assert_eq!(heard[0].json()["data"]["message_id"], json!(last));
    assert_eq!(gone.count(), 1, "one answer was enough");
    until(&api, &watching, |found| found["failing_since"].is_null()).await;
}

/// Kills the process while events are fanned out and delivered: each endpoint gets every event, queued once.
#[tokio::test]
async fn every_event_is_queued_once_whenever_the_process_is_killed() {
    const ROUNDS: usize = 4;
    const EACH: usize = 60;
    let sink = HttpSink::with(200, "").await;
    let mut service = launch().start().await;
    let endpoint = subscribe(&service.api(), &sink, &["tick.*"]).await;
    for round in 0..ROUNDS {
        let events: Vec<Value> = (0..EACH)
            .map(|n| {
                json!({
                    "event_id": format!("{round}-{n}"), "event_name": "tick.tock", "recipient_id": "clock",
                    "occurred_at": "2026-02-02T08:15:30Z",
                })
            })
            .collect();
        service.api().post("/api/v1/events/bulk", &json!({"events": events})).await.expect(200);
        sink.wait_for(sink.count() + 3, SOON).await;
        service.kill().await;
        service.start_again().await;
    }
    let path = format!("{ENDPOINTS}/{}/deliveries?limit=200", id(&endpoint));
    let api = service.api();
    let log = eventually("everything is delivered", SOON, async || {
        let mut items = Vec::new();
        let mut next = path.clone();
        loop {
            let page = api.get(&next).await.expect(200);
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(cursor) => next = format!("{path}&cursor={cursor}"),
                None => break,
            }
        }
        let done = items.iter().filter(|item| item["status"] == "delivered").count();
        if done == ROUNDS * EACH { Ok(items) } else { Err(format!("{done} of {}", items.len())) }
    })
    .await;
    let mut per_event: BTreeMap<&str, usize> = BTreeMap::new();
    for item in &log {
        *per_event.entry(item["event_id"].as_str().unwrap()).or_default() += 1;
    }
    assert_eq!((log.len(), per_event.len()), (ROUNDS * EACH, ROUNDS * EACH), "each event once");
}

/// With two places, an endpoint that needs a second for each answer would soon hold both all the time.
#[tokio::test]
async fn a_slow_endpoint_leaves_the_places_to_the_others() {
    const EVENTS: usize = 20;
    let slow = HttpSink::always(Answer::new(200, "").after(Duration::from_millis(1_100))).await;
    let fast = HttpSink::with(200, "").await;
    let service = launch().set("delivery.concurrency", "2").start().await;
    let api = service.api();
    subscribe(&api, &slow, &["signup"]).await;
    subscribe(&api, &fast, &["signup"]).await;
    for user in 0..EVENTS {
        let event = json!({"event_name": "signup", "recipient_id": format!("user-{user}"),
            "occurred_at": "2026-02-02T08:15:30Z"});
        api.post("/api/v1/events", &event).await.expect(201);
    }
    fast.wait_for(EVENTS, SOON).await;
    // In turns with the fast one's deliveries, and with both places, nearly all would have gone there by now.
    assert!(slow.count() < EVENTS / 2, "{} went to the slow one", slow.count());
    slow.wait_for(EVENTS / 2, SOON).await;
}
