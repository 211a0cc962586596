//! Campaigns: what is counted of each, over the embedded store.

use angaros_domain::api_key::Scope;
use angaros_store_test::fixture;
use serde_json::{Value, json};

use crate::support::{App, event_with, sms_with};

const LIST: &str = "/api/v1/campaigns";

/// Records events of one campaign: name, recipient and epoch seconds of each.
async fn record(app: &App, campaign_id: &str, events: &[(&str, &str, i64)]) {
    for (place, (name, recipient_id, at)) in events.iter().enumerate() {
        let event = event_with(json!({
            "event_id": format!("{campaign_id}-{place}-{name}-{at}"), "event_name": name,
            "recipient_id": recipient_id, "occurred_at": at, "campaign_id": campaign_id,
        }));
        app.post("/api/v1/events", &event).await.is(201);
    }
}

async fn summary(app: &App, encoded_id: &str) -> Value {
    app.get(&format!("{LIST}/{encoded_id}/summary")).await.is(200).json()
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["campaign_id"].as_str().unwrap()).collect()
}

fn rate(numerator: u64, denominator: u64, value: &Value, formula: &str) -> Value {
    json!({"numerator": numerator, "denominator": denominator, "value": value, "formula": formula})
}

#[tokio::test]
async fn a_summary_counts_events_recipients_and_rates() {
    let (app, _folder) = App::on_disk();
    let at = 1_770_000_000;
    record(
        &app,
        "spring",
        &[
            ("sent", "ada", at),
            ("sent", "bob", at),
            ("sent", "cy", at),
            ("sent", "dan", at),
            ("delivered", "ada", at + 1),
            ("delivered", "bob", at + 1),
            ("bounced", "cy", at + 1),
            ("opened", "ada", at + 60),
            ("opened", "ada", at + 90),
            ("opened", "bob", at + 70),
            ("clicked", "ada", at + 91),
            ("signup", "ada", at - 5),
        ],
    )
    .await;
    record(&app, "autumn", &[("opened", "cy", at + 500)]).await;
    let unique = |part: &str, whole: &str| format!("unique recipients {part} / unique recipients {whole}");
    assert_eq!(
        summary(&app, "spring").await,
        json!({
            "campaign_id": "spring",
            "counts": {
                "sent": 4, "delivered": 2, "bounced": 1, "opened": 3, "clicked": 1, "signup": 1,
            },
            "unique_recipients": {
                "sent": 4, "delivered": 2, "bounced": 1, "opened": 2, "clicked": 1, "signup": 1,
            },
            "rates": {
                "delivery_rate": rate(2, 4, &json!(0.5), &unique("delivered", "sent")),
                "bounce_rate": rate(1, 4, &json!(0.25), &unique("bounced", "sent")),
                "open_rate": rate(2, 2, &json!(1.0), &unique("opened", "delivered")),
                "click_rate": rate(1, 2, &json!(0.5), &unique("clicked", "delivered")),
                "click_to_open_rate": rate(1, 2, &json!(0.5), &unique("clicked", "opened")),
                "unsubscribe_rate": rate(0, 2, &json!(0.0), &unique("unsubscribed", "delivered")),
                "complaint_rate": rate(0, 2, &json!(0.0), &unique("complained", "delivered")),
            },
            "first_event_at": "2026-02-02T02:39:55.000Z",
            "last_event_at": "2026-02-02T02:41:31.000Z",
            "notifications": {},
        })
    );
    let rates = summary(&app, "autumn").await["rates"].clone();
    assert_eq!(rates["open_rate"]["numerator"], 1);
    assert_eq!(rates["open_rate"]["value"], Value::Null, "nothing was delivered");
}

#[tokio::test]
async fn an_unknown_campaign_is_empty() {
    let (app, _folder) = App::on_disk();
    let unknown = summary(&app, "nothing").await;
    for (key, expected) in [
        ("campaign_id", json!("nothing")),
        ("counts", json!({})),
        ("unique_recipients", json!({})),
        ("notifications", json!({})),
        ("first_event_at", Value::Null),
        ("last_event_at", Value::Null),
    ] {
        assert_eq!(unknown[key], expected, "{key}");
    }
    let rates = unknown["rates"].as_object().unwrap();
    assert_eq!(rates.len(), 7);
    for rate in rates.values() {
        assert_eq!((&rate["numerator"], &rate["denominator"]), (&json!(0), &json!(0)));
        assert!(rate["value"].is_null() && rate["formula"].is_string(), "{rate}");
    }
    assert_eq!(app.get(LIST).await.is(200).json(), json!({"items": [], "next_cursor": null}));
}

#[tokio::test]
async fn each_event_counts_once_as_soon_as_it_is_acknowledged() {
    let (app, _folder) = App::on_disk();
    let event = event_with(json!({"campaign_id": "spring"}));
    app.post("/api/v1/events", &event).await.is(201);
    assert_eq!(summary(&app, "spring").await["counts"], json!({"opened": 1}));
    app.post("/api/v1/events", &event).await.is(200);
    let other = event_with(json!({"campaign_id": "spring", "recipient_id": "someone-else"}));
    app.post("/api/v1/events", &other).await.problem(409, "event-conflict");
    let bulk = app.post("/api/v1/events/bulk", &json!([event, other, event])).await.is(200).json();
    assert_eq!((&bulk["duplicates"], &bulk["conflicts"]), (&json!(2), &json!(1)));
    let counted = summary(&app, "spring").await;
    assert_eq!(
        (&counted["counts"], &counted["unique_recipients"]),
        (&json!({"opened": 1}), &json!({"opened": 1}))
    );
}

