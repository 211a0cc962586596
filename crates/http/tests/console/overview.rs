//! The overview: numbers, lanes, accounts, and the switch.

use angaros_domain::breaker::{BreakerState, Cause};
use angaros_service::AccountState;
use angaros_store_test::fixture::{deliver, fail};
use serde_json::json;

use crate::browser::Browser;
use crate::support::{App, sms_with};

#[tokio::test]
async fn it_counts_what_happened_and_what_waits() {
    let app = App::new();
    for _ in 0..3 {
        app.notify().await;
    }
    app.settle(deliver).await;
    app.notify().await;
    app.settle(fail).await;
    app.post("/api/v1/notifications", &sms_with(json!({"priority": "high", "campaign_id": "spring"})))
        .await
        .is(202);
    let page = Browser::new(&app).get("/console").await.is(200);
    page.says("Created 5 in the last minute")
        .says("Delivered 3 in the last minute")
        .says("Failed 1 in the last minute")
        .says("Success 75.0 % in the last hour")
        .says("Waiting 1 the oldest for")
        .says("sms 1 0 0 ▸ sends")
        .says("email 0 0 0 ▸ sends")
        .says("spring");
    page.says("push 0 0 0 ▸ sends ~ pretends").says("webhook 0 0 0 ▸ sends A channel that pretends");
    page.has("data-refresh-seconds=\"");
    assert!(page.links().contains("/console/campaigns/spring"), "{:?}", page.links());
}

#[tokio::test]
async fn an_open_breaker_is_seen() {
    let app = App::new();
    let since = Some(app.clock.now());
    let account =
        |provider: &str, state, cause| AccountState { provider: provider.into(), state, since, cause };
    app.service.account_stands(account("mail", BreakerState::Open, Some(Cause::Failures)));
    app.service.account_stands(account("texts", BreakerState::Closed, None));
    let page = Browser::new(&app).get("/console").await.is(200);
    page.says("mail ✕ open: nothing passes failures since").says("texts ✓ closed: sends pass");
}

#[tokio::test]
async fn one_channel_or_all_are_paused_and_resumed() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    let done = browser.submit("/console/worker/pause", &[("channel", "sms")]).await;
    let page = browser.get(done.leads_to("/console")).await.is(200);
    page.says("Sending is paused").says("sms 0 0 0 ‖ paused since").says("Resume sms").says("Pause email");
    assert_eq!(app.get("/api/v1/worker").await.json()["channels"]["sms"]["running"], json!(false));

    browser.submit("/console/worker/pause", &[]).await.leads_to("/console");
    let page = browser.get("/console").await.is(200);
    page.says("Resume all").does_not_say("Pause all");
    browser.submit("/console/worker/resume", &[]).await.leads_to("/console");
    assert_eq!(app.get("/api/v1/worker").await.json()["channels"]["push"]["running"], json!(true));
    browser.submit("/console/worker/pause", &[("channel", "pigeon")]).await.is(400).says("no such channel");
}
