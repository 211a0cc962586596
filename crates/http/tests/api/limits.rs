//! Rate limits: who is counted together, what is counted, and what callers hear of it.

use std::net::SocketAddr;
use std::time::Duration;

use angaros_domain::api_key::Scope;
use angaros_http::{Api, Limits, Server};
use angaros_store_test::MemoryStore;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Method, Request};
use serde_json::json;

use crate::auth::guarded;
use crate::server::{exchange, start};
use crate::support::{Answer, App, api, header_map, json_request, request, sms};

const LIST: &str = "/api/v1/notifications";
const STRANGER: &str = "192.0.2.1";

/// A service with limits, behind proxies in 10.0.0.0/8.
fn limited(inbound_per_minute: u32, metrics_per_minute: u32) -> App {
    let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    let limits = Limits { inbound_per_minute, metrics_per_minute, trusted_proxies };
    App::with(MemoryStore::new(), Api { limits, ..api() })
}

/// Sends a request as if over a connection from `peer`.
async fn send(app: &App, peer: &str, mut request: Request<Body>, headers: &[(&str, &str)]) -> Answer {
    request.headers_mut().extend(header_map(headers));
    request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4711)));
    app.send(request).await
}

async fn get(app: &App, peer: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    send(app, peer, request(Method::GET, path, Body::empty()), headers).await
}

#[tokio::test(start_paused = true)]
async fn each_key_has_its_own_limit_and_hears_what_is_left() {
    let app = limited(3, 0);
    let (one, other) = (app.key("default", &[Scope::Send]).await, app.key("default", &[Scope::Send]).await);
    let post = || json_request(Method::POST, LIST, &sms());
    // Whatever address the key is used from.
    for (peer, standing) in [
        ("192.0.2.1", "\"default\";r=2;t=20"),
        ("192.0.2.2", "\"default\";r=1;t=40"),
        ("2001:db8::1", "\"default\";r=0;t=60"),
    ] {
        let answer = send(&app, peer, post(), &[("x-api-key", &one)]).await.is(202);
        assert_eq!(answer.header("ratelimit-policy"), "\"default\";q=3;w=60");
        assert_eq!(answer.header("ratelimit"), standing);
    }
    let refused = send(&app, STRANGER, post(), &[("x-api-key", &one)]).await.problem(429, "rate-limited");
    assert_eq!((refused.header("retry-after"), refused.header("ratelimit")), ("20", "\"default\";r=0;t=20"));
    assert!(refused.text("/detail").contains("3 calls a minute"));
    send(&app, STRANGER, post(), &[("x-api-key", &other)]).await.is(202);
    let stats = app.service.stats(None).await.unwrap();
    assert_eq!(stats.depths[0].depth, 4, "what was refused was not stored");

    tokio::time::advance(Duration::from_secs(20)).await;
    let authorization = format!("Bearer {one}");
    let again = send(&app, STRANGER, post(), &[("authorization", &authorization)]).await.is(202);
    assert_eq!(again.header("ratelimit"), "\"default\";r=0;t=60");
}

#[tokio::test]
async fn without_keys_each_address_has_its_own() {
    let app = limited(1, 0);
    let proxied = |client| [("x-forwarded-for", client)];
    for (peer, forwarded_for, status) in [
        ("192.0.2.1", "", 200),
        ("192.0.2.1", "198.51.100.9", 429),
        ("192.0.2.2", "", 200),
        ("10.0.0.1", "198.51.100.1", 200),
        ("10.0.0.2", "203.0.113.7, 198.51.100.1, 10.9.9.9", 429),
        ("10.0.0.1", "nonsense", 200),
        ("2001:db8::1", "", 200),
        ("2001:db8::ffff:1", "", 429),
        ("2001:db8:0:1::1", "", 200),
    ] {
        let answer = get(&app, peer, LIST, &proxied(forwarded_for)).await;
        assert_eq!(answer.status.as_u16(), status, "{peer} {forwarded_for}");
        assert_eq!(answer.header("ratelimit-policy"), "\"default\";q=1;w=60");
    }
}

#[tokio::test]
async fn who_guesses_keys_is_slowed_down_and_nobody_else() {
    let app = limited(2, 600);
    let key = app.key("default", &[Scope::Read]).await;
    let mut wrong = key.clone();
    wrong.replace_range(key.len() - 4.., "AAAA");
    // On whatever it is tried: queries of metrics, and what is not limited with a valid key.
    get(&app, STRANGER, "/api/v1/metrics", &[("x-api-key", &wrong)]).await.problem(401, "unauthorized");
    let none = get(&app, STRANGER, "/metrics", &[]).await.problem(401, "unauthorized");
    assert_eq!(none.header("ratelimit"), "\"default\";r=0;t=60");
    for path in [LIST, "/metrics", "/api/v1/metrics"] {
        get(&app, STRANGER, path, &[("x-api-key", &wrong)]).await.problem(429, "rate-limited");
    }
    get(&app, STRANGER, LIST, &[("x-api-key", &key)]).await.is(200);
    get(&app, "192.0.2.2", LIST, &[("x-api-key", &wrong)]).await.problem(401, "unauthorized");
}

