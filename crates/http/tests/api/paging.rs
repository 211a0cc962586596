//! Cursors: opaque, tied to their list, and good while others write.

use angaros_domain::api_key::Scope;
use serde_json::Value;

use crate::support::App;

const SEND: &str = "/api/v1/notifications";

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_hold_everything_once_while_others_write() {
    let app = App::new();
    let mut expected = Vec::new();
    for _ in 0..7 {
        expected.insert(0, app.notify().await["id"].as_str().unwrap().to_owned());
    }
    let mut seen = Vec::new();
    let mut path = format!("{SEND}?limit=3&channel=sms");
    loop {
        let page = app.get(&path).await.is(200).json();
        assert!(ids(&page).len() <= 3);
        seen.extend(ids(&page));
        app.notify().await;
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{SEND}?limit=3&channel=sms&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_forged_or_foreign_cursor_is_refused() {
    let app = App::new();
    for _ in 0..3 {
        app.notify().await;
    }
    let cursor = app.get(&format!("{SEND}?limit=1")).await.is(200).text("/next_cursor");
    let mut changed = cursor.clone().into_bytes();
    changed[3] = if changed[3] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).unwrap();
    for (list, cursor) in [
        (format!("{SEND}?limit=1"), changed.as_str()),
        (format!("{SEND}?limit=1"), &cursor[1..]),
        (format!("{SEND}?limit=1"), ""),
        (format!("{SEND}?limit=1"), "AAAA"),
        (format!("{SEND}?limit=1"), "%00"),
        (format!("{SEND}?limit=1&status=queued"), &cursor),
        ("/api/v1/templates?limit=1".to_owned(), &cursor),
        ("/api/v1/messages?limit=1".to_owned(), &cursor),
        ("/api/v1/messages/x/timeline?limit=1".to_owned(), &cursor),
        ("/api/v1/campaigns?limit=1".to_owned(), &cursor),
    ] {
        let answer = app.get(&format!("{list}&cursor={cursor}")).await.problem(400, "invalid-cursor");
        assert_eq!(answer.text("/errors/0/parameter"), "cursor");
    }
    app.get(&format!("{SEND}?limit=2&cursor={cursor}")).await.is(200);
}

#[tokio::test]
async fn a_cursor_of_another_tenant_is_foreign() {
    let app = App::new();
    let (ours, theirs) = (app.key("ours", &[Scope::Admin]).await, app.key("theirs", &[Scope::Admin]).await);
    for _ in 0..2 {
        let body = crate::support::sms().to_string();
        app.post_text(SEND, &body, &[("x-api-key", &ours)]).await.is(202);
    }
    let page = app.get_with(&format!("{SEND}?limit=1"), &[("x-api-key", &ours)]).await.is(200);
    let next = format!("{SEND}?limit=1&cursor={}", page.text("/next_cursor"));
    app.get_with(&next, &[("x-api-key", &ours)]).await.is(200);
    app.get_with(&next, &[("x-api-key", &theirs)]).await.problem(400, "invalid-cursor");
}
