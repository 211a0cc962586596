//! Recording one event: new, the same again, something else under its key, and everything that is refused.

use std::collections::BTreeMap;

use angaros_domain::api_key::Scope;
use serde_json::{Value, json};

use crate::support::broken::Broken;
use crate::support::{App, api, event, event_with};

const EVENTS: &str = "/api/v1/events";

async fn refused_at(body: Value, pointer: &str) -> String {
    let app = App::new();
    let detail = app.post(EVENTS, &body).await.problem(400, "invalid-request").points_at(pointer);
    app.holds_nothing().await;
    detail
}

#[tokio::test]
async fn a_new_event_is_stored_with_all_that_was_said() {
    let app = App::new();
    let said = event_with(json!({
        "message_id": "m-1",
        "campaign_id": "c-1",
        "channel": "carrier pigeon",
        "tags": ["a", "b"],
        "metadata": {"nested": {"list": [1, null, "\u{e9}"]}},
    }));
    let answer = app.post(EVENTS, &said).await.is(201);
    let stored = answer.json();
    for (key, value) in said.as_object().unwrap().iter().filter(|(key, _)| *key != "occurred_at") {
        assert_eq!(&stored[key], value, "{key}");
    }
    assert_eq!(stored["occurred_at"], "2026-02-02T08:15:30.000Z");
    assert_eq!(stored["correlation_id"], answer.header("x-correlation-id"));
    assert_eq!(answer.header("location"), format!("{EVENTS}/{}", stored["id"].as_str().unwrap()));
    assert_eq!(app.get(answer.header("location")).await.is(200).json(), stored);
    assert!(!answer.headers.contains_key("idempotency-replayed"));
}

#[tokio::test]
async fn the_same_again_answers_200_with_what_was_stored_first() {
    let app = App::new();
    let first = app.post(EVENTS, &event()).await.is(201);
    let spelled = json!({
        "user_id": "user-1", "type": "opened", "timestamp": 1_770_020_130, "event_id": "evt-1",
        "provider": "mailer", "tags": [], "metadata": null, "channel": null,
    });
    for again in [event(), spelled] {
        let again = app.post(EVENTS, &again).await.is(200);
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!((again.json(), again.header("location")), (first.json(), first.header("location")));
    }
    assert_eq!(app.get(EVENTS).await.json()["items"], json!([first.json()]));
}

#[tokio::test]
async fn something_else_under_the_key_is_a_conflict() {
    let app = App::new();
    let first = app.post(EVENTS, &event()).await.is(201);
    let other = event_with(json!({"event_name": "clicked", "metadata": {"a": 1}}));
    let problem = app.post(EVENTS, &other).await.problem(409, "event-conflict").json();
    assert_eq!(problem["stored_id"], first.json()["id"]);
    assert_eq!(problem["fields"], json!(["event_name", "metadata"]));
    assert_eq!(app.get(EVENTS).await.json()["items"], json!([first.json()]));
}

#[tokio::test]
async fn without_an_id_an_event_is_what_happened_when_to_whom() {
    let app = App::new();
    let plain = json!({"event_type": "signup", "user_id": "u", "occurred_at": 1_770_000_000});
    let first = app.post(EVENTS, &plain).await.is(201).json();
    assert_eq!((&first["provider"], &first["event_id"]), (&json!("app"), &Value::Null));
    app.post(EVENTS, &plain).await.is(200);
    let mut other = plain.clone();
    other["tags"] = json!(["web"]);
    assert_eq!(
        app.post(EVENTS, &other).await.problem(409, "event-conflict").json()["fields"],
        json!(["tags"])
    );
    other["occurred_at"] = json!(1_770_000_001);
    app.post(EVENTS, &other).await.is(201);
}

#[tokio::test]
async fn what_is_refused_points_at_its_place() {
    for (changes, pointer, expected) in [
        (json!({"event_name": 5}), "#/event_name", "a string"),
        (json!({"event_name": ""}), "#/event_name", "1 to 128"),
        (json!({"event_name": "x".repeat(129)}), "#/event_name", "1 to 128"),
        (json!({"provider": "x".repeat(65)}), "#/provider", "1 to 64"),
        (json!({"provider": "angaros"}), "#/provider", "reserved"),
        (json!({"event_id": "x".repeat(256)}), "#/event_id", "1 to 255"),
        (json!({"recipient_id": ""}), "#/recipient_id", "1 to 255"),
        (json!({"recipient_id": null}), "#/recipient_id", "or message_id is required"),
        (json!({"message_id": 7}), "#/message_id", "a string"),
        (json!({"campaign_id": "x".repeat(256)}), "#/campaign_id", "1 to 255"),
        (json!({"channel": "x".repeat(65)}), "#/channel", "1 to 64"),
        (json!({"occurred_at": "tomorrow"}), "#/occurred_at", "RFC 3339"),
        (json!({"occurred_at": 1.5}), "#/occurred_at", "RFC 3339"),
        (json!({"occurred_at": "2099-01-01T00:00:00Z"}), "#/occurred_at", "future"),
        (json!({"tags": ["a", 7]}), "#/tags/1", "a string"),
        (json!({"tags": vec!["t"; 51]}), "#/tags", "50"),
        (json!({"tags": [""]}), "#/tags/0", "1 to 64"),
        (json!({"metadata": []}), "#/metadata", "an object"),
        (json!({"metadata": {"a": "x".repeat(16 * 1024)}}), "#/metadata", "16384"),
        (json!({"evnt_id": "x"}), "#/evnt_id", "is not a known field"),
        (json!({"id": "x"}), "#/id", "is not a known field"),
        (json!({"type": "opened"}), "#/event_name", "is given twice"),
        (json!({"event_type": null}), "#/event_name", "is given twice"),
        (json!({"user_id": "user-1"}), "#/recipient_id", "is given twice"),
        (json!({"timestamp": 1_770_000_000}), "#/occurred_at", "is given twice"),
    ] {
        let detail = refused_at(event_with(changes.clone()), pointer).await;
        assert!(detail.contains(expected), "{changes}: {detail}");
    }
}

