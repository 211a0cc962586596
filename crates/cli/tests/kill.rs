//! SIGKILL at random moments under load, twenty times on the same data, and a process that stands still for longer than
//! its leases live: nothing that was acknowledged is lost, and a receiver that honours idempotency keys sees every
//! notification take effect exactly once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what was measured is printed")]

#[path = "support/balance.rs"]
mod balance;
#[path = "support/chance.rs"]
mod chance;
#[path = "support/keyed_sink.rs"]
mod keyed_sink;
#[path = "support/loader.rs"]
mod loader;

use std::time::Duration;

use angaros_testkit::eventually::pass;
use angaros_testkit::launch::Launch;
use angaros_testkit::scale::rounds;
use balance::Balance;
use chance::seeded;
use keyed_sink::KeyedSink;
use loader::Loader;
use rand::RngExt as _;
use serde_json::Value;
use tokio::time::Instant;

/// Rounds of an ordinary run; `ANGAROS_TEST_ROUNDS` makes it more.
const ROUNDS: usize = 20;
/// How long the service lives in one round, in milliseconds.
const LIFE_MILLIS: std::ops::RangeInclusive<u64> = 100..=600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_under_load_lose_nothing() {
    let started = Instant::now();
    let rounds = rounds(ROUNDS);
    let mut random = seeded();

    let sink = KeyedSink::start(random.random()).await;
    let launch = Launch::new(env!("CARGO_BIN_EXE_angaros")).unlimited();
    let launch = launch
        .set("security.outbound_allow", "127.0.0.0/8")
        .set("delivery.retry.base_seconds", "0.05")
        .set("delivery.retry.cap_seconds", "0.5")
        .set("delivery.retry.max_attempts", "10")
        .set("delivery.breaker.failures", "10000");
    let mut service = launch.start().await;
    let loader = Loader::start(&service.url, &sink.url());

    let (mut longest, mut rescued) = (Duration::ZERO, 0);
    for _ in 0..rounds {
        pass(Duration::from_millis(random.random_range(LIFE_MILLIS))).await;
        let killed = Instant::now();
        service.kill().await;
        service.start_again().await;
        loader.service_moved(&service.url);
        sink.next_request().await;
        longest = longest.max(killed.elapsed());
        rescued += taken_back(&service.stderr());
    }
    let accepted = loader.stop().await;
    let api = service.api();
    api.idle(Duration::from_secs(40)).await;

    let balance = Balance::strike(&api, &accepted, &sink).await;
    println!("{balance} / longest recovery {longest:.1?}");
    println!("{rounds} kills, {rescued} sends taken back, all in {:?}", started.elapsed());
    assert!(longest < Duration::from_secs(40), "{longest:?}");
    balance.holds();
    assert!(accepted.len() > 200 && rescued > 0, "the kills hit something: {} accepted", accepted.len());
    assert!(started.elapsed() < Duration::from_secs(20 + 2 * rounds as u64), "{:?}", started.elapsed());
}

/// The shortest lease there is, in seconds, and how long a process stands still, as a virtual machine does that is moved.
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
        .set("delivery.retry.max_attempts", "10");
    let service = launch.start().await;
    let loader = Loader::start(&service.url, &sink.url());
    sink.next_request().await;
    for _ in 0..2 {
        pass(Duration::from_millis(500)).await;
        service.freeze();
        pass(STILL).await;
        service.thaw();
        sink.next_request().await;
    }
    let accepted = loader.stop().await;
    service.api().idle(Duration::from_secs(40)).await;
    let balance = Balance::strike(&service.api(), &accepted, &sink).await;
    println!("{balance}");
    balance.holds();
    assert!(accepted.len() > 20, "{}", accepted.len());
}

/// How many sends the service says it took back from its former self.
fn taken_back(log: &str) -> u64 {
    let lines = log.lines().filter(|line| line.contains("took back"));
    lines.filter_map(|line| serde_json::from_str::<Value>(line).ok()?["rescued"].as_u64()).sum()
}
