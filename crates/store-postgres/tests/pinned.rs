//! A transaction that somebody left open: dead rows of the queue cannot be removed, and claims must not pay for them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what was measured is printed")]

mod support;

use std::time::Duration;

use angaros_clock::Clock;
use angaros_domain::Timestamp;
use angaros_store::{Queue as _, Reader as _};
use angaros_store_postgres::PostgresStore;
use angaros_store_test::fixture::{deliver, notifications};
use angaros_store_test::steps::{claim_params, put, settle_all};
use angaros_testkit::eventually::eventually;
use angaros_testkit::scale::is_long;
use support::House;
use tokio_postgres::Client;

/// Notifications of one transaction.
const BATCH: usize = 100;
/// The most index entries that a claimed notification may cost while thousands of dead ones stand before it. Claims that
/// began at the start of the queue would read all of them, each time.
const ENTRIES_MAX: f64 = 20.0;
/// What the claim rate keeps at least of what it was, in the long version.
const KEPT_MIN: f64 = 0.7;

/// Holds a snapshot, as a session does that was left idle in a transaction.
async fn pin(client: &Client) {
    let sql = "SET idle_in_transaction_session_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM ready";
    client.batch_execute(sql).await.unwrap();
}

/// Takes in and delivers a batch, which is claimed at a time. Answers how long its claim took.
async fn deliver_batch(store: &PostgresStore, clock: &Clock, claimed_at: Option<Timestamp>) -> Duration {
    let now = clock.now();
    put(store, &notifications(now, BATCH)).await;
    let asked = clock.stopwatch();
    let lease = store.claim(claim_params("w", BATCH, claimed_at.unwrap_or(now))).await.unwrap().unwrap();
    let took = asked.elapsed();
    assert_eq!(lease.claims.len(), BATCH);
    settle_all(store, &lease, || deliver(now), clock.now()).await;
    took
}

/// How many entries of the queue's indexes were read so far.
async fn entries_read(client: &Client) -> i64 {
    let sql = "SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = 'ready'";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_pass_over_what_was_claimed_before() {
    let (house, clock) = (House::new().await, Clock::system());
    let (pinning, asking) = (house.rival().await, house.rival().await);
    pin(&pinning).await;
    // For whoever claims no time passes: there is one full look, with the first claim.
    let later = clock.now().plus_seconds(3600);
    let mut costs = Vec::new();
    for _ in 0..2 {
        // To the planner the queue is empty now.
        asking.batch_execute("ANALYZE ready").await.unwrap();
        // What a connection did is counted when it ends at the latest.
        let store = house.another().await;
        let before = entries_read(&asking).await;
        for _ in 0..20 {
            deliver_batch(&store, &clock, Some(later)).await;
        }
        drop(store);
        let count = (20 * BATCH) as i64;
        // Each was read once at least.
        let read = eventually("the reads are counted", Duration::from_secs(60), async || {
            let read = entries_read(&asking).await - before;
            if read >= count { Ok(read) } else { Err(format!("{read}")) }
        })
        .await;
        costs.push(read as f64 / count as f64);
    }
    println!("index entries read for each notification that was claimed: {costs:.1?}");
    assert!(costs[1] < ENTRIES_MAX, "{costs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_age_of_the_oldest_snapshot_is_told() {
    let house = House::new().await;
    let pinning = house.rival().await;
    pin(&pinning).await;
    let since = Clock::system().stopwatch();
    eventually("it is an old one", Duration::from_secs(60), async || {
        let age = house.store.oldest_snapshot_seconds().await.unwrap();
        // Other tests share the server: theirs may be older.
        if age.is_some_and(|age| age >= 0.5) {
            Ok(())
        } else {
            Err(format!("{age:?} after {:?}", since.elapsed()))
        }
    })
    .await;
}

/// Ten minutes under load beside an idle transaction; only if long versions are asked for.
#[tokio::test(flavor = "multi_thread")]
async fn the_claim_rate_is_kept_for_ten_minutes() {
    if !is_long() {
        return;
    }
    let (house, clock) = (House::new().await, Clock::system());
    let pinning = house.rival().await;
    let mut rates: Vec<f64> = Vec::new();
    for minute in 0..11 {
        // The first minute is without it.
        if minute == 1 {
            pin(&pinning).await;
        }
        let (started, mut claims) = (clock.stopwatch(), Vec::new());
        while started.elapsed() < Duration::from_secs(60) {
            claims.push(deliver_batch(&house.store, &clock, None).await);
        }
        let rate = (claims.len() * BATCH) as f64 / claims.iter().sum::<Duration>().as_secs_f64();
        claims.sort_unstable();
        let (median, delivered) = (claims[claims.len() / 2], claims.len() * BATCH / 60);
        println!(
            "minute {minute}: {rate:.0} claimed a second of claiming, median {median:.1?} a batch; {delivered}/s delivered"
        );
        rates.push(rate);
    }
    assert!(rates[10] >= KEPT_MIN * rates[0], "{rates:?}");
}
