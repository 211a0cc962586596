//! Signing in with a key, and how long that lasts.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use angaros_domain::api_key::Scope;
use angaros_domain::session::SESSION_SECONDS;
use angaros_http::{Api, Limits};
use angaros_store_test::MemoryStore;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use http::Request;
use tower::ServiceExt;

use crate::browser::Browser;
use crate::support::{App, api};

#[tokio::test]
async fn an_open_service_asks_for_nothing() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    browser.get("/console").await.is(200).does_not_say("Sign out");
    browser.get("/console/sign-in?next=/console/send").await.leads_to("/console/send");
}

#[tokio::test]
async fn an_open_service_answers_browsers_only_by_names_that_nobody_else_can_have() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    for (host, status) in [("localhost:8080", 200), ("angaros.lan", 200), ("evil.example", 403)] {
        for path in ["/console", "/console/keys", "/console/send"] {
            browser.get_from(path, &[("host", host)]).await.is(status);
        }
    }
    let origin = [("host", "evil.example"), ("origin", "http://evil.example")];
    browser.submit_from("/console/worker/pause", &[], &origin).await.is(403).says("security.open_hosts");
    let key = app.key("default", &[Scope::Read]).await;
    browser.sign_in(&key).await.leads_to("/console");
    browser.get_from("/console", &[("host", "evil.example")]).await.is(200);
}

#[tokio::test]
async fn whoever_has_no_session_is_led_to_the_sign_in_and_back() {
    let app = App::new();
    let key = app.key("default", &[Scope::Read]).await;
    let mut browser = Browser::new(&app);
    let page = browser.get("/console/notifications?status=failed&channel=sms").await;
    let sign_in = page.leads_to("/console/sign-in").to_owned();
    let form = browser.get(&sign_in).await.is(200);
    let next = form.field("next").unwrap();
    assert_eq!(next, "/console/notifications?status=failed&channel=sms");
    let entered = browser.submit("/console/sign-in", &[("key", &format!(" {key} ")), ("next", &next)]).await;
    assert_eq!(entered.leads_to("/console/notifications"), next);
    browser.get(&next).await.is(200).says("Sign out");
    browser.submit("/console/send", &[]).await.is(403);
}

#[tokio::test]
async fn the_cookie_holds_no_key_and_goes_nowhere_else() {
    let app = App::new();
    let key = app.key("default", &[Scope::Read]).await;
    let mut browser = Browser::new(&app);
    let entered = browser.sign_in(&key).await;
    let cookie = entered.headers["set-cookie"].to_str().unwrap();
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/console", &format!("Max-Age={SESSION_SECONDS}")] {
        assert!(cookie.split("; ").any(|part| part == attribute), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "the browser came without TLS: {cookie}");
    let secret = key.rsplit('_').next().unwrap();
    assert!(!cookie.contains(secret));
    let header = [("cookie", cookie.split(';').next().unwrap())];
    app.get_with("/api/v1/notifications", &header).await.problem(401, "unauthorized");
}

