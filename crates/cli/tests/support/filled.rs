//! A service with something of everything in it, and all that can be read of it.

use std::collections::BTreeMap;
use std::time::Duration;

use angaros_testkit::api::{Api, id};
use angaros_testkit::eventually::eventually;
use angaros_testkit::http_sink::{Answer, HttpSink};
use angaros_testkit::launch::Launch;
use reqwest::Method;
use serde_json::{Value, json};

/// Generous: other builds may share the machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Reported events: more than one page of a transfer.
pub(crate) const REPORTED: usize = 1_300;

/// Where notifications and deliveries arrive: what it says depends on the path.
pub(crate) async fn receiver() -> HttpSink {
    HttpSink::deciding(|request| match request.path.as_str() {
        "/busy" => Answer::new(503, "busy"),
        "/refused" => Answer::new(400, "no such order"),
        _ => Answer::new(200, ""),
    })
    .await
}

/// A service that reaches what runs on this machine, and tries again so late that nobody sees it.
pub(crate) fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_angaros"))
        .unlimited()
        .set("security.outbound_allow", "127.0.0.0/8")
        .set("delivery.retry.base_seconds", "3000")
        .set("delivery.breaker.failures", "10000")
}

pub(crate) fn webhook(sink: &HttpSink, path: &str, content: &str) -> Value {
    json!({
        "channel": "webhook", "recipient": sink.url(path), "recipient_id": "user-1", "content": content,
        "campaign_id": "spring", "tags": ["a", "b"], "metadata": {"order": 42, "price": 51.248178375505404},
    })
}

pub(crate) fn event(n: usize) -> Value {
    json!({
        "provider": "shop", "event_id": format!("e-{n}"), "event_name": if n.is_multiple_of(3) { "opened" } else { "clicked" },
        "recipient_id": format!("user-{}", n % 7), "campaign_id": "spring", "channel": "email",
        // Every ninth is months late.
        "occurred_at": if n.is_multiple_of(9) { 1_770_000_000 } else { 1_780_000_000 + n },
        "metadata": {"n": n, "share": 0.1 + n as f64 / 7.0, "text": "a\u{0}b"},
    })
}

/// Puts in something of everything. What is there afterwards does not move: all that could is paused.
pub(crate) async fn fill(api: &Api, sink: &HttpSink) {
    let template = json!({"name": "welcome", "subject": "Hi", "body": "Hello {{ name }}"});
    let template = id(&api.post("/api/v1/templates", &template).await.expect(201));
    api.post("/api/v1/suppressions", &json!({"channel": "email", "address": "gone@example.com"}))
        .await
        .expect(201);
    let endpoint = json!({"url": sink.url("/hook"), "event_types": ["opened"], "description": "shop"});
    let endpoint = api.post("/api/v1/webhook-endpoints", &endpoint).await.expect(201);

    let delivered = api.notify(&webhook(sink, "/ok", "delivered")).await;
    let refused = api.notify(&webhook(sink, "/refused", "refused")).await;
    let busy = api.notify(&webhook(sink, "/busy", "busy")).await;
    let rendered = json!({
        "channel": "push", "recipient": "device-1", "template_id": template, "template_variables": {"name": "Ada"},
    });
    let rendered = api.notify(&rendered).await;
    let suppressed =
        json!({"channel": "email", "recipient": "gone@example.com", "content": "x", "subject": "y"});
    let suppressed = api.notify(&suppressed).await;
    let members: Vec<Value> = (0..3).map(|n| webhook(sink, "/ok", &format!("member {n}"))).collect();
    let batch = json!({"notifications": members, "metadata": {"by": "test"}, "campaign_id": "spring"});
    let batch = id(&api.post("/api/v1/notifications/batch", &batch).await.expect(202));
    let mut later = webhook(sink, "/ok", "later");
    later["scheduled_at"] = json!("2099-01-01T00:00:00Z");
    api.notify(&later).await;
    let cancelled = api.notify(&later).await;
    api.patch(&format!("/api/v1/notifications/{cancelled}/cancel")).await.expect(200);
    keyed(api, sink).await.expect(202);

    let mut events: Vec<Value> = (0..REPORTED).map(event).collect();
    events.extend((0..20).map(event));
    for page in events.chunks(500) {
        api.post("/api/v1/events/bulk", &json!(page)).await.expect(200);
    }
    for (id, status) in [
        (&delivered, "delivered"),
        (&refused, "failed"),
        (&busy, "retrying"),
        (&rendered, "delivered"),
        (&suppressed, "failed"),
    ] {
        api.until(id, status, SOON).await;
    }
    eventually("the batch is delivered", SOON, async || {
        let found = api.get(&format!("/api/v1/notifications/batch/{batch}")).await.expect(200);
        if found["counts"]["delivered"] == 3 { Ok(()) } else { Err(format!("{found:#}")) }
    })
    .await;
    let deliveries =
        format!("/api/v1/webhook-endpoints/{}/deliveries?status=delivered&limit=200", id(&endpoint));
    eventually("the endpoint heard of every opened", SOON, async || {
        let found = items(api, &deliveries).await.len();
        if found == REPORTED.div_ceil(3) { Ok(()) } else { Err(format!("{found}")) }
    })
    .await;
    api.post("/api/v1/worker/stop", &json!({"channel": "webhook"})).await.expect(200);
    for n in 0..5 {
        api.notify(&webhook(sink, "/ok", &format!("waiting {n}"))).await;
    }
}

