//! Workers that are killed, that stand still for longer than their leases live, and that come back, at random moments; so
//! does the process that answers requests.

use std::time::Duration;

use angaros_testkit::eventually::pass;
use angaros_testkit::postgres::Database;
use angaros_testkit::redis;
use angaros_testkit::scale::rounds;
use rand::RngExt as _;
use tokio::time::Instant;

use crate::chance::seeded;
use crate::follower::Follower;
use crate::keyed_sink::KeyedSink;
use crate::loader::Loader;
use crate::processes::{Cluster, alone, launch, lease};

/// Rounds of an ordinary run.
const ROUNDS: usize = 6;
/// One in so many rounds has a worker stand still, one in so many kills an API; the others kill a worker.
const STILL_EVERY: usize = 5;
const API_EVERY: usize = 3;
/// How much longer than its lease lives a worker stands still.
const STILL: Duration = Duration::from_millis(1_500);
/// How long nothing happens between two rounds, in milliseconds.
const PEACE_MILLIS: std::ops::RangeInclusive<u64> = 50..=600;
/// The longest that anything acknowledged may take to arrive: what `docs/operations.md` promises of a lost worker.
const RECOVERY_MAX: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_die_and_stand_still_lose_and_double_nothing() {
    let _alone = alone().await;
    let mut random = seeded();
    let sink = KeyedSink::start(random.random()).await;
    let (redis, _server) = redis::any().await;
    let launch = launch(&Database::new().await.url())
        .variable("REDIS_URL", redis)
        .set("redis.prefix", format!("workers-{}", std::process::id()));
    let mut cluster = Cluster::start(&launch, 2, 3).await;
    let follower = Follower::start(&cluster.api(1)).await;
    let loader = Loader::start(&cluster.apis[0].url, &sink.url());
    sink.next_request().await;

    let (started, rounds) = (Instant::now(), rounds(ROUNDS));
    for round in 1..=rounds {
        pass(Duration::from_millis(random.random_range(PEACE_MILLIS))).await;
        let number = random.random_range(0..cluster.workers.len());
        let worker = &mut cluster.workers[number];
        if round % STILL_EVERY == 0 {
            worker.freeze();
            pass(lease() + STILL).await;
            worker.thaw();
        } else if round % API_EVERY == 0 {
            cluster.apis[0].kill().await;
            cluster.apis[0].start_again().await;
            loader.service_moved(&cluster.apis[0].url);
        } else {
            worker.kill().await;
            // The others go on without it.
            sink.next_request().await;
            worker.start_again().await;
        }
    }
    let balance = cluster.settle(loader, &sink).await;
    println!("{rounds} rounds, all in {:.1?}", started.elapsed());
    assert!(balance.longest < RECOVERY_MAX, "{balance}");
    assert!(balance.accepted > 200, "{balance}");
    follower.saw(&balance.ids).await;
    cluster.stop().await;
}
