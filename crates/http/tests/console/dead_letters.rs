//! Dead letters: grouped by reason, sent again after a confirmation that says how many.

use std::time::Duration;

use angaros_domain::api_key::Scope;
use angaros_domain::lifecycle::Change;
use angaros_domain::{FailureReason, Timestamp};
use angaros_store_test::fixture::{fail, transient};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::support::{App, sms_with};

fn exhausted(at: Timestamp) -> Change {
    Change::fail(FailureReason::RetriesExhausted, Some(transient(at)))
}

/// Sends some and lets them fail; their ids.
async fn fail_some(app: &App, count: usize, changes: Value, change: fn(Timestamp) -> Change) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(app.post("/api/v1/notifications", &sms_with(changes.clone())).await.is(202).text("/id"));
    }
    app.settle(change).await;
    ids
}

async fn status(app: &App, id: &str) -> String {
    app.get(&format!("/api/v1/notifications/{id}")).await.is(200).text("/status")
}

#[tokio::test]
async fn they_are_grouped_by_reason_and_listed() {
    let (app, _folder) = App::on_disk();
    let mut browser = Browser::new(&app);
    browser.get("/console/dead-letters").await.is(200).says("There are no dead letters.");
    fail_some(&app, 2, json!({"recipient_id": "ada"}), fail).await;
    fail_some(&app, 1, json!({"recipient_id": "bob", "campaign_id": "spring"}), exhausted).await;
    let page = browser.get("/console/dead-letters").await.is(200);
    page.says("permanent The provider refused it for good. 2").says("3 dead letters");
    page.says("retries exhausted Every attempt failed in a way that might have passed. 1");
    let page = browser.get("/console/dead-letters?reason=retries_exhausted").await.is(200);
    page.says("1 dead letter").says("bob").does_not_say("ada");
    let page = browser.get("/console/dead-letters?campaign_id=spring&channel=sms").await.is(200);
    page.says("1 dead letter").does_not_say("permanent The provider");
    browser.get("/console/dead-letters?channel=push").await.is(200).says("No dead letter is of this kind.");
    for query in ["reason=bad-luck", "channel=fax", "cursor=made-up", "redriven=many", "x=1"] {
        browser.get(&format!("/console/dead-letters?{query}")).await.is(400);
    }
}

#[tokio::test(start_paused = true)]
async fn all_of_a_filter_are_sent_again_after_a_question() {
    let app = App::new();
    let chosen = fail_some(&app, 3, json!({"campaign_id": "spring"}), fail).await;
    let others = fail_some(&app, 1, json!({}), exhausted).await;
    let mut browser = Browser::new(&app);
    let list = browser.get("/console/dead-letters?campaign_id=spring&reason=permanent").await.is(200);
    let ask =
        list.links().into_iter().find(|link| link.starts_with("/console/dead-letters/retry?reason")).unwrap();
    let page = browser.get(&ask).await.is(200);
    page.says("Send 3 dead letters again?").says("given up as permanent in the campaign spring");
    assert_eq!(status(&app, &chosen[0]).await, "failed", "asking changes nothing");
    let reason = page.field("reason").unwrap();
    let campaign_id = page.field("campaign_id").unwrap();
    let asked_at = page.field("asked_at").unwrap();
    let fields = [("reason", reason.as_str()), ("campaign_id", &campaign_id), ("asked_at", &asked_at)];
    tokio::time::advance(Duration::from_secs(1)).await;
    let later = fail_some(&app, 1, json!({"campaign_id": "spring"}), fail).await;
    let answer = browser.submit("/console/dead-letters/retry", &fields).await;
    let to = answer.leads_to("/console/dead-letters").to_owned();
    browser.get(&to).await.is(200).says("3 dead letters are queued again");
    for id in &chosen {
        assert_eq!(status(&app, id).await, "queued");
    }
    assert_eq!(status(&app, &others[0]).await, "failed", "it was not chosen");
    assert_eq!(status(&app, &later[0]).await, "failed", "it was not asked about");
    browser.submit("/console/dead-letters/retry", &fields[..2]).await.is(404);
    let future = [fields[0], fields[1], ("asked_at", "2100-01-01T00:00:00Z")];
    browser.submit("/console/dead-letters/retry", &future).await.is(303);
    assert_eq!(status(&app, &later[0]).await, "queued", "a time to come means now");
}

#[tokio::test]
async fn one_is_sent_again_after_a_question() {
    let (app, _folder) = App::on_disk();
    let ids = fail_some(&app, 2, json!({}), fail).await;
    let mut browser = Browser::new(&app);
    let page = browser.get(&format!("/console/dead-letters/retry?id={}", ids[0])).await.is(200);
    page.says("Send 1 dead letter again?");
    let id = page.field("id").unwrap();
    let page = browser.submit("/console/dead-letters/retry", &[("id", id.as_str())]).await;
    page.leads_to(&format!("/console/notifications/{id}"));
    assert_eq!(
        (status(&app, &ids[0]).await, status(&app, &ids[1]).await),
        ("queued".into(), "failed".into())
    );
    // Pressed twice: the second time says kindly that it was too late.
    let page = browser.submit("/console/dead-letters/retry", &[("id", id.as_str())]).await;
    assert!(page.leads_to(&format!("/console/notifications/{id}")).ends_with("done=too-late"));
}

#[tokio::test]
async fn what_the_form_can_not_mean_is_never_everything() {
    let (app, _folder) = App::on_disk();
    let ids = fail_some(&app, 1, json!({}), fail).await;
    let mut browser = Browser::new(&app);
    for fields in [[("id", "nonsense")], [("reason", "bad-luck")], [("channel", "fax")]] {
        browser.submit("/console/dead-letters/retry", &fields).await.is(404);
    }
    let headers = [("sec-fetch-site", "cross-site")];
    browser.submit_from("/console/dead-letters/retry", &[], &headers).await.is(403);
    assert_eq!(status(&app, &ids[0]).await, "failed");
}

#[tokio::test]
async fn who_may_only_read_is_not_offered_it() {
    let (app, _folder) = App::on_disk();
    fail_some(&app, 1, json!({}), fail).await;
    let mut reader = Browser::signed_in(&app, &[Scope::Read]).await;
    let page = reader.get("/console/dead-letters").await.is(200);
    assert!(!page.links().iter().any(|link| link.contains("/retry")), "{:?}", page.links());
    reader.get("/console/dead-letters/retry").await.is(403);
    reader.submit("/console/dead-letters/retry", &[]).await.is(403);
}

#[tokio::test]
async fn a_full_page_stays_small() {
    let app = App::new();
    let long = "&".repeat(250);
    fail_some(&app, 90, json!({"recipient_id": long, "campaign_id": long}), fail).await;
    let page = Browser::new(&app).get("/console/dead-letters").await.is(200);
    assert_eq!(page.html.matches("data-label=\"Given up\"").count(), 50);
}
