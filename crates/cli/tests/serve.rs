//! `angaros serve` as a process: how it starts, refuses to start, closes, pauses and stops.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use angaros_testkit::api::{Api, id};
use angaros_testkit::eventually::eventually;
use angaros_testkit::http_sink::{Answer, HttpSink};
use angaros_testkit::launch::Launch;
use angaros_testkit::process::Angaros;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;

/// Generous: other builds may share the machine.
const SOON: Duration = Duration::from_secs(30);

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_angaros"))
}

fn sms(content: &str) -> Value {
    json!({ "channel": "sms", "recipient": "+15550100123", "content": content })
}

/// The command below "Try it:", as it was printed.
fn curl_line(stdout: &str) -> Option<String> {
    let (_, command) = stdout.split_once("Try it:\n")?;
    command.trim_end().ends_with("}'").then(|| command.trim().to_owned())
}

#[tokio::test]
async fn a_fresh_start_answers_and_its_printed_command_delivers() {
    let launch = launch();
    let mut service = launch.start().await;
    assert!(service.ready_after < Duration::from_secs(20), "{:?}", service.ready_after);
    println!("a fresh start was ready after {:?}", service.ready_after);
    let api = service.api();
    let ready = api.get("/readyz").await.expect(200);
    assert_eq!((&ready["status"], &ready["dependencies"][0]["name"]), (&json!("ready"), &json!("store")));
    assert_eq!(api.get("/healthz").await.status, 200);
    assert!(launch.folder().join("angaros-data/angaros.db").exists(), "data lies below the working folder");

    let command = service.prints(curl_line).await;
    assert!(command.starts_with(&format!("curl -sS {}/api/v1/notifications", service.url)), "{command}");
    let created = match curl(&command).await {
        Some((status, body)) => {
            assert_eq!(status, 202, "{body}");
            body
        }
        None => {
            println!("there is no curl here: the printed command's body is posted without it");
            let body = command.split_once("-d '").unwrap().1.trim_end_matches('\'');
            let body = serde_json::from_str(body).unwrap();
            api.post("/api/v1/notifications", &body).await.expect(202)
        }
    };
    let delivered = api.until(&id(&created), "delivered", SOON).await;
    assert_eq!((&delivered["content"], &delivered["attempts"]), (&json!("Hello from Angaros"), &json!(1)));
    let stderr = service.stderr();
    assert!(!stderr.contains("Hello from Angaros") && !stderr.contains("+15550100123"), "logs name nobody");
}

/// Runs a printed `curl` command as it is, with the status code asked for on top; `None` where there is no curl.
async fn curl(command: &str) -> Option<(u16, Value)> {
    let command = format!("{command} -w '\\n%{{http_code}}'");
    let has_curl = Command::new("curl").arg("--version").output().await.is_ok_and(|o| o.status.success());
    if !has_curl {
        return None;
    }
    let output = Command::new("sh").args(["-c", &command]).output().await.unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    let output = String::from_utf8(output.stdout).unwrap();
    let (body, status) = output.rsplit_once('\n').unwrap();
    Some((status.parse().unwrap(), serde_json::from_str(body).unwrap()))
}

#[tokio::test]
async fn sigterm_finishes_what_is_in_flight_and_loses_nothing() {
    // The answers take long enough that all sends are in flight when the signal comes.
    let sink = HttpSink::always(Answer::new(200, "").after(Duration::from_millis(1_500))).await;
    let launch = launch().unlimited().set("security.outbound_allow", "127.0.0.0/8");
    let launch = launch.set("delivery.concurrency", "16");
    let mut service = launch.start().await;
    let api = service.api();
    let webhook = |n: usize| json!({ "channel": "webhook", "recipient": sink.url("/in"), "content": format!("number {n}") });
    let members: Vec<Value> = (0..40).map(webhook).collect();
    let batch = api.post("/api/v1/notifications/batch", &json!({ "notifications": members })).await;
    let batch = id(&batch.expect(202));
    sink.wait_for(16, SOON).await;

    let (status, took) = service.stop().await;
    assert_eq!(status.code(), Some(0), "{}", service.stderr());
    assert!(took < Duration::from_secs(15), "it does not wait for what it has not claimed: {took:?}");
    println!("a stop with 16 sends in flight took {took:?}");
    let served = sink.recorded().len();
    assert_eq!(served, 16, "nothing is claimed once the signal came");

    service.start_again().await;
    let api = service.api();
    let counts = api.get(&format!("/api/v1/notifications/batch/{batch}")).await.expect(200)["counts"].clone();
    assert!(
        counts["delivered"].as_u64() >= Some(16),
        "the results of what was in flight are stored: {counts}"
    );
    all_delivered(&api, &batch, 40).await;
    let keys: Vec<_> = sink.recorded().iter().map(|r| r.header("idempotency-key").to_owned()).collect();
    for key in &keys {
        assert_eq!(sink.seen(key), 1, "an orderly stop leaves nothing in doubt");
    }
    assert_eq!(keys.len(), 40);
}

