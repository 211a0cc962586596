//! `angaros bench` from outside: small numbers, and what it says about them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use angaros_testkit::launch::Launch;
use angaros_testkit::postgres::Database;
use serde_json::Value;

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_angaros"))
}

/// Runs `angaros bench` and gives what it measured, by name.
async fn measured(launch: &Launch, arguments: &[&str]) -> Vec<(String, Value)> {
    let output = launch.run(&[&["bench", "--json"], arguments].concat()).await;
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let measurements = report["measurements"].as_array().unwrap().iter();
    measurements.map(|one| (one["name"].as_str().unwrap().to_owned(), one.clone())).collect()
}

fn positive(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number > 0.0)
}

#[tokio::test]
async fn events_are_counted_and_compared_with_what_is_possible() {
    let launch = launch();
    let arguments = ["--only", "events-single,events-bulk", "--events", "2000", "--duplicates", "0.25"];
    let measured = measured(&launch, &arguments).await;
    let names: Vec<&str> = measured.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["events-single", "events-single-half-rate", "events-bulk"]);
    for (name, one) in &measured {
        assert_eq!(
            (&one["events"], &one["errors"], &one["problem"]),
            (&2000.into(), &0.into(), &Value::Null)
        );
        assert_eq!(one["requests"], if name == "events-bulk" { 2 } else { 2000 }, "{name}");
        assert!((400..600).contains(&one["duplicates"].as_u64().unwrap()), "{one}");
        assert!(positive(&one["rate_per_second"]) && positive(&one["memory_peak_bytes"]), "{one}");
        let latency = ["p50", "p99", "p999", "max"].map(|key| one["latency_ms"][key].as_f64().unwrap());
        assert!(latency[0] > 0.0 && latency.is_sorted(), "{one}");
        let limits = one["limits"].as_array().unwrap();
        assert_eq!(limits.is_empty(), name == "events-single-half-rate", "{one}");
        assert!(limits.iter().all(|limit| positive(&limit["ratio"]) && positive(&limit["rate_per_second"])));
    }
}

#[tokio::test]
async fn a_running_service_is_measured_too() {
    let launch = launch().unlimited();
    let service = launch.start().await;
    let only = "events-ndjson,notifications-single,notifications-batch,memory";
    let arguments = [
        "--url",
        &service.url,
        "--only",
        only,
        "--events",
        "500",
        "--notifications",
        "600",
        "--stream-bytes",
        "100000",
    ];
    let measured = measured(&launch, &arguments).await;
    let events: Vec<(&str, u64)> =
        measured.iter().map(|(name, one)| (name.as_str(), one["events"].as_u64().unwrap())).collect();
    let expected = [("events-ndjson", 500), ("notifications-single", 600), ("notifications-batch", 600)];
    assert_eq!(events[..3], expected);
    assert!(events[3].0 == "memory" && events[3].1 > 250, "{events:?}");
    assert!(measured.iter().all(|(_, one)| one["memory_peak_bytes"].is_null()));
}

/// On a server the databases are made for the measurement.
#[tokio::test]
async fn a_server_is_measured_in_databases_of_its_own() {
    let (launch, database) = (launch(), Database::new().await);
    let url = database.url();
    let only =
        ["--only", "events-bulk,console", "--events", "2000", "--notifications", "100", "--samples", "2"];
    let measured = measured(&launch, &[&["--database-url", url.as_str()], &only[..]].concat()).await;
    assert!(measured.iter().all(|(_, one)| one["errors"] == 0), "{measured:?}");
    let (name, bulk) = &measured[0];
    assert_eq!((name.as_str(), &bulk["events"]), ("events-bulk", &2000.into()));
    // What the server wrote into its log, indexes and counts included.
    assert!(bulk["written_bytes_per_event"].as_f64().unwrap() > 200.0, "{bulk}");
    let pages: Vec<&str> = measured[1..].iter().map(|(name, _)| name.as_str()).collect();
    assert!(
        pages.contains(&"console-overview") && pages.contains(&"console-events-by-campaign"),
        "{pages:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_measured_is_said() {
    let launch = launch();
    let output = launch.run(&["bench", "--url", "https://localhost", "--only", "events-bulk"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("http://HOST:PORT"));
}
