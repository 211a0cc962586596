//! Failures of ours: nothing of the inside leaks, and callers learn when to come back.

use std::sync::Arc;

use angaros_http::Api;
use angaros_store_test::MemoryStore;
use http::Method;
use serde_json::json;

use crate::support::broken::{Broken, SECRET};
use crate::support::{App, api, sms};

const SEND: &str = "/api/v1/notifications";

#[tokio::test]
async fn a_store_that_can_not_be_reached_is_503() {
    let app = App::with(Broken::Unavailable, api());
    for answer in [app.post(SEND, &sms()).await, app.get(SEND).await, app.call(Method::POST, "/stop").await] {
        let answer = answer.problem(503, "unavailable");
        assert_eq!(answer.header("retry-after"), "5");
        assert!(!answer.json().to_string().contains(SECRET));
    }
}

#[tokio::test]
async fn a_full_queue_is_503() {
    let app = App::with(Broken::Busy, api());
    let answer = app.post(SEND, &sms()).await.problem(503, "busy");
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn a_bug_is_500_and_tells_nothing() {
    let app = App::with(Broken::Internal, api());
    let batch = json!({"notifications": [sms()]});
    for answer in [app.post(SEND, &sms()).await, app.post("/api/v1/notifications/batch", &batch).await] {
        let answer = answer.problem(500, "internal");
        assert!(!answer.json().to_string().contains(SECRET));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_takes_too_long_is_503() {
    let app = App::with(Broken::Silent, api());
    assert_eq!(app.post(SEND, &sms()).await.problem(503, "timeout").header("retry-after"), "1");
    app.get(SEND).await.problem(503, "timeout");
}

#[tokio::test]
async fn a_panic_is_500_and_tells_nothing() {
    let api = Api { metrics_text: Arc::new(|| panic!("{SECRET}")), ..api() };
    let app = App::with(MemoryStore::new(), api);
    let answer = app.get("/metrics").await.problem(500, "internal");
    assert!(!answer.json().to_string().contains(SECRET));
    app.get("/healthz").await.is(200);
}
