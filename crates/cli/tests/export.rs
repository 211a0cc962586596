//! `angaros export`: that import reads what it writes, and what it leaves out.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use angaros_testkit::launch::Launch;
use angaros_testkit::process::Angaros;
use serde_json::{Value, json};

/// A service with events of every kind in its log.
async fn filled() -> (Launch, Angaros) {
    let launch = Launch::new(env!("CARGO_BIN_EXE_angaros"));
    let service = launch.start().await;
    let at = |day: u64| format!("2026-02-{day:02}T12:30:00.125+02:00");
    let mut events = vec![
        json!({ "event_name": "signup", "recipient_id": "u\"1\", \n2", "occurred_at": at(1) }),
        json!({
            "provider": "shop", "event_id": "=1+1", "event_name": "bought", "recipient_id": " u ",
            "message_id": "m", "campaign_id": "spring", "channel": "web", "occurred_at": at(2),
            "tags": ["a", "b;c", "[d]"],
            "metadata": {"n": 1.5e300, "big": 18_446_744_073_709_551_615_u64, "deep": [{"x": null}], "": "é\u{1}"}
        }),
        json!({ "event_name": "seen", "message_id": "m", "occurred_at": 0, "tags": ["x", "y"] }),
    ];
    events.extend((3..=27).flat_map(|day| {
        (0..20).map(move |n| {
            let id = format!("{day}-{n}");
            json!({ "provider": "many", "event_id": id, "event_name": "seen", "recipient_id": "u", "occurred_at": at(day) })
        })
    }));
    let answer = service.api().post("/api/v1/events/bulk", &json!(events)).await.expect(200);
    assert_eq!(answer["created"], 503);
    let note = json!({ "channel": "sms", "recipient": "+15550100123", "content": "hello" });
    service.api().notify(&note).await;
    (launch, service)
}

async fn export(launch: &Launch, service: &Angaros, arguments: &[&str]) -> String {
    let output = launch.run(&[&["export", "--url", &service.url], arguments].concat()).await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn events(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn what_is_exported_can_be_imported_and_is_the_same_again() {
    let (launch, service) = filled().await;
    let original = export(&launch, &service, &[]).await;
    assert_eq!(original.lines().count(), 503);
    for (form, name) in [("ndjson", "log.ndjson"), ("csv", "log.csv")] {
        assert!(export(&launch, &service, &["--format", form, "--output", name]).await.is_empty());
        assert!(!launch.folder().join(format!("{name}.part")).exists());

        let second = Launch::new(env!("CARGO_BIN_EXE_angaros"));
        let other = second.start().await;
        let import = ["import", name, "--json", "--in-flight", "1", "--url", &other.url];
        let output = launch.run(&import).await;
        assert!(output.status.success(), "{output:?}");
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(summary["created"], 503, "{form}");
        assert_eq!(export(&second, &other, &[]).await, original, "{form}");

        let back = ["import", name, "--json", "--url", &service.url];
        let output = launch.run(&back).await;
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(summary["duplicates"], 503, "{form}: every event is the one that is stored");
    }
}

#[tokio::test]
async fn only_what_is_asked_for_is_exported() {
    let (launch, service) = filled().await;
    let bought = events(&export(&launch, &service, &["--event-name", "bought"]).await);
    assert_eq!(bought.len(), 1);
    assert_eq!((&bought[0]["provider"], bought[0].get("id")), (&"shop".into(), None));
    let campaign = events(&export(&launch, &service, &["--campaign", "spring"]).await);
    assert_eq!(campaign, bought);

    let at = |day: u64| format!("2026-02-{day:02}T10:30:00.125Z");
    let span = export(&launch, &service, &["--from", &at(4), "--to", &at(6), "--provider", "many"]).await;
    assert_eq!(span.lines().count(), 60, "both ends belong to it");

    let mine = events(&export(&launch, &service, &["--lifecycle", "--all-fields"]).await);
    let engine: Vec<&Value> = mine.iter().filter(|event| event["provider"] == "angaros").collect();
    assert!(!engine.is_empty() && mine.len() > 503);
    for field in ["id", "received_at", "correlation_id"] {
        assert!(engine.iter().all(|event| event[field].is_string()), "{field}");
    }
    let table =
        export(&launch, &service, &["--provider", "angaros", "--all-fields", "--format", "csv"]).await;
    assert!(table.lines().next().unwrap().ends_with("metadata,id,received_at,correlation_id"), "{table}");
    assert!(table.contains(engine[0]["id"].as_str().unwrap()), "{table}");
}
