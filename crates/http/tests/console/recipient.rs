//! A recipient: activity over all channels, and whether anything may still be sent there.

use serde_json::json;

use crate::browser::Browser;
use crate::support::{App, event_with, sms_with};

async fn known() -> App {
    let app = App::new();
    app.post("/api/v1/notifications", &sms_with(json!({"recipient_id": "ada"}))).await.is(202);
    let email =
        json!({"channel": "email", "recipient": "Ada@Example.org", "recipient_id": "ada", "content": "hi"});
    app.post("/api/v1/notifications", &email).await.is(202);
    let clicked =
        json!({"event_id": "1", "event_name": "clicked", "recipient_id": "ada", "channel": "email"});
    app.post("/api/v1/events", &event_with(clicked)).await.is(201);
    let signup = json!({"event_id": "2", "event_name": "signup", "recipient_id": "ada", "channel": null});
    app.post("/api/v1/events", &event_with(signup)).await.is(201);
    app
}

#[tokio::test]
async fn it_shows_what_happened_over_all_channels() {
    let app = known().await;
    let mut browser = Browser::new(&app);
    let page = browser.get("/console/recipients/ada").await.is(200);
    page.says("queued")
        .says("clicked")
        .says("signup")
        .says("reported by mailer")
        .says("+4915112345678")
        .says("ada@example.org");
    page.has("data-follow=\"recipient_id=ada\"");
    let filtered = browser.get("/console/recipients/ada?event_name=clicked").await.is(200);
    filtered.says("clicked").does_not_say("signup");
    browser.get("/console/recipients/ada?channel=email&event_name=signup").await.is(200).says("Nothing fits");
    browser.get("/console/recipients/ada?from=2026-02-02&to=2026-02-01").await.is(400);
    browser.get("/console/recipients/nobody").await.is(200).says("Nothing is known of this recipient");
}

#[tokio::test]
async fn an_address_is_suppressed_and_allowed_again() {
    let app = known().await;
    let mut browser = Browser::new(&app);
    let address = [("channel", "email"), ("address", "ada@example.org")];
    let done = browser.submit("/console/recipients/ada/suppress", &address).await;
    let page = browser.get(done.leads_to("/console/recipients/ada")).await.is(200);
    page.says("is on the suppression list").says("suppressed manual").says("may be sent to");
    let list = app.get("/api/v1/suppressions").await.json();
    assert_eq!(list["items"][0]["address"], "ada@example.org");
    browser.submit("/console/recipients/ada/suppress", &address).await.leads_to("/console/recipients/ada");

    for _ in 0..2 {
        let done = browser.submit("/console/recipients/ada/unsuppress", &address).await;
        let page = browser.get(done.leads_to("/console/recipients/ada")).await.is(200);
        page.says("is off the suppression list").does_not_say("suppressed manual");
    }
    browser.submit("/console/recipients/ada/suppress", &[("channel", "email")]).await.is(400);
    let wrong = [("channel", "email"), ("address", "nobody")];
    browser.submit("/console/recipients/ada/suppress", &wrong).await.is(400);
}
