//! The paths of the systems that this product unites.

use angaros_store_test::fixture;
use http::Method;

use crate::support::App;

#[tokio::test]
async fn the_other_names_answer_what_the_routes_answer() {
    let app = App::new();
    let id = app.notify().await["id"].as_str().unwrap().to_owned();
    app.settle(fixture::deliver).await;
    for (dropin, route) in [
        ("/messages?limit=10".to_owned(), "/api/v1/messages?limit=10".to_owned()),
        (format!("/messages/{id}/timeline?order=desc"), format!("/api/v1/messages/{id}/timeline?order=desc")),
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
    app.get("/messages?limit=0").await.problem(400, "invalid-parameter");
}
