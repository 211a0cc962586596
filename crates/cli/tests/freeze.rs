//! A process that stands still for longer than its leases live, as a virtual machine does that is moved: what it held is
//! not sent twice to a receiver that honours keys, and everything arrives.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/keyed_sink.rs"]
mod keyed_sink;
#[path = "support/loader.rs"]
mod loader;

use std::time::Duration;

use angaros_testkit::eventually::{eventually, pass};
use angaros_testkit::launch::Launch;
use keyed_sink::KeyedSink;
use loader::Loader;

/// The shortest lease there is, in seconds, and how long the process stands still.
const LEASE_SECONDS: u64 = 5;
const STILL: Duration = Duration::from_millis(LEASE_SECONDS * 1000 + 1_500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standing_still_past_the_lease_loses_and_doubles_nothing() {
    let sink = KeyedSink::start(7).await;
    let launch = Launch::new(env!("CARGO_BIN_EXE_angaros"))
        .unlimited()
        .set("security.outbound_allow", "127.0.0.0/8")
        .set("delivery.lease_seconds", LEASE_SECONDS.to_string())
        .set("providers.webhook.timeout_seconds", "4")
        .set("delivery.retry.base_seconds", "0.05")
        .set("delivery.retry.max_attempts", "10")
        .set("delivery.breaker.failures", "10000");
    let service = launch.start().await;
    let loader = Loader::start(&service.url, &sink.url());
    sink.next_request().await;
    for _ in 0..2 {
        service.freeze();
        pass(STILL).await;
        service.thaw();
        sink.next_request().await;
    }
    let accepted = loader.stop().await;
    let api = service.api();
    eventually("everything is final", Duration::from_secs(40), async || {
        let metrics = api.get("/api/v1/metrics").await.expect(200);
        let open = [&metrics["queue_depth"]["total"], &metrics["deferred"], &metrics["in_flight"]];
        if open.iter().all(|count| **count == 0) { Ok(()) } else { Err(format!("{open:?}")) }
    })
    .await;
    let effects = sink.effects();
    for marker in accepted.keys() {
        assert_eq!(effects.get(marker), Some(&1), "{marker} took effect once");
    }
    println!("accepted {}, repeated without effect {}", accepted.len(), sink.duplicates());
    assert!(accepted.len() > 100, "{}", accepted.len());
}
