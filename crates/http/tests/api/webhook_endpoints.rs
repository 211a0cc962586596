//! Webhook endpoints: keeping them, their secrets, pings, and the delivery log.

use angaros_domain::api_key::Scope;
use angaros_domain::attempt::Class;
use angaros_domain::lifecycle::Change;
use angaros_domain::{FailureReason, Timestamp};
use angaros_service::Followed;
use angaros_store_test::fixture::report;
use http::Method;
use serde_json::{Value, json};

use crate::support::{App, header_map, json_request, sms};

const ENDPOINTS: &str = "/api/v1/webhook-endpoints";
const UNKNOWN: &str = "019c1c3a-5407-7abc-8def-0123456789ab";

async fn patch(app: &App, path: &str, body: &Value) -> crate::support::Answer {
    app.send(json_request(Method::PATCH, path, body)).await
}

/// Stores an endpoint that wants everything; its path.
async fn endpoint(app: &App) -> String {
    let body = json!({"url": "https://shop.example.org/in"});
    app.post(ENDPOINTS, &body).await.is(201).header("location").to_owned()
}

/// Turns every event into deliveries.
async fn fan_out(app: &App) {
    while app.service.fan_out().await.unwrap() == Followed::Part {}
}

/// What the delivery log of an endpoint shows.
async fn deliveries(app: &App, path: &str) -> Vec<Value> {
    app.get(&format!("{path}/deliveries")).await.is(200).json()["items"].as_array().unwrap().clone()
}

fn failed(at: Timestamp) -> Change {
    Change::fail(FailureReason::RetriesExhausted, Some(report(Class::Transient, at)))
}

fn accepted(at: Timestamp) -> Change {
    Change::Accept { report: report(Class::Accepted, at), receipts: false }
}