async fn all_delivered(api: &Api, batch: &str, size: u64) {
    eventually("the batch is delivered", SOON, async || {
        let batch = api.get(&format!("/api/v1/notifications/batch/{batch}")).await.expect(200);
        if batch["counts"]["delivered"] == size { Ok(()) } else { Err(batch["counts"].to_string()) }
    })
    .await;
}

#[tokio::test]
async fn a_data_folder_has_one_owner() {
    let launch = launch();
    let first = launch.start().await;
    let second = launch.run(&launch.serve()).await;
    let stderr = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("in use by another angaros process") && stderr.contains("angaros.db"),
        "{stderr}"
    );
    assert!(!String::from_utf8_lossy(&second.stdout).contains("is ready"));
    first.api().notify(&sms("the first one does not mind")).await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let launch = launch().listen(&address);
    let refused = launch.run(&launch.serve()).await;
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr.contains("--listen") && stderr.contains(&address), "{stderr}");
}

#[tokio::test]
async fn without_keys_it_stays_on_this_machine() {
    let everywhere = launch().listen("0.0.0.0:0");
    let refused = everywhere.run(&everywhere.serve()).await;
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("angaros keys create") && stderr.contains("0.0.0.0"), "{stderr}");

    let made = everywhere.run(&["keys", "create", "--name", "ops", "--scopes", "admin"]).await;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let mut service = everywhere.start().await;
    let command = service.prints(curl_line).await;
    assert!(command.contains("-H \"X-API-Key: $ANGAROS_API_KEY\""), "{command}");
    assert!(service.url.starts_with("http://127.0.0.1:") && command.contains(&service.url), "{command}");
    let api = service.api();
    assert_eq!(api.get("/api/v1/worker").await.status, 401);
    assert_eq!(api.with_key(&key).get("/api/v1/worker").await.status, 200);
}

#[tokio::test]
async fn a_wrong_setting_stops_the_start_and_is_named_with_what_was_meant() {
    for (key, value, expected) in [
        ("channels.sms.rate_per_secund", "5", ["RATE_PER_SECUND", "ANGAROS_CHANNELS__SMS__RATE_PER_SECOND"]),
        ("delivery.concurrency", "many", ["delivery.concurrency", "ANGAROS_DELIVERY__CONCURRENCY"]),
        ("channels.sms.providers", "sandbax", ["channels.sms.providers", "sandbox"]),
    ] {
        let launch = launch().set(key, value);
        let refused = launch.run(&launch.serve()).await;
        let stderr = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{stderr}");
        for part in expected {
            assert!(stderr.contains(part), "{key}: {stderr}");
        }
    }
    let launch = launch();
    std::fs::write(launch.folder().join("angaros.toml"), "[server]\nlistn = \"127.0.0.1:1\"\n").unwrap();
    let refused = launch.run(&["serve"]).await;
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr.contains("`server.listn`") && stderr.contains("angaros.toml:2"), "{stderr}");
    assert!(stderr.contains("did you mean `server.listen`?"), "{stderr}");
    assert!(!launch.folder().join("angaros-data").exists(), "nothing is made before the settings are right");
}

