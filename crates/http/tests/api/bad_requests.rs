//! Every way in which a request around its body can be wrong: headers, size, pace, path, method and parameters.

use std::time::Duration;

use angaros_http::Api;
use angaros_store_test::MemoryStore;
use axum::body::Body;
use futures_util::stream;
use http::Method;
use serde_json::json;

use crate::support::{App, BODY_BYTES_MAX, api, header_map, json_request, request, sms, sms_with};

const SEND: &str = "/api/v1/notifications";

#[tokio::test]
async fn wrong_content_type() {
    let app = App::new();
    let body = sms().to_string();
    for headers in [
        &[("content-type", "text/plain")][..],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "application/json; charset=latin1")],
        &[("content-type", "multipart/form-data; boundary=x")],
        &[("content-type", "application/json"), ("content-encoding", "gzip")],
        &[],
    ] {
        let mut request = request(Method::POST, SEND, Body::from(body.clone()));
        request.headers_mut().extend(header_map(headers));
        app.send(request).await.problem(415, "unsupported-media-type");
    }
    app.holds_nothing().await;
    for content_type in ["application/json", "application/json; charset=UTF-8", "application/vnd.x+json"] {
        let mut request = request(Method::POST, SEND, Body::from(body.clone()));
        request.headers_mut().extend(header_map(&[("content-type", content_type)]));
        app.send(request).await.is(202);
    }
}

#[tokio::test]
async fn oversized_bodies() {
    let app = App::new();
    let large = sms_with(json!({"content": "x".repeat(BODY_BYTES_MAX)})).to_string();
    // Announced, and not announced.
    let mut announced = request(Method::POST, SEND, Body::from(large.clone()));
    let length = large.len().to_string();
    announced
        .headers_mut()
        .extend(header_map(&[("content-type", "application/json"), ("content-length", &length)]));
    app.send(announced).await.problem(413, "body-too-large");
    let frames = large.into_bytes().chunks(1000).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let frames = frames.into_iter().map(Ok::<_, std::io::Error>);
    let mut streamed = request(Method::POST, SEND, Body::from_stream(stream::iter(frames)));
    streamed.headers_mut().extend(header_map(&[("content-type", "application/json")]));
    app.send(streamed).await.problem(413, "body-too-large");
    app.holds_nothing().await;
}

