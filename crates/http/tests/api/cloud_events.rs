//! CloudEvents 1.0, one and many.

use serde_json::{Value, json};

use crate::support::{Answer, App};

const EVENTS: &str = "/api/v1/events";
const BULK: &str = "/api/v1/events/bulk";

fn cloud_event(changes: &Value) -> Value {
    let mut event = json!({
        "specversion": "1.0",
        "source": "/shop/checkout",
        "id": "evt-1",
        "type": "org.example.purchase",
        "time": "2026-02-02T08:15:30Z",
        "subject": "user-1",
    });
    event.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    event
}

async fn post(app: &App, path: &str, body: &Value) -> Answer {
    let batch = if path == EVENTS { "" } else { "-batch" };
    let content_type = format!("application/cloudevents{batch}+json; charset=UTF-8");
    app.post_text(path, &body.to_string(), &[("content-type", &content_type)]).await
}

#[tokio::test]
async fn attributes_become_fields() {
    let app = App::new();
    let said = cloud_event(&json!({
        "datacontenttype": "application/json",
        "traceparent": "00-abc",
        "sequence": 7,
        "data": {"message_id": "m", "campaign_id": "c", "channel": "web", "tags": ["a"], "order": {"id": 4711}},
    }));
    let stored = post(&app, EVENTS, &said).await.is(201).json();
    for (key, value) in [
        ("provider", json!("/shop/checkout")),
        ("event_id", json!("evt-1")),
        ("event_name", json!("org.example.purchase")),
        ("occurred_at", json!("2026-02-02T08:15:30.000Z")),
        ("recipient_id", json!("user-1")),
        ("message_id", json!("m")),
        ("campaign_id", json!("c")),
        ("channel", json!("web")),
        ("tags", json!(["a"])),
        ("metadata", json!({"order": {"id": 4711}, "traceparent": "00-abc", "sequence": 7})),
    ] {
        assert_eq!(stored[key], value, "{key}");
    }
    let again = post(&app, EVENTS, &said).await.is(200);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let plain = json!({
        "provider": "/shop/checkout", "event_id": "evt-1", "event_name": "org.example.purchase",
        "occurred_at": "2026-02-02T08:15:30Z", "recipient_id": "user-1", "tags": ["b"],
    });
    let problem = app.post(EVENTS, &plain).await.problem(409, "event-conflict").json();
    assert_eq!(problem["stored_id"], stored["id"], "both forms share their keys");
}

#[tokio::test]
async fn data_names_the_recipient_before_the_subject_does() {
    let app = App::new();
    for (id, data) in [("a", json!({"recipient_id": "user-2"})), ("b", json!({"user_id": "user-2"}))] {
        let stored = post(&app, EVENTS, &cloud_event(&json!({"id": id, "data": data}))).await.is(201).json();
        assert_eq!((&stored["recipient_id"], &stored["metadata"]), (&json!("user-2"), &json!({})));
    }
}

#[tokio::test]
async fn what_is_refused_points_at_the_attribute() {
    for (changes, pointer) in [
        (json!({"specversion": "0.3"}), "#/specversion"),
        (json!({"specversion": null}), "#/specversion"),
        (json!({"time": null}), "#/time"),
        (json!({"time": "soon"}), "#/time"),
        (json!({"time": "2099-01-01T00:00:00Z"}), "#/time"),
        (json!({"id": null}), "#/id"),
        (json!({"id": 7}), "#/id"),
        (json!({"id": ""}), "#/id"),
        (json!({"source": "x".repeat(65)}), "#/source"),
        (json!({"source": "angaros"}), "#/source"),
        (json!({"type": ""}), "#/type"),
        (json!({"subject": null}), "#/subject"),
        (json!({"subject": ""}), "#/subject"),
        (json!({"data": {"recipient_id": ""}}), "#/data/recipient_id"),
        (json!({"data": {"user_id": ""}}), "#/data/user_id"),
        (json!({"data": {"recipient_id": "a", "user_id": "b"}}), "#/data/user_id"),
        (json!({"data": {"message_id": 7}}), "#/data/message_id"),
        (json!({"data": {"channel": ""}}), "#/data/channel"),
        (json!({"data": {"tags": ["a", 7]}}), "#/data/tags/1"),
        (json!({"data": {"tags": [""]}}), "#/data/tags/0"),
        (json!({"data": {"a": "x".repeat(16 * 1024)}}), "#/data"),
        (json!({"data": "text"}), "#/data"),
        (json!({"data_base64": "aGk="}), "#/data_base64"),
        (json!({"datacontenttype": "text/xml"}), "#/datacontenttype"),
        (json!({"user_id": "u"}), "#/user_id"),
        (json!({"ext": {"a": 1}}), "#/ext"),
        (json!({"order": 1, "data": {"order": 2}}), "#/order"),
    ] {
        let app = App::new();
        let body = cloud_event(&changes);
        post(&app, EVENTS, &body).await.problem(400, "invalid-request").points_at(pointer);
        let batch = json!([cloud_event(&json!({"id": "other"})), body]);
        let answer = post(&app, BULK, &batch).await.problem(400, "invalid-request");
        answer.points_at(&pointer.replace('#', "#/1"));
        app.holds_nothing().await;
    }
}

#[tokio::test]
async fn a_batch_is_a_bulk() {
    let app = App::new();
    let batch = json!([
        cloud_event(&json!({})),
        cloud_event(&json!({})),
        cloud_event(&json!({"id": "evt-2"})),
        cloud_event(&json!({"type": "other"})),
    ]);
    let answer = post(&app, BULK, &batch).await.is(200).json();
    let counts =
        ["accepted_count", "created", "duplicates", "conflicts"].map(|key| answer[key].as_u64().unwrap());
    assert_eq!(counts, [3, 2, 1, 1]);
    assert_eq!(answer["results"][3]["fields"], json!(["event_name"]));
    let faulty = json!([cloud_event(&json!({"id": "evt-3"})), 5]);
    let answer = post(&app, &format!("{BULK}?partial=true"), &faulty).await.is(200).json();
    assert_eq!((&answer["created"], &answer["invalid"]), (&json!(1), &json!(1)));
    for body in [json!({"events": []}), json!([])] {
        post(&app, BULK, &body).await.problem(400, "invalid-request").points_at("#");
    }
}
