//! Batches: all or nothing, and where their members stand.

use angaros_store_test::fixture;
use serde_json::json;

use crate::support::{App, sms, sms_with};

const BATCH: &str = "/api/v1/notifications/batch";

#[tokio::test]
async fn a_batch_is_stored_whole_and_shows_its_members() {
    let app = App::new();
    let body = json!({
        "notifications": [sms(), sms_with(json!({"campaign_id": "own"})), sms()],
        "campaign_id": "spring",
        "metadata": {"owner": "marketing"},
    });
    let answer = app.post(BATCH, &body).await.is(202);
    let receipt = answer.json();
    let id = answer.text("/id");
    assert_eq!(answer.header("location"), format!("{BATCH}/{id}"));
    let mut keys: Vec<&str> = receipt.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["correlation_id", "created_at", "id", "size"]);
    assert_eq!(receipt["size"], 3);
    assert_eq!(receipt["correlation_id"], answer.header("x-correlation-id"));

    app.settle(fixture::deliver).await;
    app.post(BATCH, &json!({"notifications": [sms()]})).await.is(202);
    let batch = app.get(&format!("{BATCH}/{id}")).await.is(200).json();
    assert_eq!((&batch["size"], &batch["campaign_id"]), (&json!(3), &json!("spring")));
    assert_eq!(batch["metadata"], json!({"owner": "marketing"}));
    let counts = json!({
        "pending": 0, "queued": 0, "processing": 0, "retrying": 0, "sent": 0, "delivered": 3, "failed": 0,
        "cancelled": 0,
    });
    assert_eq!(batch["counts"], counts);
    let members = batch["notifications"]["items"].as_array().unwrap();
    assert_eq!(members.len(), 3);
    assert!(members.iter().all(|member| member["batch_id"] == id));
    let campaigns: Vec<&str> = members.iter().rev().map(|m| m["campaign_id"].as_str().unwrap()).collect();
    assert_eq!(campaigns, ["spring", "own", "spring"]);
    assert_eq!(batch["notifications"]["next_cursor"], json!(null));
}

#[tokio::test]
async fn members_are_paged() {
    let app = App::new();
    let id = app.post(BATCH, &json!({"notifications": vec![sms(); 5]})).await.is(202).text("/id");
    let mut seen = Vec::new();
    let mut path = format!("{BATCH}/{id}?limit=2");
    loop {
        let page = app.get(&path).await.is(200).json();
        assert_eq!(page["counts"]["queued"], 5);
        seen.extend(page["notifications"]["items"].as_array().unwrap().iter().map(|m| m["id"].clone()));
        match page["notifications"]["next_cursor"].as_str() {
            Some(cursor) => path = format!("{BATCH}/{id}?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    seen.dedup();
    assert_eq!(seen.len(), 5);
}
