//! Dead letters go back to the queue.

use angaros_store_test::fixture;
use http::Method;
use serde_json::{Value, json};

use crate::support::{App, sms_with};

const SEND: &str = "/api/v1/notifications";
const RETRY: &str = "/api/v1/notifications/retry";

#[tokio::test]
async fn one_dead_letter_gets_fresh_attempts() {
    let app = App::new();
    let id = app.notify().await["id"].as_str().unwrap().to_owned();
    let early = app.call(Method::POST, &format!("{SEND}/{id}/retry")).await;
    assert_eq!(early.problem(409, "invalid-transition").text("/current_status"), "queued");
    app.settle(fixture::fail).await;
    let failed = app.get(&format!("{SEND}/{id}")).await.json();
    assert_eq!((&failed["status"], &failed["failure_reason"]), (&json!("failed"), &json!("permanent")));
    let retried = app.call(Method::POST, &format!("{SEND}/{id}/retry")).await.is(202).json();
    assert_eq!((&retried["status"], &retried["attempts"]), (&json!("queued"), &json!(0)));
    assert_eq!(retried["failure_reason"], Value::Null);
}

#[tokio::test]
async fn many_dead_letters_are_chosen_by_every_filter() {
    let app = App::new();
    let mut ids = Vec::new();
    for changes in [json!({"campaign_id": "a"}), json!({"campaign_id": "b"}), json!({"channel": "push"})] {
        ids.push(app.post(SEND, &sms_with(changes)).await.is(202).text("/id"));
    }
    app.settle(fixture::fail).await;
    let before = app.clock.now().plus_seconds(1).as_seconds();
    for (filter, count) in [
        (json!({"campaign_id": "none"}), 0),
        (json!({"failure_reason": "expired"}), 0),
        (json!({"batch_id": ids[0]}), 0),
        (json!({"created_after": before + 60}), 0),
        (json!({"ids": []}), 0),
        (json!({"campaign_id": "a", "failure_reason": "permanent"}), 1),
        (json!({"ids": [ids[1], ids[0]], "created_before": before}), 1),
        (json!({"channel": "push"}), 1),
        (json!({}), 0),
    ] {
        let answer = app.post(RETRY, &json!({"filter": filter})).await.is(202).json();
        assert_eq!(answer, json!({"count": count}), "{filter}");
    }
}

#[tokio::test]
async fn all_of_them_must_be_said() {
    let app = App::new();
    app.notify().await;
    app.settle(fixture::fail).await;
    for (body, pointer) in [
        (json!({}), "#/filter"),
        (json!({"filter": null}), "#/filter"),
        (json!({"filter": {"chanel": "sms"}}), "#/filter/chanel"),
        (json!({"filter": {"ids": vec!["019c1c3a-5407-7abc-8def-0123456789ab"; 1001]}}), "#/filter/ids"),
        (json!({"filter": {"ids": ["17"]}}), "#/filter/ids/0"),
        (json!({"filter": {"failure_reason": "bad luck"}}), "#/filter/failure_reason"),
        (json!({"filter": {"failure_reason": 5}}), "#/filter/failure_reason"),
        (json!({"filter": {"channel": 5}}), "#/filter/channel"),
    ] {
        app.post(RETRY, &body).await.problem(400, "invalid-request").points_at(pointer);
    }
    assert_eq!(app.get(&format!("{SEND}?status=failed")).await.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(app.post(RETRY, &json!({"filter": {}})).await.is(202).json(), json!({"count": 1}));
}
