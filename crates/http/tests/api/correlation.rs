//! Correlation ids: taken, made, echoed and kept.

use crate::support::{App, sms};

const SEND: &str = "/api/v1/notifications";

#[tokio::test]
async fn a_callers_id_is_echoed_on_every_answer_and_kept() {
    let app = App::new();
    let given = [("x-correlation-id", "order-4711/a~b")];
    let sent = app.post_text(SEND, &sms().to_string(), &given).await.is(202);
    assert_eq!(sent.header("x-correlation-id"), "order-4711/a~b");
    assert_eq!(sent.text("/correlation_id"), "order-4711/a~b");
    let stored = app.get(sent.header("location")).await.is(200);
    assert_eq!(stored.text("/correlation_id"), "order-4711/a~b");
    assert_ne!(stored.header("x-correlation-id"), "order-4711/a~b", "another request has another one");
    for path in
        ["/nowhere", "/api/v1/notifications?limit=0", "/healthz", "/docs", "/metrics", "/openapi.json"]
    {
        assert_eq!(app.get_with(path, &given).await.header("x-correlation-id"), "order-4711/a~b", "{path}");
    }
}

#[tokio::test]
async fn any_other_text_is_replaced_by_a_fresh_id() {
    let app = App::new();
    let long = "x".repeat(129);
    let mut seen = std::collections::BTreeSet::new();
    for given in ["", "a b", "a\tb", &long] {
        let answer = app.get_with("/healthz", &[("x-correlation-id", given)]).await;
        let id = answer.header("x-correlation-id").to_owned();
        assert_eq!(id.len(), 36, "{given:?} became {id}");
        assert!(seen.insert(id));
    }
}