#[tokio::test]
async fn the_first_key_closes_a_running_service() {
    let launch = launch();
    let service = launch.start().await;
    let api = service.api();
    assert_eq!(api.get("/api/v1/notifications").await.status, 200, "open as long as there is no key");

    let reader = key(&launch, "read").await;
    let started = tokio::time::Instant::now();
    let refusal = eventually("the service is closed", Duration::from_secs(10), async || {
        let reply = api.get("/api/v1/notifications").await;
        if reply.status == 401 { Ok(reply) } else { Err(format!("it answers {}", reply.status)) }
    })
    .await;
    // Two seconds are promised; the rest is for a machine that does other things too.
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(refusal.header("content-type"), "application/problem+json");
    assert!(!refusal.header("www-authenticate").is_empty() && !refusal.header("x-correlation-id").is_empty());
    assert_eq!(
        (&refusal.body["status"], &refusal.body["instance"]),
        (&json!(401), &json!("/api/v1/notifications"))
    );
    assert_eq!(api.with_key("ak_0000000000_nonsense").get("/api/v1/notifications").await.status, 401);
    assert_eq!(api.get("/readyz").await.status, 200, "probes need no key");

    let reader = api.with_key(&reader);
    assert_eq!(reader.get("/api/v1/notifications").await.status, 200);
    let refused = reader.post("/api/v1/notifications", &sms("not allowed")).await;
    assert_eq!((refused.status, refused.header("content-type")), (403, "application/problem+json"));
    assert_eq!(reader.post_nothing("/api/v1/worker/stop").await.status, 403);

    let sender = api.with_key(&key(&launch, "send").await);
    eventually("the second key is known", Duration::from_secs(10), async || {
        let reply = sender.post("/api/v1/notifications", &sms("allowed")).await;
        if reply.status == 202 { Ok(()) } else { Err(reply.text) }
    })
    .await;
    let stored = reader.get("/api/v1/notifications").await.expect(200);
    assert_eq!(stored["items"].as_array().unwrap().len(), 1, "what was refused is not stored: {stored}");
}

/// Makes a key beside the running service.
async fn key(launch: &Launch, scopes: &str) -> String {
    let made = launch.run(&["keys", "create", "--name", scopes, "--scopes", scopes]).await;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_pause_survives_a_restart_and_ends_with_start() {
    let mut service = launch().start().await;
    let api = service.api();
    for _ in 0..2 {
        let paused = api.post("/api/v1/worker/stop", &json!({ "channel": "sms" })).await.expect(200);
        assert_eq!(paused["channels"]["sms"]["running"], false, "stopping twice is fine");
    }
    let before = api.notify(&sms("before the restart")).await;
    assert_eq!(service.stop().await.0.code(), Some(0));
    service.start_again().await;

    let api = service.api();
    let paused = api.get("/api/v1/worker").await.expect(200);
    assert_eq!((&paused["channels"]["sms"]["running"], &paused["running"]), (&json!(false), &json!(true)));
    let after = api.notify(&sms("after the restart")).await;
    // Another channel goes on: once it has delivered, the dispatcher has looked at the lanes since both were queued.
    let push = api.notify(&json!({ "channel": "push", "recipient": "token", "content": "goes on" })).await;
    api.until(&push, "delivered", SOON).await;
    for waiting in [&before, &after] {
        assert_eq!(api.notification(waiting).await["status"], "queued");
    }
    for _ in 0..2 {
        let running = api.post_nothing("/api/v1/worker/start").await.expect(200);
        assert_eq!(running["channels"]["sms"]["running"], true, "starting twice is fine");
    }
    for waiting in [&before, &after] {
        let delivered = api.until(waiting, "delivered", SOON).await;
        assert_eq!(delivered["attempts"], 1, "a pause takes no attempt");
    }
}

#[tokio::test]
async fn a_second_signal_stops_at_once_and_loses_nothing() {
    // The sink holds on to the request for longer than a stop is given.
    let sink = HttpSink::with(200, "").await;
    sink.script([Answer::new(200, "").after(Duration::from_secs(600))]);
    let launch = launch().set("security.outbound_allow", "127.0.0.0/8");
    let mut service: Angaros = launch.start().await;
    let api = service.api();
    let webhook = json!({ "channel": "webhook", "recipient": sink.url("/in"), "content": "held" });
    let held = api.notify(&webhook).await;
    sink.wait_for(1, SOON).await;
    service.terminate();
    service.logs(|log| log.contains("a second signal stops at once").then_some(())).await;
    service.terminate();
    assert_eq!(service.ended().await.code(), Some(130));

    service.start_again().await;
    let delivered = service.api().until(&held, "delivered", SOON).await;
    assert_eq!(delivered["attempts"], 2, "the interrupted attempt counts");
    assert_eq!(sink.seen(&held), 2, "sent again with the same key");
}
