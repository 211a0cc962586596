//! A burst of single requests at an offered rate, from 64 connections: no error, and soon nothing is left to do. Prints
//! how fast it was acknowledged and sent; `ANGAROS_TEST_LONG=1` makes it ten thousand requests at a thousand a second.
//!
//! A release build is measured with `ANGAROS_TEST_BINARY=target/release/angaros`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what was measured is printed")]

use std::time::Duration;

use angaros_testkit::api::Api;
use angaros_testkit::eventually::pass;
use angaros_testkit::launch::Launch;
use angaros_testkit::scale::scaled;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

const CONNECTIONS: usize = 64;
/// How many requests there are, and how many fall due a second.
const REQUESTS: (usize, usize) = (500, 10_000);
const RATE: (f64, f64) = (250.0, 1_000.0);
/// Generous: a debug build, and other builds beside it.
const DRAINED_MAX: Duration = Duration::from_secs(30);

/// One connection's share: every request when it falls due, or as soon after that as the one before is answered. The
/// time from when it fell due to its answer, so that a service that stalls is charged with every request meanwhile.
async fn share(api: Api, start: Instant, rate: f64, places: impl Iterator<Item = usize>) -> Vec<Duration> {
    let mut latencies = Vec::new();
    for place in places {
        let due = start + Duration::from_secs_f64(place as f64 / rate);
        pass(due.saturating_duration_since(Instant::now())).await;
        let content = format!("Your code is {place:06}");
        let sms = json!({"channel": "sms", "recipient": "+15550100123", "content": content});
        api.post("/api/v1/notifications", &sms).await.expect(202);
        latencies.push(due.elapsed());
    }
    latencies
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_is_acknowledged_without_an_error_and_drained() {
    let (requests, rate) = (scaled(REQUESTS.0, REQUESTS.1), scaled(RATE.0, RATE.1));
    let service = Launch::new(env!("CARGO_BIN_EXE_angaros")).unlimited().start().await;
    let api = service.api();
    api.get("/healthz").await.expect(200);
    let start = Instant::now();
    let shares: JoinSet<Vec<Duration>> = (0..CONNECTIONS)
        .map(|first| share(api.clone(), start, rate, (first..requests).step_by(CONNECTIONS)))
        .collect();
    let mut latencies: Vec<Duration> = shares.join_all().await.into_iter().flatten().collect();
    let (posted, last) = (start.elapsed(), Instant::now());
    api.idle(DRAINED_MAX).await;
    let drained = last.elapsed();

    latencies.sort();
    let at = |share: f64| latencies[((requests - 1) as f64 * share).round() as usize];
    println!(
        "{requests} requests at {rate}/s from {CONNECTIONS} connections in {posted:.1?}: acknowledged in p50 {:.1?} p95 \
         {:.1?} max {:.1?}; drained {drained:.1?} after the last",
        at(0.5),
        at(0.95),
        at(1.0)
    );
    let listed = api.get("/api/v1/metrics").await.expect(200);
    assert_eq!(listed["success_rate"], 1.0, "{listed}");
}
