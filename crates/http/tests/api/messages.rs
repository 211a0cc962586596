//! Sent messages and their timelines.

use angaros_store_test::fixture;
use serde_json::{Value, json};

use crate::support::{App, sms_with};

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|event| event["event_name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn sent_messages_have_exactly_their_fields() {
    let app = App::new();
    app.notify().await;
    app.settle(fixture::send).await;
    app.notify().await;
    app.settle(fixture::deliver).await;
    app.notify().await;
    app.settle(fixture::fail).await;
    let page = app.get("/api/v1/messages").await.is(200).json();
    let items = page["items"].as_array().unwrap();
    assert_eq!(items.len(), 2, "what no provider accepted was not sent");
    for item in items {
        let mut keys: Vec<&str> = item.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["channel", "content", "id", "provider_message_id", "recipient", "sent_at"]);
        assert_eq!(item["provider_message_id"], "sb-1");
    }
    let first = app.get("/api/v1/messages?limit=1").await.is(200).json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = app.get(&format!("/api/v1/messages?limit=1&cursor={cursor}")).await.is(200).json();
    assert_eq!(json!([first["items"][0], second["items"][0]]), page["items"]);
}

#[tokio::test]
async fn a_timeline_is_in_order_and_takes_every_filter() {
    let app = App::new();
    let body = sms_with(json!({"campaign_id": "c", "recipient_id": "u"}));
    let id = app.post("/api/v1/notifications", &body).await.is(202).text("/id");
    app.settle(fixture::deliver).await;
    let path = format!("/api/v1/messages/{id}/timeline");
    let page = app.get(&path).await.is(200).json();
    assert_eq!(names(&page), ["queued", "processing", "sent", "delivered"]);
    let event = &page["items"][0];
    let mut keys: Vec<&str> = event.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    let expected = [
        "campaign_id",
        "channel",
        "correlation_id",
        "event_id",
        "event_name",
        "id",
        "message_id",
        "metadata",
        "occurred_at",
        "provider",
        "received_at",
        "recipient_id",
        "tags",
    ];
    assert_eq!(keys, expected);
    assert_eq!((&event["provider"], &event["message_id"]), (&json!("angaros"), &json!(id)));
    assert_eq!((&event["campaign_id"], &event["recipient_id"]), (&json!("c"), &json!("u")));

    let at = app.clock.now().as_seconds();
    for (query, expected) in [
        ("order=desc".to_owned(), vec!["delivered", "sent", "processing", "queued"]),
        ("order=asc&event_name=sent".into(), vec!["sent"]),
        ("channel=sms&limit=1".into(), vec!["queued"]),
        ("channel=email".into(), vec![]),
        (format!("from={at}&to={}", at + 5), vec!["queued", "processing", "sent", "delivered"]),
        (format!("from={}", at + 5), vec![]),
        (format!("to={}", at - 5), vec![]),
    ] {
        assert_eq!(names(&app.get(&format!("{path}?{query}")).await.is(200).json()), expected, "{query}");
    }
}

#[tokio::test]
async fn an_unknown_message_has_an_empty_timeline() {
    let app = App::new();
    for id in ["nobody", "019c1c3a-5407-7abc-8def-0123456789ab", "a%20b"] {
        let page = app.get(&format!("/api/v1/messages/{id}/timeline")).await.is(200).json();
        assert_eq!(page, json!({"items": [], "next_cursor": null}));
    }
}

#[tokio::test]
async fn bad_timeline_parameters() {
    let app = App::new();
    for (query, name) in
        [("order=up", "order"), ("from=x", "from"), ("from=20&to=10", "from"), ("event=sent", "event")]
    {
        let answer = app.get(&format!("/api/v1/messages/x/timeline?{query}")).await;
        assert_eq!(answer.problem(400, "invalid-parameter").text("/errors/0/parameter"), name);
    }
}
