//! Breakers and failover by the real binary: an account that is down, one that refuses us, and how both come back.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use angaros_testkit::api::Api;
use angaros_testkit::eventually::eventually;
use angaros_testkit::http_sink::{Answer, HttpSink};
use angaros_testkit::launch::Launch;
use angaros_testkit::process::Angaros;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

/// A receiver whose status can be changed.
struct Gateway {
    status: Arc<AtomicU16>,
    sink: HttpSink,
}

impl Gateway {
    async fn start(status: u16) -> Gateway {
        let status = Arc::new(AtomicU16::new(status));
        let answers = Arc::clone(&status);
        let sink = HttpSink::deciding(move |_| Answer::new(answers.load(Ordering::SeqCst), "")).await;
        Gateway { status, sink }
    }

    fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }
}

async fn service(gateways: &[(&str, &Gateway)]) -> Angaros {
    let mut launch = Launch::new(env!("CARGO_BIN_EXE_angaros"))
        .unlimited()
        .set("delivery.retry.base_seconds", "0.05")
        .set("delivery.breaker.failures", "3")
        .set("delivery.breaker.open_seconds", "1")
        .set("channels.sms.providers", gateways.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(","));
    for (name, gateway) in gateways {
        launch = launch
            .set(&format!("providers.{name}.kind"), "webhook")
            .set(&format!("providers.{name}.url"), gateway.sink.url("/sms"));
    }
    launch.start().await
}

fn code() -> Value {
    json!({ "channel": "sms", "recipient": "+15550100123", "content": "Your code is 123456" })
}

/// What the metrics say of an account's breaker.
async fn breaker(api: &Api, provider: &str) -> (String, Value) {
    let metrics = api.get("/api/v1/metrics").await.expect(200);
    let breakers = metrics["breakers"].as_array().unwrap();
    let found = breakers.iter().find(|breaker| breaker["provider"] == provider).expect("it is listed");
    (found["state"].as_str().unwrap().to_owned(), found["cause"].clone())
}

async fn until_breaker(api: &Api, provider: &str, state: &str) {
    eventually(&format!("the breaker is {state}"), SOON, async || {
        let (now, _) = breaker(api, provider).await;
        if now == state { Ok(()) } else { Err(now) }
    })
    .await;
}

#[tokio::test]
async fn the_second_provider_takes_over_and_the_first_comes_back() {
    let (first, second) = (Gateway::start(500).await, Gateway::start(200).await);
    let service = service(&[("first", &first), ("second", &second)]).await;
    let api = service.api();
    for _ in 0..20 {
        let id = api.notify(&code()).await;
        api.until(&id, "delivered", SOON).await;
    }
    assert_eq!(breaker(&api, "first").await.1, "failures");
    assert_eq!(breaker(&api, "second").await, ("closed".into(), Value::Null));
    let (by_first, by_second) = (first.sink.count(), second.sink.count());
    assert!(by_second == 20 && by_first < 10, "{by_first} tried in vain, {by_second} arrived");
    let gauge = api.metrics().await;
    assert!(gauge.contains("angaros_breaker_opened_total{provider=\"first\",cause=\"failures\"}"), "{gauge}");

    first.answers(200);
    eventually("a probe closes the breaker", SOON, async || {
        let id = api.notify(&code()).await;
        let provider = api.until(&id, "delivered", SOON).await["provider"].clone();
        if provider == "first" { Ok(()) } else { Err(provider.to_string()) }
    })
    .await;
    until_breaker(&api, "first", "closed").await;
}

#[tokio::test]
async fn a_refused_account_costs_no_attempts_and_says_so() {
    let gateway = Gateway::start(401).await;
    let service = service(&[("only", &gateway)]).await;
    let api = service.api();
    let ids = [api.notify(&code()).await, api.notify(&code()).await, api.notify(&code()).await];
    until_breaker(&api, "only", "open").await;
    assert_eq!(breaker(&api, "only").await.1, "misconfigured");
    assert!(service.stderr().contains("misconfigured"), "the log says it");
    gateway.sink.wait_for(3, SOON).await;
    for id in &ids {
        assert_eq!(api.notification(id).await["attempts"], 0);
    }
    gateway.answers(200);
    for id in &ids {
        assert_eq!(api.until(id, "delivered", SOON).await["attempts"], 1);
    }
    until_breaker(&api, "only", "closed").await;
}
