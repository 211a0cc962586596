//! Campaigns: the console's numbers are those of the API.

use serde_json::{Value, json};

use crate::browser::{Browser, Page};
use crate::support::{App, event_with, sms_with};

const DAY: i64 = 86_400;
/// 2026-02-02T00:00:00Z
const START: i64 = 1_769_990_400;

/// Records events of a campaign over three days: name, recipient and second of each.
async fn record(app: &App, campaign_id: &str) {
    for (place, (name, recipient_id, at)) in [
        ("sent", "ada", START),
        ("sent", "bob", START + 60),
        ("sent", "cy", START + 120),
        ("delivered", "ada", START + 200),
        ("delivered", "bob", START + 300),
        ("opened", "ada", START + DAY + 3_600),
        ("opened", "ada", START + DAY + 7_200),
        ("clicked", "ada", START + 2 * DAY),
    ]
    .into_iter()
    .enumerate()
    {
        let event = event_with(json!({
            "event_id": format!("{campaign_id}-{place}"), "event_name": name, "recipient_id": recipient_id,
            "occurred_at": at, "campaign_id": campaign_id, "channel": "email",
        }));
        app.post("/api/v1/events", &event).await.is(201);
    }
}

/// The rows of the table below a chart: `2026-02-02 5 3`.
fn chart_rows(page: &Page) -> Vec<String> {
    let tables = page.html.split("class=\"chart-numbers\" id=\"over-time-numbers\"").nth(1).expect("a chart");
    let body = tables.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
    body.split("</tr>").map(crate::html::words).filter(|row| !row.is_empty()).collect()
}

#[tokio::test]
async fn the_one_with_the_latest_event_comes_first() {
    let (app, _folder) = App::on_disk();
    let mut browser = Browser::new(&app);
    browser.get("/console/campaigns").await.is(200).says("No event has named a campaign yet.");
    record(&app, "spring").await;
    let late = json!({"event_id": "late", "campaign_id": "autumn", "occurred_at": START + 9 * DAY});
    app.post("/api/v1/events", &event_with(late)).await.is(201);
    let page = browser.get("/console/campaigns").await.is(200);
    page.says("autumn 0 0 1 0 1").says("spring 3 2 2 1 8");
    assert!(page.words().find("autumn") < page.words().find("spring"));
    assert!(page.links().contains("/console/campaigns/spring"));
}

#[tokio::test]
async fn a_campaign_says_what_its_summary_does() {
    let (app, _folder) = App::on_disk();
    record(&app, "spring").await;
    app.post("/api/v1/notifications", &sms_with(json!({"campaign_id": "spring"}))).await.is(202);
    let summary: Value = app.get("/api/v1/campaigns/spring/summary").await.is(200).json();
    let page = Browser::new(&app).get("/console/campaigns/spring").await.is(200);
    for (name, count) in summary["counts"].as_object().unwrap() {
        page.says(&format!("{name} {count} {}", summary["unique_recipients"][name]));
    }
    for (name, rate) in summary["rates"].as_object().unwrap() {
        page.says(&name.replace('_', " "));
        page.has(rate["formula"].as_str().unwrap());
    }
    page.says("delivery rate 66.6% 2 delivered / 3 sent").says("open rate 50% 1 opened / 2 delivered");
    page.says("complaint rate 0% 0 complained / 2 delivered");
    page.says("delivered 2 66.6% of sent").says("clicked 1 100% of opened");
    page.says("queued 1");
    assert!(page.links().contains("/console/notifications?campaign_id=spring"));
    assert!(page.links().contains("/console/events?campaign_id=spring"));
}

#[tokio::test]
async fn its_chart_has_the_numbers_of_the_metrics() {
    let (app, _folder) = App::on_disk();
    record(&app, "spring").await;
    let range = "from=2026-02-02T00:00:00Z&to=2026-02-04T00:00:00Z";
    let metrics = format!("/api/v1/events/metrics?campaign_id=spring&group_by=day&{range}");
    let metrics: Value = app.get(&metrics).await.is(200).json();
    let of = |bucket: &Value| {
        let day = &bucket["bucket_start"].as_str().unwrap()[..10];
        format!("{day} {} {}", bucket["count"], bucket["unique_users"])
    };
    let expected: Vec<String> = metrics["buckets"].as_array().unwrap().iter().map(of).collect();
    assert_eq!(expected, ["2026-02-02 5 3", "2026-02-03 2 1", "2026-02-04 1 1"]);
    let mut browser = Browser::new(&app);
    let page = browser.get("/console/campaigns/spring?group_by=day").await.is(200);
    assert_eq!(chart_rows(&page), expected);
    page.has("role=\"img\" aria-labelledby=\"over-time-title over-time-desc\"").says("Events 8");

    // In a zone to the west everything of the first hours belongs to the day before.
    let zone = "/console/campaigns/spring?group_by=day&timezone=America/New_York&event_name=sent";
    let page = browser.get(zone).await.is(200);
    assert_eq!(chart_rows(&page)[0], "2026-02-01 3 3");
    page.has("Day (America/New_York)");
}

#[tokio::test]
async fn one_without_events_says_so_and_wrong_questions_are_refused() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    browser.get("/console/campaigns/none").await.is(200).says("Nothing has happened in this campaign yet.");
    record(&app, "spring").await;
    for query in ["timezone=Nowhere", "group_by=year", "from=soon", "of=me", "from=2026-02-05&to=2026-02-04"]
    {
        browser.get(&format!("/console/campaigns/spring?{query}")).await.is(400);
    }
    browser.get("/console/campaigns?cursor=made-up").await.is(400);
}

#[tokio::test]
async fn the_longest_chart_is_a_small_page() {
    let (app, _folder) = App::on_disk();
    record(&app, "spring").await;
    let year = "from=2025-03-01&to=2026-03-01&group_by=hour";
    let page = Browser::new(&app).get(&format!("/console/campaigns/spring?{year}")).await.is(200);
    page.says("these are longer ones");
    assert_eq!(chart_rows(&page).len(), 53, "weeks in place of hours");
}
