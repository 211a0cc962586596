//! The binary on PostgreSQL: several processes share the work, one may be killed, and every command finds the database.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::process::Output;
use std::time::Duration;

use angaros_testkit::eventually::eventually;
use angaros_testkit::launch::Launch;
use angaros_testkit::postgres::Database;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

async fn launch() -> Launch {
    let url = Database::new().await.url();
    Launch::new(env!("CARGO_BIN_EXE_angaros")).unlimited().variable("DATABASE_URL", url)
}

fn told(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

#[tokio::test]
async fn what_a_killed_process_had_the_others_deliver() {
    let launch = launch().await.set("providers.sandbox.latency_ms", "300").set("delivery.lease_seconds", "5");
    let (mut one, mut other) = tokio::join!(launch.start(), launch.start());
    let mut ids = Vec::new();
    for n in 0..40 {
        let api = if n % 2 == 0 { one.api() } else { other.api() };
        let sms = json!({ "channel": "sms", "recipient": "+15550100123", "content": "hello", "campaign_id": "spring" });
        ids.push(api.notify(&sms).await);
    }
    one.kill().await;
    let api = other.api();
    for id in &ids {
        api.until(id, "delivered", SOON).await;
    }
    let summary = api.get("/api/v1/campaigns/spring/summary").await.expect(200);
    assert_eq!(summary["notifications"], json!({ "delivered": 40 }), "{summary}");
    let audit = told(&launch.run(&["verify", "--json"]).await);
    assert_eq!((&audit["drift"], &audit["differences"]), (&json!(0), &json!([])), "{audit}");
    assert!(audit["events"].as_u64().unwrap() >= 160 && audit["counts"].as_u64().unwrap() > 10, "{audit}");
    assert!(other.stop().await.0.success());
}

#[tokio::test]
async fn every_command_finds_the_database() {
    let launch = launch().await;
    let status = told(&launch.run(&["migrate", "status", "--json"]).await);
    assert_eq!((&status["version"], &status["steps"][0]["applied"]), (&json!(0), &json!(false)));
    let doctor = launch.run(&["doctor"]).await;
    let text = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(text.contains("is empty: its schema comes with the first start"), "{text}");
    let listed = launch.run(&["keys", "list", "--json"]).await;
    assert_eq!((listed.status.code(), told(&listed)), (Some(0), json!([])));

    let key = told(&launch.run(&["keys", "create", "--name", "ops", "--scopes", "admin", "--json"]).await);
    let status = told(&launch.run(&["migrate", "status", "--json"]).await);
    assert_eq!(status["steps"][0]["applied"], json!(true));
    let mut service = launch.start().await;
    service.prints(|printed| printed.contains("  Data     postgres://").then_some(())).await;
    let api = service.api().with_key(key["key"].as_str().unwrap());
    let event = json!({ "event_id": "1", "event_name": "opened", "recipient_id": "ada", "occurred_at": 1_770_000_000 });
    api.post("/api/v1/events", &event).await.expect(201);
    api.post("/api/v1/events", &event).await.expect(200);
    let text = String::from_utf8_lossy(&launch.run(&["doctor"]).await.stdout).into_owned();
    assert!(text.contains("can be written") && text.contains("every call needs an API key"), "{text}");
    assert!(service.stop().await.0.success());

    let refused = launch.run(&["migrate", "down"]).await;
    assert_eq!(refused.status.code(), Some(1), "dropping data needs a word");
    let down = told(&launch.run(&["migrate", "to", "0", "--yes", "--json"]).await);
    assert_eq!(down["version"], 0);
}

#[tokio::test]
async fn a_server_that_is_not_there_stops_the_start_without_showing_its_password() {
    let nowhere = "postgres://ada:hunter2@127.0.0.1:1/angaros";
    let launch = Launch::new(env!("CARGO_BIN_EXE_angaros")).variable("DATABASE_URL", nowhere);
    for command in [&["serve"][..], &["verify"], &["migrate", "status"], &["keys", "list"]] {
        let refused = launch.run(command).await;
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{text}");
        assert!(text.contains("no connection to PostgreSQL") && !text.contains("hunter2"), "{text}");
    }
}

/// A result that the database refuses holds up no other, and what it is about goes on once it can be stored.
#[tokio::test]
async fn a_result_that_is_refused_is_alone_with_that() {
    let database = Database::new().await;
    let launch = Launch::new(env!("CARGO_BIN_EXE_angaros"))
        .unlimited()
        .variable("DATABASE_URL", database.url())
        .set("delivery.lease_seconds", "5");
    let mut service = launch.start().await;
    let client = database.client().await;
    let refuse = "ALTER TABLE notifications ADD CONSTRAINT poison CHECK (status <> 'delivered' OR content <> 'poison')";
    client.batch_execute(refuse).await.unwrap();
    let sms = |content: &str| json!({ "channel": "sms", "recipient": "+15550100123", "content": content });
    let mut all = vec![sms("hello"); 30];
    all[17] = sms("poison");
    let api = service.api();
    let batch = api.post("/api/v1/notifications/batch", &json!({ "notifications": all })).await.expect(202);
    let counts = async || {
        let path = format!("/api/v1/notifications/batch/{}", batch["id"].as_str().unwrap());
        api.get(&path).await.expect(200)["counts"].clone()
    };
    eventually("all others are delivered", SOON, async || {
        let counts = counts().await;
        if counts["delivered"] == 29 { Ok(()) } else { Err(counts.to_string()) }
    })
    .await;
    service.logs(|log| log.contains("the store refuses a result").then_some(())).await;
    assert!(!service.stderr().contains("+15550100123"), "nobody's address is told");
    client.batch_execute("ALTER TABLE notifications DROP CONSTRAINT poison").await.unwrap();
    eventually("nothing is lost", SOON, async || {
        let counts = counts().await;
        if counts["delivered"] == 30 { Ok(()) } else { Err(counts.to_string()) }
    })
    .await;
    assert!(service.stop().await.0.success());
}