#[tokio::test]
async fn notifications_stand_in_the_summary_with_their_events() {
    let (app, _folder) = App::on_disk();
    let send = async |changes: Value| {
        app.post("/api/v1/notifications", &sms_with(changes)).await.is(202);
    };
    send(json!({"campaign_id": "spring", "recipient_id": "ada"})).await;
    send(json!({"campaign_id": "spring", "recipient_id": "bob"})).await;
    app.settle(fixture::deliver).await;
    send(json!({"campaign_id": "spring", "recipient_id": "ada"})).await;
    app.settle(fixture::fail).await;
    send(json!({"campaign_id": "spring", "scheduled_at": "2099-01-01T00:00:00Z"})).await;
    send(json!({"campaign_id": "spring"})).await;
    send(json!({})).await;
    let counted = summary(&app, "spring").await;
    let statuses = json!({"pending": 1, "queued": 1, "delivered": 2, "failed": 1});
    assert_eq!(counted["notifications"], statuses);
    for (name, count, recipients) in [("sent", 2, 2), ("delivered", 2, 2), ("failed", 1, 1)] {
        assert_eq!(counted["counts"][name], count, "{name}: {counted}");
        assert_eq!(counted["unique_recipients"][name], recipients, "{name}");
    }
    assert_eq!(counted["rates"]["delivery_rate"]["value"], 1.0);
    let listed = app.get(LIST).await.is(200).json();
    assert_eq!(listed["items"][0]["counts"], counted["counts"]);
}

#[tokio::test]
async fn the_list_begins_with_the_latest_and_is_paged() {
    let (app, _folder) = App::on_disk();
    let at = 1_770_000_000;
    record(&app, "old", &[("opened", "ada", at)]).await;
    record(&app, "young", &[("opened", "ada", at + 20), ("opened", "bob", at + 5)]).await;
    record(&app, "middle", &[("opened", "ada", at + 10), ("clicked", "ada", at + 3)]).await;
    record(&app, "a same time", &[("sent", "ada", at)]).await;
    let all = app.get(LIST).await.is(200).json();
    assert_eq!(ids(&all), ["young", "middle", "old", "a same time"]);
    assert_eq!(
        all["items"][1],
        json!({
            "campaign_id": "middle",
            "counts": {"opened": 1, "clicked": 1},
            "first_event_at": "2026-02-02T02:40:03.000Z",
            "last_event_at": "2026-02-02T02:40:10.000Z",
        })
    );
    let (mut seen, mut path) = (Vec::new(), format!("{LIST}?limit=1"));
    loop {
        let page = app.get(&path).await.is(200).json();
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("{LIST}?limit=1&cursor={cursor}");
    }
    assert_eq!(seen, ids(&all));
    record(&app, "old", &[("opened", "bob", at + 30)]).await;
    assert_eq!(ids(&app.get(LIST).await.is(200).json())[0], "old");
    for (query, name) in [("limit=0", "limit"), ("limit=201", "limit"), ("status=sent", "status")] {
        let answer = app.get(&format!("{LIST}?{query}")).await.problem(400, "invalid-parameter");
        assert_eq!(answer.text("/errors/0/parameter"), name);
    }
    app.get(&format!("{LIST}/old/summary?from=1")).await.problem(400, "invalid-parameter");
}

#[tokio::test]
async fn a_campaigns_id_may_hold_anything() {
    let (app, _folder) = App::on_disk();
    for (id, encoded) in [
        ("spring/2026 %_", "spring%2F2026%20%25_"),
        ("gr\u{fc}\u{df}e?#\u{1f600}", "gr%C3%BC%C3%9Fe%3F%23%F0%9F%98%80"),
        ("..", "%2E%2E"),
        ("a+b&c=d", "a+b&c=d"),
    ] {
        record(&app, id, &[("opened", "ada", 1_770_000_000)]).await;
        let counted = summary(&app, encoded).await;
        assert_eq!((&counted["campaign_id"], &counted["counts"]), (&json!(id), &json!({"opened": 1})));
    }
}

#[tokio::test]
async fn tenants_have_campaigns_of_their_own() {
    let (app, _folder) = App::on_disk();
    let (ours, theirs) = (app.key("ours", &[Scope::Admin]).await, app.key("theirs", &[Scope::Admin]).await);
    let event = event_with(json!({"campaign_id": "spring"})).to_string();
    app.post_text("/api/v1/events", &event, &[("x-api-key", &ours)]).await.is(201);
    let path = format!("{LIST}/spring/summary");
    for (key, counts, listed) in [(&ours, json!({"opened": 1}), 1), (&theirs, json!({}), 0)] {
        let key = [("x-api-key", key.as_str())];
        assert_eq!(app.get_with(&path, &key).await.is(200).json()["counts"], counts);
        assert_eq!(ids(&app.get_with(LIST, &key).await.is(200).json()).len(), listed);
    }
}
