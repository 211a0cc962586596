//! SIGKILL at random moments while events are reported one by one, in bulk and line by line: everything that was
//! acknowledged is there once, everything may be sent again, and every count agrees with the log.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what was measured is printed")]

#[path = "support/chance.rs"]
mod chance;
#[path = "support/ingester.rs"]
mod ingester;
#[path = "support/log.rs"]
mod log;

use std::collections::HashMap;
use std::time::Duration;

use angaros_testkit::api::Api;
use angaros_testkit::eventually::pass;
use angaros_testkit::launch::{BINARY_VARIABLE, Launch};
use chance::seeded;
use ingester::{Ingester, Ledger, event, marker};
use log::whole_log;
use rand::RngExt as _;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Kills of a release build.
const ROUNDS: usize = 20;
/// Kills of a debug build, which takes much longer for the same.
const ROUNDS_DEBUG: usize = 6;
/// How long the service lives in one round after its first acknowledgement, in milliseconds.
const LIFE_MILLIS: std::ops::RangeInclusive<u64> = 20..=500;
/// Events of one request that sends again.
const AGAIN: usize = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_while_events_come_in_lose_and_double_nothing() {
    let started = Instant::now();
    let mut random = seeded();
    let is_release = std::env::var_os(BINARY_VARIABLE).is_some() || !cfg!(debug_assertions);
    let rounds = if is_release { ROUNDS } else { ROUNDS_DEBUG };

    let launch = Launch::new(env!("CARGO_BIN_EXE_angaros"));
    let mut service = launch.start().await;
    let ingester = Ingester::start(&service.url);
    let mut longest = Duration::ZERO;
    for _ in 0..rounds {
        ingester.next_acknowledgement().await;
        pass(Duration::from_millis(random.random_range(LIFE_MILLIS))).await;
        let killed = Instant::now();
        service.kill().await;
        service.start_again().await;
        ingester.service_moved(&service.url);
        longest = longest.max(killed.elapsed());
    }
    ingester.next_acknowledgement().await;
    let ledgers = ingester.stop().await;
    let (sent, acknowledged) = (total(&ledgers, |l| l.sent), total(&ledgers, |l| l.acknowledged.len()));

    let api = service.api();
    let stored = by_marker(&api).await;
    let lost = ledgers.iter().map(|ledger| lost(ledger, &stored)).sum::<usize>();
    let doubled = stored.values().filter(|ids| ids.len() > 1).count();
    println!(
        "sent {sent} / acknowledged {acknowledged} / stored {} / lost {lost} / doubled {doubled} / longest recovery {longest:?}",
        stored.len()
    );
    assert_eq!((lost, doubled), (0, 0));

    let (mut created, mut duplicates) = (0, 0);
    for ledger in &ledgers {
        let again = send_again(&api, ledger, &stored).await;
        (created, duplicates) = (created + again.0, duplicates + again.1);
    }
    println!(
        "{rounds} kills; sent again: {created} created, {duplicates} duplicates, all in {:?}",
        started.elapsed()
    );
    assert_eq!((created, duplicates), (sent - stored.len(), stored.len()));
    let stored = by_marker(&api).await;
    assert!(stored.values().all(|ids| ids.len() == 1), "nothing has a second copy");
    assert_eq!(stored.len(), sent, "nothing else is there");
    verify(&launch, sent).await;
    assert!(acknowledged > 1000 && sent > acknowledged, "the kills hit something");
}

fn total(ledgers: &[Ledger], count: impl Fn(&Ledger) -> usize) -> usize {
    ledgers.iter().map(count).sum()
}

/// The whole log: the ids of the events with each marker.
async fn by_marker(api: &Api) -> HashMap<String, Vec<String>> {
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    for event in whole_log(api).await {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        found.entry(text(&event["metadata"]["marker"])).or_default().push(text(&event["id"]));
    }
    found
}

/// How many events were acknowledged that are not there under the id they were acknowledged with.
fn lost(ledger: &Ledger, stored: &HashMap<String, Vec<String>>) -> usize {
    let is_there = |number: usize, id: &String| {
        stored.get(&marker(ledger.client, number)).is_some_and(|ids| ids.contains(id))
    };
    ledger.acknowledged.iter().filter(|(number, id)| !is_there(**number, id)).count()
}

/// Sends everything of a client again: what is stored is a duplicate of itself, and only what is not is created.
async fn send_again(api: &Api, ledger: &Ledger, stored: &HashMap<String, Vec<String>>) -> (usize, usize) {
    let (mut created, mut duplicates) = (0, 0);
    for first in (0..ledger.sent).step_by(AGAIN) {
        let numbers = first..ledger.sent.min(first + AGAIN);
        let events: Vec<Value> = numbers.clone().map(|number| event(ledger.client, number)).collect();
        let answer = api.post("/api/v1/events/bulk", &json!(events)).await.expect(200);
        for (number, result) in numbers.zip(answer["results"].as_array().unwrap()) {
            match stored.get(&marker(ledger.client, number)) {
                Some(ids) => {
                    assert_eq!((&result["status"], &result["id"]), (&json!("duplicate"), &json!(ids[0])));
                    duplicates += 1;
                }
                None => {
                    assert_eq!(result["status"], "created", "{result}");
                    created += 1;
                }
            }
        }
    }
    (created, duplicates)
}

/// That every count agrees with the log, and that this is how many events it has.
async fn verify(launch: &Launch, events: usize) {
    let output = launch.run(&["verify", "--json"]).await;
    let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    println!(
        "verify: {} counts held against {} events, drift {}",
        found["counts"], found["events"], found["drift"]
    );
    assert_eq!(output.status.code(), Some(0), "{found:#}");
    assert_eq!((&found["events"], &found["drift"]), (&json!(events), &json!(0)), "{found:#}");
}