/// The same request under the same key.
pub(crate) async fn keyed(api: &Api, sink: &HttpSink) -> angaros_testkit::api::Reply {
    let headers = [("Idempotency-Key", "order-1")];
    let body = webhook(sink, "/ok", "keyed");
    api.call(Method::POST, "/api/v1/notifications", &headers, Some(&body)).await.unwrap()
}

/// Every item of a list.
pub(crate) async fn items(api: &Api, list: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut path = list.to_owned();
    let join = if list.contains('?') { '&' } else { '?' };
    // The log is followed from its beginning, all others are listed from the newest on.
    let parameter = if list.starts_with("/api/v1/events") { "after" } else { "cursor" };
    loop {
        let page = api.get(&path).await.expect(200);
        let items = page["items"].as_array().unwrap_or_else(|| panic!("{list}: {page}"));
        all.extend(items.iter().cloned());
        match page["next_cursor"].as_str().filter(|_| !items.is_empty()) {
            Some(cursor) => path = format!("{list}{join}{parameter}={cursor}"),
            None => return all,
        }
    }
}

/// Everything that can be read, by where it was read.
pub(crate) async fn everything(api: &Api) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let notifications = items(api, "/api/v1/notifications?limit=200").await;
    for notification in &notifications {
        let id = id(notification);
        for path in [format!("/api/v1/notifications/{id}"), format!("/api/v1/notifications/{id}/trace")] {
            found.insert(path.clone(), api.get(&path).await.expect(200));
        }
        let path = format!("/api/v1/messages/{id}/timeline");
        found.insert(path.clone(), json!(items(api, &path).await));
        if let Some(batch) = notification["batch_id"].as_str() {
            let path = format!("/api/v1/notifications/batch/{batch}");
            found.insert(path.clone(), api.get(&path).await.expect(200));
        }
    }
    let endpoints = items(api, "/api/v1/webhook-endpoints").await;
    for endpoint in &endpoints {
        let path = format!("/api/v1/webhook-endpoints/{}", id(endpoint));
        found.insert(format!("{path}/secret"), api.get(&format!("{path}/secret")).await.expect(200));
        let deliveries = format!("{path}/deliveries?limit=200");
        found.insert(deliveries.clone(), json!(items(api, &deliveries).await));
    }
    for n in 0..7 {
        let path = format!("/api/v1/recipients/user-{n}/activity?limit=200");
        found.insert(path.clone(), json!(items(api, &path).await));
    }
    for list in [
        "/api/v1/notifications?limit=200",
        "/api/v1/notifications?status=queued",
        "/api/v1/notifications?status=retrying",
        "/api/v1/notifications?campaign_id=spring&limit=200",
        "/api/v1/messages?limit=200",
        "/api/v1/templates",
        "/api/v1/suppressions",
        "/api/v1/events?limit=200",
        "/api/v1/campaigns",
    ] {
        found.insert(list.into(), json!(items(api, list).await));
    }
    let range = "from=2026-01-01T00:00:00Z&to=2026-12-31T00:00:00Z";
    for path in [
        "/api/v1/campaigns/spring/summary".to_owned(),
        format!("/api/v1/events/metrics?{range}&group_by=event_name"),
        format!("/api/v1/events/metrics?{range}&group_by=month&timezone=Asia/Kathmandu"),
        format!("/api/v1/events/metrics?{range}&group_by=campaign_id"),
    ] {
        found.insert(path.clone(), api.get(&path).await.expect(200));
    }
    // Which workers live, and how fast they were lately, is theirs.
    let (worker, metrics) =
        (api.get("/api/v1/worker").await.expect(200), api.get("/api/v1/metrics").await.expect(200));
    found.insert("pauses".into(), worker["channels"].clone());
    found.insert("queues".into(), json!([metrics["queue_depth"], metrics["deferred"], metrics["in_flight"]]));
    found
}
