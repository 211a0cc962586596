//! A database that cuts connections at random, and that is restarted, in order and as in a power cut.

use std::time::Duration;

use angaros_testkit::eventually::{eventually, pass};
use angaros_testkit::postgres::{Server, Stop};
use angaros_testkit::scale::rounds;
use rand::RngExt as _;
use tokio::time::Instant;

use crate::chance::seeded;
use crate::keyed_sink::KeyedSink;
use crate::loader::Loader;
use crate::processes::{Cluster, alone, launch};

/// Rounds of an ordinary run.
const ROUNDS: usize = 8;
/// One in so many rounds restarts the server, in order and otherwise in turns; the others cut connections.
const RESTART_EVERY: usize = 4;
/// How long nothing happens between two rounds, in milliseconds.
const PEACE_MILLIS: std::ops::RangeInclusive<u64> = 50..=600;
/// The longest that every process may take until it is ready again.
const READY_MAX: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_cuts_connections_and_restarts_loses_and_doubles_nothing() {
    let _alone = alone().await;
    let mut random = seeded();
    let sink = KeyedSink::start(random.random()).await;
    let server = Server::start().await;
    let cluster = Cluster::start(&launch(&server.url()), 1, 2).await;
    let loader = Loader::start(&cluster.apis[0].url, &sink.url());
    sink.next_request().await;

    let (mut cut, mut longest) = (0, Duration::ZERO);
    for round in 1..=rounds(ROUNDS) {
        pass(Duration::from_millis(random.random_range(PEACE_MILLIS))).await;
        if round % RESTART_EVERY == 0 {
            let how = if round % (2 * RESTART_EVERY) == 0 { Stop::Immediate } else { Stop::Fast };
            server.restart(how).await;
        } else {
            let share = random.random_range(0.2..=1.0);
            cut += server.cut(|| random.random_bool(share));
        }
        let since = Instant::now();
        ready(&cluster).await;
        sink.next_request().await;
        longest = longest.max(since.elapsed());
    }
    cluster.settle(loader, &sink).await;
    println!("{cut} connections cut; everything moved again within {longest:.1?}");
    assert!(cut > 0, "there were connections to cut");
    cluster.stop().await;
}

/// Waits until every process is ready by itself.
async fn ready(cluster: &Cluster) {
    for process in cluster.processes() {
        let api = process.api();
        eventually("the process is ready", READY_MAX, async || {
            let answer = api.get("/readyz").await;
            if answer.status == 200 { Ok(()) } else { Err(answer.text) }
        })
        .await;
    }
}