#[tokio::test]
async fn behind_a_proxy_that_speaks_tls_the_cookie_goes_over_tls_only() {
    let limits = Limits { trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()], ..Limits::default() };
    let app = App::with(MemoryStore::new(), Api { limits, ..api() });
    let key = app.key("default", &[Scope::Read]).await;
    for (proxy, secure) in [([10, 0, 0, 1], true), ([192, 0, 2, 1], false)] {
        let request = Request::post("/console/sign-in")
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-forwarded-proto", "https")
            .extension(ConnectInfo(SocketAddr::from((proxy, 4711))))
            .body(Body::from(format!("key={key}")));
        let response = app.router.clone().oneshot(request.unwrap()).await.unwrap();
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        assert_eq!(cookie.split("; ").any(|part| part == "Secure"), secure, "{cookie}");
    }
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_not_shown_again() {
    let app = App::new();
    app.key("default", &[Scope::Read]).await;
    let mut browser = Browser::new(&app);
    for wrong in ["", "secret-guess", "ak_000000000000_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let page = browser.sign_in(wrong).await.is(401);
        page.says("is not a valid key");
        assert!(wrong.is_empty() || !page.html.contains(wrong));
        assert_eq!(browser.cookie(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_after_its_time() {
    let app = App::new();
    let mut browser = Browser::signed_in(&app, &[Scope::Read]).await;
    let cookie = browser.cookie().unwrap().to_owned();
    tokio::time::advance(Duration::from_secs(SESSION_SECONDS as u64 - 10)).await;
    browser.get("/console").await.is(200);
    tokio::time::advance(Duration::from_secs(10)).await;
    browser.set_cookie(&cookie);
    browser.get("/console").await.leads_to("/console/sign-in");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_used_goes_on() {
    let app = App::new();
    let mut browser = Browser::signed_in(&app, &[Scope::Send]).await;
    tokio::time::advance(Duration::from_secs(SESSION_SECONDS as u64 / 2)).await;
    let page = browser.get("/console/send").await.is(200);
    assert!(!page.headers.contains_key("set-cookie"), "it has half of its time left");
    for seconds in [2, SESSION_SECONDS as u64 / 2 + 2, SESSION_SECONDS as u64 - 2] {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        let page = browser.get("/console/send").await.is(200);
        let cookie = page.headers["set-cookie"].to_str().unwrap();
        assert!(
            cookie.contains(&format!("Max-Age={SESSION_SECONDS}")) && cookie.contains("HttpOnly"),
            "{cookie}"
        );
    }
    tokio::time::advance(Duration::from_secs(SESSION_SECONDS as u64 - 10)).await;
    let signed_out = browser.submit("/console/sign-out", &[]).await;
    assert!(signed_out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(browser.cookie(), None);
}

#[tokio::test(start_paused = true)]
async fn a_form_that_came_too_late_can_be_sent_again() {
    let app = App::new();
    let key = app.key("default", &[Scope::Send]).await;
    let mut browser = Browser::new(&app);
    browser.sign_in(&key).await.is(303);
    let form = [("channel", "sms"), ("recipient", "+4915112345678"), ("content", "hi")];
    tokio::time::advance(Duration::from_secs(SESSION_SECONDS as u64)).await;
    browser.submit("/console/send", &form).await.is(401).says("nothing was done").has("target=\"_blank\"");
    browser.sign_in(&key).await.is(303);
    browser.get("/console/notifications").await.is(200).says("Nothing was sent yet");
    browser.submit("/console/send", &form).await.is(303);
}

#[tokio::test]
async fn a_session_ends_with_its_key() {
    let app = App::new();
    let key = app.key("default", &[Scope::Read]).await;
    let mut browser = Browser::new(&app);
    browser.sign_in(&key).await.leads_to("/console");
    browser.get("/console").await.is(200);
    assert!(app.service.key_revoke(key.split('_').nth(1).unwrap()).await.unwrap());
    browser.get("/console").await.leads_to("/console/sign-in");
}

#[tokio::test]
async fn a_session_that_was_changed_opens_nothing() {
    let app = App::new();
    let mut browser = Browser::signed_in(&app, &[Scope::Read]).await;
    let session = browser.cookie().unwrap().to_owned();
    let parts: Vec<&str> = session.split('.').collect();
    let later = format!("{}.{}.{}", parts[0], parts[1].parse::<i64>().unwrap() + 3600, parts[2]);
    let other = app.key("default", &[Scope::Admin]).await;
    let stolen = format!("{}.{}.{}", other.split('_').nth(1).unwrap(), parts[1], parts[2]);
    for wrong in [later.as_str(), &stolen, "", "x", &format!("{session}x")] {
        browser.set_cookie(wrong);
        browser.get("/console").await.leads_to("/console/sign-in");
    }
    browser.set_cookie(&session);
    browser.get("/console").await.is(200);
}

#[tokio::test]
async fn signing_out_forgets_the_session() {
    let app = App::new();
    let mut browser = Browser::signed_in(&app, &[Scope::Read]).await;
    browser.submit("/console/sign-out", &[]).await.leads_to("/console/sign-in");
    assert_eq!(browser.cookie(), None);
    browser.get("/console").await.leads_to("/console/sign-in");
}

#[tokio::test]
async fn nobody_is_led_elsewhere_after_signing_in() {
    let app = App::new();
    let key = app.key("default", &[Scope::Read]).await;
    for next in
        ["https://evil.example/", "//evil.example/console", "/\\evil.example", "/docs", "javascript:alert(1)"]
    {
        let mut browser = Browser::new(&app);
        let entered = browser.submit("/console/sign-in", &[("key", &key), ("next", next)]).await;
        assert_eq!(entered.leads_to("/console"), "/console", "{next}");
    }
}

#[tokio::test]
async fn a_key_leads_to_what_it_may_see() {
    let app = App::new();
    let (sender, ingest) =
        (app.key("default", &[Scope::Send]).await, app.key("default", &[Scope::Ingest]).await);
    let mut browser = Browser::new(&app);
    for next in ["", "/console"] {
        let entered = browser.submit("/console/sign-in", &[("key", &sender), ("next", next)]).await;
        entered.leads_to("/console/notifications");
    }
    let asked = browser.submit("/console/sign-in", &[("key", &sender), ("next", "/console/events")]).await;
    asked.leads_to("/console/events");
    browser.get("/console/notifications").await.is(200);
    let mut browser = Browser::new(&app);
    browser.sign_in(&ingest).await.is(403).says("opens no page of the console");
    assert_eq!(browser.cookie(), None);
}

#[tokio::test]
async fn guessing_is_limited() {
    let limits = Limits { inbound_per_minute: 3, ..Limits::default() };
    let app = App::with(MemoryStore::new(), Api { limits, ..api() });
    app.key("default", &[Scope::Read]).await;
    let mut browser = Browser::new(&app);
    for _ in 0..3 {
        browser.sign_in("guess").await.is(401);
    }
    let page = browser.sign_in("guess").await.is(429);
    assert!(page.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn nothing_is_read_from_whoever_is_foreign_or_came_too_often() {
    let limits = Limits { inbound_per_minute: 1, ..Limits::default() };
    let app = App::with(MemoryStore::new(), Api { limits, ..api() });
    app.key("default", &[Scope::Read]).await;
    for (site, status, expected) in
        [("cross-site", 403, false), ("same-origin", 401, true), ("same-origin", 429, false)]
    {
        let was_read = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&was_read);
        let body = Body::from_stream(futures_util::stream::once(async move {
            flag.store(true, Ordering::Relaxed);
            Ok::<_, Infallible>(Bytes::from_static(b"key=guess"))
        }));
        let request = sign_in_request().header("sec-fetch-site", site).body(body).unwrap();
        let response = app.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(was_read.load(Ordering::Relaxed), expected, "{status}");
    }
}

#[tokio::test]
async fn no_more_is_read_than_a_key_needs() {
    let app = App::new();
    app.key("default", &[Scope::Read]).await;
    let large = format!("key={}", "x".repeat(8 * 1024));
    let request = sign_in_request().header("sec-fetch-site", "same-origin").body(Body::from(large)).unwrap();
    let response = app.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status().as_u16(), 413);
}

fn sign_in_request() -> http::request::Builder {
    Request::post("/console/sign-in").header("content-type", "application/x-www-form-urlencoded")
}

#[tokio::test]
async fn where_keys_are_required_and_none_is_there_the_page_says_how_to_make_one() {
    let app = App::with(MemoryStore::new(), Api { require_keys: true, ..api() });
    let mut browser = Browser::new(&app);
    browser.get("/console").await.leads_to("/console/sign-in");
    browser.get("/console/sign-in").await.is(200).says("angaros keys create");
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let app = App::new();
    let (ours, theirs) = (app.key("ours", &[Scope::Admin]).await, app.key("theirs", &[Scope::Admin]).await);
    let header = [("x-api-key", ours.as_str())];
    let sent =
        app.post_text("/api/v1/notifications", &crate::support::sms().to_string(), &header).await.is(202);
    let path = format!("/console/notifications/{}", sent.text("/id"));
    let mut stranger = Browser::new(&app);
    stranger.sign_in(&theirs).await.leads_to("/console");
    stranger.get(&path).await.is(404);
    stranger.submit(&format!("{path}/cancel"), &[]).await.is(404);
    stranger.get("/console/notifications").await.is(200).says("Nothing was sent yet");
    let mut owner = Browser::new(&app);
    owner.sign_in(&ours).await.leads_to("/console");
    owner.get(&path).await.is(200);
}
