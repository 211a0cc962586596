//! The list of notifications: filters, the box that finds, and paging.

use serde_json::json;

use crate::browser::Browser;
use crate::support::{App, sms_with};

async fn sent(app: &App, changes: serde_json::Value) -> String {
    app.post("/api/v1/notifications", &sms_with(changes)).await.is(202).text("/id")
}

#[tokio::test]
async fn filters_choose_and_stay_in_the_form() {
    let app = App::new();
    let ours = sent(&app, json!({"campaign_id": "spring", "recipient_id": "ada"})).await;
    let other = sent(&app, json!({"recipient_id": "bob"})).await;
    let mut browser = Browser::new(&app);
    for query in [
        "campaign_id=spring",
        "recipient_id=ada",
        "campaign_id=spring&status=queued&channel=sms",
        "campaign_id=spring&created_after=2020-01-01T00:00&created_before=2100-01-01",
    ] {
        let page = browser.get(&format!("/console/notifications?{query}")).await.is(200);
        page.has(&ours).says("Clear");
        assert!(!page.html.contains(&other), "{query}");
    }
    let page = browser.get("/console/notifications?campaign_id=spring&status=queued").await.is(200);
    assert_eq!(page.field("campaign_id").as_deref(), Some("spring"));
    page.has("<option value=\"queued\" selected>");
    browser.get("/console/notifications?status=failed").await.is(200).says("Nothing fits");
}

#[tokio::test]
async fn the_box_finds_by_id_and_by_recipient() {
    let app = App::new();
    let id = sent(&app, json!({"recipient_id": "ada"})).await;
    let mut browser = Browser::new(&app);
    let found = browser.get(&format!("/console/notifications?q=+{id}+")).await;
    found.leads_to(&format!("/console/notifications/{id}"));
    browser
        .get("/console/notifications?q=ada")
        .await
        .is(200)
        .has(&id)
        .says("Everything that happened to this recipient");
    browser.get("/console/notifications?q=nobody").await.is(200).says("Nothing fits");
}

#[tokio::test]
async fn the_box_finds_what_a_request_made_by_its_correlation_id() {
    let (app, _folder) = App::on_disk();
    let answer = app.post("/api/v1/notifications", &sms_with(json!({}))).await.is(202);
    let (id, correlation_id) = (answer.text("/id"), answer.text("/correlation_id"));
    let mut browser = Browser::new(&app);
    let found = browser.get(&format!("/console/notifications?q={correlation_id}")).await;
    found.leads_to(&format!("/console/notifications/{id}"));
    let page = browser.get(&format!("/console/notifications/{id}")).await.is(200);
    assert!(page.links().contains(&format!("/console/notifications?q={correlation_id}")));
}

#[tokio::test]
async fn the_box_finds_what_a_request_made_by_the_correlation_id_that_its_caller_chose() {
    let (app, _folder) = App::on_disk();
    let body = sms_with(json!({})).to_string();
    let header = [("x-correlation-id", "ticket-4711")];
    let id = app.post_text("/api/v1/notifications", &body, &header).await.is(202).text("/id");
    let mut browser = Browser::new(&app);
    browser
        .get("/console/notifications?q=ticket-4711")
        .await
        .leads_to(&format!("/console/notifications/{id}"));
    let page = browser.get(&format!("/console/notifications/{id}")).await.is(200);
    assert!(page.links().contains("/console/notifications?q=ticket-4711"), "{:?}", page.links());
}

#[tokio::test]
async fn the_box_finds_all_members_of_a_batch_by_the_correlation_id_of_its_request() {
    let app = App::new();
    let batch = json!({"notifications": [sms_with(json!({"recipient_id": "ada"})), sms_with(json!({"recipient_id": "bob"}))]});
    let correlation_id =
        app.post("/api/v1/notifications/batch", &batch).await.is(202).text("/correlation_id");
    app.notify().await;
    let page = Browser::new(&app).get(&format!("/console/notifications?q={correlation_id}")).await.is(200);
    page.says("ada").says("bob").does_not_say("It made more");
    assert_eq!(page.html.matches("data-label=\"Status\"").count(), 2);
    assert_eq!(page.field("q").as_deref(), Some(correlation_id.as_str()), "what was searched for stays");
}

#[tokio::test]
async fn of_a_large_batch_the_box_finds_the_latest_and_says_so() {
    let app = App::new();
    let member = |n| sms_with(json!({"recipient_id": format!("user-{n}")}));
    let batch = json!({"notifications": (0..51).map(member).collect::<Vec<_>>()});
    let correlation_id =
        app.post("/api/v1/notifications/batch", &batch).await.is(202).text("/correlation_id");
    let page = Browser::new(&app).get(&format!("/console/notifications?q={correlation_id}")).await.is(200);
    page.says("The latest 50 of the request").says("It made more");
    assert_eq!(page.html.matches("data-label=\"Status\"").count(), 50);
}

#[tokio::test]
async fn pages_lead_to_what_is_older_and_back() {
    let app = App::new();
    for n in 0..55 {
        sent(&app, json!({"recipient_id": format!("user-{n}"), "campaign_id": "spring & summer"})).await;
    }
    let mut browser = Browser::new(&app);
    let first = browser.get("/console/notifications?campaign_id=spring+%26+summer").await.is(200);
    first.says("user-54").does_not_say("user-4 ").does_not_say("Newest");
    let older = first.links().into_iter().find(|link| link.contains("cursor=")).unwrap();
    let second = browser.get(&older).await.is(200);
    second.says("user-4").does_not_say("user-5 ").does_not_say("Older");
    assert!(
        second.links().contains("/console/notifications?campaign_id=spring+%26+summer"),
        "{:?}",
        second.links()
    );
    let foreign = older.replace("spring", "autumn");
    browser.get(&foreign).await.is(400).says("does not belong to this list");
}
