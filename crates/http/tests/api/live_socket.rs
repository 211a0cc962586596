//! Live status over a WebSocket: what is told to whom, and what is wrong with a message.

use angaros_store_test::fixture;
use futures_util::SinkExt;
use http::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::live::{Seen, Served, soon};
use crate::support::{event_with, sms_with};

const SEND: &str = "/api/v1/notifications";

#[tokio::test]
async fn every_topic_is_told_every_transition_of_its_own_and_no_other() {
    let served = Served::new().await;
    let app = &served.app;
    let members = vec![sms_with(json!({"recipient_id": "ada"})); 1];
    let request = json!({"notifications": members, "campaign_id": "spring"});
    let batch = app.post("/api/v1/notifications/batch", &request).await.is(202).text("/id");
    let page = app.get(&format!("{SEND}?batch_id={batch}")).await.json();
    let id = page["items"][0]["id"].as_str().unwrap();
    let other = app.notify().await["id"].clone();

    let topics = [
        json!({"notification_id": id}),
        json!({"batch_id": batch}),
        json!({"campaign_id": "spring"}),
        json!({"recipient_id": "ada"}),
    ];
    let mut clients = Vec::new();
    for topic in &topics {
        let mut client = served.client().await;
        let told = client.follow(topic).await;
        assert_eq!(told.len(), 1, "{topic}");
        assert_eq!(
            (&told[0]["notification_id"], &told[0]["status"]),
            (&json!(id), &json!("queued")),
            "{topic}"
        );
        assert_eq!(told[0]["attempt"], 0);
        clients.push(client);
    }
    let mut all = served.client().await;
    assert!(all.follow(&json!({"all": true})).await.is_empty(), "where everything stands is not told");
    served.settle(fixture::deliver).await;
    for client in &mut clients {
        assert_eq!(client.statuses(3).await, ["processing", "sent", "delivered"]);
    }
    let mut seen = Seen::default();
    for _ in 0..6 {
        seen.note(&all.next().await);
    }
    for id in [id, other.as_str().unwrap()] {
        assert_eq!(seen.0[id], ["processing", "sent", "delivered"]);
    }
}

#[tokio::test]
async fn a_frame_has_exactly_its_five_keys() {
    let served = Served::new().await;
    let id = served.app.notify().await["id"].clone();
    let mut client = served.client().await;
    client.say(&json!({"action": "subscribe", "notification_id": id})).await;
    let frame = client.next().await;
    let keys: Vec<&str> = frame.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["at", "attempt", "cursor", "notification_id", "status"]);
    served.settle(fixture::fail).await;
    let processing = client.next().await;
    assert_eq!((&processing["status"], &processing["attempt"]), (&json!("processing"), &json!(1)));
    let failed = client.next().await;
    assert_eq!((&failed["status"], &failed["attempt"]), (&json!("failed"), &json!(1)));
}

#[tokio::test]
async fn every_way_to_change_a_status_is_told() {
    let served = Served::new().await;
    let app = &served.app;
    let mut client = served.client().await;
    client.follow(&json!({"all": true})).await;
    let sent = app.notify().await["id"].clone();
    assert_eq!(client.statuses(1).await, ["queued"]);
    served.settle(fixture::send).await;
    assert_eq!(client.statuses(2).await, ["processing", "sent"]);
    let receipt = event_with(json!({"event_name": "bounced", "message_id": sent}));
    app.post("/api/v1/events", &receipt).await.is(201);
    assert_eq!(client.statuses(1).await, ["failed"]);
    app.call(Method::POST, &format!("{SEND}/{}/retry", sent.as_str().unwrap())).await.is(202);
    assert_eq!(client.statuses(1).await, ["queued"]);
    app.call(Method::PATCH, &format!("{SEND}/{}/cancel", sent.as_str().unwrap())).await.is(200);
    assert_eq!(client.statuses(1).await, ["cancelled"]);
    let later = app.clock.now().plus_seconds(3600);
    app.post(SEND, &sms_with(json!({"scheduled_at": later}))).await.is(202);
    assert_eq!(client.statuses(1).await, ["pending"]);
}

