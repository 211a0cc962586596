//! Recording without waiting: `Prefer: respond-async`.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use angaros_http::Api;
use angaros_store_test::MemoryStore;
use axum::body::{Body, Bytes};
use futures_util::{StreamExt, future, stream};
use http::{Method, Request};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};

use crate::support::broken::Broken;
use crate::support::{Answer, App, QUEUE_MAX, api, event, event_with, request};

const EVENTS: &str = "/api/v1/events";
const BULK: &str = "/api/v1/events/bulk";
const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";

fn asking(path: &str, content_type: &str, prefer: &str, body: Body) -> Request<Body> {
    let mut request = request(Method::POST, path, body);
    request.headers_mut().insert("content-type", content_type.parse().unwrap());
    request.headers_mut().insert("prefer", prefer.parse().unwrap());
    request
}

fn queueing(path: &str, content_type: &str, body: impl Into<Body>) -> Request<Body> {
    asking(path, content_type, "respond-async", body.into())
}

/// Posts JSON that is to be queued.
async fn post(app: &App, path: &str, body: &Value) -> Answer {
    app.send(queueing(path, JSON, body.to_string())).await
}

fn numbered(ids: std::ops::Range<usize>) -> Vec<Value> {
    ids.map(|n| event_with(json!({"event_id": n.to_string()}))).collect()
}

/// The `event_id`s that are stored once everything that was queued is.
async fn stored(app: &App) -> BTreeSet<String> {
    assert_eq!(app.service.drain(Duration::from_secs(30)).await, 0);
    let mut ids = BTreeSet::new();
    let (mut path, mut last) = (format!("{EVENTS}?limit=200"), None);
    loop {
        let page = app.get(&path).await.is(200).json();
        for event in page["items"].as_array().unwrap() {
            assert!(ids.insert(event["event_id"].as_str().unwrap().to_owned()), "stored twice: {event}");
        }
        let next = page["next_cursor"].as_str().unwrap().to_owned();
        if last.as_ref() == Some(&next) {
            return ids;
        }
        path = format!("{EVENTS}?limit=200&after={next}");
        last = Some(next);
    }
}

fn strings(ids: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    ids.into_iter().map(|n| n.to_string()).collect()
}

#[track_caller]
fn queued(answer: Answer) -> Value {
    let answer = answer.is(202);
    assert_eq!(answer.header("preference-applied"), "respond-async");
    assert_eq!(answer.header("content-type"), JSON);
    answer.json()
}

#[tokio::test]
async fn one_event_is_acknowledged_and_stored() {
    for (content_type, body) in [
        (JSON, event()),
        (
            "application/cloudevents+json",
            json!({
                "specversion": "1.0", "source": "mailer", "id": "evt-1", "type": "opened", "subject": "user-1",
                "time": "2026-02-02T08:15:30Z",
            }),
        ),
    ] {
        for path in [EVENTS, "/events"] {
            let app = App::new();
            let answer = app.send(queueing(path, content_type, body.to_string())).await;
            let correlation_id = answer.header("x-correlation-id").to_owned();
            assert_eq!(queued(answer), json!({"status": "queued"}));
            assert_eq!(stored(&app).await, BTreeSet::from(["evt-1".to_owned()]));
            let item = app.get(EVENTS).await.json()["items"][0].clone();
            assert_eq!((&item["provider"], &item["event_name"]), (&json!("mailer"), &json!("opened")));
            assert_eq!(item["correlation_id"], correlation_id);
        }
    }
}

#[tokio::test]
async fn many_events_are_acknowledged_and_stored() {
    let cloud = json!([
        {"specversion": "1.0", "source": "s", "id": "0", "type": "t", "subject": "u", "time": "2026-02-02T08:15:30Z"},
        {"specversion": "1.0", "source": "s", "id": "1", "type": "t", "subject": "u", "time": "2026-02-02T08:15:30Z"},
    ]);
    for (content_type, body) in [
        (JSON, json!({"events": numbered(0..2)})),
        (JSON, json!(numbered(0..2))),
        ("application/cloudevents-batch+json", cloud),
    ] {
        for path in [BULK, "/api/v1/events/bulk?partial=false", "/events/bulk"] {
            let app = App::new();
            let answer = app.send(queueing(path, content_type, body.to_string())).await;
            assert_eq!(queued(answer), json!({"accepted_count": 2}));
            assert_eq!(stored(&app).await, strings(0..2));
        }
    }
}

