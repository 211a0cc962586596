//! The order in which rows are locked is the same wherever more than one is: so rivals wait for each other in one direction.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use angaros_domain::Notification;
use angaros_store::{EventLog as _, Queue as _, Reported};
use angaros_store_test::fixture::{NOW, event_draft, notification, reported, submission};
use angaros_testkit::eventually::eventually;
use support::House;
use tokio_postgres::Client;

/// How long something may take that gives no signal.
const SOON: Duration = Duration::from_secs(20);

async fn until_somebody_waits(client: &Client) {
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("a transaction waits for a lock", SOON, async || {
        (client.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) > 0)
            .then_some(())
            .ok_or_else(|| "not yet".to_owned())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_submits_counts_statuses_before_events() {
    let house = House::new().await;
    let submit = || {
        let n = Notification { campaign_id: Some("spring".into()), ..notification(NOW) };
        let store = Arc::clone(&house.store);
        async move { store.submit(vec![submission(vec![n])]).await.unwrap() }
    };
    submit().await;
    let (rival, another) = (house.rival().await, house.rival().await);
    rival.batch_execute("BEGIN; SELECT FROM campaign_statuses FOR UPDATE").await.unwrap();
    let submitting = tokio::spawn(submit());
    until_somebody_waits(&another).await;
    another.batch_execute("SELECT FROM event_counts FOR UPDATE NOWAIT").await.unwrap();
    rival.batch_execute("COMMIT").await.unwrap();
    submitting.await.unwrap();
}

/// An event that puts an address on the list.
fn unsubscribed(address: &str) -> Reported {
    let mut draft = event_draft(NOW);
    draft.name = "unsubscribed".into();
    (draft.channel, draft.recipient_id) = (Some("email".into()), Some(address.into()));
    (draft.event_id, draft.message_id) = (Some(address.into()), None);
    reported(draft)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reports_suppresses_in_the_order_of_addresses() {
    let house = House::new().await;
    let (rival, another) = (house.rival().await, house.rival().await);
    let put = |address: &str| {
        format!(
            "INSERT INTO suppressions (tenant, channel, address, reason, created_at)
             VALUES (1, 'email', '{address}', 'unsubscribed', 0)"
        )
    };
    rival.batch_execute(&format!("BEGIN; {}", put("a@example.org"))).await.unwrap();
    let store = Arc::clone(&house.store);
    let events = vec![unsubscribed("b@example.org"), unsubscribed("a@example.org")];
    let reporting = tokio::spawn(async move { store.append(events).await.unwrap() });
    until_somebody_waits(&another).await;
    // It waits for the first address, and has nothing yet that the rival could wait for.
    another
        .batch_execute(&format!("SET lock_timeout = 1000; BEGIN; {}; ROLLBACK", put("b@example.org")))
        .await
        .unwrap();
    rival.batch_execute("COMMIT").await.unwrap();
    assert_eq!(reporting.await.unwrap().outcomes.len(), 2);
    let listed = another.query_one("SELECT count(event_id) FROM suppressions", &[]).await.unwrap();
    assert_eq!(listed.get::<_, i64>(0), 1, "that of the event that was first with its address");
}
