//! Without keys: what pages of others can not do through the user's browser.

use axum::body::Body;
use http::{HeaderValue, Method};
use serde_json::json;

use crate::auth::guarded;
use crate::support::{Answer, App, header_map, request};

async fn ask(app: &App, method: &Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = request(method.clone(), path, Body::empty());
    request.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    request.headers_mut().extend(header_map(headers));
    app.send(request).await
}

#[tokio::test]
async fn a_page_of_somebody_else_changes_nothing() {
    let app = App::new();
    for (method, path, _) in guarded() {
        if method == Method::GET {
            continue;
        }
        for headers in [
            &[("host", "127.0.0.1:8080"), ("origin", "http://evil.example")][..],
            &[("host", "127.0.0.1:8080"), ("origin", "null")],
            &[("sec-fetch-site", "cross-site")],
        ] {
            ask(&app, &method, &path, headers).await.problem(403, "foreign-origin");
        }
    }
    assert_eq!(app.get("/api/v1/worker").await.json()["running"], json!(true));
}

#[tokio::test]
async fn a_page_that_lets_its_name_lead_here_reaches_nothing() {
    let app = App::new();
    for (method, path, _) in guarded() {
        for headers in [
            &[("host", "evil.example:8080"), ("origin", "http://evil.example:8080")][..],
            &[("host", "evil.example"), ("sec-fetch-site", "same-origin")],
            &[("host", "evil.example"), ("accept-language", "en")],
        ] {
            let answer = ask(&app, &method, &path, headers).await.problem(403, "unknown-host");
            assert!(answer.json()["detail"].as_str().unwrap().contains("security.open_hosts"));
        }
    }
}

#[tokio::test]
async fn programs_and_own_pages_go_on() {
    let app = App::new();
    for headers in [
        &[("host", "angaros:8080")][..],
        &[("host", "angaros.example.org")],
        &[("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:8080")],
        &[("host", "angaros.lan:8080"), ("origin", "http://angaros.lan:8080")],
        &[("host", "localhost"), ("sec-fetch-site", "same-origin"), ("origin", "http://localhost")],
    ] {
        ask(&app, &Method::POST, "/api/v1/worker/stop", headers).await.is(200);
        ask(&app, &Method::GET, "/api/v1/worker", headers).await.is(200);
    }
}

#[tokio::test]
async fn what_watches_the_service_reaches_it_by_any_name() {
    let app = App::new();
    for path in ["/healthz", "/healthz/live", "/healthz/ready", "/readyz", "/metrics"] {
        ask(&app, &Method::GET, path, &[("host", "angaros.example.org")]).await.is(200);
    }
}
