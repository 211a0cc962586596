//! `angaros health`, against the real service: ready, gone, silent, and told where to ask.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::process::Output;

use angaros_testkit::http_sink::{Answer, HttpSink, Then};
use angaros_testkit::launch::Launch;
use serde_json::{Value, json};
use tokio::time::Instant;

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_angaros"))
}

fn told(output: &Output) -> (Option<i32>, Value) {
    let body = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    (output.status.code(), body)
}

#[tokio::test]
async fn a_service_is_ready_until_it_is_gone() {
    let mut service = launch().start().await;
    // As in a container: the port is configured, and the address stands for all.
    let port = service.url.rsplit(':').next().unwrap().to_owned();
    let configured = launch().set("server.listen", format!("0.0.0.0:{port}"));
    let ready = configured.run(&["health"]).await;
    assert_eq!(ready.status.code(), Some(0), "{ready:?}");
    let text = String::from_utf8_lossy(&ready.stdout).into_owned();
    assert_eq!(text, format!("http://127.0.0.1:{port} is ready\n"));
    let (code, body) = told(&launch().run(&["health", "--url", &service.url, "--json"]).await);
    assert_eq!((code, body), (Some(0), json!({"url": service.url, "ready": true, "detail": null})));

    assert!(service.stop().await.0.success());
    let gone = configured.run(&["health"]).await;
    let text = String::from_utf8_lossy(&gone.stdout).into_owned();
    assert_eq!((gone.status.code(), text.lines().count()), (Some(1), 1), "{text}");
    assert!(text.contains("is not ready: "), "{text}");
}

#[tokio::test]
async fn what_a_service_says_is_passed_on_and_one_that_says_nothing_is_not_waited_for() {
    let busy = HttpSink::with(503, r#"{"detail": "The store does not answer."}"#).await;
    let (code, body) = told(&launch().run(&["health", "--url", &busy.url("/"), "--json"]).await);
    assert_eq!(
        (code, &body["ready"], &body["detail"]),
        (Some(1), &json!(false), &json!("The store does not answer."))
    );
    assert_eq!(busy.recorded()[0].path, "/readyz");

    let silent = HttpSink::always(Answer::raw("", Then::Hang)).await;
    let started = Instant::now();
    let (code, body) = told(&launch().run(&["health", "--url", &silent.url(""), "--json"]).await);
    assert_eq!((code, &body["ready"]), (Some(1), &json!(false)));
    assert!((3..20).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_process_that_stands_still_is_not_ready() {
    let launch = launch();
    let service = launch.start().await;
    service.freeze();
    let frozen = launch.run(&["health", "--url", &service.url]).await;
    service.thaw();
    assert_eq!(frozen.status.code(), Some(1), "{frozen:?}");
    let thawed = launch.run(&["health", "--url", &service.url]).await;
    assert_eq!(thawed.status.code(), Some(0), "{thawed:?}");
}
