//! `angaros import`: every format and outcome, and that an import which was broken off goes on where it was.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/log.rs"]
mod log;

use std::path::PathBuf;
use std::process::Stdio;

use angaros_testkit::api::Api;
use angaros_testkit::gateway::{Gateway, Pass};
use angaros_testkit::http_sink::Answer;
use angaros_testkit::launch::Launch;
use log::whole_log;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

/// Rows of one request, as the command sends them.
const BATCH: u64 = 500;

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_angaros"))
}

/// Puts a file where the commands run.
fn file(launch: &Launch, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = launch.folder().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// This many lines, each an event of its own.
fn lines(count: u64) -> String {
    let line = |n| json!({ "event_id": format!("e-{n}"), "type": "seen", "user_id": "u", "timestamp": n });
    (1..=count).map(|n| line(n).to_string() + "\n").collect()
}

/// Runs an import with `--json`; its code and its summary.
async fn import(launch: &Launch, url: &str, arguments: &[&str]) -> (i32, Value) {
    let arguments = [&["import", "--json", "--url", url], arguments].concat();
    let output = launch.run(&arguments).await;
    let summary = serde_json::from_slice(&output.stdout);
    (output.status.code().unwrap(), summary.unwrap_or_else(|_| panic!("{output:?}")))
}

/// created, duplicates, conflicts, invalid
fn counts(summary: &Value) -> [u64; 4] {
    ["created", "duplicates", "conflicts", "invalid"].map(|name| summary[name].as_u64().unwrap())
}

/// Every event of [`lines`] is in the log, once.
async fn assert_once_each(api: &Api, count: u64) {
    let mut found: Vec<String> =
        whole_log(api).await.iter().map(|event| event["event_id"].as_str().unwrap().to_owned()).collect();
    found.sort();
    let mut expected: Vec<String> = (1..=count).map(|n| format!("e-{n}")).collect();
    expected.sort();
    assert_eq!(found, expected);
}

fn left_over(launch: &Launch, name: &str) -> Vec<String> {
    let entries = std::fs::read_dir(launch.folder()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut found: Vec<String> = names.filter(|found| found.starts_with(name) && found != name).collect();
    found.sort();
    found
}

#[tokio::test]
async fn every_format_says_the_same() {
    let launch = launch();
    let service = launch.start().await;
    let ndjson = concat!(
        "\u{feff}{\"event_id\":\"1\",\"type\":\"signup\",\"user_id\":\"u-1\",\"timestamp\":1770000000,",
        "\"tags\":[\"a\",\"b;c\"],\"metadata\":{\"plan\":\"pro\",\"n\":1}}\r\n\n",
        "{\"event_id\":\"2\",\"event_name\":\"seen\",\"message_id\":\"m\",\"occurred_at\":\"2026-02-02T02:40:00Z\",",
        "\"provider\":\"shop\",\"channel\":\"web\"}"
    );
    file(&launch, "a.ndjson", ndjson);
    let rows: Vec<&str> =
        ndjson.trim_start_matches('\u{feff}').lines().filter(|line| !line.is_empty()).collect();
    file(&launch, "a.json", format!("[\n  {},\n{}\n]\n", rows[0], rows[1]));
    file(
        &launch,
        "a.csv",
        "event_id,event_type,user_id,timestamp,tags,metadata,metadata.plan,provider,channel,message_id\n\
         1,signup,u-1,1770000000,\"[\"\"a\"\",\"\"b;c\"\"]\",\"{\"\"n\"\":1}\",pro,,,\n\
         2,seen,,2026-02-02T02:40:00Z,,,,shop,web,m\n",
    );
    let (code, summary) = import(&launch, &service.url, &["a.ndjson"]).await;
    assert_eq!((code, counts(&summary)), (0, [2, 0, 0, 0]));
    for name in ["a.json", "a.csv"] {
        let (code, summary) = import(&launch, &service.url, &[name]).await;
        assert_eq!((code, counts(&summary)), (0, [0, 2, 0, 0]), "{name}");
        assert_eq!((&summary["rows"], &summary["complete"]), (&2.into(), &true.into()));
        assert!(left_over(&launch, name).is_empty());
    }

    let mut piped = launch.command(["import", "-", "--json", "--url", &service.url]);
    let mut piped = piped.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = piped.stdin.take().unwrap();
    stdin.write_all(format!("{}\nnonsense\n", rows[0]).as_bytes()).await.unwrap();
    drop(stdin);
    let output = piped.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(counts(&serde_json::from_slice(&output.stdout).unwrap()), [0, 1, 0, 1]);
    assert_eq!(whole_log(&service.api()).await.len(), 2);
}

#[tokio::test]
async fn rows_that_are_not_stored_are_kept_with_their_reasons() {
    let launch = launch();
    let service = launch.start().await;
    let at = "2026-02-02T00:00:00Z";
    let stored = json!({ "event_id": "known", "event_name": "seen", "recipient_id": "u", "occurred_at": at });
    service.api().post("/api/v1/events", &stored).await.expect(201);
    let rows = "event_id,type,user_id,timestamp,metadata\n\
         new,seen,u,2026-02-02T00:00:00Z,\n\
         known,seen,u,2026-02-02T00:00:00Z,\n\
         known,bought,u,2026-02-02T00:00:00Z,\n\
         bad,seen,u,yesterday,\n\
         cell,seen,u,2026-02-02T00:00:00Z,{\n\
         short\n";
    file(&launch, "a.csv", rows);
    let (code, summary) = import(&launch, &service.url, &["a.csv"]).await;
    assert_eq!((code, counts(&summary)), (3, [1, 1, 1, 3]));
    assert_eq!(left_over(&launch, "a.csv"), ["a.csv.rejects.ndjson"]);
    assert_eq!(summary["rejects"], "a.csv.rejects.ndjson");

    let text = std::fs::read_to_string(launch.folder().join("a.csv.rejects.ndjson")).unwrap();
    let rejects: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let conflict = json!({
        "line": 4, "status": "conflict", "fields": ["event_name"],
        "row": {"event_id": "known", "type": "bought", "user_id": "u", "timestamp": at, "metadata": ""}
    });
    assert_eq!(rejects[0], conflict);
    let places: Vec<(u64, &str)> = rejects[1..]
        .iter()
        .map(|reject| (reject["line"].as_u64().unwrap(), reject["errors"][0]["pointer"].as_str().unwrap()))
        .collect();
    assert_eq!(places, [(5, "#/timestamp"), (6, "#/metadata"), (7, "#")]);
    assert_eq!(rejects[3]["row"], json!(["short"]));

    // The next import of the file begins a new account.
    file(&launch, "a.csv", "event_id,type,user_id,timestamp\nnew,seen,u,2026-02-02T00:00:00Z\n");
    assert_eq!(import(&launch, &service.url, &["a.csv"]).await.0, 0);
    assert!(left_over(&launch, "a.csv").is_empty());
    let output = launch.run(&["import", "a.csv", "--rejects", "./a.csv"]).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("would overwrite"), "{output:?}");
}

#[tokio::test]
async fn what_cannot_be_imported_is_said_before_anything_is_sent() {
    let launch = launch();
    let gateway = Gateway::start("http://127.0.0.1:9", |_| Pass::Through).await;
    file(&launch, "a.csv", "type,recipient\nseen,u\n");
    file(&launch, "a.txt", "{}");
    file(&launch, "a.json", "{\"events\": []}");
    for (arguments, why) in [
        (&["a.csv"][..], "there is no column `recipient`"),
        (&["a.txt"], "--format ndjson, json or csv"),
        (&["a.json"], "must be one array"),
        (&["none.csv"], "none.csv"),
        (&["."], "is a folder"),
    ] {
        let output = launch.run(&[&["import", "--url", &gateway.url], arguments].concat()).await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(why), "{why}: {output:?}");
    }
    assert_eq!(gateway.count(), 0);
}

