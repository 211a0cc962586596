//! The paths of the systems that this product unites.

use angaros_store_test::fixture;
use http::Method;
use serde_json::json;

use crate::support::{App, event};

#[tokio::test]
async fn the_other_names_answer_what_the_routes_answer() {
    let app = App::new();
    let id = app.notify().await["id"].as_str().unwrap().to_owned();
    app.settle(fixture::deliver).await;
    for (dropin, route) in [
        ("/messages?limit=10".to_owned(), "/api/v1/messages?limit=10".to_owned()),
        (format!("/messages/{id}/timeline?order=desc"), format!("/api/v1/messages/{id}/timeline?order=desc")),
        ("/events?limit=2".into(), "/api/v1/events?limit=2".into()),
        (
            "/recipients/%2B4915112345678/activity".into(),
            "/api/v1/recipients/%2B4915112345678/activity".into(),
        ),
        ("/campaigns/spring%2F26/summary".into(), "/api/v1/campaigns/spring%2F26/summary".into()),
        ("/docs/index.html".into(), "/docs".into()),
        ("/docs/openapi.yaml".into(), "/openapi.yaml".into()),
    ] {
        let (dropin, route) = (app.get(&dropin).await.is(200), app.get(&route).await.is(200));
        assert_eq!(dropin.body, route.body);
        assert_eq!(dropin.header("content-type"), route.header("content-type"));
    }
    for (path, running) in [("/stop", false), ("/start", true)] {
        let answer = app.call(Method::POST, path).await.is(200).json();
        assert_eq!(answer["running"], running);
        assert_eq!(app.get("/api/v1/worker").await.is(200).json(), answer);
    }
    let created = app.post("/events", &event()).await.is(201);
    assert_eq!(app.post("/api/v1/events", &event()).await.is(200).json(), created.json());
    let bulk = app.post("/events/bulk", &json!([event()])).await.is(200).json();
    assert_eq!(bulk["duplicates"], 1);
    app.get("/messages?limit=0").await.problem(400, "invalid-parameter");
}

#[tokio::test]
async fn metrics_are_those_of_events_if_the_query_asks_for_them() {
    let app = App::new();
    app.post("/events", &event()).await.is(201);
    let text = app.get("/metrics").await.is(200);
    for query in ["x=1", "name[]=a", "campaign_id=c", "provider=mailer&timezone=UTC", "eventname=opened"] {
        let answer = app.get(&format!("/metrics?{query}")).await.is(200);
        assert_eq!((&answer.body, answer.header("content-type")), (&text.body, text.header("content-type")));
    }
    let range = "from=1770000000&to=1770100000";
    for query in [
        range.to_owned(),
        format!("{range}&event_name=opened"),
        format!("{range}&channel=email&provider=mailer"),
        format!("{range}&group_by=day&timezone=Europe/Berlin"),
        "from=2026-02-02T08:15:30Z&to=2026-02-02T08:15:30Z&campaign_id=c".into(),
    ] {
        let dropin = app.get(&format!("/metrics?{query}")).await.is(200);
        let route = app.get(&format!("/api/v1/events/metrics?{query}")).await.is(200);
        assert_eq!(dropin.json(), route.json(), "{query}");
    }
    let counted = app.get(&format!("/metrics?{range}")).await.json();
    assert_eq!(counted["totals"], json!({"count": 1, "unique_users": 1}));
    for (query, name) in [
        ("event_name=opened", None),
        ("channel=email", None),
        ("group_by=hour", None),
        ("group_by=year", Some("group_by")),
        ("from=9&to=8", Some("from")),
        ("to=never", Some("to")),
        ("event_name=opened&x=1", Some("x")),
    ] {
        let answer = app.get(&format!("/metrics?{query}")).await;
        match name {
            None => drop(answer.is(200).json()["totals"].as_object().unwrap()),
            Some(name) => {
                assert_eq!(answer.problem(400, "invalid-parameter").text("/errors/0/parameter"), name);
            }
        }
    }
}
