//! The same API over the embedded store.

use angaros_store_test::fixture;
use http::Method;
use serde_json::json;

use crate::support::{App, event, event_with, sms, sms_with};

const SEND: &str = "/api/v1/notifications";

#[tokio::test]
async fn the_main_job_end_to_end() {
    let (app, _folder) = App::on_disk();
    app.holds_nothing().await;
    app.get("/readyz").await.is(200);

    let key = [("idempotency-key", "k")];
    let first = app.post_text(SEND, &sms().to_string(), &key).await.is(202);
    let again = app.post_text(SEND, &sms().to_string(), &key).await.is(200);
    assert_eq!(again.json(), first.json());
    let other = sms_with(json!({"content": "other"})).to_string();
    app.post_text(SEND, &other, &key).await.problem(409, "idempotency-conflict");

    let batch =
        app.post("/api/v1/notifications/batch", &json!({"notifications": vec![sms(); 3]})).await.is(202);
    app.settle(fixture::deliver).await;
    let view = app.get(batch.header("location")).await.is(200).json();
    assert_eq!(view["counts"]["delivered"], 3);
    let page = app.get(&format!("{SEND}?status=delivered&limit=3")).await.is(200).json();
    let next = format!("{SEND}?status=delivered&limit=3&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(app.get(&next).await.is(200).json()["items"].as_array().unwrap().len(), 1);
    let id = first.text("/id");
    let timeline = app.get(&format!("/api/v1/messages/{id}/timeline")).await.is(200).json();
    assert_eq!(timeline["items"].as_array().unwrap().last().unwrap()["event_name"], "delivered");
    app.get(&format!("{SEND}/{id}/trace")).await.is(200);
    app.call(Method::PATCH, &format!("{SEND}/{id}/cancel")).await.problem(409, "invalid-transition");
    assert_eq!(app.get("/api/v1/messages").await.is(200).json()["items"].as_array().unwrap().len(), 4);
    assert_eq!(app.get("/api/v1/metrics").await.is(200).json()["success_rate"], 1.0);

    app.notify().await;
    app.settle(fixture::fail).await;
    let retried = app.post("/api/v1/notifications/retry", &json!({"filter": {}})).await.is(202).json();
    assert_eq!(retried, json!({"count": 1}));
    app.template().await;
    app.call(Method::POST, "/stop").await.is(200);
}

#[tokio::test]
async fn events_end_to_end() {
    let (app, _folder) = App::on_disk();
    let first = app.post("/api/v1/events", &event()).await.is(201);
    assert_eq!(app.post("/api/v1/events", &event()).await.is(200).json(), first.json());
    let other = event_with(json!({"metadata": {"a": 1}}));
    let problem = app.post("/api/v1/events", &other).await.problem(409, "event-conflict").json();
    assert_eq!((&problem["stored_id"], &problem["fields"]), (&first.json()["id"], &json!(["metadata"])));
    let bulk =
        app.post("/events/bulk", &json!([other, event_with(json!({"event_id": "2"}))])).await.is(200).json();
    assert_eq!((&bulk["conflicts"], &bulk["created"]), (&json!(1), &json!(1)));
    let feed = app.get("/api/v1/events").await.is(200).json();
    assert_eq!(feed["items"].as_array().unwrap().len(), 2);
    assert_eq!(app.get("/recipients/user-1/activity").await.is(200).json()["items"], feed["items"]);
}
