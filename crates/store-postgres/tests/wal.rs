//! What a delivered notification costs of the write-ahead log, its events included.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what was measured is printed")]

use angaros_clock::Clock;
use angaros_domain::correlation::CorrelationId;
use angaros_domain::lifecycle::Change;
use angaros_domain::{Notification, Timestamp};
use angaros_store::{Claim, Queue as _, Settled, SettledItem};
use angaros_store_postgres::{Options, PostgresStore, Target};
use angaros_store_test::fixture::{accepted, notification};
use angaros_store_test::steps::{claim_params, item, put, settle_items};
use angaros_testkit::postgres::Server;
use angaros_testkit::scale::scaled;
use tokio_postgres::{Client, NoTls};

/// Notifications of one transaction, at either end.
const BATCH: usize = 100;
/// The most that a delivered notification may cost, in bytes of records: images of pages come on top, by how often there is
/// a checkpoint.
const BYTES_MAX: u64 = 3_600;

/// The end of the log.
async fn end(client: &Client) -> u64 {
    let sql = "SELECT (pg_current_wal_lsn() - '0/0')::bigint";
    client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0).unsigned_abs()
}

/// What a caller sends to one of many.
fn message(now: Timestamp, number: usize, campaign: Option<&str>) -> Notification {
    let mut n = notification(now);
    n.recipient = format!("+1555{:07}", number % 10_000_000);
    n.recipient_id = format!("user-{}", number % 50_000);
    n.content.text = format!("Your code is {number:06}");
    n.campaign_id = campaign.map(str::to_owned);
    // As long as the service's own.
    n.correlation.id = CorrelationId::parse(&n.id.0.to_string()).unwrap();
    n
}

/// Accepted under an id of the provider, and nothing more will be known.
fn delivered(claim: &Claim, claimed_at: Timestamp, now: Timestamp) -> SettledItem {
    let mut report = accepted(claimed_at);
    report.outcome.provider_message_id = Some(format!("sandbox-{}", claim.notification.id.0.simple()));
    item(claim, Change::Accept { report, receipts: false }, now)
}

/// Takes in and delivers notifications, batch by batch.
async fn deliver_all(
    store: &PostgresStore,
    clock: &Clock,
    from: usize,
    count: usize,
    campaign: Option<&str>,
) {
    for start in (from..from + count).step_by(BATCH) {
        let now = clock.now();
        let batch: Vec<Notification> = (start..start + BATCH).map(|n| message(now, n, campaign)).collect();
        put(store, &batch).await;
        let lease = store.claim(claim_params("w", BATCH, now)).await.unwrap().unwrap();
        assert_eq!(lease.claims.len(), BATCH);
        let later = clock.now();
        let items = lease.claims.iter().map(|claim| delivered(claim, now, later)).collect();
        let settled = settle_items(store, lease.id, items).await;
        assert!(settled.iter().all(|one| matches!(one, Settled::Applied(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivered_notification_costs_little_of_the_log() {
    let server = Server::start().await;
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let clock = Clock::system();
    let target = Target::parse(&server.url()).unwrap();
    let store = PostgresStore::open(&target, &clock, Options::default()).await.unwrap();
    let count = scaled(3_000, 20_000);
    let mut measured = Vec::new();
    for (round, images) in ["off", "on"].into_iter().enumerate() {
        client.batch_execute(&format!("ALTER SYSTEM SET full_page_writes = {images}")).await.unwrap();
        client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        for (half, campaign) in [None, Some("spring")].into_iter().enumerate() {
            let from = (2 * round + half) * 2 * count;
            // What is measured begins on pages that are there.
            deliver_all(&store, &clock, from, count, campaign).await;
            client.batch_execute("CHECKPOINT").await.unwrap();
            let before = end(&client).await;
            deliver_all(&store, &clock, from + count, count, campaign).await;
            let each = (end(&client).await - before) / count as u64;
            println!(
                "full_page_writes {images}, campaign {campaign:?}: {each} bytes a notification, of {count}"
            );
            measured.push(each);
        }
    }
    assert!(measured[0] <= BYTES_MAX, "{measured:?}");
}