#[tokio::test]
async fn a_killed_import_goes_on_where_it_was() {
    let launch = launch();
    let service = launch.start().await;
    let total = 5 * BATCH;
    let path = file(&launch, "a.ndjson", lines(total).replacen('{', "nonsense {", 1));
    // Three requests are answered; the fourth is not, and its rows are not sent either.
    let gateway =
        Gateway::start(&service.url, |number| if number <= 3 { Pass::Through } else { Pass::Held }).await;
    let running = launch.spawn(&["import", "a.ndjson", "--in-flight", "1", "--url", &gateway.url]);
    gateway.holds(1).await;
    running.kill().await;
    assert_eq!(left_over(&launch, "a.ndjson"), ["a.ndjson.import.json", "a.ndjson.rejects.ndjson"]);

    let (code, summary) = import(&launch, &service.url, &["a.ndjson"]).await;
    assert_eq!((code, counts(&summary)), (3, [total - 1, 0, 0, 1]));
    assert_eq!((&summary["rows"], &summary["resumed_rows"]), (&total.into(), &(3 * BATCH).into()));
    assert_eq!(left_over(&launch, "a.ndjson"), ["a.ndjson.rejects.ndjson"]);
    let rejects = std::fs::read_to_string(launch.folder().join("a.ndjson.rejects.ndjson")).unwrap();
    assert_eq!(rejects.lines().count(), 1, "{rejects}");

    file(&launch, "a.ndjson", lines(total));
    let (code, summary) = import(&launch, &service.url, &["a.ndjson"]).await;
    assert_eq!((code, counts(&summary)), (0, [1, total - 1, 0, 0]));
    assert_once_each(&service.api(), total).await;
    assert!(path.exists());
}

