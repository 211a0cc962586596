//! A Redis that is killed, wiped, restarted, and that cuts its connections: a limit that several workers share is never
//! exceeded, nothing is lost, and live status is complete afterwards.

use std::time::Duration;

use angaros_testkit::eventually::{eventually, pass};
use angaros_testkit::http_sink::HttpSink;
use angaros_testkit::launch::Launch;
use angaros_testkit::measured::measured;
use angaros_testkit::postgres::Database;
use angaros_testkit::prometheus::total;
use angaros_testkit::redis::Redis;
use angaros_testkit::scale::{rounds, scaled};
use rand::RngExt as _;
use serde_json::json;
use tokio::time::Instant;

use crate::chance::seeded;
use crate::follower::Follower;
use crate::keyed_sink::KeyedSink;
use crate::loader::Loader;
use crate::processes::{Cluster, alone, launch};

/// Rounds of an ordinary run.
const ROUNDS: usize = 4;
/// How long Redis is away, or there, in milliseconds.
const MOMENT_MILLIS: std::ops::RangeInclusive<u64> = 100..=1_500;
const WORKERS: usize = 3;
/// How long processes may take to hear of each other.
const JOINED_MAX: Duration = Duration::from_secs(30);

/// Processes that share a server, once every worker knows all workers.
async fn start(launch: Launch, redis: &Redis) -> Cluster {
    let cluster = Cluster::start(&launch.variable("REDIS_URL", redis.url()), 2, WORKERS).await;
    joined(&cluster).await;
    cluster
}

async fn joined(cluster: &Cluster) {
    for worker in &cluster.workers {
        let api = worker.api();
        eventually("the workers know each other", JOINED_MAX, async || {
            let metrics = api.metrics().await;
            let found = (total(&metrics, "angaros_redis_up"), total(&metrics, "angaros_workers"));
            if found == (1.0, WORKERS as f64) { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_comes_and_goes_loses_nothing_and_live_status_is_complete() {
    let _alone = alone().await;
    let mut random = seeded();
    let sink = KeyedSink::start(random.random()).await;
    let mut redis = Redis::start().await;
    let cluster = start(launch(&Database::new().await.url()), &redis).await;
    let follower = Follower::start(&cluster.api(1)).await;
    let loader = Loader::start(&cluster.apis[0].url, &sink.url());
    sink.next_request().await;
    for _ in 0..rounds(ROUNDS) {
        pass(Duration::from_millis(random.random_range(MOMENT_MILLIS))).await;
        match random.random_range(0..4) {
            0 => redis.wipe().await,
            1 => redis.cut().await,
            _ => {
                redis.kill().await;
                pass(Duration::from_millis(random.random_range(MOMENT_MILLIS))).await;
                sink.next_request().await;
                redis.start_again().await;
            }
        }
        sink.next_request().await;
    }
    let balance = cluster.settle(loader, &sink).await;
    follower.saw(&balance.ids).await;
    cluster.stop().await;
}

/// The limit that the workers share, a second.
const RATE: usize = 100;
/// What may come at once on top of it: a tenth of a second's, and one more for each worker, as decision 0009 says.
const BURST: usize = RATE / 10 + WORKERS;
/// How far the rate may lie from the limit while Redis is there.
const TOLERANCE: f64 = 0.03;
/// How much later than another a request may reach the receiver whose token was taken at the same time: a claim's
/// transaction lies in between, and the processes of this test share a machine.
const WAY: Duration = Duration::from_millis(250);
/// The windows in which requests are counted: long against that.
const WINDOWS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(6)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_workers_share_a_limit_and_never_exceed_it_whatever_becomes_of_redis() {
    measured(three_workers).await;
}

async fn three_workers() {
    let _alone = alone().await;
    let sink = HttpSink::with(200, "{}").await;
    let mut redis = Redis::start().await;
    let launch = launch(&Database::new().await.url())
        .set("providers.hook.kind", "webhook")
        .set("providers.hook.url", sink.url("/"))
        .set("channels.sms.providers", "hook")
        .set("channels.sms.rate_per_second", RATE.to_string());
    let cluster = start(launch, &redis).await;
    let (healthy, troubled) = (scaled(6, 60) * RATE, scaled(8, 40) * RATE);
    let all = healthy + troubled;
    let sms = json!({"channel": "sms", "recipient": "+15550100123", "content": "Hello"});
    for size in (0..all).step_by(500).map(|from| (all - from).min(500)) {
        let batch = json!({"notifications": vec![sms.clone(); size]});
        cluster.api(0).post("/api/v1/notifications/batch", &batch).await.expect(202);
    }
    let limit = Duration::from_secs(60 + 2 * (all / RATE) as u64);
    sink.wait_for(healthy, limit).await;

    redis.kill().await;
    sink.wait_for(healthy + 2 * RATE, limit).await;
    println!("{} arrived until Redis came back", sink.count());
    redis.start_again().await;
    joined(&cluster).await;
    sink.wait_for(sink.count() + RATE, limit).await;
    println!("{} arrived until it was wiped", sink.count());
    redis.wipe().await;
    sink.wait_for(sink.count() + RATE, limit).await;
    redis.cut().await;
    let arrivals: Vec<Instant> = sink.wait_for(all, limit).await.iter().map(|request| request.at).collect();
    cluster.api(0).idle(limit).await;
    assert_eq!(sink.count(), all, "each once");

    for window in WINDOWS {
        let ends = |from: &Instant| arrivals.partition_point(|at| *at <= *from + window);
        let counts = arrivals.iter().enumerate().map(|(first, from)| (ends(from) - first, first));
        let (most, first) = counts.max().unwrap();
        let bound = (RATE as f64 * (window + WAY).as_secs_f64()).ceil() as usize + BURST;
        println!("at most {most} of {bound} within {window:?}, from number {first} of {all}");
        assert!(most <= bound, "{most} within {window:?}, at most {bound} may come");
    }
    let took = (arrivals[healthy - 1] - arrivals[BURST]).as_secs_f64();
    let rate = (healthy - 1 - BURST) as f64 / took;
    println!("{rate:.2}/s by {WORKERS} workers with Redis");
    assert!((rate / RATE as f64 - 1.0).abs() <= TOLERANCE, "{rate:.2}/s");
    cluster.stop().await;
}
