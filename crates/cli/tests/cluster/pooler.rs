//! The whole way through PgBouncer in transaction mode, where each transaction may get another connection.

use std::time::Duration;

use angaros_testkit::eventually::pass;
use angaros_testkit::pgbouncer::Pooler;
use angaros_testkit::postgres::Database;
use serde_json::{Value, json};

use crate::keyed_sink::KeyedSink;
use crate::loader::Loader;
use crate::processes::{Cluster, alone, launch};

/// How long there is load.
const LOAD: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_in_transaction_mode_changes_nothing() {
    let _alone = alone().await;
    let sink = KeyedSink::start(1).await;
    let pooler = Pooler::start(&Database::new().await.url()).await;
    let launch = launch(pooler.url());
    let mut cluster = Cluster::start(&launch, 1, 2).await;
    let api = cluster.api(0);
    let loader = Loader::start(&cluster.apis[0].url, &sink.url());
    let event = json!({ "event_id": "1", "event_name": "opened", "recipient_id": "ada", "occurred_at": 1_770_000_000 });
    api.post("/api/v1/events", &event).await.expect(201);
    pass(LOAD / 2).await;
    cluster.workers[0].kill().await;
    api.post("/api/v1/events", &event).await.expect(200);
    pass(LOAD / 2).await;
    let balance = cluster.settle(loader, &sink).await;
    assert!(balance.accepted > 100, "{balance}");

    cluster.workers[0].start_again().await;
    let audited = launch.run(&["verify", "--json"]).await;
    let audit: Value = serde_json::from_slice(&audited.stdout).unwrap();
    assert_eq!((&audit["drift"], &audit["differences"]), (&json!(0), &json!([])), "{audit}");
    assert!(audit["events"].as_u64().unwrap() > 4 * balance.accepted as u64, "{audit}");
    cluster.stop().await;
}