#[tokio::test]
async fn whatever_is_under_way_when_it_is_killed_every_format_goes_on() {
    let launch = launch();
    let service = launch.start().await;
    let total = 8 * BATCH;
    let array = format!("[{}]", lines(total).trim_end().replace('\n', ","));
    let row = |n| format!("e-{n},seen,u,{n}\n");
    let table: String =
        ["event_id,type,user_id,timestamp\n".to_owned()].into_iter().chain((1..=total).map(row)).collect();
    for (name, text) in [("a.json", array), ("a.csv", table)] {
        file(&launch, name, text);
        let gateway =
            Gateway::start(&service.url, |number| if number <= 3 { Pass::Through } else { Pass::Held }).await;
        let running = launch.spawn(&["import", name, "--in-flight", "3", "--url", &gateway.url]);
        gateway.holds(1).await;
        running.kill().await;
        let (code, summary) = import(&launch, &service.url, &[name]).await;
        let [created, duplicates, conflicts, invalid] = counts(&summary);
        assert_eq!((code, created + duplicates, conflicts + invalid), (0, total, 0), "{name}: {summary}");
        assert!(summary["resumed_rows"].as_u64() >= Some(BATCH), "{name}: {summary}");
        assert_once_each(&service.api(), total).await;
    }
}

#[tokio::test]
async fn a_checkpoint_of_another_file_is_refused() {
    let launch = launch();
    let service = launch.start().await;
    file(&launch, "a.ndjson", lines(3 * BATCH));
    let gateway =
        Gateway::start(&service.url, |number| if number == 1 { Pass::Through } else { Pass::Held }).await;
    let running = launch.spawn(&["import", "a.ndjson", "--in-flight", "1", "--url", &gateway.url]);
    gateway.holds(1).await;
    running.kill().await;

    file(&launch, "a.ndjson", lines(3 * BATCH + 1));
    let refused = launch.run(&["import", "a.ndjson", "--url", &service.url]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("another version of the file"), "{refused:?}");
    let (code, summary) = import(&launch, &service.url, &["a.ndjson", "--restart"]).await;
    assert_eq!((code, counts(&summary)), (0, [2 * BATCH + 1, BATCH, 0, 0]));
    assert_eq!(summary["resumed_rows"], 0);
}

#[tokio::test]
async fn ctrl_c_takes_the_answers_that_are_under_way() {
    let launch = launch();
    let service = launch.start().await;
    file(&launch, "a.ndjson", lines(6 * BATCH));
    let gateway = Gateway::start(&service.url, |_| Pass::Held).await;
    let mut running =
        launch.spawn(&["import", "a.ndjson", "--json", "--in-flight", "2", "--url", &gateway.url]);
    gateway.holds(2).await;
    running.interrupt();
    running.says("waiting for the requests that are under way").await;
    gateway.release();
    let ended = running.ended().await;
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    assert!(ended.stderr.contains("the same command goes on here"), "{ended:?}");
    let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((counts(&summary), &summary["complete"]), ([2 * BATCH, 0, 0, 0], &false.into()));

    let (code, summary) = import(&launch, &service.url, &["a.ndjson"]).await;
    assert_eq!((code, counts(&summary)), (0, [6 * BATCH, 0, 0, 0]));
    assert_once_each(&service.api(), 6 * BATCH).await;
}

#[tokio::test]
async fn a_service_that_is_busy_or_starts_again_is_waited_for() {
    let launch = launch();
    let mut service = launch.start().await;
    file(&launch, "a.ndjson", lines(8 * BATCH));
    let busy = Answer::with_headers(503, &[("retry-after", "1")], "{}");
    let gateway = Gateway::start(&service.url, move |number| match number {
        2 => Pass::Answered(busy.clone()),
        3 => Pass::Lost,
        5 => Pass::Held,
        _ => Pass::Through,
    })
    .await;
    let running = launch.spawn(&["import", "a.ndjson", "--json", "--in-flight", "1", "--url", &gateway.url]);
    gateway.holds(1).await;
    service.kill().await;
    gateway.release();
    service.start_again().await;
    gateway.service_moved(&service.url);
    let ended = running.ended().await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let counted = counts(&serde_json::from_str(&ended.stdout).unwrap());
    assert_eq!(counted, [7 * BATCH, BATCH, 0, 0], "rows whose answer was lost count as duplicates");
    assert_once_each(&service.api(), 8 * BATCH).await;
}

#[tokio::test]
async fn a_service_that_stays_away_ends_the_import_which_can_go_on_later() {
    let launch = launch();
    let service = launch.start().await;
    file(&launch, "a.ndjson", lines(3 * BATCH));
    let busy = Answer::new(503, "{}");
    let gateway = Gateway::start(&service.url, move |number| match number {
        1 => Pass::Through,
        _ => Pass::Answered(busy.clone()),
    })
    .await;
    let arguments = ["import", "a.ndjson", "--in-flight", "1", "--patience", "1", "--url", &gateway.url];
    let output = launch.run(&arguments).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("503") && said.contains("given up after") && said.contains("goes on here"),
        "{said}"
    );
    let (code, summary) = import(&launch, &service.url, &["a.ndjson"]).await;
    assert_eq!((code, counts(&summary)), (0, [3 * BATCH, 0, 0, 0]));
}
