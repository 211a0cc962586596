//! The part of recording that is not storing: answered like the whole, and nothing is stored.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{App, api, event, event_with, json_request, request};

const ONE: &str = "/api/v1/events";
const MANY: &str = "/api/v1/events/bulk";

async fn send(router: &Router, request: Request<Body>) -> (u16, Vec<String>, Value) {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let mut headers: Vec<String> = response.headers().keys().map(ToString::to_string).collect();
    headers.sort();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, headers, serde_json::from_slice(&body).unwrap_or_default())
}

/// The same value with every text of ours replaced by its length.
fn shape(value: Value) -> Value {
    match value {
        Value::String(text) => text.len().into(),
        Value::Array(items) => items.into_iter().map(shape).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, shape(value))).collect(),
        other => other,
    }
}

#[tokio::test]
async fn what_is_new_is_answered_as_the_whole_does() {
    let app = App::new();
    let probe = angaros_http::probe(Arc::clone(&app.service), api());
    let bulk = json!({"events": [event(), event_with(json!({"event_id": "evt-2"}))]});
    let partial = json!([event(), event_with(json!({"event_id": ""}))]);
    let partially = format!("{MANY}?partial=true");
    for (path, body) in [(MANY, &bulk), (MANY, &json!([])), (ONE, &json!({"x": 1})), (&partially, &partial)] {
        let of_probe = send(&probe, json_request(Method::POST, path, body)).await;
        app.holds_nothing().await;
        let of_whole = send(&App::new().router, json_request(Method::POST, path, body)).await;
        assert_eq!((of_probe.0, of_probe.1), (of_whole.0, of_whole.1), "{path}");
        assert_eq!(shape(of_probe.2), shape(of_whole.2), "{path}");
    }
    let of_probe = send(&probe, json_request(Method::POST, ONE, &event())).await;
    app.holds_nothing().await;
    let of_whole = send(&app.router, json_request(Method::POST, ONE, &event())).await;
    assert_eq!((of_probe.0, &of_probe.1, of_whole.0), (201, &of_whole.1, 201));
    assert_eq!(shape(of_probe.2), shape(of_whole.2));
}

#[tokio::test]
async fn there_is_nothing_else() {
    let app = App::new();
    let probe = angaros_http::probe(Arc::clone(&app.service), api());
    let (status, _, problem) =
        send(&probe, request(Method::GET, "/api/v1/notifications", Body::empty())).await;
    assert_eq!((status, &problem["type"]), (404, &json!("/problems/not-found")));
    let mut lines = json_request(Method::POST, MANY, &event());
    lines.headers_mut().insert("content-type", "application/x-ndjson".parse().unwrap());
    assert_eq!(send(&probe, lines).await.0, 415);
}
