//! Events: the explorer, its chart, and one event.

use angaros_domain::api_key::Scope;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::support::{App, event_with, sms};

const NOW_DAY: &str = "2026-02-02";

async fn record(app: &App, number: usize, changes: Value) -> String {
    let mut event = event_with(json!({"event_id": format!("e-{number}")}));
    event.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    app.post("/api/v1/events", &event).await.is(201).text("/id")
}

/// Links to single events, in the order of the page.
fn listed(page: &crate::browser::Page) -> Vec<String> {
    let links = crate::html::values(&page.html, "a", "href");
    let id = |link: String| link.strip_prefix("/console/events/").map(str::to_owned);
    links.into_iter().filter_map(id).collect()
}

#[tokio::test]
async fn the_latest_come_first_and_filters_choose() {
    let (app, _folder) = App::on_disk();
    let mut browser = Browser::new(&app);
    browser.get("/console/events").await.is(200).says("No event was recorded yet.");
    let mut ids = Vec::new();
    for (number, changes) in [
        json!({"campaign_id": "spring", "recipient_id": "ada"}),
        json!({"channel": "sms", "recipient_id": "bob"}),
        json!({"provider": "shop", "event_name": "purchase", "message_id": "m-1"}),
        json!({"campaign_id": "spring", "occurred_at": "2026-02-01T00:00:00Z"}),
    ]
    .into_iter()
    .enumerate()
    {
        ids.push(record(&app, number, changes).await);
    }
    for (query, expected) in [
        ("", vec![3, 2, 1, 0]),
        ("campaign_id=spring", vec![0, 3]),
        ("channel=sms", vec![1]),
        ("provider=shop", vec![2]),
        ("event_name=purchase", vec![2]),
        ("recipient_id=ada", vec![0]),
        ("message_id=m-1", vec![2]),
        ("to=2026-02-01T12:00", vec![3]),
        ("from=2026-02-01T12:00&provider=mailer", vec![1, 0]),
        ("event_name=bounced", vec![]),
    ] {
        let page = browser.get(&format!("/console/events?{query}")).await.is(200);
        let expected: Vec<&String> = expected.into_iter().map(|index: usize| &ids[index]).collect();
        assert_eq!(listed(&page).iter().collect::<Vec<_>>(), expected, "{query}");
    }
}

#[tokio::test]
async fn pages_join_up() {
    let (app, _folder) = App::on_disk();
    for number in 0..120 {
        record(&app, number, json!({"campaign_id": "spring"})).await;
    }
    let mut browser = Browser::new(&app);
    for list in
        ["/console/events", "/console/events?campaign_id=spring", "/console/events?recipient_id=user-1"]
    {
        let (mut next, mut seen) = (Some(list.to_owned()), Vec::new());
        while let Some(path) = next {
            let page = browser.get(&path).await.is(200);
            assert!(page.html.len() < 100_000);
            seen.extend(listed(&page));
            next = page.links().into_iter().find(|link| link.contains("cursor="));
        }
        let mut unique = seen.clone();
        unique.sort();
        unique.dedup();
        assert_eq!((seen.len(), unique.len()), (120, 120), "{list}");
    }
}

#[tokio::test]
async fn the_chart_has_the_numbers_of_the_metrics() {
    let (app, _folder) = App::on_disk();
    for (number, name) in ["opened", "opened", "clicked"].into_iter().enumerate() {
        let recipient = format!("user-{number}");
        record(&app, number, json!({"event_name": name, "recipient_id": recipient})).await;
    }
    let range = format!("from={NOW_DAY}T00:00:00Z&to={NOW_DAY}T23:59:59Z");
    let metrics: Value =
        app.get(&format!("/api/v1/events/metrics?group_by=event_name&{range}")).await.is(200).json();
    let page = Browser::new(&app).get(&format!("/console/events?group_by=event_name&{range}")).await.is(200);
    for bucket in metrics["buckets"].as_array().unwrap() {
        let (name, count) = (bucket["value"].as_str().unwrap(), &bucket["count"]);
        page.says(&format!("{name} {count} {}", bucket["unique_users"]));
    }
    page.says("Events 3").says("Unique recipients 3").does_not_say("estimated");
    assert!(page.links().iter().any(|link| link.contains("event_name=clicked")), "{:?}", page.links());
}