#[tokio::test]
async fn metrics_queries_have_a_limit_of_their_own() {
    let app = limited(1, 4);
    let queries =
        ["/api/v1/events/metrics", "/api/v1/metrics", "/metrics?event_name=opened", "/metrics?group_by=day"];
    for path in queries {
        let answer = get(&app, STRANGER, path, &[]).await.is(200);
        assert_eq!(answer.header("ratelimit-policy"), "\"metrics\";q=4;w=60", "{path}");
    }
    for path in queries {
        let refused = get(&app, STRANGER, path, &[]).await.problem(429, "rate-limited");
        assert!(refused.header("ratelimit").starts_with("\"metrics\";r=0;"), "{path}");
    }
    get(&app, STRANGER, LIST, &[]).await.is(200);
    get(&app, STRANGER, LIST, &[]).await.problem(429, "rate-limited");
}

#[tokio::test]
async fn probes_scrapes_and_documents_are_not_limited() {
    let app = limited(1, 1);
    get(&app, STRANGER, LIST, &[]).await.is(200);
    get(&app, STRANGER, "/api/v1/metrics", &[]).await.is(200);
    for path in [
        "/healthz",
        "/healthz/live",
        "/readyz",
        "/healthz/ready",
        "/metrics",
        "/docs",
        "/docs/start.js",
        "/docs/index.html",
        "/openapi.json",
        "/problems",
        "/problems/rate-limited",
    ] {
        for _ in 0..2 {
            let answer = get(&app, STRANGER, path, &[]).await.is(200);
            assert!(!answer.headers.contains_key("ratelimit"), "{path}");
        }
    }
}

#[tokio::test]
async fn without_a_limit_nothing_is_said() {
    for (app, path) in [(limited(0, 600), LIST), (limited(60, 0), "/api/v1/metrics"), (App::new(), LIST)] {
        for _ in 0..3 {
            let answer = get(&app, STRANGER, path, &[]).await.is(200);
            for header in ["ratelimit", "ratelimit-policy"] {
                assert!(!answer.headers.contains_key(header), "{path}: {header}");
            }
        }
    }
}

#[tokio::test]
async fn every_operation_that_asks_for_a_key_is_limited_before_its_body_is_read() {
    for (method, path, _) in guarded().into_iter().filter(|(_, path, _)| path != "/metrics") {
        let app = limited(1, 1);
        let body = || Body::from("not even JSON");
        let first = send(&app, STRANGER, request(method.clone(), &path, body()), &[]).await;
        assert_ne!(first.status, 429, "{method} {path}");
        let second = send(&app, STRANGER, request(method.clone(), &path, body()), &[]).await;
        second.problem(429, "rate-limited");
    }
}

#[tokio::test]
async fn the_address_is_that_of_the_connection() {
    let trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let limits = Limits { inbound_per_minute: 1, trusted_proxies, ..Limits::default() };
    let app = App::with(MemoryStore::new(), Api { limits, ..api() });
    let running = start(&app, Server::default()).await;
    for (client, status) in [("192.0.2.1", 200), ("192.0.2.2", 200), ("192.0.2.1", 429)] {
        let head = format!("GET {LIST} HTTP/1.1\r\nhost: x\r\nx-forwarded-for: {client}\r\n");
        let answer = exchange(running.address, format!("{head}connection: close\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{client}: {answer}");
    }
}

#[test]
fn the_document_says_who_may_be_refused() {
    let document = serde_json::to_value(angaros_http::openapi()).unwrap();
    let mut limited = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let responses = &operation["responses"];
            assert_eq!(responses["401"].is_object(), responses["429"].is_object(), "{method} {path}");
            if let Some(headers) = responses["429"]["headers"].as_object() {
                for header in ["Retry-After", "RateLimit-Policy", "RateLimit", "X-Correlation-ID"] {
                    assert!(headers.contains_key(header), "{method} {path}: {header}");
                }
                limited += 1;
            }
        }
    }
    assert!(limited >= 25, "only {limited}");
    assert_eq!(document["components"]["headers"]["RetryAfter"]["schema"]["type"], json!("integer"));
}