#[tokio::test]
async fn only_the_preference_itself_is_heard() {
    for prefer in [
        "respond-async",
        "Respond-ASYNC",
        "return=minimal, respond-async",
        "wait=10;x=\"a,b\" , respond-async ; foo=\"bar\"",
        "handling=\"respond, \\\"x\", respond-async=\"\"",
        "respond-async, respond-async=no",
    ] {
        let app = App::new();
        queued(app.send(asking(EVENTS, JSON, prefer, event().to_string().into())).await);
    }
    for prefer in [
        "",
        "respond-asynchronous",
        "x-respond-async",
        "return=respond-async",
        "return=\"a, respond-async\"",
        "wait=1; respond-async",
        "respond-async=no",
        "respond-async=no, respond-async",
        "wait=\"respond-async, respond-async",
    ] {
        let app = App::new();
        let answer = app.send(asking(EVENTS, JSON, prefer, event().to_string().into())).await.is(201);
        assert!(!answer.headers.contains_key("preference-applied"), "{prefer}");
    }
    let app = App::new();
    let mut second = asking(EVENTS, JSON, "wait=10", event().to_string().into());
    second.headers_mut().append("prefer", "respond-async".parse().unwrap());
    queued(app.send(second).await);
    let mut opaque = asking(EVENTS, JSON, "respond-async", event().to_string().into());
    opaque.headers_mut().insert("prefer", http::HeaderValue::from_bytes(b"respond-async, \xff").unwrap());
    queued(app.send(opaque).await);
    let elsewhere = [("prefer", "respond-async")];
    let sent = app.post_text("/api/v1/notifications", &crate::support::sms().to_string(), &elsewhere).await;
    assert!(!sent.is(202).headers.contains_key("preference-applied"));
}

#[tokio::test]
async fn what_is_invalid_is_refused_as_ever() {
    let bad = event_with(json!({"occurred_at": "2099-01-01T00:00:00Z"}));
    let app = App::new();
    post(&app, EVENTS, &bad).await.problem(400, "invalid-request").points_at("#/occurred_at");
    post(&app, EVENTS, &json!([])).await.problem(400, "invalid-request").points_at("#");
    post(&app, BULK, &json!([event(), bad]))
        .await
        .problem(400, "invalid-request")
        .points_at("#/1/occurred_at");
    let both = json!({"events": [bad, event()]});
    post(&app, BULK, &both).await.problem(400, "invalid-request").points_at("#/events/0/occurred_at");
    post(&app, BULK, &json!([])).await.problem(400, "invalid-request").points_at("#");
    let malformed = app.send(queueing(EVENTS, JSON, "{")).await;
    assert!(!malformed.problem(400, "malformed-json").headers.contains_key("preference-applied"));
    app.send(queueing(EVENTS, "text/plain", "{}")).await.problem(415, "unsupported-media-type");
    assert!(stored(&app).await.is_empty());
}

#[tokio::test]
async fn a_part_may_be_queued_if_the_caller_says_so() {
    let path = format!("{BULK}?partial=true");
    let app = App::new();
    let mixed =
        json!([event(), 7, event_with(json!({"event_id": "evt-2"})), event_with(json!({"channel": ""}))]);
    let answer = queued(post(&app, &path, &mixed).await);
    assert_eq!((&answer["accepted_count"], &answer["invalid"]), (&json!(2), &json!(2)));
    let results = answer["results"].as_array().unwrap();
    let brief: Vec<_> =
        results.iter().map(|r| (&r["index"], &r["status"], &r["errors"][0]["pointer"])).collect();
    let invalid = json!("invalid");
    assert_eq!(brief, [(&json!(1), &invalid, &json!("#")), (&json!(3), &invalid, &json!("#/channel"))]);
    assert_eq!(
        queued(post(&app, &path, &json!([event()])).await),
        json!({"accepted_count": 1, "invalid": 0})
    );
    let none = queued(post(&app, &path, &json!([1, 2])).await);
    assert_eq!((&none["accepted_count"], &none["invalid"]), (&json!(0), &json!(2)));
    assert_eq!(stored(&app).await, BTreeSet::from(["evt-1".to_owned(), "evt-2".to_owned()]));
}

