//! Webhook endpoints: made, changed, pinged, and what became of their deliveries.

use angaros_domain::api_key::Scope;
use angaros_store_test::fixture::fail;
use serde_json::{Value, json};

use crate::browser::{Browser, Page};
use crate::support::App;

const URL: &str = "https://shop.example.org/in";

/// The secret that a page shows.
fn secret(page: &Page) -> String {
    let tag = crate::html::tags(&page.html, "input").into_iter().find(|tag| tag.contains("id=\"secret\""));
    crate::html::values(&tag.expect("a secret"), "input", "value").pop().unwrap()
}

async fn endpoint(app: &App, path: &str) -> Value {
    let id = path.strip_prefix("/console/webhooks/").unwrap();
    app.get(&format!("/api/v1/webhook-endpoints/{id}")).await.is(200).json()
}

/// Adds an endpoint through the form; where its page is.
async fn add(browser: &mut Browser<'_>) -> String {
    let form = [("url", URL), ("event_types", "notification.*\r\nsignup\r\n"), ("description", "Shop")];
    let page = browser.fill("/console/webhooks/new", "/console/webhooks", &form).await.is(201);
    assert!(secret(&page).starts_with("whsec_"));
    let links = page.links();
    links.into_iter().find(|link| link.starts_with("/console/webhooks/")).unwrap()
}

#[tokio::test]
async fn an_endpoint_is_made_and_its_secret_shown_once() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    browser.get("/console/webhooks").await.is(200).says("No endpoint is told of events yet.");
    browser.get("/console/webhooks/new").await.is(200);
    let path = add(&mut browser).await;
    let stored = endpoint(&app, &path).await;
    assert_eq!((&stored["url"], &stored["description"]), (&json!(URL), &json!("Shop")));
    assert_eq!(stored["event_types"], json!(["notification.*", "signup"]));
    let list = browser.get("/console/webhooks").await.is(200);
    list.says(URL).says("notification.*, signup").says("enabled");
    let page = browser.get(&path).await.is(200);
    page.says("Nothing was sent to it yet.");
    assert!(!page.html.contains("whsec_"));
    browser.get("/console/webhooks/018f0000-0000-7000-8000-000000000000").await.is(404);
}

#[tokio::test]
async fn sending_the_same_form_twice_adds_one_endpoint() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    let form = [("url", URL), ("event_types", "*")];
    browser.submit("/console/webhooks", &form).await.is(201);
    browser.submit("/console/webhooks", &form).await.is(409).says("none was added now").has(URL);
    assert_eq!(app.get("/api/v1/webhook-endpoints").await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    let form = [("url", "http://127.0.0.1/x"), ("event_types", "a.*.b"), ("secret", "short")];
    let page = browser.submit("/console/webhooks", &form).await.is(422);
    page.has("id=\"url-fault\"").has("id=\"event_types-fault\"").says("secret must be whsec_");
    assert!(!page.html.contains("value=\"short\""), "a secret is not sent back");
    let path = add(&mut browser).await;
    let page = browser.submit(&format!("{path}/edit"), &[("url", ""), ("event_types", "*")]).await.is(422);
    page.has("id=\"url-fault\"");
    let page = browser.submit(&format!("{path}/edit"), &[("url", URL), ("event_types", " ")]).await.is(422);
    page.has("id=\"event_types-fault\"").has("name=\"event_types\" rows=\"4\" autocomplete=\"off\" required");
    let stored = endpoint(&app, &path).await;
    assert_eq!((&stored["url"], &stored["event_types"]), (&json!(URL), &json!(["notification.*", "signup"])));
}

