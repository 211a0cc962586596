//! `angaros tail`: what it shows of the log, and when it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::process::Stdio;
use std::time::Duration;

use angaros_testkit::api::Api;
use angaros_testkit::gateway::{Gateway, Pass};
use angaros_testkit::launch::Launch;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

/// How long a process may take to notice that nobody reads it.
const NOTICED: Duration = Duration::from_secs(60);

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_angaros"))
}

async fn post(api: &Api, id: &str, further: &Value) {
    let mut event = json!({ "event_id": id, "event_name": "seen", "recipient_id": "u", "occurred_at": "2026-02-02T00:00:00Z" });
    event.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    api.post("/api/v1/events", &event).await.expect(201);
}

fn ids(lines: &str) -> Vec<String> {
    let event = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    lines.lines().map(|line| event(line)["event_id"].as_str().unwrap().to_owned()).collect()
}

/// The cursor that it names at its end.
fn cursor(stderr: &str) -> &str {
    stderr.trim().rsplit(' ').next().unwrap()
}

#[tokio::test]
async fn it_shows_what_comes_after_its_start_until_ctrl_c() {
    let launch = launch();
    let service = launch.start().await;
    post(&service.api(), "before", &json!({})).await;
    let mut running = launch.spawn(&["tail", "--url", &service.url]);
    running.says("following the log").await;
    let further = json!({ "channel": "web", "message_id": "m-1", "provider": "shop" });
    post(&service.api(), "after", &further).await;
    let line = running.prints(|text| text.lines().next().map(str::to_owned)).await;
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words, ["2026-02-02T00:00:00.000Z", "shop", "seen", "u", "m-1", "web"]);
    running.interrupt();
    let ended = running.ended().await;
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(ended.stdout.lines().count(), 1, "{ended:?}");
}

#[tokio::test]
async fn it_goes_on_behind_a_cursor_and_ends_where_it_is_told_to() {
    let launch = launch();
    let service = launch.start().await;
    for n in 1..=5 {
        post(&service.api(), &n.to_string(), &json!({})).await;
    }
    let tail = async |arguments: &[&str]| {
        let output = launch.run(&[&["tail", "--json", "--url", &service.url], arguments].concat()).await;
        assert!(output.status.success(), "{output:?}");
        (ids(&String::from_utf8(output.stdout).unwrap()), String::from_utf8(output.stderr).unwrap())
    };
    let (first, said) = tail(&["--from-start", "--limit", "3"]).await;
    assert_eq!(first, ["1", "2", "3"]);
    let (rest, _) = tail(&["--no-follow", "--after", cursor(&said)]).await;
    assert_eq!(rest, ["4", "5"], "nothing is shown twice or left out");
    assert!(tail(&["--no-follow"]).await.0.is_empty(), "it begins at the end");
    let output = launch.run(&["tail", "--after", "x&limit=1", "--url", &service.url]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("after"), "{output:?}");
}

#[tokio::test]
async fn it_shows_only_what_is_asked_for() {
    let launch = launch();
    let service = launch.start().await;
    let api = service.api();
    let all = json!({
        "provider": "shop", "event_name": "bought", "channel": "web", "campaign_id": "c", "recipient_id": "u-2"
    });
    post(&api, "all", &all).await;
    for (n, field) in ["provider", "event_name", "channel", "campaign_id", "recipient_id"].iter().enumerate()
    {
        let mut other = all.clone();
        other[field] = "other".into();
        post(&api, &n.to_string(), &other).await;
    }
    let filters = [
        ["--provider", "shop"],
        ["--event-name", "bought"],
        ["--channel", "web"],
        ["--campaign", "c"],
        ["--recipient", "u-2"],
    ];
    let url = &service.url;
    let tail = ["tail", "--json", "--from-start", "--no-follow", "--url", url];
    for (n, filter) in filters.iter().enumerate() {
        let output = launch.run(&[&tail[..], filter].concat()).await;
        let shown = ids(&String::from_utf8(output.stdout).unwrap());
        assert_eq!(shown.len(), 5, "{filter:?}");
        assert!(!shown.contains(&n.to_string()), "{filter:?}: {shown:?}");
    }
    let output = launch.run(&[&tail[..], &filters.concat()].concat()).await;
    assert_eq!(ids(&String::from_utf8(output.stdout).unwrap()), ["all"]);
}

#[tokio::test]
async fn it_ends_when_nobody_reads_it_any_more() {
    let launch = launch();
    let service = launch.start().await;
    post(&service.api(), "first", &json!({})).await;
    let mut command = launch.command(["tail", "--from-start", "--json", "--url", &service.url]);
    let mut child = command.stderr(Stdio::inherit()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).await.unwrap();
    assert_eq!(ids(&line), ["first"]);
    drop(stdout);
    post(&service.api(), "second", &json!({})).await;
    let status = timeout(NOTICED, child.wait()).await.expect("it ends").unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn a_service_that_starts_again_is_followed_further() {
    let launch = launch();
    let mut service = launch.start().await;
    let gateway = Gateway::start(&service.url, |_| Pass::Through).await;
    let mut running = launch.spawn(&["tail", "--json", "--limit", "1", "--url", &gateway.url]);
    running.says("following the log").await;
    service.kill().await;
    service.start_again().await;
    gateway.service_moved(&service.url);
    post(&service.api(), "later", &json!({})).await;
    let ended = running.ended().await;
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(ids(&ended.stdout), ["later"]);
}

#[tokio::test]
async fn one_notification_is_followed_until_it_is_final() {
    let launch = launch();
    let service = launch.start().await;
    let api = service.api();
    api.post("/api/v1/worker/stop", &json!({})).await.expect(200);
    let sms = json!({ "channel": "sms", "recipient": "+15550100123", "content": "hello" });
    let id = api.post("/api/v1/notifications", &sms).await.expect(202)["id"].as_str().unwrap().to_owned();
    let mut running = launch.spawn(&["tail", "--notification", &id, "--url", &service.url]);
    running.prints(|text| text.contains("queued").then_some(())).await;
    api.post("/api/v1/worker/start", &json!({})).await.expect(200);
    let ended = running.ended().await;
    assert!(ended.status.success(), "{ended:?}");
    let statuses: Vec<&str> =
        ended.stdout.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(statuses, ["queued", "processing", "sent", "delivered"]);
    let again = launch.spawn(&["tail", "--notification", &id, "--json", "--url", &service.url]).ended().await;
    assert_eq!(serde_json::from_str::<Value>(&again.stdout).unwrap()["status"], "delivered");
}
