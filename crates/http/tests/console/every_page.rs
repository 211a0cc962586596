//! What holds for every page: it answers, within its size, and every link on it leads somewhere.

use std::collections::BTreeSet;

use angaros_domain::api_key::Scope;
use angaros_store_test::fixture::fail;
use serde_json::json;

use crate::browser::Browser;
use crate::support::{App, event_with, sms, sms_with};

/// Every page that nothing has to be stored for.
const PAGES: [&str; 16] = [
    "/console",
    "/console/notifications",
    "/console/send",
    "/console/send?channel=email",
    "/console/send?channel=push",
    "/console/send?channel=webhook",
    "/console/recipients/nobody",
    "/console/campaigns",
    "/console/campaigns/none",
    "/console/events",
    "/console/dead-letters",
    "/console/templates",
    "/console/templates/new",
    "/console/webhooks",
    "/console/webhooks/new",
    "/console/keys",
];

#[tokio::test]
async fn every_page_answers_before_anything_is_stored() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    for path in PAGES {
        browser.get(path).await.is(200);
    }
    browser.get("/console/").await.is(308);
}

#[tokio::test]
async fn every_link_on_every_page_answers() {
    let (app, _folder) = App::on_disk();
    let notification = sms_with(json!({"campaign_id": "spring & summer", "recipient_id": "a/b?c#d"}));
    app.post("/api/v1/notifications", &notification).await.is(202);
    app.post("/api/v1/events", &event_with(json!({"recipient_id": "a/b?c#d"}))).await.is(201);
    app.template().await;
    app.endpoint().await;
    app.post("/api/v1/notifications", &sms()).await.is(202);
    app.settle(fail).await;
    let mut browser = Browser::new(&app);
    let mut waiting: Vec<String> = PAGES.iter().map(|path| (*path).to_owned()).collect();
    let mut seen = BTreeSet::new();
    while let Some(path) = waiting.pop() {
        if seen.insert(path.clone()) {
            let page = browser.get(&path).await;
            assert!([200, 303].contains(&page.status.as_u16()), "{path}: {} {}", page.status, page.words());
            if path.starts_with("/console") && page.status == 200 {
                waiting.extend(page.links());
            }
        }
    }
    assert!(seen.contains("/console/recipients/a%2Fb%3Fc%23d"), "{seen:?}");
    assert!(seen.len() > PAGES.len() + 5, "{seen:?}");
}

#[tokio::test]
async fn what_pages_load_is_there_and_kept() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    let page = browser.get("/console").await.is(200);
    let mut loaded = Vec::new();
    loaded.extend(crate::html::values(&page.html, "script", "src"));
    loaded.extend(crate::html::values(&page.html, "link", "href"));
    loaded.extend(crate::html::values(&page.html, "img", "src"));
    assert!(loaded.len() >= 4, "{loaded:?}");
    for path in loaded {
        let asset = browser.get(&path).await.is(200);
        assert!(path.starts_with("/console/assets/"), "{path}");
        assert_eq!(asset.headers["cache-control"], "public, max-age=31536000, immutable");
    }
    browser.get("/console/assets/console.css").await.is(404);
}

#[tokio::test]
async fn a_full_page_stays_small() {
    let app = App::new();
    for n in 0..200 {
        let recipient = format!("user-{n}-{}", "&".repeat(200));
        let notification = sms_with(json!({"recipient_id": recipient, "campaign_id": "c".repeat(250)}));
        app.post("/api/v1/notifications", &notification).await.is(202);
    }
    let page = Browser::new(&app).get("/console/notifications").await.is(200);
    assert_eq!(page.html.matches("data-label=\"Status\"").count(), 50);
}

#[tokio::test]
async fn large_contents_do_not_make_large_pages() {
    let app = App::new();
    let text = "<&>\"'".repeat(4000);
    let email = json!({"channel": "email", "recipient": "a@example.org", "content": text, "html": text});
    let id = app.post("/api/v1/notifications", &email).await.is(202).text("/id");
    let page = Browser::new(&app).get(&format!("/console/notifications/{id}")).await.is(200);
    page.says("bytes more, over the API");
}

#[tokio::test]
async fn scopes_decide_what_is_shown() {
    let app = App::new();
    let mut reader = Browser::signed_in(&app, &[Scope::Read]).await;
    let page = reader.get("/console").await.is(200);
    assert!(!page.links().contains("/console/send"), "{:?}", page.links());
    assert_eq!(page.forms(), BTreeSet::from(["/console/sign-out".to_owned()]));
    reader.get("/console/send").await.is(403).says("scope send");
    reader.submit("/console/worker/pause", &[]).await.is(403);

    let mut sender = Browser::signed_in(&app, &[Scope::Send]).await;
    let page = sender.get("/console").await.is(403);
    page.says("scope read").says("Sign out").says("Go to the notifications");
    assert!(!page.links().contains("/console/campaigns"), "{:?}", page.links());
    sender.get("/console/send").await.is(200);
    let list = sender.get("/console/notifications").await.is(200);
    assert!(list.links().contains("/console/send"));

    let mut admin = Browser::signed_in(&app, &[Scope::Admin]).await;
    let page = admin.get("/console").await.is(200);
    assert!(page.forms().contains("/console/worker/pause"));
}
