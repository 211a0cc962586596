//! Limits of callers, and ends of notifications, as they are seen from outside a process.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use angaros_clock::Clock;
use angaros_domain::Timestamp;
use angaros_testkit::launch::Launch;
use reqwest::Method;
use serde_json::{Value, json};

/// Generous: other builds may share the machine.
const SOON: Duration = Duration::from_secs(30);

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_angaros"))
}

fn sms_until(end: Timestamp) -> Value {
    json!({ "channel": "sms", "recipient": "+15550100123", "content": "late", "expires_at": end })
}

#[tokio::test]
async fn callers_are_limited_by_their_address_behind_a_proxy() {
    let service = launch()
        .set("limits.inbound_per_minute", "2")
        .set("limits.metrics_per_minute", "1")
        .set("server.trusted_proxies", "127.0.0.0/8")
        .start()
        .await;
    let api = service.api();
    let get = async |path: &str, client: &str| {
        api.call(Method::GET, path, &[("X-Forwarded-For", client)], None).await.unwrap()
    };
    for left in ["\"default\";r=1;t=30", "\"default\";r=0;t=60"] {
        let answer = get("/api/v1/notifications", "192.0.2.1").await;
        assert_eq!((answer.status, answer.header("ratelimit-policy")), (200, "\"default\";q=2;w=60"));
        assert_eq!(answer.header("ratelimit"), left);
    }
    let refused = get("/api/v1/notifications", "192.0.2.1").await;
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&seconds), "{seconds}");
    assert_eq!(refused.expect(429)["type"], "/problems/rate-limited");
    assert_eq!(get("/api/v1/notifications", "192.0.2.2").await.status, 200);
    assert_eq!(get("/api/v1/metrics", "192.0.2.1").await.status, 200);
    assert_eq!(get("/metrics?group_by=day", "192.0.2.1").await.status, 429);
    assert_eq!(get("/metrics", "192.0.2.1").await.status, 200);
}

#[tokio::test]
async fn metrics_queries_are_limited_unless_told_otherwise() {
    let service = launch().start().await;
    let answer = service.api().get("/api/v1/metrics").await;
    assert_eq!(answer.header("ratelimit-policy"), "\"metrics\";q=600;w=60");
    assert_eq!(service.api().get("/api/v1/notifications").await.header("ratelimit-policy"), "");
}

/// How long after its end a notification was given up, in milliseconds.
fn late(failed: &Value) -> i64 {
    assert_eq!((&failed["failure_reason"], &failed["attempts"]), (&json!("expired"), &json!(0)), "{failed}");
    Timestamp::parse(failed["failed_at"].as_str().unwrap()).unwrap().millis_since(end_of(failed))
}

fn end_of(notification: &Value) -> Timestamp {
    Timestamp::parse(notification["metadata"]["end"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn what_waits_on_a_paused_channel_ends_in_time() {
    let service = launch().start().await;
    let api = service.api();
    api.post("/api/v1/worker/stop", &json!({ "channel": "sms" })).await.expect(200);
    let end = Clock::system().now().plus_seconds(2);
    let mut sms = sms_until(end);
    sms["metadata"] = json!({ "end": end });
    let id = api.notify(&sms).await;
    let failed = api.until(&id, "failed", SOON).await;
    let late = late(&failed);
    assert!((0..4_000).contains(&late), "{late} ms late: sooner than by the next look");
    let events: Vec<String> =
        api.trace(&id).await.iter().map(|entry| entry["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(events, ["created", "queued", "failed"]);
    assert_eq!(api.get("/api/v1/worker").await.expect(200)["channels"]["sms"]["running"], false);
}

#[tokio::test]
async fn what_waits_in_a_limited_lane_ends_in_time() {
    let service = launch().set("channels.sms.rate_per_second", "1").start().await;
    let api = service.api();
    let end = Clock::system().now().plus_seconds(3);
    let mut sms = sms_until(end);
    sms["metadata"] = json!({ "end": end });
    let batch = json!({ "notifications": vec![sms; 60] });
    let id = angaros_testkit::api::id(&api.post("/api/v1/notifications/batch", &batch).await.expect(202));
    // A lane of one a second would look at the last of them after a minute.
    let path = format!("/api/v1/notifications?status=failed&batch_id={id}&limit=200");
    let failed = angaros_testkit::eventually::eventually("they expire", SOON, async || {
        let list = api.get(&path).await.expect(200)["items"].as_array().unwrap().clone();
        if list.len() >= 40 { Ok(list) } else { Err(format!("{} have", list.len())) }
    })
    .await;
    for one in &failed {
        let late = late(one);
        assert!((0..10_000).contains(&late), "{late} ms late");
    }
}
