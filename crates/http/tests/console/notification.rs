//! One notification: its trace, its content, and what may be done about it.

use angaros_store_test::fixture::{deliver, fail};
use serde_json::json;

use crate::browser::Browser;
use crate::support::{App, sms_with};

async fn sent(app: &App) -> String {
    let notification =
        sms_with(json!({"recipient_id": "ada", "content": "line one\nline two", "tags": ["vip"]}));
    let id = app.post("/api/v1/notifications", &notification).await.is(202).text("/id");
    format!("/console/notifications/{id}")
}

#[tokio::test]
async fn it_shows_what_is_known() {
    let app = App::new();
    let path = sent(&app).await;
    let page = Browser::new(&app).get(&path).await.is(200);
    page.says("sms to ada").says("+4915112345678").says("vip").says("queued").has("line one\nline two");
    page.has("<time datetime=\"").has("data-follow=\"notification_id=");
}

#[tokio::test]
async fn the_trace_tells_of_attempts_and_answers() {
    let app = App::new();
    let path = sent(&app).await;
    app.settle(deliver).await;
    let page = Browser::new(&app).get(&path).await.is(200);
    let words = page.words();
    let places = ["created", "queued", "processing", "sent", "delivered"].map(|step| {
        let trace = words.split_once("What happened").unwrap().1;
        trace.find(step).unwrap_or_else(|| panic!("no {step} in {trace}"))
    });
    assert!(places.is_sorted(), "{words}");
    page.says("attempt 1 of 5").says("ms)");
    assert!(page.forms().is_empty(), "nothing can be done about it: {:?}", page.forms());
}

#[tokio::test]
async fn it_can_be_cancelled_while_it_waits() {
    let app = App::new();
    let path = sent(&app).await;
    let mut browser = Browser::new(&app);
    let form = format!("{path}/cancel");
    assert!(browser.get(&path).await.is(200).forms().contains(&form));
    let done = browser.submit(&form, &[]).await;
    let page = browser.get(done.leads_to(&path)).await.is(200);
    page.says("is cancelled and will not be sent").says("cancelled");
    assert!(!page.forms().contains(&form));
    let late = browser.submit(&form, &[]).await;
    browser.get(late.leads_to(&path)).await.is(200).says("had changed meanwhile");
}

#[tokio::test]
async fn it_can_be_retried_once_it_failed() {
    let app = App::new();
    let path = sent(&app).await;
    let mut browser = Browser::new(&app);
    let form = format!("{path}/retry");
    let early = browser.submit(&form, &[]).await;
    browser.get(early.leads_to(&path)).await.is(200).says("had changed meanwhile");
    app.settle(fail).await;
    let page = browser.get(&path).await.is(200);
    page.says("failed").says("Given up because");
    assert!(page.forms().contains(&form));
    let done = browser.submit(&form, &[]).await;
    browser
        .get(done.leads_to(&path))
        .await
        .is(200)
        .says("queued again")
        .says("sent back from the dead letters");
}

#[tokio::test]
async fn a_notice_is_a_code_and_no_text() {
    let app = App::new();
    let path = sent(&app).await;
    let mut browser = Browser::new(&app);
    browser.get(&format!("{path}?done=cancelled")).await.is(200).says("is cancelled and will not be sent");
    let page = browser.get(&format!("{path}?done=Your+account+is+locked")).await.is(200);
    page.does_not_say("Your account is locked");
}
