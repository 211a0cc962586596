//! Numbers, as JSON and for Prometheus.

use angaros_store_test::fixture;
use serde_json::{Value, json};

use crate::support::{App, sms_with};

#[tokio::test]
async fn an_idle_service_has_no_rate() {
    let metrics = App::new().get("/api/v1/metrics").await.is(200).json();
    let none = json!({"total": 0, "high": 0, "normal": 0, "low": 0});
    let expected = json!({
        "created_per_minute": 0,
        "delivered_per_minute": 0,
        "failed_per_minute": 0,
        "queue_depth": {
            "total": 0,
            "channels": {"sms": none, "email": none, "push": none, "webhook": none},
        },
        "deferred": 0,
        "in_flight": 0,
        "success_rate": null,
        "oldest_queued_seconds": null,
        "breakers": [],
    });
    assert_eq!(metrics, expected);
}

#[tokio::test(start_paused = true)]
async fn what_happened_is_counted() {
    let app = App::new();
    for _ in 0..3 {
        app.notify().await;
    }
    app.settle(fixture::deliver).await;
    app.notify().await;
    app.settle(fixture::fail).await;
    let high = sms_with(json!({"priority": "high"}));
    app.post("/api/v1/notifications", &high).await.is(202);
    app.post("/api/v1/notifications", &sms_with(json!({"scheduled_at": "2099-01-01T00:00:00Z"})))
        .await
        .is(202);
    tokio::time::advance(std::time::Duration::from_millis(2500)).await;
    let metrics = app.get("/api/v1/metrics").await.is(200).json();
    assert_eq!(metrics["created_per_minute"], 6);
    assert_eq!((&metrics["delivered_per_minute"], &metrics["failed_per_minute"]), (&json!(3), &json!(1)));
    assert_eq!(metrics["success_rate"], 0.75);
    assert_eq!(metrics["queue_depth"]["total"], 1);
    let sms = json!({"total": 1, "high": 1, "normal": 0, "low": 0});
    assert_eq!(metrics["queue_depth"]["channels"]["sms"], sms);
    assert_eq!((&metrics["deferred"], &metrics["in_flight"]), (&json!(1), &json!(0)));
    assert_eq!(metrics["oldest_queued_seconds"], 2.5);
    assert_eq!(metrics["breakers"], Value::Array(vec![]));
}

#[tokio::test]
async fn prometheus_reads_text() {
    let answer = App::new().get("/metrics").await.is(200);
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(&answer.body[..], b"angaros_up 1\n");
}
