//! What goes wrong is told in a page, with the status and the correlation id.

use axum::body::Body;
use http::Request;
use tower::ServiceExt;

use crate::browser::Browser;
use crate::support::broken::{Broken, SECRET};
use crate::support::{App, api};

const ID: &str = "019c1c3a-5407-7abc-8def-0123456789ab";

#[tokio::test]
async fn what_does_not_exist_is_a_page() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    for path in ["/console/nothing", &format!("/console/notifications/{ID}"), "/console/notifications/x"] {
        let page = browser.get(path).await.is(404);
        page.says("There is no such thing").says(page.headers["x-correlation-id"].to_str().unwrap());
    }
    assert_eq!(browser.submit("/console/notifications", &[]).await.is(405).headers["allow"], "GET,HEAD");
    let outside = browser.get("/consolex").await.is(404);
    assert_eq!(outside.headers["content-type"], "application/problem+json");
}

#[tokio::test]
async fn what_is_asked_wrongly_is_said_at_its_name() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    for (query, text) in [
        ("status=lost", "status"),
        ("colour=red", "colour is not known here"),
        ("status=failed&status=sent", "status is given twice"),
        ("created_after=yesterday", "created_after must be a date and time"),
        ("created_after=2026-02-02&created_before=2026-02-01", "must not be later than created_before"),
        ("cursor=abc", "does not belong to this list"),
    ] {
        browser.get(&format!("/console/notifications?{query}")).await.is(400).says(text);
    }
    browser.get("/console/notifications?status=&channel=&campaign_id=+&created_after=").await.is(200);
}

#[tokio::test]
async fn failures_of_ours_are_pages_that_tell_nothing() {
    for (broken, status) in [(Broken::Unavailable, 503), (Broken::Busy, 503), (Broken::Internal, 500)] {
        let app = App::with(broken, api());
        let page = Browser::new(&app).get("/console").await.is(status);
        page.says("Go to the overview").does_not_say(SECRET);
        assert_eq!(page.headers.contains_key("retry-after"), status == 503);
    }
}

#[tokio::test]
async fn the_correlation_id_of_the_request_is_shown() {
    let app = App::new();
    let request =
        Request::get("/console/nothing").header("x-correlation-id", "ticket-4711").body(Body::empty());
    let response = app.router.clone().oneshot(request.unwrap()).await.unwrap();
    assert_eq!(response.headers()["x-correlation-id"], "ticket-4711");
    let body = axum::body::to_bytes(response.into_body(), 100_000).await.unwrap();
    assert!(String::from_utf8(body.to_vec()).unwrap().contains("ticket-4711"));
}
