//! The service with a Redis server that comes and goes: it sends in any case, and never faster than it may.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use angaros_testkit::api::Api;
use angaros_testkit::eventually::eventually;
use angaros_testkit::launch::Launch;
use angaros_testkit::prometheus::total;
use angaros_testkit::redis::Redis;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Generous: a debug build, and other builds beside it.
const LONG: Duration = Duration::from_secs(60);
const RATE: usize = 50;

fn launch(url: &str) -> Launch {
    let launch = Launch::new(env!("CARGO_BIN_EXE_angaros")).variable("REDIS_URL", url);
    launch
        .set("channels.sms.rate_per_second", RATE.to_string())
        .set("limits.metrics_per_minute", "0")
        .set("redis.prefix", "shop")
}

/// Sends many, and waits until all are delivered: how long that took.
async fn deliver(api: &Api, count: usize) -> Duration {
    let started = Instant::now();
    let sms = json!({"channel": "sms", "recipient": "+15550100123", "content": "Your code is 123456"});
    let batch = json!({"notifications": vec![sms; count]});
    let batch = api.post("/api/v1/notifications/batch", &batch).await.expect(202);
    let path = format!("/api/v1/notifications/batch/{}?limit=1", batch["id"].as_str().unwrap());
    eventually("all are delivered", LONG, async || {
        let counts = api.get(&path).await.expect(200)["counts"].clone();
        if counts["delivered"] == count { Ok(()) } else { Err(counts.to_string()) }
    })
    .await;
    started.elapsed()
}

/// What the service says of Redis while it is ready.
async fn dependency(api: &Api) -> Value {
    api.get("/readyz").await.expect(200)["dependencies"][1].clone()
}

/// Waits until a metric has a value.
async fn until(api: &Api, name: &str, value: f64) {
    eventually(&format!("{name} is {value}"), LONG, async || {
        let found = total(&api.metrics().await, name);
        if (found - value).abs() < f64::EPSILON { Ok(()) } else { Err(found.to_string()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_sends_at_its_rate_whatever_becomes_of_redis() {
    let mut redis = Redis::start().await;
    let mut service = launch(&redis.url()).start().await;
    let api = service.api();
    until(&api, "angaros_redis_up", 1.0).await;
    until(&api, "angaros_workers", 1.0).await;
    // A burst may go at once, all others take their time.
    let least = |count: usize| Duration::from_secs_f64((count - RATE / 10 - 1) as f64 / RATE as f64);
    assert!(deliver(&api, 60).await >= least(60));
    let workers = api.get("/api/v1/worker").await.expect(200)["workers"].clone();
    assert!(workers[0].as_str().unwrap().starts_with(&format!("{}:", service.pid())), "{workers}");

    assert_eq!(dependency(&api).await, json!({"name": "redis", "status": "up"}));
    redis.kill().await;
    until(&api, "angaros_redis_up", 0.0).await;
    assert_eq!(dependency(&api).await, json!({"name": "redis", "status": "degraded"}));
    assert!(deliver(&api, 60).await >= least(60));

    redis.start_again().await;
    until(&api, "angaros_redis_up", 1.0).await;
    redis.wipe().await;
    assert!(deliver(&api, 60).await >= least(60));

    redis.kill().await;
    let (status, took) = service.stop().await;
    assert!(status.success() && took < LONG, "{status} after {took:?}");
}

#[tokio::test]
async fn sent_messages_are_listed_under_the_prefix_and_a_stop_says_goodbye() {
    let redis = Redis::start().await;
    let mut service = launch(&redis.url()).start().await;
    let api = service.api();
    until(&api, "angaros_redis_up", 1.0).await;
    until(&api, "angaros_workers", 1.0).await;
    let sms = json!({"channel": "sms", "recipient": "+15550100123", "content": "Your code is 123456"});
    let id = api.notify(&sms).await;
    let sent = api.until(&id, "delivered", LONG).await;
    let answer = eventually("it is listed", LONG, async || {
        let answer = redis.ask("LRANGE shop:sent 0 -1").await.unwrap();
        if answer.contains("message_id") { Ok(answer) } else { Err(answer) }
    })
    .await;
    // One bulk string in an array of the protocol.
    let entry: Value = serde_json::from_str(answer.lines().nth(2).unwrap()).unwrap();
    assert_eq!(entry, json!({"message_id": sent["provider_message_id"], "sent_at": sent["sent_at"]}));
    service.stop().await;
    assert_eq!(redis.ask("ZCARD shop:workers").await.unwrap(), ":0\r\n", "it said goodbye");
}

#[tokio::test]
async fn a_url_that_is_none_stops_the_start_and_is_not_shown() {
    let ended = launch("redis:/:hunter2@nowhere").run(&["serve"]).await;
    let text = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success());
    assert!(text.contains("redis.url") && text.contains("REDIS_URL") && !text.contains("hunter2"), "{text}");
}
