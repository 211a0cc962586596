//! The command line as such: help, colours, codes, JSON, completions and the manual of the shipped binary.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::process::Output;

use angaros_testkit::launch::Launch;
use serde_json::Value;

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_angaros"))
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn error_of(output: &Output) -> Value {
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    serde_json::from_str(said.lines().last().unwrap_or_default()).unwrap_or_else(|_| panic!("{said}"))
}

#[tokio::test]
async fn alone_it_shows_what_there_is() {
    let output = launch().run(&[]).await;
    let text = stdout(&output);
    assert!(output.status.success() && text.contains("\n  demo ") && text.lines().count() < 40, "{text}");
    let help = stdout(&launch().run(&["--help"]).await);
    assert!(help.contains("Exit codes:\n  0 ") && help.contains("NO_COLOR"), "{help}");
}

#[tokio::test]
async fn colours_are_for_terminals_unless_told_otherwise() {
    let coloured = async |launch: Launch, arguments: &[&str]| {
        let output = launch.run(arguments).await;
        let all = [output.stdout, output.stderr].concat();
        String::from_utf8(all).unwrap().contains('\u{1b}')
    };
    let forced = || launch().variable("CLICOLOR_FORCE", "1");
    for command in [&["doctor"][..], &["send", "--help"], &["nonsense"], &["keys", "revoke", "none"]] {
        let with = |more: &[&'static str]| [command, more].concat();
        assert!(!coloured(launch(), command).await, "{command:?}: there is no terminal");
        assert!(coloured(launch(), &with(&["--color", "always"])).await, "{command:?}");
        assert!(coloured(forced(), command).await, "{command:?}");
        assert!(!coloured(forced().variable("NO_COLOR", "1"), command).await, "{command:?}");
        assert!(!coloured(forced(), &with(&["--color=never"])).await, "{command:?}");
    }
}

#[tokio::test]
async fn errors_are_json_where_answers_are() {
    let launch = launch();
    for (arguments, code, part) in [
        (&["keys", "revoke", "none", "--json"][..], 1, "no database"),
        (&["send", "--json", "--channel", "fax"], 2, "possible values"),
        (&["verify", "--json"], 1, "no database"),
        (&["import", "none.csv", "--json"], 1, "none.csv"),
        (&["nonsense", "--json"], 2, "nonsense"),
        (&["demo", "--json", "--config", "x.toml"], 1, "--config"),
    ] {
        let output = launch.run(arguments).await;
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        let error = &error_of(&output)["error"];
        assert_eq!(error["exit_code"], code, "{error}");
        assert!(error["message"].as_str().unwrap().contains(part), "{error}");
    }
}

#[tokio::test]
async fn answers_are_json_where_that_is_asked_for() {
    let launch = launch();
    let json = async |arguments: &[&str]| {
        let output = launch.run(&[arguments, &["--json"]].concat()).await;
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    };
    let key = json(&["keys", "create", "--name", "a"]).await;
    let prefix = key["prefix"].as_str().unwrap();
    assert_eq!(json(&["keys", "revoke", prefix]).await["revoked"], true);
    assert_eq!(json(&["keys", "list"]).await[0]["prefix"], prefix);
    assert!(json(&["migrate", "status"]).await["version"].as_u64() >= Some(1));
    assert_eq!(json(&["verify"]).await["drift"], 0);
    assert!(json(&["doctor"]).await["findings"].is_array());
    let pages = json(&["man", "--dir", "man"]).await;
    assert!(pages["pages"].as_array().unwrap().len() > 20, "{pages}");

    let mut service = launch.spawn(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    let told = service.prints(|text| serde_json::from_str::<Value>(text.lines().next()?).ok()).await;
    let url = told["url"].as_str().unwrap();
    assert_eq!(json(&["health", "--url", url]).await["ready"], true);
    service.terminate();
    assert_eq!(service.ended().await.status.code(), Some(0));
}

#[tokio::test]
async fn shells_understand_the_completions() {
    let launch = launch();
    for (shell, part) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef"),
        ("fish", "complete -c"),
        ("elvish", "edit:"),
        ("powershell", "Register"),
    ] {
        let output = launch.run(&["completions", shell]).await;
        let script = stdout(&output);
        assert!(
            output.status.success() && script.contains(part) && script.contains("suppressions"),
            "{shell}"
        );
        assert!(!script.contains("probe"), "{shell} knows what is hidden");
        let checks = std::process::Command::new(shell).arg("-n").arg("/dev/null").output();
        if ["bash", "zsh"].contains(&shell) && checks.is_ok_and(|checked| checked.status.success()) {
            let file = launch.folder().join(shell);
            std::fs::write(&file, script).unwrap();
            let read = std::process::Command::new(shell).arg("-n").arg(&file).output().unwrap();
            assert!(read.status.success(), "{read:?}");
        }
    }
}

#[tokio::test]
async fn the_manual_can_be_read() {
    let launch = launch();
    let page = stdout(&launch.run(&["man"]).await);
    assert!(page.starts_with(".ie") || page.contains(".TH angaros 1"), "{page}");
    let folder = launch.folder().join("man");
    launch.run(&["man", "--dir", folder.to_str().unwrap()]).await;
    let file = folder.join("angaros-send.1");
    assert!(std::fs::read_to_string(&file).unwrap().contains("idempotency\\-key"));
    // Only where there is a formatter: it warns of what it does not understand.
    if let Ok(formatted) =
        std::process::Command::new("groff").args(["-man", "-Tutf8", "-ww"]).arg(&file).output()
    {
        assert!(formatted.status.success() && formatted.stderr.is_empty(), "{formatted:?}");
    }
}