/// All of these requests come before the first of them can be stored.
#[tokio::test]
async fn what_has_no_room_is_refused_whole() {
    let app = App::new();
    let bodies: Vec<Value> = [0..60, 100..160, 200..240, 300..301].map(|ids| json!(numbered(ids))).to_vec();
    let answers = future::join_all(bodies.iter().map(|body| post(&app, BULK, body))).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses, [202, 503, 202, 503], "the queue has room for {QUEUE_MAX}");
    for refused in [&answers[1], &answers[3]] {
        let refused = refused.clone().problem(503, "busy");
        assert_eq!(refused.header("retry-after"), "1");
        assert!(!refused.headers.contains_key("preference-applied"));
    }
    assert_eq!(stored(&app).await, strings((0..60).chain(200..240)));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_fills_the_queue_for_everyone() {
    let app = App::with(Broken::Unavailable, api());
    for event in numbered(0..QUEUE_MAX) {
        queued(post(&app, EVENTS, &event).await);
    }
    post(&app, EVENTS, &event()).await.problem(503, "busy");
    post(&app, BULK, &json!([event()])).await.problem(503, "busy");
    app.post(EVENTS, &event()).await.problem(503, "busy");
    assert_eq!(app.service.drain(Duration::from_secs(60)).await, QUEUE_MAX, "none of them is given up");
}

#[tokio::test]
async fn what_became_of_them_is_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let app = App::new();
    let other = event_with(json!({"channel": "sms"}));
    for event in [event(), event(), event_with(json!({"event_id": "evt-2"})), other] {
        queued(post(&app, EVENTS, &event).await);
    }
    assert_eq!(stored(&app).await.len(), 2);
    let app = App::with(Broken::Internal, api());
    queued(post(&app, EVENTS, &event()).await);
    assert_eq!(app.service.drain(Duration::from_secs(30)).await, 0);
    let text = recorder.handle().render();
    for (outcome, count) in [("created", 2), ("duplicate", 1), ("conflict", 1), ("lost", 1)] {
        let line = format!("angaros_queued_events_total{{outcome=\"{outcome}\"}} {count}");
        assert!(text.contains(&line), "{line} is not in {text}");
    }
}

/// Far more lines than a body may have bytes, and than the queue has room for.
#[tokio::test]
async fn lines_are_queued_while_more_come() {
    const COUNT: usize = 20_000;
    let line = |n: usize| match n % 10 {
        3 => "{\"event_name\": 1}\n".to_owned(),
        7 => "\n".to_owned(),
        _ => format!("{}\n", event_with(json!({"event_id": n.to_string()}))),
    };
    let pieces = (0..COUNT / 50).flat_map(move |chunk| {
        let text: String = (chunk * 50..(chunk + 1) * 50).map(line).collect();
        let (head, tail) = text.split_at(text.len() / 3 + chunk % 7);
        [head.to_owned(), tail.to_owned()]
    });
    let body = Body::from_stream(stream::iter(pieces).map(|piece| Ok::<_, Infallible>(Bytes::from(piece))));
    let app = App::new();
    let answer = queued(app.send(queueing(BULK, LINES, body)).await);
    assert_eq!((&answer["accepted_count"], &answer["invalid"]), (&json!(16_000), &json!(2_000)));
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 100, "the first ones are told");
    for (at, result) in results.iter().enumerate() {
        assert_eq!((&result["line"], &result["status"]), (&json!(at * 10 + 4), &json!("invalid")));
        assert_eq!(result["errors"][0]["pointer"], "#/event_name");
    }
    assert_eq!(stored(&app).await, strings((0..COUNT).filter(|n| !matches!(n % 10, 3 | 7))));
}

