//! A worker that is cut off from the database for longer than its lease lives, and that is healed; and one whose connections
//! are forgotten on the way. Nobody tells it: what it sends gets no answer. The way is a proxy that stops passing anything on,
//! which is what a broken network looks like from both ends, and needs no rights.

use std::time::Duration;

use angaros_testkit::api::Api;
use angaros_testkit::eventually::{eventually, pass};
use angaros_testkit::network::Network;
use angaros_testkit::postgres::Database;
use angaros_testkit::prometheus::total;

use crate::keyed_sink::KeyedSink;
use crate::loader::Loader;
use crate::processes::{Cluster, alone, launch, lease};

/// How much longer than its lease lives a worker is cut off.
const APART: Duration = Duration::from_millis(1_500);
/// The longest that one statement may take, in seconds.
const STATEMENT_SECONDS: u64 = 2;
/// How long a process may take to see that it is cut off, or that it is not any more.
const SEEN_MAX: Duration = Duration::from_secs(30);

/// Waits until a process says this of itself.
async fn is_ready(api: &Api, status: u16) {
    eventually(&format!("/readyz answers {status}"), SEEN_MAX, async || {
        let answer = api.get("/readyz").await;
        if answer.status == status { Ok(()) } else { Err(answer.text) }
    })
    .await;
}

async fn attempts(api: &Api) -> f64 {
    total(&api.metrics().await, "angaros_attempts_total")
}

/// Waits until a worker sends more than it has.
async fn sends(api: &Api) {
    let before = attempts(api).await;
    eventually("the worker sends again", SEEN_MAX, async || {
        let now = attempts(api).await;
        if now > before { Ok(()) } else { Err(format!("{now} attempts")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_cut_off_from_the_database_loses_and_doubles_nothing_and_comes_back() {
    let _alone = alone().await;
    let sink = KeyedSink::start(1).await;
    let database = Database::new().await;
    let network = Network::to_postgres(&database.url()).await;
    let settings =
        |url: &str| launch(url).set("storage.statement_timeout_seconds", STATEMENT_SECONDS.to_string());
    let cluster = Cluster::start(&settings(&database.url()), 1, 1).await;
    let mut apart = settings(&network.url()).role("worker").start().await;
    let loader = Loader::start(&cluster.apis[0].url, &sink.url());
    let api = apart.api();
    sends(&api).await;

    network.cut();
    pass(lease() + APART).await;
    is_ready(&api, 503).await;
    sink.next_request().await;
    network.heal();
    is_ready(&api, 200).await;
    sends(&api).await;

    network.forget();
    sends(&cluster.workers[0].api()).await;
    is_ready(&api, 200).await;
    sends(&api).await;
    cluster.settle(loader, &sink).await;
    let (status, took) = apart.stop().await;
    assert!(status.success(), "{status} after {took:?}: {}", apart.stderr());
    cluster.stop().await;
}
