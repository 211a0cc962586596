//! `angaros demo` as a process: what it shows, that it moves, and that nothing is left of it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use angaros_testkit::api::Api;
use angaros_testkit::eventually::eventually;
use angaros_testkit::launch::Launch;
use angaros_testkit::running::Running;
use serde_json::Value;

/// Generous: other builds may share the machine, and the first outage begins after half a minute.
const IN_TIME: Duration = Duration::from_secs(180);

fn launch() -> Launch {
    let launch = Launch::new(env!("CARGO_BIN_EXE_angaros"));
    let temporary = launch.folder().join("tmp");
    fs::create_dir(&temporary).unwrap();
    // A configuration that would send something is none of the demo's business.
    fs::write(launch.folder().join("angaros.toml"), "[server]\nlisten = \"not an address\"\n").unwrap();
    launch
        .variable("TMPDIR", temporary.to_str().unwrap())
        .variable("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
}

async fn api_of(demo: &mut Running) -> Api {
    let url = demo.prints(|text| {
        let (_, rest) = text.split_once("API      ")?;
        rest.split_once("/api/v1").map(|(url, _)| url.to_owned())
    });
    Api::new(&url.await)
}

fn count(of: &Value, name: &str) -> u64 {
    of[name].as_u64().unwrap_or_default()
}

/// One after the other is no more than the one before it: sent, delivered, opened, clicked.
fn adds_up(of: &Value) -> bool {
    ["sent", "delivered", "opened", "clicked"].windows(2).all(|pair| count(of, pair[0]) >= count(of, pair[1]))
}

#[tokio::test]
async fn a_demo_shows_everything_that_can_happen_and_leaves_nothing() {
    let launch = launch();
    let arguments = ["demo", "--listen", "127.0.0.1:0", "--count", "400", "--rate", "12", "--seed", "3"];
    let mut demo = launch.spawn(&arguments);
    let api = api_of(&mut demo).await;
    demo.prints(|text| text.contains("The demo is running: 400 notifications").then_some(())).await;

    let campaigns = api.get("/api/v1/campaigns").await.expect(200)["items"].as_array().unwrap().clone();
    let ids: BTreeSet<&str> = campaigns.iter().filter_map(|one| one["campaign_id"].as_str()).collect();
    assert_eq!(ids, BTreeSet::from(["newsletter-42", "spring-sale"]));
    for campaign in &campaigns {
        assert!(adds_up(&campaign["counts"]) && count(&campaign["counts"], "clicked") > 0, "{campaign}");
        let summary = format!("/api/v1/campaigns/{}/summary", campaign["campaign_id"].as_str().unwrap());
        let summary = api.get(&summary).await.expect(200);
        assert!(adds_up(&summary["unique_recipients"]), "{summary}");
        let days = "/api/v1/events/metrics?group_by=day&campaign_id=";
        let week = format!("{days}{}&from={}", campaign["campaign_id"].as_str().unwrap(), week_ago(campaign));
        let buckets = api.get(&week).await.expect(200)["buckets"].as_array().unwrap().clone();
        assert!(
            buckets.iter().filter(|day| count(day, "count") > 0).count() >= 2,
            "it is of days: {buckets:?}"
        );
    }

    eventually("everything that can happen has happened", IN_TIME, async || {
        let mut missing = Vec::new();
        for channel in ["sms", "email", "push", "webhook"] {
            for status in ["delivered", "failed"] {
                let found = api
                    .get(&format!("/api/v1/notifications?channel={channel}&status={status}&limit=1"))
                    .await;
                if found.expect(200)["items"] == Value::Array(Vec::new()) {
                    missing.push(format!("{channel} {status}"));
                }
            }
        }
        // Mail fails rarely, and which way a message goes is a matter of chance.
        missing.retain(|what| what != "email failed");
        let metrics = api.metrics().await;
        let counted = |name: &str| {
            let lines = metrics.lines().filter(|line| line.starts_with(name));
            lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum::<f64>()
        };
        for name in [
            "angaros_breaker_opened_total",
            "angaros_webhook_deliveries_queued_total",
            "angaros_promoted_total",
        ] {
            if counted(name) < 1.0 {
                missing.push(name.to_owned());
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?}")) }
    })
    .await;
    let suppressed = api.get("/api/v1/suppressions?limit=200").await.expect(200);
    assert!(suppressed["items"].as_array().unwrap().len() >= 20);

    demo.terminate();
    let ended = demo.ended().await;
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.stdout, ended.stderr);
    let left: Vec<_> =
        fs::read_dir(launch.folder().join("tmp")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
    let beside: Vec<_> =
        fs::read_dir(launch.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside.len(), 2, "only what the test made: {beside:?}");
}

/// A day more than a week before the last event, in epoch seconds.
fn week_ago(campaign: &Value) -> i64 {
    let last = campaign["last_event_at"].as_str().unwrap();
    angaros_domain::Timestamp::parse(last).unwrap().as_seconds() - 8 * 86_400
}

#[tokio::test]
async fn a_demo_that_is_kept_goes_on_where_it_ended() {
    let launch = launch();
    let arguments = ["demo", "--listen", "127.0.0.1:0", "--count", "60", "--data-dir", "kept", "--json"];
    let mut sent = Vec::new();
    for _ in 0..2 {
        let mut demo = launch.spawn(&arguments);
        let told = demo.prints(|text| serde_json::from_str::<Value>(text.lines().next()?).ok()).await;
        assert_eq!((&told["notifications"], &told["kept"]), (&Value::from(60), &Value::from(true)), "{told}");
        let api = Api::new(told["url"].as_str().unwrap());
        let summary = api.get("/api/v1/campaigns/spring-sale/summary").await.expect(200);
        sent.push((told["events"].as_u64().unwrap(), count(&summary["counts"], "sent")));
        let endpoints = api.get("/api/v1/webhook-endpoints").await.expect(200);
        assert_eq!(endpoints["items"].as_array().unwrap().len(), 1);
        demo.interrupt();
        let ended = demo.ended().await;
        assert_eq!(ended.status.code(), Some(0), "{}{}", ended.stdout, ended.stderr);
    }
    assert!(sent[0].0 > 60 && sent[1].0 == 0, "the past is told once: {sent:?}");
    assert!(sent[1].1 >= sent[0].1 && sent[0].1 >= 30, "{sent:?}");
    assert!(launch.folder().join("kept/angaros.db").exists());
}
