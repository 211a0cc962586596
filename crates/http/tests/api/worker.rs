//! Pausing and resuming.

use angaros_domain::WorkerId;
use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

use crate::support::{App, request};

fn running(answer: &Value) -> Vec<&str> {
    let channels = answer["channels"].as_object().unwrap();
    channels.iter().filter(|(_, state)| state["running"] == true).map(|(name, _)| name.as_str()).collect()
}

#[tokio::test]
async fn channels_stop_and_start_and_both_are_idempotent() {
    let app = App::new();
    let state = app.get("/api/v1/worker").await.is(200).json();
    assert_eq!(state["running"], true);
    assert_eq!(state["channels"]["sms"], json!({"running": true, "paused_since": null}));
    assert_eq!(state["workers"], json!([]), "nobody is there to send");
    app.service.coord().join(&WorkerId("7:a".into()));
    assert_eq!(app.get("/api/v1/worker").await.is(200).json()["workers"], json!(["7:a"]));
    assert_eq!(state["channels"].as_object().unwrap().len(), 4);

    let stopped = app.post("/api/v1/worker/stop", &json!({"channel": "sms"})).await.is(200).json();
    assert_eq!(running(&stopped), ["email", "push", "webhook"]);
    assert!(stopped["channels"]["sms"]["paused_since"].is_string());
    assert_eq!(stopped["running"], true);
    assert_eq!(app.post("/api/v1/worker/stop", &json!({"channel": "sms"})).await.is(200).json(), stopped);

    let stopped = app.call(Method::POST, "/api/v1/worker/stop").await.is(200).json();
    assert_eq!((running(&stopped).len(), &stopped["running"]), (0, &json!(false)));
    assert_eq!(app.get("/api/v1/worker").await.is(200).json(), stopped);

    let started = app.post("/api/v1/worker/start", &json!({"channel": "push"})).await.is(200).json();
    assert_eq!((running(&started), &started["running"]), (vec!["push"], &json!(true)));
    let started = app.post("/api/v1/worker/start", &json!({})).await.is(200).json();
    assert_eq!(running(&started).len(), 4);
    assert_eq!(app.call(Method::POST, "/api/v1/worker/start").await.is(200).json(), started);
    assert_eq!(app.post("/api/v1/worker/start", &Value::Null).await.is(200).json(), started);
}

#[tokio::test]
async fn a_body_must_still_be_right() {
    let app = App::new();
    for (body, pointer) in [
        (json!({"channel": "fax"}), "#/channel"),
        (json!({"channel": 5}), "#/channel"),
        (json!({"chan": "sms"}), "#/chan"),
    ] {
        app.post("/api/v1/worker/stop", &body).await.problem(400, "invalid-request").points_at(pointer);
    }
    let untyped = request(Method::POST, "/api/v1/worker/stop", Body::from("{}"));
    app.send(untyped).await.problem(415, "unsupported-media-type");
    assert_eq!(running(&app.get("/api/v1/worker").await.is(200).json()).len(), 4);
}
