//! Keys: who may call what.

use angaros_domain::api_key::Scope;
use angaros_http::Api;
use angaros_store_test::MemoryStore;
use axum::body::Body;
use http::Method;

use crate::support::{Answer, App, api, header_map, request, sms};

const ID: &str = "019c1c3a-5407-7abc-8def-0123456789ab";

/// Every operation that needs a key, with the scopes of which any one is enough.
pub(crate) fn guarded() -> Vec<(Method, String, &'static [Scope])> {
    const SEND: &[Scope] = &[Scope::Send];
    const READ: &[Scope] = &[Scope::Read];
    const INGEST: &[Scope] = &[Scope::Ingest];
    const FOLLOW: &[Scope] = &[Scope::Read, Scope::Send];
    const ADMIN: &[Scope] = &[];
    let base = "/api/v1";
    vec![
        (Method::POST, format!("{base}/notifications"), SEND),
        (Method::GET, format!("{base}/notifications"), FOLLOW),
        (Method::GET, format!("{base}/notifications/{ID}"), FOLLOW),
        (Method::PATCH, format!("{base}/notifications/{ID}/cancel"), SEND),
        (Method::GET, format!("{base}/notifications/{ID}/trace"), FOLLOW),
        (Method::POST, format!("{base}/notifications/{ID}/retry"), SEND),
        (Method::POST, format!("{base}/notifications/retry"), SEND),
        (Method::POST, format!("{base}/notifications/batch"), SEND),
        (Method::GET, format!("{base}/notifications/batch/{ID}"), FOLLOW),
        (Method::POST, format!("{base}/templates"), SEND),
        (Method::GET, format!("{base}/templates"), FOLLOW),
        (Method::GET, format!("{base}/templates/{ID}"), FOLLOW),
        (Method::PUT, format!("{base}/templates/{ID}"), SEND),
        (Method::DELETE, format!("{base}/templates/{ID}"), SEND),
        (Method::POST, format!("{base}/templates/{ID}/preview"), FOLLOW),
        (Method::POST, format!("{base}/suppressions"), SEND),
        (Method::POST, format!("{base}/suppressions/bulk"), SEND),
        (Method::GET, format!("{base}/suppressions"), READ),
        (Method::GET, format!("{base}/suppressions/{ID}/{ID}"), READ),
        (Method::DELETE, format!("{base}/suppressions/{ID}/{ID}"), SEND),
        (Method::GET, format!("{base}/messages"), READ),
        (Method::GET, format!("{base}/messages/{ID}/timeline"), READ),
        (Method::POST, format!("{base}/events"), INGEST),
        (Method::POST, format!("{base}/events/bulk"), INGEST),
        (Method::GET, format!("{base}/events"), READ),
        (Method::GET, format!("{base}/events/{ID}"), READ),
        (Method::GET, format!("{base}/recipients/{ID}/activity"), READ),
        (Method::GET, format!("{base}/events/metrics"), READ),
        (Method::GET, format!("{base}/campaigns"), READ),
        (Method::GET, format!("{base}/campaigns/{ID}/summary"), READ),
        (Method::POST, format!("{base}/webhook-endpoints"), ADMIN),
        (Method::GET, format!("{base}/webhook-endpoints"), READ),
        (Method::GET, format!("{base}/webhook-endpoints/{ID}"), READ),
        (Method::PATCH, format!("{base}/webhook-endpoints/{ID}"), ADMIN),
        (Method::DELETE, format!("{base}/webhook-endpoints/{ID}"), ADMIN),
        (Method::GET, format!("{base}/webhook-endpoints/{ID}/secret"), ADMIN),
        (Method::POST, format!("{base}/webhook-endpoints/{ID}/rotate-secret"), ADMIN),
        (Method::POST, format!("{base}/webhook-endpoints/{ID}/ping"), ADMIN),
        (Method::GET, format!("{base}/webhook-endpoints/{ID}/deliveries"), READ),
        (Method::GET, format!("{base}/webhook-endpoints/{ID}/deliveries/{ID}"), READ),
        (Method::POST, format!("{base}/webhook-endpoints/{ID}/deliveries/{ID}/retry"), ADMIN),
        (Method::GET, format!("{base}/ws/notifications"), READ),
        // Without a topic it is refused at once, but only after the key.
        (Method::GET, format!("{base}/stream/notifications"), READ),
        (Method::GET, format!("{base}/worker"), READ),
        (Method::POST, format!("{base}/worker/start"), ADMIN),
        (Method::POST, format!("{base}/worker/stop"), ADMIN),
        (Method::GET, format!("{base}/metrics"), READ),
        (Method::GET, "/metrics".into(), READ),
        (Method::GET, "/messages".into(), READ),
        (Method::GET, format!("/messages/{ID}/timeline"), READ),
        (Method::POST, "/events".into(), INGEST),
        (Method::POST, "/events/bulk".into(), INGEST),
        (Method::GET, "/events".into(), READ),
        (Method::GET, format!("/recipients/{ID}/activity"), READ),
        (Method::GET, format!("/campaigns/{ID}/summary"), READ),
        (Method::POST, "/start".into(), ADMIN),
        (Method::POST, "/stop".into(), ADMIN),
    ]
}

async fn call(app: &App, method: &Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = request(method.clone(), path, Body::empty());
    request.headers_mut().extend(header_map(headers));
    app.send(request).await
}

