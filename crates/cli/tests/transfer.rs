//! `angaros transfer`, from a file to a real PostgreSQL: everything reads the same afterwards, what waited is delivered once,
//! and a transfer that is killed goes on.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/filled.rs"]
mod filled;

use std::process::Output;
use std::time::Duration;

use angaros_testkit::api::Api;
use angaros_testkit::eventually::eventually;
use angaros_testkit::held_up::HeldUp;
use angaros_testkit::http_sink::{Answer, HttpSink, Then};
use angaros_testkit::launch::Launch;
use angaros_testkit::postgres::Database;
use filled::{REPORTED, SOON, event, everything, fill, items, keyed, launch, receiver, webhook};
use serde_json::{Value, json};

const FILE: &str = "sqlite://angaros-data/angaros.db";

fn told(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

async fn transfer(launch: &Launch, from: &str, to: &str) -> Output {
    launch.run(&["transfer", "--from", from, "--to", to, "--json"]).await
}

/// A transfer that is refused, and what it says.
async fn refused(launch: &Launch, from: &str, to: &str) -> String {
    let output = transfer(launch, from, to).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn key(launch: &Launch, tenant: &str) -> String {
    let create = ["keys", "create", "--name", "ops", "--scopes", "admin", "--tenant", tenant, "--json"];
    told(&launch.run(&create).await)["key"].as_str().unwrap().to_owned()
}

/// What the sink got of one content.
fn arrived(sink: &HttpSink, content: &str) -> usize {
    sink.recorded().iter().filter(|r| r.path != "/hook" && r.json()["content"] == content).count()
}

/// How often endpoints were told of something.
fn hooks(sink: &HttpSink) -> usize {
    sink.recorded().iter().filter(|r| r.path == "/hook").count()
}

#[tokio::test]
async fn everything_reads_the_same_afterwards_and_what_waited_is_delivered_once() {
    let (sink, database) = (receiver().await, Database::new().await);
    let source = launch();
    let (own, others) = (key(&source, "default").await, key(&source, "shop").await);
    let mut service = source.start().await;
    let api = service.api().with_key(&own);
    fill(&api, &sink).await;
    let of_others = service.api().with_key(&others);
    of_others.post("/api/v1/events", &event(1)).await.expect(201);
    let (before, before_of_others) = (everything(&api).await, everything(&of_others).await);
    let end = api.get("/api/v1/events?after=end").await.expect(200);
    let in_use = refused(&source, FILE, &database.url()).await;
    assert!(in_use.contains("in use by another angaros process"), "{in_use}");
    assert!(service.stop().await.0.success());

    let missing = refused(&source, "sqlite://nowhere.db", &database.url()).await;
    assert!(missing.contains("there is no database nowhere.db"), "{missing}");
    let moved = transfer(&source, FILE, &database.url()).await;
    assert!(moved.status.success(), "{moved:?}");
    let summary = told(&moved);
    let rows = |part: &str| summary["parts"][part]["rows"].as_u64().unwrap();
    assert_eq!(
        (rows("tenants"), rows("api_keys"), rows("pauses"), rows("leases")),
        (2, 2, 1, 0),
        "{summary}"
    );
    assert!(rows("events") as usize > REPORTED && rows("deferred") >= 2 && rows("ready") == 5, "{summary}");
    assert_eq!((&summary["drift"], &summary["resumed_rows"]), (&json!(0), &json!(0)));
    let again = refused(&source, FILE, &database.url()).await;
    assert!(again.contains("is not empty"), "{again}");

    let target = launch().variable("DATABASE_URL", database.url());
    let audit = told(&target.run(&["verify", "--json"]).await);
    assert_eq!((&audit["drift"], &audit["differences"]), (&json!(0), &json!([])), "{audit}");
    let mut service = target.start().await;
    let (api, of_others) = (service.api().with_key(&own), service.api().with_key(&others));
    let after = everything(&api).await;
    assert!(after.keys().eq(before.keys()) && after.len() > 60, "{:?}", after.keys());
    for (path, body) in after {
        assert_eq!(body, before[&path], "{path}");
    }
    assert_eq!(everything(&of_others).await, before_of_others);

    // What was said before is known.
    assert_eq!(keyed(&api, &sink).await.header("idempotency-replayed"), "true");
    api.post("/api/v1/events", &event(3)).await.expect(200);
    let mut changed = event(3);
    changed["event_name"] = json!("bounced");
    api.post("/api/v1/events", &changed).await.expect(409);
    // What is new stands behind it, and endpoints hear of that alone.
    let hooks_before = hooks(&sink);
    let new = api.post("/api/v1/events", &event(REPORTED + 2)).await.expect(201);
    let cursor = end["next_cursor"].as_str().unwrap();
    let behind = api.get(&format!("/api/v1/events?after={cursor}")).await.expect(200);
    assert_eq!(behind["items"][0]["id"], new["id"], "{behind}");
    assert_eq!(event(REPORTED + 2)["event_name"], "opened");

    api.post("/api/v1/worker/start", &json!({"channel": "webhook"})).await.expect(200);
    eventually("the endpoint hears of the new one", SOON, async || {
        if hooks(&sink) > hooks_before { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    for n in 0..5 {
        let content = format!("waiting {n}");
        let list = items(&api, "/api/v1/notifications?limit=200").await;
        let waiting = list.iter().find(|n| n["content"] == content).unwrap();
        api.until(waiting["id"].as_str().unwrap(), "delivered", SOON).await;
        assert_eq!(arrived(&sink, &content), 1, "{content}");
    }
    assert_eq!((arrived(&sink, "delivered"), arrived(&sink, "keyed"), arrived(&sink, "later")), (1, 1, 0));
    assert_eq!(hooks(&sink), hooks_before + 1);
    assert!(service.stop().await.0.success());
    let audit = told(&target.run(&["verify", "--json"]).await);
    assert_eq!(audit["drift"], 0, "{audit}");
}

#[tokio::test]
async fn what_cannot_be_moved_is_refused_and_no_password_is_shown() {
    let launch = launch();
    for (from, to, why) in [
        ("sqlite://a.db", "postgres://ada:hunter2@h/db?options=x", "--to must be postgres://"),
        ("postgres://ada:hunter2@h/db", "sqlite://a.db", "a file into PostgreSQL"),
        ("hunter2", "postgres://h/db", "--from must be sqlite://"),
    ] {
        let said = refused(&launch, from, to).await;
        assert!(said.contains(why) && !said.contains("hunter2"), "{said}");
    }
}

/// A file with a few thousand events, left by a process that was killed while it sent.
async fn killed_while_sending(source: &Launch, sink: &HttpSink) -> Vec<String> {
    let mut service = source.start().await;
    let api: Api = service.api();
    let events: Vec<Value> = (0..2_500).map(event).collect();
    for page in events.chunks(500) {
        api.post("/api/v1/events/bulk", &json!(page)).await.expect(200);
    }
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(api.notify(&webhook(sink, "/silent", &format!("claimed {n}"))).await);
    }
    sink.wait_for(3, SOON).await;
    service.kill().await;
    ids
}

#[tokio::test]
async fn a_transfer_that_is_killed_goes_on_and_what_was_claimed_is_sent() {
    let (sink, database) = (HttpSink::always(Answer::raw("", Then::Hang)).await, Database::new().await);
    let source = launch().set("delivery.lease_seconds", "5").set("providers.webhook.timeout_seconds", "4");
    let claimed = killed_while_sending(&source, &sink).await;
    let target = source.clone().variable("DATABASE_URL", database.url());
    assert!(target.run(&["migrate", "up"]).await.status.success());
    let held_up = HeldUp::at(&database, 1_500).await;

    let moving = source.spawn(&["transfer", "--from", FILE, "--to", &database.url()]);
    eventually("a page of the log is there, and the next is held up", SOON, async || {
        held_up.is_reached().await
    })
    .await;
    moving.kill().await;
    held_up.release().await;

    let serving = target.run(&target.serve()).await;
    let text = String::from_utf8_lossy(&serving.stderr);
    assert!(!serving.status.success() && text.contains("is not complete"), "{text}");
    let elsewhere = launch();
    let mut other = elsewhere.start().await;
    other.api().post("/api/v1/events", &event(1)).await.expect(201);
    assert!(other.stop().await.0.success());
    let not_the_same = refused(&elsewhere, FILE, &database.url()).await;
    assert!(not_the_same.contains("a transfer of something else"), "{not_the_same}");

    let moved = transfer(&source, FILE, &database.url()).await;
    assert!(moved.status.success(), "{moved:?}");
    let summary = told(&moved);
    assert!(summary["resumed_rows"].as_u64().unwrap() > 1_000 && summary["drift"] == 0, "{summary}");
    assert_eq!(summary["parts"]["leases"]["rows"].as_u64().map(|leases| leases > 0), Some(true), "{summary}");

    sink.script((0..3).map(|_| Answer::new(200, "")));
    let service = target.set("delivery.retry.base_seconds", "0.05").start().await;
    for id in &claimed {
        service.api().until(id, "delivered", SOON).await;
    }
    let events = items(&service.api(), "/api/v1/events?limit=200").await;
    let reported = events.iter().filter(|event| event["provider"] == "shop").count();
    assert_eq!(reported, 2_500, "each once");
    // What was claimed was on its way when its process was killed: once there, and once from here.
    assert_eq!(sink.wait_for(6, Duration::from_secs(1)).await.len(), 6);
}