#[tokio::test]
async fn it_is_changed_disabled_and_enabled() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    let path = add(&mut browser).await;
    let page = browser.get(&format!("{path}/edit")).await.is(200);
    page.has(">\nnotification.*\nsignup</textarea>");
    let form = [("url", "https://shop.example.org/other"), ("event_types", "*"), ("description", "")];
    browser.submit(&format!("{path}/edit"), &form).await.leads_to(&path);
    let stored = endpoint(&app, &path).await;
    assert_eq!(
        (&stored["url"], &stored["description"]),
        (&json!("https://shop.example.org/other"), &json!(null))
    );

    browser.get(&format!("{path}/disable")).await.is(200).says("Nothing is sent to it while it is disabled");
    assert_eq!(endpoint(&app, &path).await["enabled"], true, "asking changes nothing");
    browser.submit(&format!("{path}/disable"), &[]).await.leads_to(&path);
    browser.get(&path).await.is(200).says("somebody disabled it").does_not_say("Send a ping");
    let pinged = browser.submit(&format!("{path}/ping"), &[]).await;
    assert!(pinged.leads_to(&path).ends_with("done=endpoint-is-disabled"));
    browser.submit(&format!("{path}/enable"), &[]).await.leads_to(&path);
    assert_eq!(endpoint(&app, &path).await["enabled"], true);
}

#[tokio::test]
async fn a_ping_is_in_the_log_and_can_be_sent_again() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    let path = add(&mut browser).await;
    browser.submit(&format!("{path}/ping"), &[]).await.leads_to(&path);
    let page = browser.get(&path).await.is(200);
    page.says("webhook.ping").says("queued");
    let delivery = page.links().into_iter().find(|link| link.contains("/deliveries/")).unwrap();
    app.settle(fail).await;
    let page = browser.get(&delivery).await.is(200);
    page.says("failed").says("What happened");
    assert!(page.forms().contains(&delivery));
    browser.get(&format!("{path}?status=failed")).await.is(200).says("webhook.ping");
    browser.get(&format!("{path}?status=delivered")).await.is(200).says("No delivery stands there.");
    browser.submit(&delivery, &[]).await.leads_to(&delivery);
    browser.get(&delivery).await.is(200).says("queued");
    assert!(browser.submit(&delivery, &[]).await.leads_to(&delivery).ends_with("done=too-late"));
}

#[tokio::test]
async fn a_secret_is_rotated_and_an_endpoint_deleted_after_a_question() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    let path = add(&mut browser).await;
    let id = path.strip_prefix("/console/webhooks/").unwrap();
    browser.get(&format!("{path}/rotate")).await.is(200).says("It gets a fresh secret");
    let seen = browser.get(&format!("{path}/rotate")).await.field("instead_of").unwrap();
    let form = [("instead_of", seen.as_str())];
    let page = browser.submit(&format!("{path}/rotate"), &form).await.is(200);
    assert!(secret(&page).starts_with("whsec_"));
    page.says("for 24 hours");
    let before = app.get(&format!("/api/v1/webhook-endpoints/{id}/secret")).await.json();
    assert_eq!(before["secret"], secret(&page));
    let again = browser.submit(&format!("{path}/rotate"), &form).await;
    assert!(again.leads_to(&path).ends_with("done=already-rotated"));
    assert_eq!(app.get(&format!("/api/v1/webhook-endpoints/{id}/secret")).await.json(), before);
    browser.get(&path).await.is(200).says("The former secret signs too until");
    browser.get(&format!("{path}/delete")).await.is(200).says("can not be undone");
    browser.submit(&format!("{path}/delete"), &[]).await.leads_to("/console/webhooks");
    browser.get(&path).await.is(404);
}

#[tokio::test]
async fn who_may_only_read_changes_nothing() {
    let app = App::new();
    let path = add(&mut Browser::new(&app)).await;
    let foreign = [("sec-fetch-site", "cross-site")];
    for action in ["edit", "enable", "disable", "rotate", "ping", "delete"] {
        Browser::new(&app).submit_from(&format!("{path}/{action}"), &[("url", URL)], &foreign).await.is(403);
    }
    let mut reader = Browser::signed_in(&app, &[Scope::Read, Scope::Send]).await;
    let page = reader.get(&path).await.is(200);
    page.does_not_say("Delete").does_not_say("Send a ping");
    for action in ["edit", "enable", "disable", "rotate", "ping", "delete"] {
        reader.submit(&format!("{path}/{action}"), &[("url", URL)]).await.is(403);
    }
    reader.get("/console/webhooks/new").await.is(403);
}
