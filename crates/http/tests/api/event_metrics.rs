//! Event metrics, over the embedded store.

use angaros_domain::api_key::Scope;
use angaros_store_test::fixture;
use serde_json::{Value, json};

use crate::support::{App, event_with, sms_with};

const METRICS: &str = "/api/v1/events/metrics";

/// Records events that differ from the usual one, each with an id of its own.
async fn record(app: &App, changes: &[Value]) {
    let events: Vec<Value> = changes
        .iter()
        .enumerate()
        .map(|(place, changes)| {
            let mut event = event_with(json!({"event_id": format!("{place}-{changes}")}));
            event.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            event
        })
        .collect();
    let answer = app.post("/api/v1/events/bulk", &json!(events)).await.is(200).json();
    assert_eq!(answer["created"], changes.len());
}

/// Records events at these times, each of another recipient.
pub(crate) async fn record_at(app: &App, times: &[&str]) {
    let changes = times.iter().enumerate();
    let changes = changes.map(|(n, at)| json!({"occurred_at": at, "recipient_id": format!("user-{n}")}));
    record(app, &changes.collect::<Vec<_>>()).await;
}

pub(crate) async fn metrics(app: &App, query: &str) -> Value {
    app.get(&format!("{METRICS}?{query}")).await.is(200).json()
}

pub(crate) fn starts(answer: &Value) -> Vec<&str> {
    answer["buckets"].as_array().unwrap().iter().map(|b| b["bucket_start"].as_str().unwrap()).collect()
}

