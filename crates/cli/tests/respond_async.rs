//! Events that are acknowledged before they are stored, and a service that is told to stop in that moment.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;

use angaros_testkit::api::Api;
use angaros_testkit::launch::Launch;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Requests that are sent at once, and the events of each.
const REQUESTS: usize = 20;
const EVENTS: usize = 1000;

fn body(request: usize) -> Value {
    let event = |n: usize| {
        json!({
            "event_id": format!("{request}-{n}"), "event_name": "signup", "recipient_id": format!("user-{n}"),
            "occurred_at": 1_770_000_000,
        })
    };
    (0..EVENTS).map(event).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_stop_stores_everything_that_was_acknowledged() {
    let launch = Launch::new(env!("CARGO_BIN_EXE_angaros"));
    let mut service = launch.start().await;
    let api = service.api();
    let bodies: Vec<Value> = (0..REQUESTS).map(body).collect();
    let mut posting = JoinSet::new();
    for body in bodies {
        let api = api.clone();
        posting.spawn(async move {
            let prefer = [("Prefer", "respond-async")];
            api.call(Method::POST, "/api/v1/events/bulk", &prefer, Some(&body)).await.unwrap()
        });
    }
    for reply in posting.join_all().await {
        assert_eq!(reply.header("preference-applied"), "respond-async");
        assert_eq!(reply.expect(202), json!({"accepted_count": EVENTS}));
    }
    let (status, took) = service.stop().await;
    assert_eq!(status.code(), Some(0), "{}", service.stderr());
    assert!(!service.stderr().contains("lost"), "{}", service.stderr());
    println!("a stop with up to {} events waiting took {took:?}", REQUESTS * EVENTS);

    service.start_again().await;
    let stored = everything(&service.api()).await;
    let missing = (0..REQUESTS).flat_map(|request| (0..EVENTS).map(move |n| format!("{request}-{n}")));
    let missing: Vec<String> = missing.filter(|id| !stored.contains(id)).collect();
    assert!(missing.is_empty(), "{} are missing, such as {:?}", missing.len(), missing.first());
}

/// The ids that reporters gave to everything in the log.
async fn everything(api: &Api) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut path = "/api/v1/events?limit=200".to_owned();
    loop {
        let page = api.get(&path).await.expect(200);
        let next = format!("/api/v1/events?limit=200&after={}", page["next_cursor"].as_str().unwrap());
        found.extend(
            page["items"].as_array().unwrap().iter().map(|e| e["event_id"].as_str().unwrap().to_owned()),
        );
        if next == path {
            return found;
        }
        path = next;
    }
}