#[tokio::test]
async fn an_endpoint_lives_its_life() {
    let app = App::new();
    let body = json!({
        "url": "https://shop.example.org/in",
        "event_types": ["notification.delivered", "order.*"],
        "description": "Shop"
    });
    let answer = app.post(ENDPOINTS, &body).await.is(201);
    let path = answer.header("location").to_owned();
    assert_eq!(path, format!("{ENDPOINTS}/{}", answer.text("/id")));
    let mut stored = answer.json();
    let secret = stored["secret"].take();
    assert!(secret.as_str().unwrap().starts_with("whsec_"));
    assert_eq!((&stored["enabled"], &stored["disabled_reason"]), (&json!(true), &Value::Null));
    assert_eq!(stored["event_types"], body["event_types"]);
    assert_eq!(app.get(&path).await.is(200).json(), stored, "without the secret");
    assert_eq!(app.get(&format!("{path}/secret")).await.is(200).json(), json!({"secret": secret}));

    let changed = patch(&app, &path, &json!({"description": null, "enabled": false})).await.is(200).json();
    assert_eq!((&changed["description"], &changed["url"]), (&Value::Null, &stored["url"]));
    assert_eq!((&changed["enabled"], &changed["disabled_reason"]), (&json!(false), &json!("manual")));
    let changed = patch(&app, &path, &json!({"enabled": true, "event_types": ["*"]})).await.is(200).json();
    assert_eq!((&changed["disabled_at"], &changed["event_types"]), (&Value::Null, &json!(["*"])));

    app.delete(&path).await.is(204);
    app.delete(&path).await.problem(404, "not-found");
    app.get(&path).await.problem(404, "not-found");
    patch(&app, &path, &json!({})).await.problem(404, "not-found");
    for call in ["secret", "deliveries"] {
        app.get(&format!("{path}/{call}")).await.problem(404, "not-found");
    }
    for call in ["rotate-secret", "ping"] {
        app.call(Method::POST, &format!("{path}/{call}")).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn what_is_wrong_is_pointed_at_and_nothing_is_stored() {
    let app = App::new();
    let url = "https://shop.example.org/in";
    let too_many: Vec<String> = (0..51).map(|n| format!("type.{n}")).collect();
    for (body, pointer) in [
        (json!({}), "#/url"),
        (json!({"url": "ftp://example.org"}), "#/url"),
        (json!({"url": "http://127.0.0.1/in"}), "#/url"),
        (json!({"url": format!("{url}?{}", "x".repeat(2048))}), "#/url"),
        (json!({"url": url, "event_types": []}), "#/event_types"),
        (json!({"url": url, "event_types": too_many}), "#/event_types"),
        (json!({"url": url, "event_types": ["ok", "a*"]}), "#/event_types/1"),
        (json!({"url": url, "event_types": "*"}), "#/event_types"),
        (json!({"url": url, "description": "x".repeat(256)}), "#/description"),
        (json!({"url": url, "secret": "hush"}), "#/secret"),
        (json!({"url": url, "events": ["*"]}), "#/events"),
    ] {
        app.post(ENDPOINTS, &body).await.problem(400, "invalid-request").points_at(pointer);
    }
    assert_eq!(app.get(ENDPOINTS).await.json()["items"], json!([]));

    let path = endpoint(&app).await;
    let before = app.get(&path).await.json();
    for (body, pointer) in [
        (json!({"url": "http://10.0.0.1/"}), "#/url"),
        (json!({"event_types": [""]}), "#/event_types/0"),
        (json!({"enabled": "no"}), "#/enabled"),
        (json!({"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}), "#/secret"),
    ] {
        patch(&app, &path, &body).await.problem(400, "invalid-request").points_at(pointer);
    }
    let weak = json!({"secret": "whsec_c2hvcnQ="});
    let rotate = format!("{path}/rotate-secret");
    app.post(&rotate, &weak).await.problem(400, "invalid-request").points_at("#/secret");
    assert_eq!(app.get(&path).await.json(), before);
}

#[tokio::test]
async fn there_are_only_so_many() {
    let app = App::new();
    for _ in 0..100 {
        endpoint(&app).await;
    }
    let body = json!({"url": "https://shop.example.org/in"});
    app.post(ENDPOINTS, &body).await.problem(409, "too-many-endpoints");

    let first = app.get(&format!("{ENDPOINTS}?limit=60")).await.is(200).json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = app.get(&format!("{ENDPOINTS}?limit=60&cursor={cursor}")).await.is(200).json();
    assert_eq!(second["next_cursor"], Value::Null);
    let ids = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = [ids(&first), ids(&second)].concat();
    assert_eq!(all.len(), 100);
    assert!(all.is_sorted_by(|a, b| a > b), "newest first, each once");
}

#[tokio::test]
async fn a_secret_is_rotated_and_shown_once() {
    let app = App::new();
    let own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let body = json!({"url": "https://shop.example.org/in", "secret": own});
    let answer = app.post(ENDPOINTS, &body).await.is(201);
    let path = answer.header("location").to_owned();
    assert_eq!(answer.text("/secret"), own);
    let rotate = format!("{path}/rotate-secret");
    let rotated = app.call(Method::POST, &rotate).await.is(200).json();
    assert_ne!(rotated["secret"], own);
    assert!(rotated["former_secret_until"].is_string());
    assert_eq!(app.get(&format!("{path}/secret")).await.json()["secret"], rotated["secret"]);
    assert_eq!(app.post(&rotate, &json!({"secret": own})).await.is(200).text("/secret"), own);
}

#[tokio::test]
async fn a_ping_is_a_delivery_to_one_endpoint() {
    let app = App::new();
    let (path, other) = (endpoint(&app).await, endpoint(&app).await);
    let ping = format!("{path}/ping");
    let queued = app.call(Method::POST, &ping).await.is(202).json();
    assert_eq!((&queued["event_type"], &queued["event_id"]), (&json!("webhook.ping"), &Value::Null));
    assert_eq!(deliveries(&app, &path).await, [queued]);
    assert!(deliveries(&app, &other).await.is_empty());

    patch(&app, &path, &json!({"enabled": false})).await.is(200);
    app.call(Method::POST, &ping).await.problem(409, "endpoint-disabled");
}

#[tokio::test]
async fn events_become_deliveries_which_are_in_no_list() {
    let app = App::new();
    app.notify().await;
    let path = endpoint(&app).await;
    fan_out(&app).await;
    assert!(deliveries(&app, &path).await.is_empty(), "that was before it");

    let sent = app.notify().await;
    fan_out(&app).await;
    let log = deliveries(&app, &path).await;
    assert_eq!(log.len(), 1);
    assert_eq!((&log[0]["event_type"], &log[0]["status"]), (&json!("notification.queued"), &json!("queued")));

    let one = format!("{path}/deliveries/{}", log[0]["id"].as_str().unwrap());
    let shown = app.get(&one).await.is(200).json();
    assert_eq!((&shown["delivery"], &shown["entries"][0]["event"]), (&log[0], &json!("created")));
    let payload: Value = serde_json::from_str(shown["payload"].as_str().unwrap()).unwrap();
    let event = app.get(&format!("/api/v1/events/{}", log[0]["event_id"].as_str().unwrap())).await.json();
    assert_eq!(payload["data"], event, "the event as the API shows it");
    assert_eq!(payload["data"]["message_id"], sent["id"]);

    // Whatever happens to deliveries, it is in no list of the tenant's, and is told to nobody.
    let listed = app.get("/api/v1/notifications").await.json()["items"].as_array().unwrap().len();
    assert_eq!(listed, 2);
    app.get(&format!("/api/v1/notifications/{}", log[0]["id"].as_str().unwrap()))
        .await
        .problem(404, "not-found");
    let settled = app.settle(accepted).await;
    assert_eq!(settled.len(), 3, "two notifications and one delivery");
    fan_out(&app).await;
    let log = deliveries(&app, &path).await;
    let types: Vec<&str> = log.iter().map(|d| d["event_type"].as_str().unwrap()).collect();
    assert_eq!(types.len(), 1 + 2 * 3, "what happened to the two notifications: {types:?}");
    assert_eq!(log.iter().filter(|d| d["status"] == "delivered").count(), 1);
    let messages = app.get("/api/v1/messages").await.json()["items"].as_array().unwrap().len();
    assert_eq!(messages, 2, "a delivery is no sent message");
}

#[tokio::test]
async fn filters_choose_what_is_told() {
    let app = App::new();
    let body =
        json!({"url": "https://shop.example.org/in", "event_types": ["notification.delivered", "order.*"]});
    let path = app.post(ENDPOINTS, &body).await.is(201).header("location").to_owned();
    app.notify().await;
    app.settle(accepted).await;
    for name in ["order.placed", "delivered", "orders"] {
        let event =
            json!({"event_name": name, "recipient_id": "user-1", "occurred_at": "2026-02-02T08:15:30Z"});
        app.post("/api/v1/events", &event).await.is(201);
    }
    fan_out(&app).await;
    let log = deliveries(&app, &path).await;
    let types: Vec<&str> = log.iter().rev().map(|d| d["event_type"].as_str().unwrap()).collect();
    assert_eq!(types, ["notification.delivered", "order.placed"]);
}

#[tokio::test]
async fn the_delivery_log_shows_failures_and_sends_them_again() {
    let app = App::new();
    let (path, other) = (endpoint(&app).await, endpoint(&app).await);
    let id = app.call(Method::POST, &format!("{path}/ping")).await.is(202).text("/id");
    let retry = format!("{path}/deliveries/{id}/retry");
    app.call(Method::POST, &retry).await.problem(409, "invalid-transition");
    app.settle(failed).await;
    assert!(app.get(&path).await.json()["failing_since"].is_string());

    let failed = app.get(&format!("{path}/deliveries?status=failed")).await.is(200).json();
    let failed = &failed["items"][0];
    assert_eq!((&failed["id"], &failed["attempts"]), (&json!(id), &json!(1)));
    assert_eq!(
        (&failed["failure_reason"], &failed["last_answer"]),
        (&json!("retries_exhausted"), &json!("as scripted"))
    );
    assert_eq!(app.get(&format!("{path}/deliveries?status=queued")).await.json()["items"], json!([]));
    app.get(&format!("{path}/deliveries?status=lost")).await.problem(400, "invalid-parameter");

    app.call(Method::POST, &format!("{other}/deliveries/{id}/retry")).await.problem(404, "not-found");
    app.call(Method::POST, &format!("{path}/deliveries/{UNKNOWN}/retry")).await.problem(404, "not-found");
    let again = app.call(Method::POST, &retry).await.is(202).json();
    assert_eq!((&again["status"], &again["attempts"]), (&json!("queued"), &json!(0)));
    app.settle(accepted).await;
    assert_eq!(app.get(&path).await.json()["failing_since"], Value::Null, "a success ends the failures");
}

#[tokio::test]
async fn tenants_have_their_own() {
    let app = App::new();
    let path = endpoint(&app).await;
    app.call(Method::POST, &format!("{path}/ping")).await.is(202);
    let key = app.key("stranger", &[Scope::Admin]).await;
    let headers = [("x-api-key", key.as_str())];
    assert_eq!(app.get_with(ENDPOINTS, &headers).await.is(200).json()["items"], json!([]));
    for call in ["", "/secret", "/deliveries"] {
        app.get_with(&format!("{path}{call}"), &headers).await.problem(404, "not-found");
    }
    let mut request = json_request(Method::POST, ENDPOINTS, &json!({"url": "https://other.example.org/"}));
    request.headers_mut().extend(header_map(&headers));
    let theirs = app.send(request).await.is(201).header("location").to_owned();
    app.post("/api/v1/notifications", &sms()).await.problem(401, "unauthorized");
    fan_out(&app).await;
    let found = app.get_with(&format!("{theirs}/deliveries"), &headers).await.is(200).json();
    assert_eq!(found["items"], json!([]));
}
