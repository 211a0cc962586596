//! Recording many events in one request.

use angaros_http::Api;
use angaros_store_test::MemoryStore;
use serde_json::{Value, json};

use crate::support::{App, api, event, event_with};

const BULK: &str = "/api/v1/events/bulk";

fn numbered(count: usize) -> Vec<Value> {
    (0..count).map(|n| event_with(json!({"event_id": format!("evt-{n}")}))).collect()
}

fn large() -> App {
    App::with(MemoryStore::new(), Api { body_bytes_max: 1 << 20, ..api() })
}

async fn stored(app: &App) -> usize {
    app.get("/api/v1/events?limit=200").await.is(200).json()["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn each_event_is_decided_in_order() {
    let app = App::new();
    let known = app.post("/api/v1/events", &event()).await.is(201).text("/id");
    let other = event_with(json!({"channel": "sms"}));
    let events = vec![
        event(),
        event_with(json!({"event_id": "evt-2"})),
        other.clone(),
        event_with(json!({"event_id": "evt-2"})),
        event_with(json!({"event_id": "evt-2", "tags": ["x"]})),
    ];
    let answer = app.post(BULK, &json!({"events": events})).await.is(200).json();
    let new = answer["results"][1]["id"].clone();
    let expected = json!({
        "accepted_count": 3, "created": 1, "duplicates": 2, "conflicts": 2,
        "results": [
            {"index": 0, "status": "duplicate", "id": known},
            {"index": 1, "status": "created", "id": new},
            {"index": 2, "status": "conflict", "id": known, "fields": ["channel"]},
            {"index": 3, "status": "duplicate", "id": new},
            {"index": 4, "status": "conflict", "id": new, "fields": ["tags"]},
        ],
    });
    assert_eq!(answer, expected);
    let again = app.post(BULK, &json!(events)).await.is(200).json();
    assert_eq!(
        (&again["created"], &again["accepted_count"]),
        (&json!(0), &json!(3)),
        "a bare array is the same"
    );
    assert_eq!(stored(&app).await, 2);
}

#[tokio::test]
async fn a_thousand_go_in_one_request() {
    let app = large();
    let answer = app.post(BULK, &json!(numbered(1000))).await.is(200).json();
    assert_eq!((&answer["created"], &answer["accepted_count"]), (&json!(1000), &json!(1000)));
    for (events, place) in [
        (json!(numbered(1001)), "#"),
        (json!({"events": numbered(1001)}), "#/events"),
        (json!([]), "#"),
        (json!({"events": []}), "#/events"),
        (json!({}), "#/events"),
        (json!({"events": null}), "#/events"),
        (json!({"events": [event()], "more": 1}), "#/more"),
        (json!("x"), "#"),
    ] {
        for path in [BULK.to_owned(), format!("{BULK}?partial=true")] {
            let app = large();
            app.post(&path, &events).await.problem(400, "invalid-request").points_at(place);
            app.holds_nothing().await;
        }
    }
}

/// Events of which some are wrong in every way, and where.
fn mixed() -> (Vec<Value>, Vec<(usize, &'static str)>) {
    let events = vec![
        event(),
        event_with(json!({"occurred_at": "soon"})),
        event_with(json!({"event_id": "evt-2", "evnt": 1})),
        event_with(json!({"event_id": "evt-3", "occurred_at": "2099-01-01T00:00:00Z", "channel": ""})),
        json!(7),
        event_with(json!({"event_id": "evt-5"})),
        json!({"type": "x", "user_id": "u", "timestamp": "2099-01-01T00:00:00Z"}),
        event_with(json!({"event_id": "evt-7", "type": "x"})),
    ];
    let faults = vec![
        (1, "/occurred_at"),
        (2, "/evnt"),
        (3, "/channel"),
        (3, "/occurred_at"),
        (4, ""),
        (6, "/timestamp"),
        (7, "/event_name"),
    ];
    (events, faults)
}

#[tokio::test]
async fn any_invalid_event_refuses_the_request_and_all_faults_are_told() {
    let (events, faults) = mixed();
    for (body, place) in [(json!(events), "#"), (json!({"events": events}), "#/events")] {
        for path in [BULK.to_owned(), format!("{BULK}?partial=false")] {
            let app = App::new();
            let problem = app.post(&path, &body).await.problem(400, "invalid-request").json();
            let pointers: Vec<&str> = problem["errors"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| e["pointer"].as_str().unwrap())
                .collect();
            let expected: Vec<String> =
                faults.iter().map(|(index, field)| format!("{place}/{index}{field}")).collect();
            assert_eq!(pointers, expected);
            app.holds_nothing().await;
        }
    }
    let many: Vec<Value> = (0..150).map(|_| json!({})).collect();
    let problem = App::new().post(BULK, &json!(many)).await.problem(400, "invalid-request").json();
    assert_eq!(problem["errors"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn a_part_may_be_stored_if_the_caller_says_so() {
    let app = App::new();
    let (events, faults) = mixed();
    let answer = app.post(&format!("{BULK}?partial=true"), &json!({"events": events})).await.is(200).json();
    for (key, count) in
        [("accepted_count", 2), ("created", 2), ("duplicates", 0), ("conflicts", 0), ("invalid", 6)]
    {
        assert_eq!(answer[key], count, "{key}");
    }
    for (index, result) in answer["results"].as_array().unwrap().iter().enumerate() {
        let expected: Vec<String> =
            faults.iter().filter(|(at, _)| *at == index).map(|(_, field)| format!("#{field}")).collect();
        let errors = result["errors"].as_array().into_iter().flatten();
        let pointers: Vec<&str> = errors.map(|e| e["pointer"].as_str().unwrap()).collect();
        assert_eq!(pointers, expected, "{index}");
        assert_eq!(result["status"], if expected.is_empty() { "created" } else { "invalid" });
        assert_eq!(result["id"].is_null(), !expected.is_empty());
        assert_eq!(result["index"], index);
    }
    assert_eq!(stored(&app).await, 2);
    let all_bad = app.post(&format!("{BULK}?partial=true"), &json!([1, {}])).await.is(200).json();
    assert_eq!((&all_bad["invalid"], &all_bad["accepted_count"]), (&json!(2), &json!(0)));
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused_whole() {
    let app = App::new();
    for text in ["", "[", "[{]", "{\"events\": [{}}", "[1] x"] {
        for path in [BULK.to_owned(), format!("{BULK}?partial=true")] {
            app.post_text(&path, text, &[]).await.problem(400, "malformed-json");
        }
    }
    let parameter = app.post(&format!("{BULK}?partial=yes"), &json!([event()])).await;
    assert_eq!(parameter.problem(400, "invalid-parameter").text("/errors/0/parameter"), "partial");
    let large = json!([event_with(json!({"metadata": {"a": "x".repeat(crate::support::BODY_BYTES_MAX)}}))]);
    app.post(BULK, &large).await.problem(413, "body-too-large");
    let headers = [("content-type", "application/cloudevents+json")];
    app.post_text(BULK, "[]", &headers).await.problem(415, "unsupported-media-type");
    app.holds_nothing().await;
}
