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
