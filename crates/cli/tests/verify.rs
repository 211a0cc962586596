//! `angaros verify`: beside a running service, at rest, on a broken copy, and without a database.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use angaros_clock::Clock;
use angaros_domain::correlation::CorrelationId;
use angaros_domain::ingest::{EventDraft, EventKey};
use angaros_domain::{EventId, TenantId, Timestamp};
use angaros_store::Reported;
use angaros_store_sqlite::limit;
use angaros_testkit::eventually::eventually;
use angaros_testkit::launch::Launch;
use serde_json::{Value, json};

const GAUGE: &str = "angaros_count_drift 0";

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_angaros")).unlimited()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// An event that is stored under another key than its own: its repeat would be stored again.
async fn misplace_a_key(path: &Path) {
    let clock = Clock::system();
    let draft = EventDraft {
        provider: "shop".into(),
        event_id: Some("misplaced".into()),
        name: "signup".into(),
        recipient_id: Some("user-1".into()),
        message_id: None,
        campaign_id: None,
        channel: None,
        occurred_at: Timestamp::from_millis(1_780_000_000_000),
        tags: vec![],
        metadata: serde_json::Map::new(),
    };
    let correlation_id = CorrelationId::parse("test").unwrap();
    let event = draft.into_event(TenantId::DEFAULT, EventId(clock.new_uuid()), clock.now(), correlation_id);
    limit::insert(path, &clock, &[Reported { event, key: EventKey(7) }]).unwrap();
}

/// A service with events, and notifications that went through it.
async fn used(launch: &Launch) -> angaros_testkit::process::Angaros {
    let service = launch.start().await;
    let api = service.api();
    let event = |n: u64| {
        json!({
            "event_id": format!("{}", n % 90), "event_name": "opened", "recipient_id": format!("user-{}", n % 7),
            "campaign_id": "spring", "channel": "email", "occurred_at": 1_770_000_000 + (n % 90) * 1000,
        })
    };
    let events: Vec<Value> = (0..100).map(event).collect();
    assert_eq!(api.post("/api/v1/events/bulk", &json!(events)).await.expect(200)["created"], 90);
    let id = api
        .notify(&json!({ "channel": "sms", "recipient": "+15550100123", "content": "hello", "campaign_id": "spring" }))
        .await;
    api.until(&id, "delivered", Duration::from_secs(60)).await;
    service
}

#[tokio::test]
async fn a_service_in_use_has_no_drift_and_a_broken_copy_has() {
    let launch = launch();
    let mut service = used(&launch).await;
    let beside = launch.run(&["verify", "--json"]).await;
    assert_eq!(beside.status.code(), Some(0), "{beside:?}");
    let found = json(&beside);
    assert!(found["events"].as_u64().unwrap() > 90, "{found}");
    assert_eq!((&found["drift"], &found["differences"]), (&json!(0), &json!([])));
    assert!(service.stop().await.0.success());
    // Now everything is folded, so everything is held against the log.
    let found = json(&launch.run(&["verify", "--json"]).await);
    assert!(found["counts"].as_u64().unwrap() > 90 && found["drift"] == 0, "{found}");
    let at_rest = launch.run(&["verify"]).await;
    let text = String::from_utf8_lossy(&at_rest.stdout);
    assert!(at_rest.status.success() && text.contains("Everything agrees with the log."), "{at_rest:?}");

    let copy = launch.folder().join("copy");
    std::fs::create_dir(&copy).unwrap();
    std::fs::copy(launch.folder().join("angaros-data/angaros.db"), copy.join("angaros.db")).unwrap();
    misplace_a_key(&copy.join("angaros.db")).await;
    let broken = launch.run(&["verify", "--json", "--data-dir", "copy"]).await;
    assert_eq!(broken.status.code(), Some(3), "{broken:?}");
    let found = json(&broken);
    assert_eq!(found["drift"], 1, "{found}");
    let named = found["differences"][0].as_str().unwrap();
    assert!(named.starts_with("keys that lead to their event: counted 90, in the log 91"), "{named}");
    let broken = launch.run(&["verify", "--data-dir", "copy"]).await;
    let text = String::from_utf8_lossy(&broken.stdout);
    assert_eq!(broken.status.code(), Some(3), "{broken:?}");
    assert!(text.contains("drift   1\n") && text.contains(named) && text.contains("runbook"), "{text}");
}

#[tokio::test]
async fn a_database_that_is_missing_is_named_and_not_made() {
    let launch = launch();
    let output = launch.run(&["verify", "--data-dir", "nowhere"]).await;
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty() && text.contains("there is no database nowhere/angaros.db"), "{text}");
    assert!(!launch.folder().join("nowhere").exists());
}

#[tokio::test]
async fn a_running_service_shows_that_nothing_drifts() {
    let service = used(&launch()).await;
    let api = service.api();
    eventually("the first audit is shown", Duration::from_secs(60), async || {
        let text = api.metrics().await;
        if text.lines().any(|line| line == GAUGE) { Ok(()) } else { Err(text) }
    })
    .await;
}
