//! The one rule for everything that can be sent twice.

use serde_json::json;

use crate::support::{App, sms, sms_with};

const SEND: &str = "/api/v1/notifications";
const KEY: &[(&str, &str)] = &[("idempotency-key", "order-4711")];

#[tokio::test]
async fn the_same_again_answers_200_with_what_was_stored_first() {
    let app = App::new();
    let first = app.post_text(SEND, &sms().to_string(), KEY).await.is(202);
    assert!(!first.headers.contains_key("idempotency-replayed"));
    assert_eq!(first.text("/idempotency_key"), "order-4711");
    // Another order of keys, and the key as a quoted string, say the same.
    let reordered =
        r#"{"content":"Your code is 123456","recipient":"+4915112345678","channel":"sms","tags":[]}"#;
    for (body, key) in [(sms().to_string(), "order-4711"), (reordered.to_owned(), "\"order-4711\"")] {
        let again = app.post_text(SEND, &body, &[("idempotency-key", key)]).await.is(200);
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.header("location"), first.header("location"));
        assert_eq!(again.json(), first.json());
    }
    assert_eq!(app.get(SEND).await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_default_may_be_spelled_out() {
    let app = App::new();
    let spelled_out = json!({"max_attempts": 5, "recipient_id": "+4915112345678", "priority": "normal"});
    let first = app.post_text(SEND, &sms().to_string(), KEY).await.is(202);
    let again = app.post_text(SEND, &sms_with(spelled_out.clone()).to_string(), KEY).await.is(200);
    assert_eq!(again.json(), first.json());
    let other = sms_with(json!({"max_attempts": 4})).to_string();
    app.post_text(SEND, &other, KEY).await.problem(409, "idempotency-conflict");

    let key = &[("idempotency-key", "batch")];
    let batch = |member| json!({"notifications": [member]}).to_string();
    let first =
        app.post_text("/api/v1/notifications/batch", &batch(sms_with(spelled_out)), key).await.is(202);
    let again = app.post_text("/api/v1/notifications/batch", &batch(sms()), key).await.is(200);
    assert_eq!(again.json(), first.json());
}

#[tokio::test]
async fn the_same_key_with_other_content_is_a_conflict() {
    let app = App::new();
    app.post_text(SEND, &sms().to_string(), KEY).await.is(202);
    let other = sms_with(json!({"content": "something else"})).to_string();
    app.post_text(SEND, &other, KEY).await.problem(409, "idempotency-conflict");
    let batch = json!({"notifications": [sms()]}).to_string();
    app.post_text("/api/v1/notifications/batch", &batch, KEY).await.problem(409, "idempotency-conflict");
    assert_eq!(app.get(SEND).await.json()["items"].as_array().unwrap().len(), 1, "nothing more was stored");
}

#[tokio::test]
async fn a_batch_is_replayed_like_a_notification() {
    let app = App::new();
    let batch = json!({"notifications": [sms(), sms()]}).to_string();
    let first = app.post_text("/api/v1/notifications/batch", &batch, KEY).await.is(202);
    let again = app.post_text("/api/v1/notifications/batch", &batch, KEY).await.is(200);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!((again.json(), again.header("location")), (first.json(), first.header("location")));
    assert_eq!(app.get(SEND).await.json()["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_refused_request_leaves_its_key_free() {
    let app = App::new();
    let bad = sms_with(json!({"recipient": "x"})).to_string();
    app.post_text(SEND, &bad, KEY).await.is(400);
    app.post_text(SEND, &sms().to_string(), KEY).await.is(202);
}
