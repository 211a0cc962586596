//! Events line by line, answered line by line.

use std::convert::Infallible;
use std::time::Duration;

use angaros_http::Api;
use angaros_store_test::MemoryStore;
use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use http::{Method, Request};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::ServiceExt;

use crate::support::broken::Broken;
use crate::support::{App, BODY_BYTES_MAX, api, event, event_with, request};

const PATHS: [&str; 2] = ["/api/v1/events", "/api/v1/events/bulk"];

fn lines(path: &str, body: Body) -> Request<Body> {
    let mut request = request(Method::POST, path, body);
    request.headers_mut().insert("content-type", "application/x-ndjson".parse().unwrap());
    request
}

fn numbered(n: usize) -> Value {
    event_with(json!({"event_id": format!("evt-{n}")}))
}

#[tokio::test]
async fn every_line_is_answered_in_order_and_blank_ones_are_counted() {
    for path in PATHS {
        let app = App::new();
        let text = [
            event().to_string(),
            String::new(),
            "{oops".to_owned(),
            " \t\r".to_owned(),
            format!("{}\r", event()),
            event_with(json!({"channel": "sms"})).to_string(),
            json!({"type": "x", "user_id": "u", "timestamp": "2099-01-01T00:00:00Z"}).to_string(),
            json!([1]).to_string(),
            "x".repeat(BODY_BYTES_MAX / 10 + 1),
            numbered(2).to_string(),
        ]
        .join("\n");
        let answer = app.send(lines(path, Body::from(text))).await.is(200).lines();
        let known = &answer[0]["id"];
        let brief: Vec<(u64, &str)> =
            answer.iter().map(|l| (l["line"].as_u64().unwrap(), l["status"].as_str().unwrap())).collect();
        let expected = [
            (1, "created"),
            (3, "invalid"),
            (5, "duplicate"),
            (6, "conflict"),
            (7, "invalid"),
            (8, "invalid"),
            (9, "invalid"),
            (10, "created"),
        ];
        assert_eq!(brief, expected);
        assert_eq!(answer[2], json!({"line": 5, "status": "duplicate", "id": known}));
        assert_eq!(answer[3], json!({"line": 6, "status": "conflict", "id": known, "fields": ["channel"]}));
        for (at, pointer) in [(1, "#"), (4, "#/timestamp"), (5, "#"), (6, "#")] {
            assert_eq!(answer[at]["errors"][0]["pointer"], pointer, "{}", answer[at]);
            assert!(answer[at]["id"].is_null() && answer[at].get("id").is_some());
        }
        assert_eq!(app.get("/api/v1/events").await.json()["items"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn an_empty_stream_has_an_empty_answer() {
    let app = App::new();
    for text in ["", "\n\n", " \n"] {
        let answer = app.send(lines(PATHS[0], Body::from(text))).await.is(200);
        assert!(answer.body.is_empty());
        assert_eq!(answer.header("content-type"), "application/x-ndjson");
    }
}

/// Far more than a body may have: it is made while it is read, in pieces that end anywhere.
#[tokio::test]
async fn a_stream_has_no_end() {
    const LINES: usize = 20_000;
    let app = App::new();
    let line = |n: usize| match n % 10 {
        3 => "{\"event_name\": 1}\n".to_owned(),
        7 => "not json\n".to_owned(),
        _ => format!("{}\n", numbered(n)),
    };
    let pieces = (0..LINES / 50).flat_map(move |chunk| {
        let text: String = (chunk * 50..(chunk + 1) * 50).map(line).collect();
        let (head, tail) = text.split_at(text.len() / 3 + chunk % 7);
        [head.to_owned(), tail.to_owned()]
    });
    let body = Body::from_stream(stream::iter(pieces).map(|piece| Ok::<_, Infallible>(Bytes::from(piece))));
    let answer = app.send(lines(PATHS[1], body)).await.is(200).lines();
    assert_eq!(answer.len(), LINES);
    for (n, result) in answer.iter().enumerate() {
        assert_eq!(result["line"], n + 1);
        assert_eq!(result["status"], if matches!(n % 10, 3 | 7) { "invalid" } else { "created" });
    }
    let again = app.send(lines(PATHS[1], Body::from(format!("{}\n", numbered(4))))).await.lines();
    assert_eq!((&again[0]["status"], &again[0]["id"]), (&json!("duplicate"), &answer[4]["id"]));
}

/// A line that stands alone is answered before the next one is sent.
#[tokio::test]
async fn nobody_waits_for_a_chunk_to_fill() {
    let app = App::new();
    let (sender, receiver) = mpsc::channel::<String>(1);
    let pieces = stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|piece| (Ok::<_, Infallible>(Bytes::from(piece)), receiver))
    });
    let request = lines(PATHS[0], Body::from_stream(pieces));
    let mut answer = app.router.clone().oneshot(request).await.unwrap().into_body().into_data_stream();
    for n in 0..3 {
        sender.send(format!("{}\n", numbered(n))).await.unwrap();
        let row: Value = serde_json::from_slice(&answer.next().await.unwrap().unwrap()).unwrap();
        assert_eq!((&row["line"], &row["status"]), (&json!(n + 1), &json!("created")));
    }
    drop(sender);
    assert!(answer.next().await.is_none());
}

#[tokio::test]
async fn a_failure_of_ours_ends_the_answer_with_a_problem() {
    for (broken, slug) in [(Broken::Unavailable, "unavailable"), (Broken::Internal, "internal")] {
        let app = App::with(broken, api());
        let text = format!("\nnot json\n{}\n", event());
        let answer = app.send(lines(PATHS[0], Body::from(text))).await.is(200);
        let rows = answer.lines();
        assert_eq!(rows.len(), 1, "the chunk is decided as one: {rows:?}");
        assert_eq!((&rows[0]["line"], &rows[0]["status"]), (&json!(2), &json!("error")));
        let problem = &rows[0]["problem"];
        assert_eq!(problem["type"], format!("/problems/{slug}"));
        assert_eq!(problem["instance"], PATHS[0]);
        assert_eq!(problem["correlation_id"], answer.header("x-correlation-id"));
        assert!(rows[0].get("id").is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_or_a_silent_store_is_given_its_time() {
    for (broken, slug) in [(Broken::Busy, "busy"), (Broken::Silent, "timeout")] {
        let app = App::with(broken, api());
        let rows = app.send(lines(PATHS[0], Body::from(event().to_string()))).await.is(200).lines();
        assert_eq!(rows[0]["problem"]["type"], format!("/problems/{slug}"));
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_stream_without_progress_is_given_up() {
    let app = App::with(MemoryStore::new(), Api { request_timeout: Duration::from_secs(5), ..api() });
    // Each piece comes in time, all of them together take longer than a request may.
    let pieces = stream::unfold(0, |n| async move {
        let pause = Duration::from_secs(if n < 4 { 4 } else { 6 });
        tokio::time::sleep_until(tokio::time::Instant::now() + pause).await;
        Some((Ok::<_, Infallible>(Bytes::from(format!("{}\n", numbered(n)))), n + 1))
    });
    let rows = app.send(lines(PATHS[0], Body::from_stream(pieces))).await.is(200).lines();
    let statuses: Vec<&str> = rows.iter().map(|row| row["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["created", "created", "created", "created", "error"]);
    assert_eq!(rows[4]["line"], 5);
    assert_eq!(rows[4]["problem"]["type"], "/problems/request-timeout");
}

#[tokio::test]
async fn a_broken_connection_keeps_what_was_complete() {
    let app = App::new();
    let pieces = vec![
        Ok(Bytes::from(format!("{}\n{}\n{{\"event", numbered(0), numbered(1)))),
        Err(std::io::Error::other("gone")),
    ];
    let request = lines(PATHS[1], Body::from_stream(stream::iter(pieces)));
    let rows = app.send(request).await.is(200).lines();
    assert_eq!(rows.len(), 3);
    assert_eq!((&rows[2]["line"], &rows[2]["status"]), (&json!(3), &json!("error")));
    assert_eq!(rows[2]["problem"]["type"], "/problems/unreadable-body");
    assert_eq!(app.get("/api/v1/events").await.json()["items"].as_array().unwrap().len(), 2);
}
