//! Whatever is counted wrong is found, in every table that counts.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use angaros_store::EventLog as _;
use angaros_store_postgres::audit;
use angaros_store_test::fixture::{NOW, deliver, event_draft, notification, reported};
use angaros_store_test::steps::put_settled;
use support::House;

/// What somebody could do to the counts, and back, with words of what is told of it.
const INJURIES: [(&str, &str, &str); 8] = [
    (
        "UPDATE outcomes SET sent_at = sent_at + 1",
        "UPDATE outcomes SET sent_at = sent_at - 1",
        "outcome of notification",
    ),
    (
        "INSERT INTO ends SELECT 1, tenant, id FROM notifications",
        "DELETE FROM ends WHERE expires_at = 1",
        "end of waiting notification",
    ),
    ("UPDATE event_counts SET n = n + 1", "UPDATE event_counts SET n = n - 1", "series and quarter"),
    (
        "UPDATE campaign_events SET n = n + 1",
        "UPDATE campaign_events SET n = n - 1",
        "tenant, campaign and event",
    ),
    (
        "UPDATE campaign_events SET last_at = last_at + 1",
        "UPDATE campaign_events SET last_at = last_at - 1",
        "first and last",
    ),
    (
        "UPDATE campaign_events SET recipients = recipients + 1",
        "UPDATE campaign_events SET recipients = recipients - 1",
        "recipients of tenant",
    ),
    (
        "UPDATE campaign_statuses SET n = n + 1 WHERE status = 'delivered'",
        "UPDATE campaign_statuses SET n = n - 1 WHERE status = 'delivered'",
        "campaign and status",
    ),
    (
        "UPDATE event_keys SET position = position + 1000",
        "UPDATE event_keys SET position = position - 1000",
        "key of the event",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_count_is_found() {
    let house = House::new().await;
    let mut n = notification(NOW);
    n.campaign_id = Some("spring".into());
    put_settled(house.store.as_ref(), n, || deliver(NOW), NOW).await;
    let mut draft = event_draft(NOW);
    draft.campaign_id = Some("spring".into());
    house.store.append(vec![reported(draft)]).await.unwrap();
    let client = house.rival().await;
    for (injure, heal, told) in INJURIES {
        client.batch_execute(injure).await.unwrap();
        let audit = audit::everything(&house.target(), |_| ()).await.unwrap();
        assert!(audit.drift > 0, "{injure}");
        let differences = format!("{:?}", audit.differences);
        assert!(differences.contains(told), "{injure}: {differences}");
        client.batch_execute(heal).await.unwrap();
        let audit = audit::everything(&house.target(), |_| ()).await.unwrap();
        assert_eq!((audit.drift, audit.differences), (0, vec![]), "{heal}");
    }
}