#[tokio::test]
async fn nothing_is_missed_between_sending_and_subscribing() {
    let served = Served::new().await;
    let mut client = served.client().await;
    for round in 0..60 {
        let id = served.app.notify().await["id"].clone();
        let subscribe = json!({"action": "subscribe", "notification_id": id});
        // The subscription races the whole delivery.
        let ((), _) = tokio::join!(client.say(&subscribe), served.settle(fixture::deliver));
        let mut seen: Vec<Value> = Vec::new();
        while seen.last().is_none_or(|frame| frame["status"] != "delivered") {
            seen.push(client.next().await);
            assert!(seen.len() < 10, "{seen:?}");
        }
        let first = seen[0]["status"].as_str().unwrap();
        let story = ["queued", "processing", "sent", "delivered"];
        let from = story.iter().position(|status| *status == first).unwrap();
        let mut expected = story[from..].iter();
        // From where it stood then, every step follows in order, or again what was told.
        for frame in &seen {
            let status = frame["status"].as_str().unwrap();
            let next = expected.as_slice().first();
            if next.is_some_and(|next| *next == status) {
                expected.next();
            }
        }
        assert!(expected.as_slice().is_empty(), "round {round}: {seen:?}");
        client.say(&json!({"action": "unsubscribe", "notification_id": id, "ack": true})).await;
        while client.next().await.get("unsubscribed").is_none() {}
    }
}

#[tokio::test]
async fn what_is_unsubscribed_is_not_told_any_more() {
    let served = Served::new().await;
    let mut client = served.client().await;
    client.follow(&json!({"all": true})).await;
    client.follow(&json!({"recipient_id": "ada"})).await;
    served.app.post(SEND, &sms_with(json!({"recipient_id": "ada"}))).await.is(202);
    assert_eq!(client.statuses(1).await, ["queued"], "once, although two topics hold it");
    client.say(&json!({"action": "unsubscribe", "all": true, "ack": true})).await;
    assert_eq!(client.next().await, json!({"unsubscribed": {"all": true}}));
    served.app.post(SEND, &sms_with(json!({"recipient_id": "bob"}))).await.is(202);
    let ada = served.app.post(SEND, &sms_with(json!({"recipient_id": "ada"}))).await.is(202).text("/id");
    assert_eq!(client.next().await["notification_id"], ada);
}

#[tokio::test]
async fn a_bad_message_gets_an_error_and_changes_nothing() {
    let served = Served::new().await;
    let mut client = served.client().await;
    let id = served.app.notify().await["id"].clone();
    let unknown = fixture::notification_id(fixture::NOW);
    let no_notification = json!({"action": "subscribe", "notification_id": unknown}).to_string();
    let no_batch = json!({"action": "subscribe", "batch_id": unknown}).to_string();
    for (message, slug, pointer) in [
        ("", "malformed-json", None),
        ("{", "malformed-json", None),
        ("[]", "invalid-request", Some("#")),
        ("{\"all\":true}", "invalid-request", Some("#/action")),
        ("{\"action\":\"listen\",\"all\":true}", "invalid-request", Some("#/action")),
        ("{\"action\":\"subscribe\"}", "invalid-request", Some("#")),
        ("{\"action\":\"subscribe\",\"all\":false}", "invalid-request", Some("#")),
        ("{\"action\":\"subscribe\",\"all\":true,\"campaign_id\":\"c\"}", "invalid-request", Some("#")),
        ("{\"action\":\"subscribe\",\"campaign_id\":\"\"}", "invalid-request", Some("#/campaign_id")),
        (
            "{\"action\":\"subscribe\",\"notification_id\":\"x\"}",
            "invalid-request",
            Some("#/notification_id"),
        ),
        ("{\"action\":\"subscribe\",\"all\":true,\"sinse\":\"x\"}", "invalid-request", Some("#/sinse")),
        ("{\"action\":\"unsubscribe\",\"all\":true,\"since\":\"x\"}", "invalid-request", Some("#/since")),
        ("{\"action\":\"subscribe\",\"all\":true,\"since\":\"x\"}", "invalid-cursor", None),
        (no_notification.as_str(), "not-found", None),
        (no_batch.as_str(), "not-found", None),
    ] {
        client.socket.send(Message::text(message)).await.unwrap();
        let error = client.next().await["error"].clone();
        assert_eq!(error["type"], format!("/problems/{slug}"), "{message}: {error}");
        if let Some(pointer) = pointer {
            assert_eq!(error["errors"][0]["pointer"], pointer, "{message}: {error}");
        }
    }
    client.socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(client.next().await["error"]["type"], "/problems/malformed-json");
    client.say(&json!({"action": "subscribe", "notification_id": id})).await;
    assert_eq!(client.statuses(1).await, ["queued"], "the connection goes on");
}

#[tokio::test]
async fn a_stop_closes_with_1001_and_waits_for_it() {
    let served = Served::new().await;
    let mut client = served.client().await;
    client.follow(&json!({"all": true})).await;
    served.app.stopping.cancel();
    assert_eq!(client.closed().await, 1001);
    assert_eq!(soon(served.served).await.unwrap(), 0, "nothing was cut");
}
