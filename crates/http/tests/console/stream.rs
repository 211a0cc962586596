//! The stream that pages follow.

use angaros_domain::api_key::Scope;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::browser::Browser;
use crate::support::App;

async fn open(app: &App, query: &str, cookie: Option<&str>) -> http::Response<Body> {
    let mut request = Request::get(format!("/console/stream?{query}"));
    if let Some(session) = cookie {
        request = request.header("cookie", format!("angaros_session={session}"));
    }
    app.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_session_opens_it_and_it_begins_with_where_things_stand() {
    let app = App::new();
    let id = app.notify().await["id"].as_str().unwrap().to_owned();
    let browser = Browser::signed_in(&app, &[Scope::Read]).await;
    let mut response = open(&app, &format!("notification_id={id}"), browser.cookie()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut told = String::new();
    while !told.contains(&id) {
        let frame = response.body_mut().frame().await.unwrap().unwrap();
        told.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    }
    assert!(told.contains("\"status\":\"queued\""), "{told}");
}

#[tokio::test]
async fn it_needs_a_session_that_may_read() {
    let app = App::new();
    let sender = Browser::signed_in(&app, &[Scope::Send]).await;
    assert_eq!(open(&app, "all=true", None).await.status(), 401);
    assert_eq!(open(&app, "all=true", Some("x.1.y")).await.status(), 401);
    assert_eq!(open(&app, "all=true", sender.cookie()).await.status(), 403);
    let reader = Browser::signed_in(&app, &[Scope::Read]).await;
    assert_eq!(open(&app, "all=true", reader.cookie()).await.status(), 200);
    assert_eq!(open(&app, "everything=true", reader.cookie()).await.status(), 400);
}
