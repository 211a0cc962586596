//! The activity of a recipient: what was reported and what the engine did, in one line.

use angaros_store_test::fixture;
use serde_json::{Value, json};

use crate::support::{App, event_with, sms_with};

const ACTIVITY: &str = "/api/v1/recipients/user-1/activity";

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|event| event["event_name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn lifecycle_and_reported_events_stand_together() {
    let app = App::new();
    let body = sms_with(json!({"recipient_id": "user-1"}));
    let id = app.post("/api/v1/notifications", &body).await.is(202).text("/id");
    app.settle(fixture::deliver).await;
    let now = app.clock.now().as_seconds();
    for (event_id, name, at, channel) in [
        ("a", "clicked", now + 20, "sms"),
        ("b", "opened", now + 10, "sms"),
        ("c", "signup", now - 60, "web"),
    ] {
        let event = event_with(json!({
            "event_id": event_id, "event_name": name, "occurred_at": at, "channel": channel, "message_id": id,
        }));
        app.post("/api/v1/events", &event).await.is(201);
    }
    let other = event_with(json!({"event_id": "d", "recipient_id": "user-2"}));
    app.post("/api/v1/events", &other).await.is(201);

    let all = ["signup", "queued", "processing", "sent", "delivered", "opened", "clicked"];
    for path in [ACTIVITY.to_owned(), format!("/api/v1/messages/{id}/timeline")] {
        assert_eq!(names(&app.get(&path).await.is(200).json()), all, "what came late stands in its place");
    }
    for (query, expected) in [
        ("order=desc&limit=2".to_owned(), vec!["clicked", "opened"]),
        ("event_name=opened".into(), vec!["opened"]),
        ("channel=web".into(), vec!["signup"]),
        (format!("from={}", now + 10), vec!["opened", "clicked"]),
        (format!("to={}", now - 60), vec!["signup"]),
    ] {
        assert_eq!(names(&app.get(&format!("{ACTIVITY}?{query}")).await.is(200).json()), expected, "{query}");
    }
}

#[tokio::test]
async fn an_unknown_recipient_has_none() {
    let app = App::new();
    for id in ["nobody", "a%20b", "%2B4915112345678"] {
        let page = app.get(&format!("/api/v1/recipients/{id}/activity")).await.is(200).json();
        assert_eq!(page, json!({"items": [], "next_cursor": null}));
    }
    for (query, name) in [("order=up", "order"), ("from=20&to=10", "from"), ("x=1", "x")] {
        let answer = app.get(&format!("{ACTIVITY}?{query}")).await.problem(400, "invalid-parameter");
        assert_eq!(answer.text("/errors/0/parameter"), name);
    }
}