#[tokio::test]
async fn a_body_that_breaks_off() {
    let app = App::new();
    let frames = [Ok(b"{\"channel\"".to_vec()), Err(std::io::Error::other("reset"))];
    let mut request = request(Method::POST, SEND, Body::from_stream(stream::iter(frames)));
    request.headers_mut().extend(header_map(&[("content-type", "application/json")]));
    app.send(request).await.problem(400, "unreadable-body");
    app.holds_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn slow_bodies() {
    for (seconds, told) in [(1, "within 1 second."), (5, "within 5 seconds.")] {
        let request_timeout = Duration::from_secs(seconds);
        let app = App::with(MemoryStore::new(), Api { request_timeout, ..api() });
        let never = stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let mut request = request(Method::POST, SEND, Body::from_stream(never));
        request.headers_mut().extend(header_map(&[("content-type", "application/json")]));
        let answer = app.send(request).await.problem(408, "request-timeout");
        assert!(answer.text("/detail").ends_with(told), "{}", answer.text("/detail"));
        app.holds_nothing().await;
    }
}

#[tokio::test]
async fn unknown_routes() {
    let app = App::new();
    for path in [
        "/",
        "/api",
        "/api/v1",
        "/api/v1/notification",
        "/api/v1/notifications/",
        "/api/v2/notifications",
        "/%ff",
        "/api/v1/notifications/a/b/c",
    ] {
        app.get(path).await.problem(404, "not-found");
        app.post(path, &sms()).await.problem(404, "not-found");
    }
    app.holds_nothing().await;
}

#[tokio::test]
async fn wrong_methods() {
    let app = App::new();
    for (method, path, allow) in [
        (Method::DELETE, SEND, "POST,GET,HEAD"),
        (Method::PUT, SEND, "POST,GET,HEAD"),
        (Method::GET, "/api/v1/notifications/batch", "POST"),
        (Method::GET, "/api/v1/notifications/retry", "POST"),
        (Method::POST, "/api/v1/notifications/019c1c3a-5407-7abc-8def-0123456789ab/cancel", "PATCH"),
        (Method::POST, "/healthz", "GET,HEAD"),
        (Method::GET, "/start", "POST"),
        (Method::from_bytes(b"BREW").unwrap(), "/metrics", "GET,HEAD"),
    ] {
        let answer = app.call(method.clone(), path).await.problem(405, "method-not-allowed");
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
    }
    app.holds_nothing().await;
}

#[tokio::test]
async fn head_and_options_do_what_they_are_for() {
    let app = App::new();
    let head = app.call(Method::HEAD, SEND).await.is(200);
    assert!(head.body.is_empty());
    let options = app.call(Method::OPTIONS, SEND).await.is(204);
    assert_eq!(options.header("allow"), "POST,GET,HEAD");
    app.call(Method::OPTIONS, "/nowhere").await.is(404);
}

#[tokio::test]
async fn bad_path_parameters_name_nothing() {
    let app = App::new();
    for id in ["17", "not-a-uuid", "%ff", "019c1c3a-5407-7abc-8def-0123456789ab"] {
        app.get(&format!("{SEND}/{id}")).await.problem(404, "not-found");
        app.get(&format!("{SEND}/{id}/trace")).await.problem(404, "not-found");
        app.get(&format!("{SEND}/batch/{id}")).await.problem(404, "not-found");
        app.get(&format!("/api/v1/templates/{id}")).await.problem(404, "not-found");
        app.call(Method::PATCH, &format!("{SEND}/{id}/cancel")).await.problem(404, "not-found");
        app.call(Method::POST, &format!("{SEND}/{id}/retry")).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn bad_query_parameters() {
    let app = App::new();
    let long = "x".repeat(256);
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("limi=10", "limi"),
        ("status=lost", "status"),
        ("channel=fax", "channel"),
        ("batch_id=17", "batch_id"),
        ("created_after=yesterday", "created_after"),
        ("created_before=2026-01-01T00:00:00+02:00", "created_before"),
        ("created_after=1770000001&created_before=1770000000", "created_after"),
        ("campaign_id=", "campaign_id"),
        ("recipient_id=", "recipient_id"),
        (&format!("campaign_id={long}"), "campaign_id"),
        (&format!("recipient_id={}", "x".repeat(4097)), "recipient_id"),
    ] {
        let answer = app.get(&format!("{SEND}?{query}")).await.problem(400, "invalid-parameter");
        assert_eq!(answer.text("/errors/0/parameter"), name, "{query}");
        assert!(!answer.text("/detail").contains("yesterday"));
    }
    for query in [
        "limit=1",
        "limit=200",
        "status=queued&channel=sms",
        "created_after=1770000000",
        "created_after=1770000000&created_before=1770000000",
        &format!("campaign_id={}", "\u{e9}".repeat(255)),
        &format!("recipient_id={}", "x".repeat(4096)),
        "created_before=2026-01-01T00:00:00%2B02:00",
    ] {
        app.get(&format!("{SEND}?{query}")).await.is(200);
    }
}

/// Operations that have no query parameters know none, whatever else is right or wrong with the request.
#[tokio::test]
async fn query_parameters_where_there_are_none() {
    let app = App::new();
    let unknown = "/api/v1/notifications/019c1c3a-5407-7abc-8def-0123456789ab";
    for (method, path) in [
        (Method::POST, SEND.to_owned()),
        (Method::POST, format!("{SEND}/batch")),
        (Method::POST, format!("{SEND}/retry")),
        (Method::GET, unknown.to_owned()),
        (Method::GET, format!("{unknown}/trace")),
        (Method::PATCH, format!("{unknown}/cancel")),
        (Method::POST, format!("{unknown}/retry")),
        (Method::DELETE, "/api/v1/templates/17".to_owned()),
        (Method::GET, "/api/v1/metrics".to_owned()),
        (Method::GET, "/api/v1/worker".to_owned()),
        (Method::POST, "/api/v1/worker/stop".to_owned()),
    ] {
        for query in ["foo=1", "foo", "%66oo=&bar=2"] {
            let answer = app.send(json_request(method.clone(), &format!("{path}?{query}"), &sms())).await;
            let answer = answer.problem(400, "invalid-parameter");
            assert_eq!(answer.text("/errors/0/parameter"), "foo", "{method} {path}?{query}");
        }
    }
    app.holds_nothing().await;
    for path in ["/api/v1/metrics?", "/healthz?foo=1", "/metrics?foo=1", "/docs?foo=1", "/openapi.json?v=2"] {
        app.get(path).await.is(200);
    }
    app.call(Method::HEAD, "/api/v1/worker?foo=1").await.is(400);
    app.call(Method::TRACE, "/api/v1/worker?foo=1").await.problem(405, "method-not-allowed");
}

#[tokio::test]
async fn bodies_where_there_are_none() {
    let app = App::new();
    let id = app.notify().await["id"].as_str().unwrap().to_owned();
    let (cancel, retry) = (format!("{SEND}/{id}/cancel"), format!("{SEND}/{id}/retry"));
    for (method, path) in [(Method::PATCH, &cancel), (Method::POST, &retry)] {
        for (body, slug) in [
            (r#"{"reason":"late"}"#, "invalid-request"),
            ("[]", "invalid-request"),
            ("1", "invalid-request"),
            ("{", "malformed-json"),
            ("reason=late", "malformed-json"),
        ] {
            app.send(request(method.clone(), path, Body::from(body))).await.problem(400, slug);
        }
    }
    assert_eq!(app.get(&format!("{SEND}/{id}")).await.text("/status"), "queued");
    app.send(request(Method::POST, &retry, Body::from(" "))).await.is(409);
    app.send(request(Method::PATCH, &cancel, Body::from(" {} "))).await.is(200);
}

#[tokio::test]
async fn bad_idempotency_keys() {
    let app = App::new();
    let long = "x".repeat(256);
    for headers in [
        &[("idempotency-key", "")][..],
        &[("idempotency-key", "\"open")],
        &[("idempotency-key", &long)],
        &[("idempotency-key", "a"), ("idempotency-key", "b")],
    ] {
        let mut request = json_request(Method::POST, SEND, &sms());
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        app.send(request).await.problem(400, "invalid-header");
    }
    app.holds_nothing().await;
}
