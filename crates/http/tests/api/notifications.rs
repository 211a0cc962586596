//! Each row of the contract's table about notifications.

use angaros_store_test::fixture;
use http::Method;
use serde_json::{Value, json};

use crate::support::{App, sms, sms_with};

const SEND: &str = "/api/v1/notifications";

#[tokio::test]
async fn create_answers_202_with_the_place_and_the_whole_notification() {
    let app = App::new();
    let body = json!({
        "channel": "email",
        "recipient": "ada@example.org",
        "recipient_id": "user-1",
        "subject": "Hello",
        "content": "Hello Ada",
        "html": "<p>Hello Ada</p>",
        "campaign_id": "welcome",
        "priority": "high",
        "expires_at": "2099-01-01T00:00:00+01:00",
        "max_attempts": 3,
        "metadata": {"order": 4711},
        "tags": ["a", "b"],
    });
    let answer = app.post(SEND, &body).await.is(202);
    let created = answer.json();
    assert_eq!(answer.header("location"), format!("{SEND}/{}", answer.text("/id")));
    assert!(!answer.headers.contains_key("idempotency-replayed"));
    for (key, value) in body.as_object().unwrap() {
        if key != "expires_at" {
            assert_eq!(created[key], *value, "{key}");
        }
    }
    assert_eq!(created["expires_at"], "2098-12-31T23:00:00.000Z");
    assert_eq!(created["status"], "queued");
    assert_eq!(created["attempts"], 0);
    assert_eq!(created["correlation_id"], answer.header("x-correlation-id"));
    assert_eq!(app.get(answer.header("location")).await.is(200).json(), created);
}

#[tokio::test]
async fn every_key_is_there_from_the_start_and_absent_values_are_null() {
    let created = App::new().notify().await;
    let keys = [
        "id",
        "channel",
        "recipient",
        "recipient_id",
        "subject",
        "content",
        "html",
        "segments",
        "status",
        "priority",
        "attempts",
        "max_attempts",
        "campaign_id",
        "batch_id",
        "template_id",
        "tags",
        "metadata",
        "correlation_id",
        "idempotency_key",
        "scheduled_at",
        "expires_at",
        "next_retry_at",
        "last_attempted_at",
        "provider",
        "provider_message_id",
        "sent_at",
        "delivered_at",
        "failed_at",
        "cancelled_at",
        "failure_reason",
        "failure_detail",
        "created_at",
        "updated_at",
    ];
    let mut actual: Vec<&str> = created.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = keys.to_vec();
    actual.sort_unstable();
    expected.sort_unstable();
    assert_eq!(actual, expected);
    for absent in ["subject", "html", "campaign_id", "scheduled_at", "provider", "failure_reason", "sent_at"]
    {
        assert_eq!(created[absent], Value::Null, "{absent}");
    }
    assert_eq!(created["recipient_id"], created["recipient"], "who the recipient is defaults to the address");
    assert_eq!((&created["max_attempts"], &created["priority"]), (&json!(5), &json!("normal")));
    assert_eq!((&created["tags"], &created["metadata"]), (&json!([]), &json!({})));
}

#[tokio::test]
async fn null_and_absent_are_the_same() {
    let app = App::new();
    let nulls =
        json!({"subject": null, "priority": null, "metadata": null, "tags": null, "scheduled_at": null});
    let created = app.post(SEND, &sms_with(nulls)).await.is(202).json();
    assert_eq!(created["priority"], "normal");
}

#[tokio::test]
async fn sms_tells_its_segments_and_other_channels_do_not() {
    let app = App::new();
    for (content, segments) in [("x".repeat(160), 1), ("x".repeat(161), 2), ("\u{44f}".repeat(71), 2)] {
        let created = app.post(SEND, &sms_with(json!({"content": content}))).await.is(202).json();
        assert_eq!(created["segments"], segments);
    }
    let push = json!({"channel": "push", "recipient": "token", "content": "x"});
    assert_eq!(app.post(SEND, &push).await.is(202).json()["segments"], Value::Null);
}

#[tokio::test]
async fn a_schedule_makes_it_pending_in_either_form_of_time() {
    let app = App::new();
    for at in [json!("2099-01-01T00:00:00Z"), json!(4_070_908_800_i64)] {
        let created = app.post(SEND, &sms_with(json!({"scheduled_at": at}))).await.is(202).json();
        assert_eq!(created["status"], "pending");
        assert_eq!(created["scheduled_at"], "2099-01-01T00:00:00.000Z");
    }
}