#[tokio::test]
async fn a_few_lines_and_none() {
    for path in [EVENTS, BULK, "/events", "/events/bulk"] {
        let app = App::new();
        for text in ["", "\n \n"] {
            assert_eq!(
                queued(app.send(queueing(path, LINES, text)).await),
                json!({"accepted_count": 0, "invalid": 0})
            );
        }
        let text = format!("{}\n\n{}", numbered(1..2)[0], numbered(2..3)[0]);
        assert_eq!(
            queued(app.send(queueing(path, LINES, text)).await),
            json!({"accepted_count": 2, "invalid": 0})
        );
        assert_eq!(stored(&app).await, strings(1..3));
    }
}

/// A problem of a stream, and how many events were queued before it.
#[track_caller]
fn ended(answer: Answer, status: u16, slug: &str) -> Value {
    let answer = answer.problem(status, slug);
    assert!(!answer.headers.contains_key("preference-applied"));
    answer.json()["accepted_count"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_stream_waits_for_room_as_long_as_a_request_may_take() {
    let app = App::with(Broken::Unavailable, api());
    let pieces =
        numbered(0..300).into_iter().map(|event| Ok::<_, Infallible>(Bytes::from(format!("{event}\n"))));
    let started = app.clock.now();
    let answer = app.send(queueing(EVENTS, LINES, Body::from_stream(stream::iter(pieces)))).await;
    assert_eq!(ended(answer, 503, "busy"), json!(QUEUE_MAX));
    assert_eq!(app.clock.now().millis_since(started), 5_000);
}

#[tokio::test(start_paused = true)]
async fn a_stream_leaves_room_for_others() {
    let app = App::with_queue(Broken::Unavailable, api(), 20_000);
    let lines = numbered(0..11_000).into_iter().map(|event| Bytes::from(format!("{event}\n")));
    let body = Body::from_stream(stream::iter(lines.map(Ok::<_, Infallible>)));
    assert_eq!(ended(app.send(queueing(EVENTS, LINES, body)).await, 503, "busy"), json!(10_000));
    queued(post(&app, EVENTS, &event()).await);
}

#[tokio::test(start_paused = true)]
async fn a_stream_as_a_whole_has_no_time_limit() {
    let app = App::with(MemoryStore::new(), Api { request_timeout: Duration::from_secs(5), ..api() });
    // Each piece comes in time, all of them together take longer than a request may.
    let pieces = |late: usize| {
        let clock = app.clock.clone();
        stream::unfold(0, move |n| {
            let clock = clock.clone();
            async move {
                let pause = if n < late { 4 } else { 6 };
                clock.sleep_until(clock.now().plus_seconds(pause)).await;
                let line = format!("{}\n", event_with(json!({"event_id": n.to_string()})));
                (n < 4).then(|| (Ok::<_, Infallible>(Bytes::from(line)), n + 1))
            }
        })
    };
    let whole = app.send(queueing(EVENTS, LINES, Body::from_stream(pieces(9)))).await;
    assert_eq!(queued(whole)["accepted_count"], 4);
    let late = app.send(queueing(EVENTS, LINES, Body::from_stream(pieces(2)))).await;
    assert_eq!(ended(late, 408, "request-timeout"), json!(2));
}

#[tokio::test]
async fn a_broken_stream_keeps_what_was_queued() {
    let app = App::new();
    let events = numbered(0..3);
    let pieces = vec![
        Ok(Bytes::from(format!("{}\n{}\n{{\"event", events[0], events[1]))),
        Err(std::io::Error::other("gone")),
    ];
    let answer = app.send(queueing(BULK, LINES, Body::from_stream(stream::iter(pieces)))).await;
    assert_eq!(ended(answer, 400, "unreadable-body"), json!(2));
    assert_eq!(stored(&app).await, strings(0..2));
}
