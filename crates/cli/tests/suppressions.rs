//! The suppression list from the command line, and that the service keeps to it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use angaros_testkit::http_sink::HttpSink;
use angaros_testkit::launch::Launch;
use serde_json::{Value, json};

/// Generous: other builds may share the machine.
const SOON: Duration = Duration::from_secs(30);

/// Runs `angaros suppressions`; what it prints, if its code is this one.
async fn run(launch: &Launch, arguments: &[&str], code: i32) -> String {
    let output = launch.run(&[&["suppressions"], arguments].concat()).await;
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    let text = if code == 0 { output.stdout } else { output.stderr };
    String::from_utf8(text).unwrap().trim().to_owned()
}

/// Channel, reason and address of what a list with `--json` shows.
fn entries(text: &str) -> Vec<[String; 3]> {
    let entry = |line: &str| {
        let entry: Value = serde_json::from_str(line).unwrap();
        ["channel", "reason", "address"].map(|key| entry[key].as_str().unwrap().to_owned())
    };
    text.lines().map(entry).collect()
}

#[tokio::test]
async fn the_list_is_kept_from_the_command_line() {
    let launch = Launch::new(env!("CARGO_BIN_EXE_angaros"));
    let service = launch.start().await;
    let launch = launch.variable("ANGAROS_URL", &*service.url);
    let ada = ["--channel", "email", "--address", "Ada@example.org"];
    let add = [&["add"], &ada[..], &["--reason", "unsubscribed"]].concat();
    let shown = run(&launch, &add, 0).await;
    assert!(shown.ends_with("  email    unsubscribed     ada@example.org"), "{shown}");
    assert_eq!(run(&launch, &add, 0).await, shown, "it is there already");

    let rows: String = (0..1200).map(|n| format!("push,token-{n},\n")).collect();
    let file = launch.folder().join("list.csv");
    std::fs::write(&file, format!("channel,address,reason\nsms,+4915112345678,opted_out\n{rows}")).unwrap();
    let import = ["import", file.to_str().unwrap(), "--reason", "bounced", "--json"];
    for (created, duplicates) in [(1201, 0), (0, 1201)] {
        let summary: Value = serde_json::from_str(&run(&launch, &import, 0).await).unwrap();
        assert_eq!(summary, json!({"created": created, "duplicates": duplicates}));
    }
    let all = entries(&run(&launch, &["list", "--json"], 0).await);
    assert_eq!(all.len(), 1202);
    assert_eq!(all[0], ["push", "bounced", "token-1199"]);
    let some = entries(&run(&launch, &["list", "--json", "--reason", "opted_out"], 0).await);
    assert_eq!(some, [["sms", "opted_out", "+4915112345678"]]);
    let one = ["list", "--json", "--channel", "email", "--address", "ADA@example.org"];
    assert_eq!(entries(&run(&launch, &one, 0).await).len(), 1);

    let remove = [&["remove"], &ada[..]].concat();
    assert_eq!(run(&launch, &remove, 0).await, "removed");
    assert!(run(&launch, &remove, 1).await.contains("not on the suppression list"));

    std::fs::write(&file, "channel,address\nsms,+4915112345678\nsms,0151\n").unwrap();
    assert!(run(&launch, &["import", file.to_str().unwrap()], 1).await.contains("line 3: address must be"));
    assert_eq!(entries(&run(&launch, &["list", "--json"], 0).await).len(), 1201);
}

#[tokio::test]
async fn a_complaint_ends_what_is_sent_to_that_address_until_it_is_removed() {
    let sink = HttpSink::with(200, "").await;
    let launch = Launch::new(env!("CARGO_BIN_EXE_angaros")).set("security.outbound_allow", "127.0.0.0/8");
    let service = launch.start().await;
    let (api, launch) = (service.api(), launch.variable("ANGAROS_URL", &*service.url));
    let url = sink.url("/in");
    let notification = json!({ "channel": "webhook", "recipient": url, "content": "Hello" });
    let first = api.notify(&notification).await;
    api.until(&first, "delivered", SOON).await;
    let event =
        json!({ "provider": "hook", "event_name": "complained", "message_id": first, "timestamp": 1 });
    api.post("/api/v1/events", &event).await.expect(201);

    let second = api.notify(&notification).await;
    let failed = api.until(&second, "failed", SOON).await;
    assert_eq!((&failed["failure_reason"], &failed["attempts"]), (&json!("suppressed"), &json!(0)));
    assert_eq!(sink.recorded().len(), 1);

    run(&launch, &["remove", "--channel", "webhook", "--address", &url], 0).await;
    let path = format!("/api/v1/notifications/{second}/retry");
    api.post_nothing(&path).await.expect(202);
    api.until(&second, "delivered", SOON).await;
    assert_eq!(sink.recorded().len(), 2);
}