#[tokio::test]
async fn a_template_replaces_the_content() {
    let app = App::new();
    let template = app.template().await;
    let body = json!({
        "channel": "push", "recipient": "token", "content": "unused", "template_id": template,
        "template_variables": {"name": "Ada"},
    });
    let created = app.post(SEND, &body).await.is(202).json();
    assert_eq!(created["content"], "Hello Ada");
    assert_eq!(created["subject"], "Hi Ada");
    assert_eq!(created["template_id"], template);
    app.delete(&format!("/api/v1/templates/{template}")).await.is(204);
    let location = format!("{SEND}/{}", created["id"].as_str().unwrap());
    assert_eq!(app.get(&location).await.is(200).json()["content"], "Hello Ada");
}

#[tokio::test]
async fn list_is_newest_first_and_takes_every_filter() {
    let app = App::new();
    let mut ids = Vec::new();
    for changes in [
        json!({"campaign_id": "a", "recipient_id": "u1"}),
        json!({"campaign_id": "b", "recipient_id": "u1"}),
        json!({"campaign_id": "b", "recipient_id": "u2", "scheduled_at": "2099-01-01T00:00:00Z"}),
        json!({"channel": "push", "recipient": "token"}),
    ] {
        ids.push(app.post(SEND, &sms_with(changes)).await.is(202).text("/id"));
    }
    let now = app.clock.now().as_seconds();
    for (query, expected) in [
        (String::new(), vec![3, 2, 1, 0]),
        ("?status=pending".into(), vec![2]),
        ("?status=queued".into(), vec![3, 1, 0]),
        ("?status=failed".into(), vec![]),
        ("?channel=push".into(), vec![3]),
        ("?campaign_id=b".into(), vec![2, 1]),
        ("?recipient_id=u1".into(), vec![1, 0]),
        ("?recipient_id=u1&campaign_id=b".into(), vec![1]),
        (format!("?created_after={now}"), vec![3, 2, 1, 0]),
        (format!("?created_after={}", now + 60), vec![]),
        (format!("?created_before={now}"), vec![]),
        (format!("?created_before={}", now + 60), vec![3, 2, 1, 0]),
    ] {
        let page = app.get(&format!("{SEND}{query}")).await.is(200).json();
        let found: Vec<&str> =
            page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
        let expected: Vec<&str> = expected.iter().map(|index| ids[*index].as_str()).collect();
        assert_eq!(found, expected, "{query}");
    }
}

#[tokio::test]
async fn cancel_takes_back_what_waits_and_names_the_status_otherwise() {
    let app = App::new();
    let queued = app.notify().await["id"].as_str().unwrap().to_owned();
    let later = sms_with(json!({"scheduled_at": "2099-01-01T00:00:00Z"}));
    let pending = app.post(SEND, &later).await.is(202).text("/id");
    for id in [&queued, &pending] {
        let cancelled = app.call(Method::PATCH, &format!("{SEND}/{id}/cancel")).await.is(200).json();
        assert_eq!(cancelled["status"], "cancelled");
        assert!(cancelled["cancelled_at"].is_string());
        let again = app.call(Method::PATCH, &format!("{SEND}/{id}/cancel")).await;
        let again = again.problem(409, "invalid-transition");
        assert_eq!(again.text("/current_status"), "cancelled");
        assert!(again.text("/detail").contains("cancelled"));
    }
    let sent = app.notify().await["id"].as_str().unwrap().to_owned();
    app.settle(fixture::deliver).await;
    let answer = app.call(Method::PATCH, &format!("{SEND}/{sent}/cancel")).await;
    assert_eq!(answer.problem(409, "invalid-transition").text("/current_status"), "delivered");
}

#[tokio::test]
async fn trace_tells_the_story_oldest_first() {
    let app = App::new();
    let created =
        app.post_text(SEND, &sms().to_string(), &[("x-correlation-id", "order-4711")]).await.is(202);
    let id = created.text("/id");
    app.settle(|now| fixture::retry(now, now)).await;
    app.store.promote(app.clock.now().plus_seconds(1), 10).await.unwrap();
    app.settle(fixture::deliver).await;
    let trace = app.get(&format!("{SEND}/{id}/trace")).await.is(200).json();
    assert_eq!(trace["notification_id"], id);
    let entries = trace["entries"].as_array().unwrap();
    let events: Vec<&str> = entries.iter().map(|entry| entry["event"].as_str().unwrap()).collect();
    assert_eq!(events.first(), Some(&"created"));
    assert!(events.contains(&"queued") && events.contains(&"retrying"), "{events:?}");
    assert_eq!(events.last(), Some(&"delivered"));
    for entry in entries {
        let mut keys: Vec<&str> = entry.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["at", "attempt", "correlation_id", "detail", "event", "provider"]);
        assert_eq!(entry["correlation_id"], "order-4711");
    }
    let retrying = entries.iter().find(|entry| entry["event"] == "retrying").unwrap();
    assert_eq!((&retrying["attempt"], &retrying["provider"]), (&json!(1), &json!("sandbox")));
    assert!(retrying["detail"].as_str().unwrap().contains("as scripted"));
}
