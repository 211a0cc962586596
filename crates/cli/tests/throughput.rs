//! Ten thousand notifications in batches, and two thousand one by one: all of them arrive, and the store is asked in
//! batches. Prints how fast that was; a debug build on a shared machine is not held to any speed.
//!
//! A release build is measured with `ANGAROS_TEST_BINARY=target/release/angaros`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what was measured is printed")]

use std::time::Duration;

use angaros_testkit::api::{Api, id};
use angaros_testkit::launch::Launch;
use angaros_testkit::prometheus::total;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// One measurement at a time.
static ALONE: Mutex<()> = Mutex::const_new(());
/// Generous: a debug build, and other builds beside it.
const LONG: Duration = Duration::from_secs(120);
/// How many notifications there have to be for each claim and each settling transaction, at least.
const ITEMS_A_COMMIT_MIN: f64 = 20.0;

fn sms(number: usize) -> Value {
    json!({
        "channel": "sms", "recipient": format!("+1555010{:04}", number % 10_000),
        "content": format!("Your code is {number:06}"), "metadata": { "order": number },
    })
}

/// How many notifications a status has been entered by.
fn entered(metrics: &str, status: &str) -> f64 {
    let label = format!("status=\"{status}\"");
    let lines = metrics.lines().filter(|line| line.contains(&label));
    lines.map(|line| total(line, "angaros_notification_transitions_total")).sum()
}

/// Posts every body, from so many connections at once. Gives each answer with the time it took, fastest first, and the
/// time all of them took.
async fn post_all(api: &Api, path: &'static str, bodies: Vec<Value>, connections: usize) -> Posted {
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    let mut shares = vec![Vec::new(); connections];
    for (index, body) in bodies.into_iter().enumerate() {
        shares[index % connections].push(body);
    }
    for share in shares {
        let api = api.clone();
        tasks.spawn(async move {
            let mut answers = Vec::new();
            for body in share {
                let asked = Instant::now();
                let answer = api.post(path, &body).await.expect(202);
                answers.push((asked.elapsed(), answer));
            }
            answers
        });
    }
    let mut answers: Vec<(Duration, Value)> = tasks.join_all().await.into_iter().flatten().collect();
    answers.sort_by_key(|(took, _)| *took);
    Posted { answers, started, accepted: started.elapsed() }
}

struct Posted {
    answers: Vec<(Duration, Value)>,
    started: Instant,
    accepted: Duration,
}

impl Posted {
    /// Prints the speeds; everything is delivered now.
    fn report(&self, what: &str, count: usize) {
        let delivered = self.started.elapsed();
        let per_second = |time: Duration| count as f64 / time.as_secs_f64();
        let share = |share: f64| self.answers[((self.answers.len() - 1) as f64 * share).round() as usize].0;
        println!(
            "{what}: accepted {:.0}/s, delivered {:.0}/s, acknowledged in p50 {:.1?} p99 {:.1?}",
            per_second(self.accepted),
            per_second(delivered),
            share(0.5),
            share(0.99)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_in_batches() {
    let _alone = ALONE.lock().await;
    let service = Launch::new(env!("CARGO_BIN_EXE_angaros")).unlimited().start().await;
    let api = service.api();
    let batch = |first: usize| json!({ "notifications": (first..first + 500).map(sms).collect::<Vec<_>>() });
    let bodies: Vec<Value> = (0..10_000).step_by(500).map(batch).collect();
    let posted = post_all(&api, "/api/v1/notifications/batch", bodies, 4).await;
    api.idle(LONG).await;
    posted.report("10000 in batches of 500 from 4 connections", 10_000);

    for (_, answer) in &posted.answers {
        let found = api.get(&format!("/api/v1/notifications/batch/{}?limit=1", id(answer))).await.expect(200);
        assert_eq!(found["counts"]["delivered"], 500, "{}", found["counts"]);
    }
    commits(&api, 10_000.0).await;
}

/// Prints and checks how often the store was asked for so many notifications.
async fn commits(api: &Api, count: f64) {
    let metrics = api.metrics().await;
    assert_eq!(entered(&metrics, "delivered"), count, "each was delivered once");
    let [commits, claims, settles, claimed] = [
        "angaros_store_commits_total",
        "angaros_claims_total",
        "angaros_settles_total",
        "angaros_claimed_notifications_total",
    ]
    .map(|name| total(&metrics, name));
    println!(
        "  {commits} commits, {claims} claims ({:.0} each), {settles} settles ({:.0} each)",
        count / claims,
        count / settles
    );
    assert_eq!(claimed, count, "each was claimed once");
    assert!(commits > 0.0 && claims > 0.0 && settles > 0.0, "they are counted at all");
    assert!(count / claims > ITEMS_A_COMMIT_MIN, "{claims} claims for {count} notifications");
    assert!(count / settles > ITEMS_A_COMMIT_MIN, "{settles} settles for {count} notifications");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_one_by_one() {
    let _alone = ALONE.lock().await;
    let service = Launch::new(env!("CARGO_BIN_EXE_angaros")).unlimited().start().await;
    let api = service.api();
    let posted = post_all(&api, "/api/v1/notifications", (0..2_000).map(sms).collect(), 64).await;
    api.idle(LONG).await;
    posted.report("2000 single requests from 64 connections", 2_000);

    let metrics = api.metrics().await;
    assert_eq!(entered(&metrics, "delivered"), 2_000.0);
    let commits = total(&metrics, "angaros_store_commits_total");
    println!("  {commits} commits");
    // Each notification has to be stored, claimed and settled: one by one that would be 6000 commits.
    assert!(commits < 2_000.0, "requests share commits: {commits} for 2000 requests");
}