#[tokio::test]
async fn every_guarded_operation_asks_for_its_scope() {
    let app = App::new();
    let mut keys = Vec::new();
    for scope in Scope::ALL {
        keys.push((scope, app.key("default", &[scope]).await));
    }
    for (method, path, any_of) in guarded() {
        let none = call(&app, &method, &path, &[]).await.problem(401, "unauthorized");
        assert_eq!(none.header("www-authenticate"), "Bearer realm=\"angaros\"", "{method} {path}");
        for (scope, key) in &keys {
            let answer = call(&app, &method, &path, &[("x-api-key", key)]).await;
            if *scope == Scope::Admin || any_of.contains(scope) {
                assert!(![401, 403].contains(&answer.status.as_u16()), "{scope} may not {method} {path}");
            } else {
                let answer = answer.problem(403, "forbidden");
                assert!(answer.header("www-authenticate").contains("insufficient_scope"));
            }
        }
    }
}

#[tokio::test]
async fn the_list_of_guarded_operations_is_the_documents() {
    let document = serde_json::to_value(angaros_http::openapi()).unwrap();
    let mut documented = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            // An empty requirement says that no key is needed.
            if operation["security"].is_null() {
                documented += 1;
                let names = [
                    "{id}",
                    "{delivery_id}",
                    "{message_id}",
                    "{recipient_id}",
                    "{campaign_id}",
                    "{channel}",
                    "{address}",
                ];
                let concrete = names.iter().fold(path.clone(), |path, name| path.replace(name, ID));
                let matches = |p: &str| p == concrete;
                let known =
                    guarded().iter().any(|(m, p, _)| m.as_str().eq_ignore_ascii_case(method) && matches(p));
                assert!(known, "{method} {path} is guarded but not tested");
                assert!(
                    operation["responses"]["401"].is_object() && operation["responses"]["403"].is_object()
                );
            } else {
                assert!(operation["responses"]["401"].is_null(), "{method} {path}");
            }
        }
    }
    let dropins =
        guarded().iter().filter(|(_, path, _)| !path.starts_with("/api") && path != "/metrics").count();
    assert_eq!(documented, guarded().len() - dropins);
}

#[tokio::test]
async fn both_headers_carry_a_key_and_the_own_one_goes_first() {
    let app = App::new();
    let key = app.key("default", &[Scope::Read]).await;
    let bearer = format!("Bearer {key}");
    let path = "/api/v1/messages";
    for headers in [
        &[("x-api-key", key.as_str())][..],
        &[("authorization", &bearer)],
        &[("authorization", &format!("bearer  {key}"))],
        &[("x-api-key", &key), ("authorization", "Basic eDp5")],
    ] {
        app.get_with(path, headers).await.is(200);
    }
    for headers in [
        &[("x-api-key", "wrong")][..],
        &[("x-api-key", "wrong"), ("authorization", &bearer)],
        &[("authorization", &key)],
        &[("authorization", "Basic eDp5")],
        &[("x-api-key", &key.replace("ak_", "ak_ff"))],
    ] {
        app.get_with(path, headers).await.problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn what_is_public_stays_public() {
    let app = App::new();
    app.key("default", &[Scope::Read]).await;
    for path in [
        "/healthz",
        "/healthz/live",
        "/healthz/ready",
        "/readyz",
        "/docs",
        "/docs/index.html",
        "/docs/start.js",
        "/docs/openapi.yaml",
        "/openapi.json",
        "/openapi.yaml",
        "/problems",
        "/problems/unauthorized",
    ] {
        app.get(path).await.is(200);
    }
}

#[tokio::test]
async fn a_service_without_keys_is_open_unless_told_otherwise() {
    let open = App::new();
    open.get("/api/v1/notifications").await.is(200);
    open.get_with("/api/v1/notifications", &[("x-api-key", "whatever")]).await.is(200);
    let closed = App::with(MemoryStore::new(), Api { require_keys: true, ..api() });
    closed.get("/api/v1/notifications").await.problem(401, "unauthorized");
    closed.get("/healthz").await.is(200);
    let key = closed.key("default", &[Scope::Read]).await;
    closed.get_with("/api/v1/notifications", &[("x-api-key", &key)]).await.is(200);
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_and_does_not_open_the_service() {
    let app = App::new();
    let key = app.key("default", &[Scope::Admin]).await;
    let prefix = key.split('_').nth(1).unwrap();
    app.get_with("/api/v1/messages", &[("x-api-key", &key)]).await.is(200);
    assert!(app.service.key_revoke(prefix).await.unwrap());
    app.get_with("/api/v1/messages", &[("x-api-key", &key)]).await.problem(401, "unauthorized");
    app.get("/api/v1/messages").await.problem(401, "unauthorized");
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let app = App::new();
    let (ours, theirs) = (app.key("ours", &[Scope::Admin]).await, app.key("theirs", &[Scope::Admin]).await);
    let body = sms().to_string();
    let sent = app.post_text("/api/v1/notifications", &body, &[("x-api-key", &ours)]).await.is(202);
    let path = sent.header("location");
    app.get_with(path, &[("x-api-key", &ours)]).await.is(200);
    app.get_with(path, &[("x-api-key", &theirs)]).await.problem(404, "not-found");
    let list = app.get_with("/api/v1/notifications", &[("x-api-key", &theirs)]).await.is(200);
    assert_eq!(list.json()["items"].as_array().unwrap().len(), 0);
    call(&app, &Method::PATCH, &format!("{path}/cancel"), &[("x-api-key", &theirs)]).await.is(404);
}

#[tokio::test]
async fn a_caller_without_a_key_can_not_make_us_read_its_body() {
    let app = App::new();
    app.key("default", &[Scope::Send]).await;
    let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = request(Method::POST, "/api/v1/notifications", Body::from_stream(never));
    app.send(request).await.problem(401, "unauthorized");
}