#[tokio::test]
async fn what_can_not_be_asked_at_once_is_refused() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    for query in [
        "recipient_id=a&message_id=b",
        "recipient_id=a&campaign_id=c",
        "message_id=a&provider=c",
        "from=2026-02-05&to=2026-02-04",
        "group_by=nothing",
        "cursor=made-up",
    ] {
        browser.get(&format!("/console/events?{query}")).await.is(400);
    }
}

#[tokio::test]
async fn what_is_too_long_for_a_chart_is_listed_all_the_same() {
    let (app, _folder) = App::on_disk();
    let id = record(&app, 0, json!({"campaign_id": "spring"})).await;
    let mut browser = Browser::new(&app);
    for page in ["events", "campaigns/spring"] {
        let page = browser.get(&format!("/console/{page}?from=2020-01-01&to=2026-12-01")).await.is(200);
        page.says("is too long to count in: choose at most 366 days");
    }
    assert_eq!(listed(&browser.get("/console/events?from=2020-01-01").await.is(200)), [id]);
}

#[tokio::test]
async fn one_event_is_shown_with_everything() {
    let (app, _folder) = App::on_disk();
    let n = app.post("/api/v1/notifications", &sms()).await.is(202).text("/id");
    let changes = json!({
        "message_id": n, "campaign_id": "spring", "channel": "sms", "tags": ["a", "b"],
        "metadata": {"carrier": {"code": 7}},
    });
    let id = record(&app, 0, changes).await;
    let mut browser = Browser::new(&app);
    let page = browser.get(&format!("/console/events/{id}")).await.is(200);
    page.says("opened").says("e-0").says("a, b").says("\"code\": 7").says("user-1");
    for link in [
        format!("/console/notifications/{n}"),
        "/console/campaigns/spring".into(),
        format!("/api/v1/events/{id}"),
    ] {
        assert!(page.links().contains(&link), "{link}");
    }
    let elsewhere = record(&app, 1, json!({"message_id": "m-7"})).await;
    let page = browser.get(&format!("/console/events/{elsewhere}")).await.is(200);
    assert!(page.links().contains("/console/events?message_id=m-7"));
    let mut reader = Browser::signed_in(&app, &[Scope::Read]).await;
    let page = reader.get(&format!("/console/events/{id}")).await.is(200);
    page.says(&format!("GET /api/v1/events/{id}"));
    assert!(!page.links().iter().any(|link| link.starts_with("/api")), "the API knows no sessions");
    browser = reader;
    browser.get("/console/events/018f0000-0000-7000-8000-000000000000").await.is(404);
    browser.get("/console/events/nonsense").await.is(404);
}

#[tokio::test]
async fn reading_needs_its_scope() {
    let app = App::new();
    let mut sender = Browser::signed_in(&app, &[Scope::Send]).await;
    for path in [
        "/console/events",
        "/console/campaigns",
        "/console/campaigns/x",
        "/console/webhooks",
        "/console/keys",
    ] {
        sender.get(path).await.is(403);
    }
    sender.get("/console/dead-letters").await.is(200);
    sender.get("/console/templates").await.is(200);
}

#[tokio::test]
async fn a_full_page_stays_small() {
    let (app, _folder) = App::on_disk();
    let long = "&".repeat(250);
    let mut events = Vec::new();
    for number in 0..1_000 {
        let campaign_id = format!("{}{:03}", &long[..200], number % 200);
        let at = format!("2026-{:02}-{:02}T10:00:00Z", number % 4 + 1, number % 28 + 1);
        events.push(event_with(json!({
            "event_id": format!("f-{number}"), "campaign_id": campaign_id, "recipient_id": long, "occurred_at": at,
        })));
    }
    for some in events.chunks(50) {
        app.post("/api/v1/events/bulk", &json!(some)).await.is(200);
    }
    let mut browser = Browser::new(&app);
    for group_by in ["day", "hour", "campaign_id"] {
        let path = format!("/console/events?from=2026-01-01&to=2026-05-01&group_by={group_by}");
        assert_eq!(listed(&browser.get(&path).await.is(200)).len(), 50);
    }
}