#[tokio::test]
async fn faults_point_at_the_name_that_was_used() {
    for (body, pointer) in [
        (json!({"type": "", "user_id": "u", "timestamp": 1}), "#/type"),
        (json!({"event_type": "x", "user_id": "", "timestamp": 1}), "#/user_id"),
        (json!({"type": "x", "user_id": "u", "timestamp": "2099-01-01T00:00:00Z"}), "#/timestamp"),
        (json!({"type": "x", "user_id": "u", "timestamp": "soon"}), "#/timestamp"),
        (json!({"type": "x", "user_id": "u"}), "#/occurred_at"),
        (json!({"user_id": "u", "timestamp": 1}), "#/event_name"),
        (json!({"type": "x", "timestamp": 1}), "#/recipient_id"),
        (json!(["x"]), "#"),
        (json!(null), "#"),
    ] {
        refused_at(body, pointer).await;
    }
}

#[tokio::test]
async fn texts_that_are_not_strict_json() {
    let app = App::new();
    let twice = event().to_string().replace("{", "{\"metadata\":{\"l\":[{\"a\":1,\"a\":2}]},");
    let answer = app.post_text(EVENTS, &twice, &[]).await.problem(400, "invalid-request");
    assert_eq!(answer.points_at("#/metadata/l/0/a"), "is given twice");
    let twice = event().to_string().replace("{", "{\"provider\":\"x\",");
    app.post_text(EVENTS, &twice, &[]).await.problem(400, "invalid-request").points_at("#/provider");
    for text in ["", "{", &format!("{}{{}}", event()), "{\"event_name\": \"\\ud800\"}"] {
        app.post_text(EVENTS, text, &[]).await.problem(400, "malformed-json");
    }
    for content_type in ["text/plain", "application/cloudevents-batch+json", "application/jsonl"] {
        let headers = [("content-type", content_type)];
        app.post_text(EVENTS, &event().to_string(), &headers).await.problem(415, "unsupported-media-type");
    }
    let large = event_with(json!({"metadata": {"a": "x".repeat(crate::support::BODY_BYTES_MAX)}}));
    app.post(EVENTS, &large).await.problem(413, "body-too-large");
    app.holds_nothing().await;
}

/// How often each status was answered to bodies that are sent all at once.
async fn at_once(app: &App, bodies: Vec<Value>) -> BTreeMap<u16, usize> {
    let calls = bodies.iter().map(|body| app.post(EVENTS, body));
    let mut counts = BTreeMap::new();
    for answer in futures_util::future::join_all(calls).await {
        *counts.entry(answer.status.as_u16()).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn of_many_that_report_the_same_at_once_one_is_told_that_it_is_new() {
    let app = App::new();
    assert_eq!(at_once(&app, vec![event(); 64]).await, BTreeMap::from([(201, 1), (200, 63)]));
    let app = App::new();
    let mut bodies = vec![event(); 32];
    bodies.extend(vec![event_with(json!({"event_name": "clicked"})); 32]);
    assert_eq!(at_once(&app, bodies).await, BTreeMap::from([(201, 1), (200, 31), (409, 32)]));
    assert_eq!(app.get(EVENTS).await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn tenants_do_not_see_each_others_events() {
    let app = App::new();
    let (ours, theirs) = (app.key("ours", &[Scope::Admin]).await, app.key("theirs", &[Scope::Admin]).await);
    let (ours, theirs) = ([("x-api-key", ours.as_str())], [("x-api-key", theirs.as_str())]);
    let stored = app.post_text(EVENTS, &event().to_string(), &ours).await.is(201);
    let path = stored.header("location");
    app.get_with(path, &ours).await.is(200);
    app.get_with(path, &theirs).await.problem(404, "not-found");
    for list in [EVENTS, "/api/v1/recipients/user-1/activity"] {
        assert_eq!(app.get_with(list, &ours).await.is(200).json()["items"], json!([stored.json()]));
        assert_eq!(app.get_with(list, &theirs).await.is(200).json()["items"], json!([]));
    }
    let other = app.post_text(EVENTS, &event().to_string(), &theirs).await.is(201);
    assert_ne!(other.json()["id"], stored.json()["id"], "the same key of another tenant is free");
}

#[tokio::test]
async fn what_is_not_there_is_404() {
    let app = App::new();
    for id in ["019c1c3a-5407-7abc-8def-0123456789ab", "x"] {
        app.get(&format!("{EVENTS}/{id}")).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn failures_of_ours() {
    for (broken, status, slug) in [
        (Broken::Unavailable, 503, "unavailable"),
        (Broken::Busy, 503, "busy"),
        (Broken::Internal, 500, "internal"),
    ] {
        let app = App::with(broken, api());
        app.post(EVENTS, &event()).await.problem(status, slug);
        app.post("/api/v1/events/bulk", &json!([event()])).await.problem(status, slug);
        app.get(EVENTS).await.problem(status, slug);
    }
}
