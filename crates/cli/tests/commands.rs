//! The commands beside `serve`: what they print, and with which code they end.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::process::Output;
use std::time::Duration;

use angaros_testkit::api::Api;
use angaros_testkit::eventually::eventually;
use angaros_testkit::launch::Launch;
use angaros_testkit::lock::is_locked_elsewhere;
use serde_json::Value;

/// A key that was made or revoked elsewhere is noticed within two seconds; the rest is for a busy machine.
const NOTICED: Duration = Duration::from_secs(10);

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_angaros"))
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap().trim().to_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&stdout(output)).unwrap()
}

/// Runs a command that is refused, and gives what it says.
async fn refused(launch: &Launch, arguments: &[&str], code: i32) -> String {
    let output = launch.run(arguments).await;
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

async fn answers(api: &Api, status: u16) {
    eventually(&format!("the service answers {status}"), NOTICED, async || {
        let reply = api.get("/api/v1/notifications").await;
        if reply.status == status { Ok(()) } else { Err(reply.text) }
    })
    .await;
}

#[tokio::test]
async fn a_key_is_shown_once_listed_and_revoked() {
    let launch = launch();
    let service = launch.start().await;
    let key = stdout(&launch.run(&["keys", "create", "--name", "backend", "--scopes", "read"]).await);
    let api = service.api().with_key(&key);
    answers(&service.api(), 401).await;
    answers(&api, 200).await;

    let listed = json(&launch.run(&["keys", "list", "--json"]).await);
    assert_eq!((&listed[0]["name"], &listed[0]["scopes"][0]), (&"backend".into(), &"read".into()));
    let prefix = listed[0]["prefix"].as_str().unwrap();
    let shown = stdout(&launch.run(&["keys", "list"]).await);
    assert!(shown.contains(prefix) && !shown.contains(&key), "the list does not give the key away: {shown}");

    assert_eq!(stdout(&launch.run(&["keys", "revoke", prefix]).await), "revoked");
    answers(&api, 401).await;
    assert!(refused(&launch, &["keys", "revoke", prefix], 1).await.contains("angaros keys list"));
    answers(&service.api(), 401).await;
}

#[tokio::test]
async fn send_waits_for_the_end_and_tells_it_by_its_code() {
    let launch =
        launch().set("providers.sandbox.success_rate", "0").set("providers.sandbox.failure", "permanent");
    let service = launch.start().await;
    let launch = launch.variable("ANGAROS_URL", &*service.url);
    let send = ["send", "--channel", "sms", "--to", "+15550100123", "--text", "Hello", "--wait", "--json"];
    let failed = launch.run(&send).await;
    assert_eq!(failed.status.code(), Some(3), "{failed:?}");
    let failed: Value = serde_json::from_slice(&failed.stdout).unwrap();
    assert_eq!((&failed["status"], &failed["failure_reason"]), (&"failed".into(), &"permanent".into()));

    let bad = ["send", "--channel", "sms", "--to", "5550100123", "--text", "Hello"];
    assert!(refused(&launch, &bad, 1).await.contains("#/recipient"));
    let text = refused(&launch, &bad, 1).await;
    assert_eq!(text.matches("#/recipient").count(), 1, "each fault is said once: {text}");
    let nobody = launch.variable("ANGAROS_URL", "http://127.0.0.1:1");
    assert!(refused(&nobody, &send, 1).await.contains("angaros serve"));
}

#[tokio::test]
async fn a_value_that_is_no_choice_is_answered_with_the_choices() {
    let launch = launch();
    let send = |more: [&'static str; 2]| {
        [&["send", "--to", "1", "--text", "x", "--channel", "sms"][..], &more[..]].concat()
    };
    let fax = ["send", "--channel", "fax", "--to", "1", "--text", "Hello"];
    assert!(refused(&launch, &fax, 2).await.contains("[possible values: sms, email, push, webhook]"));
    let urgent = refused(&launch, &send(["--priority", "urgent"]), 2).await;
    assert!(urgent.contains("[possible values: high, normal, low]"), "{urgent}");
    let foo = refused(&launch, &["keys", "create", "--name", "x", "--scopes", "read,foo"], 2).await;
    assert!(foo.contains("[possible values: send, ingest, read, admin]"), "{foo}");
    for url in ["localhost:8080", "ftp://127.0.0.1"] {
        let refused = refused(&launch, &send(["--url", url]), 2).await;
        assert!(refused.contains("must begin with http:// or https://"), "{refused}");
    }
    let name = refused(&launch, &["keys", "create", "--name", "a\nb"], 2).await;
    assert!(name.contains("1 to 128 characters"), "{name}");
    let tenant = refused(&launch, &["keys", "create", "--name", "a", "--tenant", "a b"], 2).await;
    assert!(tenant.contains("1 to 64 of"), "{tenant}");
    assert!(!launch.folder().join("angaros-data").exists());
}

#[tokio::test]
async fn a_new_tenant_is_said_and_a_missing_key_too() {
    let launch = launch();
    let create = ["keys", "create", "--name", "shop", "--scopes", "send,read", "--tenant", "shop"];
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).contains("\"shop\" is new");
    let first = launch.run(&create).await;
    let key = stdout(&first);
    let second = launch.run(&create).await;
    let standard = launch.run(&["keys", "create", "--name", "standard"]).await;
    assert_eq!((said(&first), said(&second)), (true, false));
    assert!(standard.status.success() && !String::from_utf8_lossy(&standard.stderr).contains("is new"));

    let service = launch.start().await;
    let launch = launch.variable("ANGAROS_URL", format!("{}/api/v1/", service.url));
    let send = ["send", "--channel", "sms", "--to", "+15550100123", "--text", "Hello"];
    let denied = refused(&launch, &send, 1).await;
    assert!(denied.contains("--key") && denied.contains("ANGAROS_API_KEY"), "{denied}");
    stdout(&launch.variable("ANGAROS_API_KEY", key).run(&send).await);
}

