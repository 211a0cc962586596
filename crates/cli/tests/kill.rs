//! SIGKILL at random moments under load, twenty times on the same data, and a process that stands still for longer than
//! its leases live: nothing that was acknowledged is lost, and a receiver that honours idempotency keys sees every
//! notification take effect exactly once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/keyed_sink.rs"]
mod keyed_sink;
#[path = "support/loader.rs"]
mod loader;

use std::collections::HashMap;
use std::time::Duration;

use angaros_testkit::api::Api;
use angaros_testkit::eventually::{eventually, pass};
use angaros_testkit::launch::Launch;
use keyed_sink::KeyedSink;
use loader::Loader;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;
use tokio::time::Instant;

/// Rounds of an ordinary run; `ANGAROS_TEST_ROUNDS` makes it more.
const ROUNDS: usize = 20;
/// How long the service lives in one round, in milliseconds.
const LIFE_MILLIS: std::ops::RangeInclusive<u64> = 100..=600;
/// Names the number of rounds of a long run.
const ROUNDS_VARIABLE: &str = "ANGAROS_TEST_ROUNDS";
/// Names the seed of a run that is to be repeated.
const SEED_VARIABLE: &str = "ANGAROS_TEST_SEED";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_under_load_lose_nothing() {
    let started = Instant::now();
    let rounds = std::env::var(ROUNDS_VARIABLE).map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let seed = std::env::var(SEED_VARIABLE).map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("seed {seed}: {SEED_VARIABLE}={seed} chooses the same moments again");
    let mut random = StdRng::seed_from_u64(seed);

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
    idle(&api).await;

    let stored = everything(&api).await;
    let is_delivered = |marker: &String| {
        stored.get(marker).is_some_and(|found| found.len() == 1 && found[0].1 == "delivered")
    };
    let delivered = accepted.keys().filter(|marker| is_delivered(marker)).count();
    let effects = sink.effects();
    let lost = accepted.keys().filter(|marker| !effects.contains_key(*marker)).count();
    println!(
        "accepted {} / delivered {delivered} / lost {lost} / duplicates {} (without effect) / longest recovery {longest:?}",
        accepted.len(),
        sink.duplicates()
    );
    println!("{rounds} kills, {rescued} sends taken back, all in {:?}", started.elapsed());

    assert!(longest < Duration::from_secs(40), "{longest:?}");
    assert_eq!(lost, 0, "acknowledged, but never arrived");
    for (marker, id) in &accepted {
        let found = stored.get(marker).map(Vec::as_slice).unwrap_or_default();
        assert_eq!(found.len(), 1, "{marker} is there exactly once: {found:?}");
        assert_eq!(found[0].1, "delivered", "{marker}: {found:?}");
        assert!(
            id.as_ref().is_none_or(|id| *id == found[0].0),
            "{marker} kept the id it was acknowledged with"
        );
        assert_eq!(effects[marker], 1, "{marker} took effect once");
    }
    assert_eq!(stored.len(), accepted.len(), "nothing is there that was not acknowledged in the end");
    assert_eq!(effects.len(), accepted.len(), "nothing else arrived");
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
    idle(&service.api()).await;
    let effects = sink.effects();
    for marker in accepted.keys() {
        assert_eq!(effects.get(marker), Some(&1), "{marker} took effect once");
    }
    println!("accepted {} / duplicates {} (without effect)", accepted.len(), sink.duplicates());
    assert!(accepted.len() > 20, "{}", accepted.len());
}

/// How many sends the service says it took back from its former self.
fn taken_back(log: &str) -> u64 {
    let lines = log.lines().filter(|line| line.contains("took back"));
    lines.filter_map(|line| serde_json::from_str::<Value>(line).ok()?["rescued"].as_u64()).sum()
}

/// Waits until nothing waits and nothing is being sent.
async fn idle(api: &Api) {
    eventually("everything is final", Duration::from_secs(40), async || {
        let metrics = api.get("/api/v1/metrics").await.expect(200);
        let open = [&metrics["queue_depth"]["total"], &metrics["deferred"], &metrics["in_flight"]];
        if open.iter().all(|count| **count == 0) { Ok(()) } else { Err(format!("{open:?}")) }
    })
    .await;
}

/// Every stored notification: its marker, with the id and the status of each that has it.
async fn everything(api: &Api) -> HashMap<String, Vec<(String, String)>> {
    let mut found: HashMap<String, Vec<(String, String)>> = HashMap::new();
    let mut path = "/api/v1/notifications?limit=200".to_owned();
    loop {
        let page = api.get(&path).await.expect(200);
        for item in page["items"].as_array().unwrap() {
            let text = |key: &str| item[key].as_str().unwrap().to_owned();
            found.entry(text("content")).or_default().push((text("id"), text("status")));
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/notifications?limit=200&cursor={cursor}"),
            None => return found,
        }
    }
}