pub(crate) fn counts(answer: &Value) -> Vec<u64> {
    answer["buckets"].as_array().unwrap().iter().map(|b| b["count"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn the_whole_answer() {
    let (app, _folder) = App::on_disk();
    let at = "2026-02-02T08:15:30.250Z";
    record(&app, &[json!({"occurred_at": at}), json!({"occurred_at": at}), json!({"recipient_id": "b"})])
        .await;
    let query = "from=2026-02-02T08:15:30.25%2B00:00&to=1770048000&group_by=day&timezone=europe/berlin";
    assert_eq!(
        metrics(&app, query).await,
        json!({
            "from": "2026-02-02T08:15:30.250Z",
            "to": "2026-02-02T16:00:00.000Z",
            "timezone": "Europe/Berlin",
            "group_by": "day",
            "approximate": false,
            "totals": {"count": 2, "unique_users": 1},
            "buckets": [{"bucket_start": "2026-02-01T23:00:00.000Z", "count": 2, "unique_users": 1}],
        })
    );
    let whole = metrics(&app, "from=1770020000&to=1770048000").await;
    assert_eq!((&whole["timezone"], &whole["group_by"]), (&json!("UTC"), &Value::Null));
    assert_eq!(whole["buckets"], json!([]));
    assert_eq!(whole["totals"], json!({"count": 3, "unique_users": 2}));
}

#[tokio::test]
async fn each_event_counts_once_as_soon_as_it_is_acknowledged() {
    let (app, _folder) = App::on_disk();
    let now = app.clock.now().as_seconds();
    let event = event_with(json!({"occurred_at": now - 60}));
    for n in 1..=3 {
        let fresh = event_with(json!({"occurred_at": now - 60, "event_id": format!("fresh-{n}")}));
        app.post("/api/v1/events", &fresh).await.is(201);
        assert_eq!(metrics(&app, "").await["totals"], json!({"count": n, "unique_users": 1}));
    }
    app.post("/api/v1/events", &event).await.is(201);
    app.post("/api/v1/events", &event).await.is(200);
    let other = event_with(json!({"occurred_at": now - 60, "recipient_id": "user-2"}));
    app.post("/api/v1/events", &other).await.problem(409, "event-conflict");
    assert_eq!(metrics(&app, "").await["totals"], json!({"count": 4, "unique_users": 1}));
}

#[tokio::test]
async fn the_last_day_is_meant_unless_a_range_is_given() {
    let (app, _folder) = App::on_disk();
    let now = app.clock.now();
    for (place, seconds) in [-86_400 - 60, -86_400 + 60, -60, 200].into_iter().enumerate() {
        let at = now.plus_seconds(seconds);
        record(&app, &[json!({"occurred_at": at, "recipient_id": format!("user-{place}")})]).await;
    }
    for (query, expected) in [
        (String::new(), 2),
        (format!("from={}", now.plus_seconds(-100_000)), 3),
        (format!("to={}", now.plus_seconds(-86_400)), 1),
        (format!("from={}&to={}", now.plus_seconds(-100_000), now.plus_seconds(300)), 4),
    ] {
        assert_eq!(metrics(&app, &query).await["totals"]["count"], expected, "{query}");
    }
    let day = metrics(&app, "to=1770086400").await;
    assert_eq!(day["from"], "2026-02-02T02:40:00.000Z");
    let until_now = metrics(&app, &format!("from={}", now.plus_seconds(-5))).await;
    assert!(until_now["to"].as_str().unwrap() >= now.to_string().as_str());
}

#[tokio::test]
async fn both_ends_belong_to_the_range_to_the_millisecond() {
    let (app, _folder) = App::on_disk();
    let times = [
        "2026-02-02T10:00:00.099Z",
        "2026-02-02T10:00:00.100Z",
        "2026-02-02T10:30:00Z",
        "2026-02-02T11:59:59.900Z",
        "2026-02-02T11:59:59.901Z",
    ];
    record_at(&app, &times).await;
    let range = "from=2026-02-02T10:00:00.1Z&to=2026-02-02T11:59:59.9Z";
    let hours = metrics(&app, &format!("{range}&group_by=hour")).await;
    assert_eq!((&hours["totals"]["count"], counts(&hours)), (&json!(3), vec![2, 1]));
    assert_eq!(starts(&hours), ["2026-02-02T10:00:00.000Z", "2026-02-02T11:00:00.000Z"]);
    for at in times {
        let one = metrics(&app, &format!("from={at}&to={at}&group_by=day")).await;
        assert_eq!((&one["totals"]["count"], counts(&one)), (&json!(1), vec![1]), "{at}");
    }
}

#[tokio::test]
async fn every_filter_chooses() {
    let (app, _folder) = App::on_disk();
    record(
        &app,
        &[
            json!({"event_name": "opened", "channel": "email", "campaign_id": "spring", "provider": "a"}),
            json!({"event_name": "opened", "channel": "sms", "campaign_id": "spring", "provider": "a"}),
            json!({"event_name": "clicked", "channel": "sms", "campaign_id": "autumn", "provider": "b"}),
            json!({"event_name": "clicked", "recipient_id": "user-2"}),
        ],
    )
    .await;
    for (query, count, unique_users) in [
        ("", 4, 2),
        ("event_name=clicked", 2, 2),
        ("channel=sms", 2, 1),
        ("campaign_id=spring", 2, 1),
        ("provider=a", 2, 1),
        ("provider=mailer", 1, 1),
        ("event_name=opened&channel=sms&campaign_id=spring&provider=a", 1, 1),
        ("event_name=opened&provider=b", 0, 0),
        ("event_name=OPENED", 0, 0),
    ] {
        let counted = metrics(&app, &format!("from=1770000000&to=1770086400&{query}")).await;
        let expected = json!({"count": count, "unique_users": unique_users});
        assert_eq!(counted["totals"], expected, "{query}");
    }
}

#[tokio::test]
async fn names_channels_and_campaigns_come_with_the_most_events_first() {
    let (app, _folder) = App::on_disk();
    record(
        &app,
        &[
            json!({"event_name": "opened", "channel": "email", "campaign_id": "spring"}),
            json!({"event_name": "opened", "channel": "email", "recipient_id": "user-2"}),
            json!({"event_name": "opened", "channel": "sms", "campaign_id": "autumn"}),
            json!({"event_name": "clicked", "channel": null}),
        ],
    )
    .await;
    let bucket = |value: Value, count: u64, unique: u64| json!({"value": value, "count": count, "unique_users": unique});
    for (group_by, expected) in [
        ("event_name", vec![bucket("opened".into(), 3, 2), bucket("clicked".into(), 1, 1)]),
        (
            "channel",
            vec![bucket("email".into(), 2, 2), bucket(Value::Null, 1, 1), bucket("sms".into(), 1, 1)],
        ),
        (
            "campaign_id",
            vec![bucket(Value::Null, 2, 2), bucket("autumn".into(), 1, 1), bucket("spring".into(), 1, 1)],
        ),
    ] {
        let counted = metrics(&app, &format!("from=1770000000&to=1770086400&group_by={group_by}")).await;
        assert_eq!((&counted["group_by"], &counted["buckets"]), (&json!(group_by), &json!(expected)));
        assert_eq!(counted["totals"], json!({"count": 4, "unique_users": 2}));
    }
    let none = metrics(&app, "from=1&to=2&group_by=channel").await;
    assert_eq!(none["buckets"], json!([]));
}

#[tokio::test]
async fn the_engines_own_events_are_counted() {
    let (app, _folder) = App::on_disk();
    app.post("/api/v1/notifications", &sms_with(json!({"campaign_id": "c"}))).await.is(202);
    app.settle(fixture::deliver).await;
    let counted = metrics(&app, "provider=angaros&group_by=event_name&channel=sms&campaign_id=c").await;
    let names: Vec<&str> =
        counted["buckets"].as_array().unwrap().iter().map(|b| b["value"].as_str().unwrap()).collect();
    assert_eq!(names, ["delivered", "processing", "queued", "sent"]);
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let (app, _folder) = App::on_disk();
    for (query, name) in [
        ("from=1770000001&to=1770000000", "from"),
        ("from=2026-02-02T00:00:00.001Z&to=2026-02-02T00:00:00Z", "from"),
        ("from=2099-01-01T00:00:00Z", "from"),
        ("from=2025-02-01T00:00:00Z&to=2026-02-02T00:00:00.001Z", "from"),
        ("from=0", "from"),
        ("from=yesterday", "from"),
        ("from=", "from"),
        ("to=2026-02-30T00:00:00Z", "to"),
        ("to=2026-02-02T00:00:00+01:00", "to"),
        ("group_by=year", "group_by"),
        ("group_by=", "group_by"),
        ("group_by=Day", "group_by"),
        ("timezone=Europe/Atlantis", "timezone"),
        ("timezone=%2B01:00", "timezone"),
        ("timezone=", "timezone"),
        ("event_name=", "event_name"),
        ("channel=", "channel"),
        ("campaign_id=", "campaign_id"),
        ("provider=", "provider"),
        ("event_name=a&event_name=b", "event_name"),
        ("limit=10", "limit"),
    ] {
        let answer = app.get(&format!("{METRICS}?{query}")).await.problem(400, "invalid-parameter");
        assert_eq!(answer.text("/errors/0/parameter"), name, "{query}");
    }
    metrics(&app, "from=2025-02-01T00:00:00Z&to=2026-02-02T00:00:00Z&group_by=month").await;
    let detail = app.get(&format!("{METRICS}?group_by=year")).await.text("/errors/0/detail");
    assert!(detail.contains("`hour`") && detail.contains("`campaign_id`"), "{detail}");
}

#[tokio::test]
async fn tenants_and_scopes_are_held() {
    let (app, _folder) = App::on_disk();
    let ours = app.key("ours", &[Scope::Admin]).await;
    let theirs = app.key("theirs", &[Scope::Read]).await;
    let ingest = app.key("ours", &[Scope::Ingest, Scope::Send]).await;
    let event = event_with(json!({})).to_string();
    app.post_text("/api/v1/events", &event, &[("x-api-key", &ingest)]).await.is(201);
    let path = format!("{METRICS}?from=1770000000&to=1770086400");
    for (key, count) in [(&ours, 1), (&theirs, 0)] {
        let counted = app.get_with(&path, &[("x-api-key", key)]).await.is(200).json();
        assert_eq!(counted["totals"]["count"], count);
    }
    for path in [&path, "/metrics?from=1770000000&to=1770086400", "/api/v1/campaigns"] {
        app.get_with(path, &[("x-api-key", &ingest)]).await.problem(403, "forbidden");
    }
}