#[tokio::test]
async fn to_look_makes_no_database() {
    let launch = launch().set("server.listen", "127.0.0.1:0");
    let doctor = stdout(&launch.run(&["doctor"]).await);
    assert!(doctor.contains("will be created at the first start"), "{doctor}");
    let listed = launch.run(&["keys", "list"]).await;
    assert!(
        String::from_utf8_lossy(&listed.stderr).contains("no database yet") && stdout(&listed).is_empty()
    );
    assert_eq!(json(&launch.run(&["keys", "list", "--json"]).await), Value::Array(vec![]));
    assert!(refused(&launch, &["keys", "revoke", "x"], 1).await.contains("no database yet"));
    let status = json(&launch.run(&["migrate", "--json", "status"]).await);
    assert_eq!((&status["version"], &status["steps"][0]["applied"]), (&0.into(), &false.into()));
    let beyond = refused(&launch, &["migrate", "to", "99"], 1).await;
    assert!(beyond.contains("there is no version 99; this program knows "), "{beyond}");
    assert_eq!(std::fs::read_dir(launch.folder()).unwrap().count(), 0);
}

#[tokio::test]
async fn what_has_no_effect_is_said_at_the_start_and_by_doctor() {
    const COLLECTOR: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let launch = launch().variable(COLLECTOR, "http://127.0.0.1:4318").set("server.listen", "127.0.0.1:0");
    let said = format!("{COLLECTOR} is set");
    let mut service = launch.start().await;
    service.logs(|log| log.contains(&said).then_some(())).await;
    let doctor = stdout(&launch.run(&["doctor"]).await);
    assert!(doctor.contains(&format!("warn  configuration  {said}")), "{doctor}");
}

#[tokio::test]
async fn the_schema_goes_up_and_down_but_never_under_a_running_service() {
    let launch = launch();
    let up = json(&launch.run(&["migrate", "--json", "up"]).await);
    assert!(up["version"].as_u64() >= Some(1) && up["steps"][0]["applied"] == true, "{up}");
    assert!(refused(&launch, &["migrate", "down"], 1).await.contains("--yes"));
    let none = json(&launch.run(&["migrate", "--json", "to", "0", "--yes"]).await);
    assert_eq!((&none["version"], &none["steps"][0]["applied"]), (&0.into(), &false.into()));

    let service = launch.start().await;
    assert_eq!(json(&launch.run(&["migrate", "--json", "status"]).await), up, "a look is harmless");
    let refusal = refused(&launch, &["migrate", "to", "0", "--yes"], 1).await;
    assert!(refusal.contains("in use by another angaros process"), "{refusal}");
    service.api().get("/readyz").await.expect(200);
}

#[tokio::test]
async fn doctor_finds_what_would_keep_the_service_from_starting() {
    let fine = json(&launch().set("server.listen", "127.0.0.1:0").run(&["doctor", "--json"]).await);
    let verdicts: Vec<&Value> = fine["findings"].as_array().unwrap().iter().map(|f| &f["verdict"]).collect();
    assert!(!verdicts.iter().any(|verdict| *verdict == "failed"), "{fine}");
    let open = launch().set("server.listen", "0.0.0.0:0");
    let output = open.run(&["doctor"]).await;
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("FAIL  access") && text.contains("angaros keys create"), "{text}");
}

/// The service holds its lock on the database for as long as it runs. Without it another process that opens and closes
/// the file, such as an `sqlite3` shell, takes itself for the last user and deletes the log, with what was acknowledged.
#[tokio::test]
async fn the_database_stays_locked_whatever_runs_beside_the_service() {
    let launch = launch();
    let service = launch.start().await;
    let database = launch.folder().join("angaros-data/angaros.db");
    assert!(is_locked_elsewhere(&database), "as soon as it is ready");
    let stays = serde_json::json!({ "channel": "sms", "recipient": "+15550100123", "content": "hello" });
    service.api().notify(&stays).await;
    for command in [&["keys", "list"][..], &["doctor"], &["migrate", "status"]] {
        assert!(launch.run(command).await.status.success(), "{command:?}");
        assert!(is_locked_elsewhere(&database), "after {command:?}");
    }
    drop(service);
}
