//! Hostile content stays text, wherever it is shown.

use angaros_domain::api_key::Scope;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::browser::{Browser, Page};
use crate::support::{App, event_with};

const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>";

#[track_caller]
fn is_text(page: &Page) {
    for raw in ["<script>alert", "<img src=x", "\"'>"] {
        assert!(!page.html.contains(raw), "{raw} in {}", page.html);
    }
    assert!(page.words().contains("<script>alert(1)</script>"), "it is shown at all: {}", page.words());
}

#[tokio::test]
async fn hostile_content_stays_text() {
    let app = App::new();
    let email = json!({
        "channel": "email",
        "recipient": "a@example.org",
        "recipient_id": HOSTILE,
        "subject": HOSTILE,
        "content": HOSTILE,
        "html": HOSTILE,
        "campaign_id": HOSTILE,
        "metadata": {HOSTILE: HOSTILE},
        "tags": ["<script>alert(1)</script>"],
    });
    let id = app.post("/api/v1/notifications", &email).await.is(202).text("/id");
    let event = json!({"recipient_id": HOSTILE, "event_name": HOSTILE, "campaign_id": HOSTILE, "channel": HOSTILE, "message_id": HOSTILE});
    let event_id = app.post("/api/v1/events", &event_with(event)).await.is(201).text("/id");
    let template = json!({"name": HOSTILE, "subject": HOSTILE, "body": HOSTILE, "html": HOSTILE});
    let template_id = app.post("/api/v1/templates", &template).await.is(201).text("/id");
    let endpoint = json!({"url": "https://shop.example.org/in", "description": HOSTILE});
    let endpoint_id = app.post("/api/v1/webhook-endpoints", &endpoint).await.is(201).text("/id");
    let mut browser = Browser::new(&app);
    let encoded = utf8_percent_encode(HOSTILE, NON_ALPHANUMERIC);
    for path in [
        "/console".to_owned(),
        "/console/notifications".to_owned(),
        format!("/console/notifications/{id}"),
        format!("/console/recipients/{encoded}"),
        "/console/campaigns".to_owned(),
        format!("/console/campaigns/{encoded}"),
        "/console/events".to_owned(),
        "/console/events?group_by=event_name".to_owned(),
        format!("/console/events/{event_id}"),
        "/console/templates".to_owned(),
        format!("/console/templates/{template_id}"),
        format!("/console/webhooks/{endpoint_id}"),
    ] {
        is_text(&browser.get(&path).await.is(200));
    }
}

#[tokio::test]
async fn what_is_asked_stays_text() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    let encoded = utf8_percent_encode(HOSTILE, NON_ALPHANUMERIC);
    for path in [
        format!("/console/notifications?campaign_id={encoded}"),
        format!("/console/notifications?{encoded}=1"),
        format!("/console/notifications?done={encoded}"),
        format!("/console/recipients/{encoded}?event_name={encoded}"),
        format!("/console/events?event_name={encoded}&timezone={encoded}"),
        format!("/console/events?recipient_id={encoded}"),
        format!("/console/dead-letters?campaign_id={encoded}"),
        format!("/console/dead-letters/retry?campaign_id={encoded}"),
        format!("/console/send?recipient={encoded}"),
        format!("/console/sign-in?next={encoded}"),
        format!("/console/{encoded}"),
    ] {
        let page = browser.get(&path).await;
        for raw in ["<script>alert", "<img src=x", "\"'>"] {
            assert!(!page.html.contains(raw), "{raw} in {path}");
        }
    }
}

#[tokio::test]
async fn names_of_keys_and_forms_stay_text() {
    let app = App::new();
    let key = app.key(HOSTILE, &[Scope::Admin]).await;
    let mut browser = Browser::new(&app);
    browser.sign_in(&key).await.leads_to("/console");
    is_text(&browser.get("/console").await.is(200));
    let form = [("channel", "sms"), ("recipient", HOSTILE), ("content", HOSTILE), ("campaign_id", HOSTILE)];
    let page = browser.submit("/console/send", &form).await.is(422);
    for raw in ["<script>alert", "<img src=x"] {
        assert!(!page.html.contains(raw), "{raw}");
    }
}
