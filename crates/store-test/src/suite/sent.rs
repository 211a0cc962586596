//! Sent messages: what providers accepted, the latest first.

use angaros_domain::{Notification, NotificationId, TenantId, Timestamp};
use angaros_store::{PageRequest, SentMessage, Store};

use super::checks;
use crate::fixture::{NOW, deliver, elaborate, fail, notification, notifications, retry, scheduled, send};
use crate::steps::{claim, claim_of, item, put, put_settled, settle_item};

checks!(sent:
    a_sent_message_is_told_in_full,
    only_sent_messages_are_listed,
    the_latest_come_first_page_by_page,
);

async fn page(
    store: &dyn Store,
    limit: usize,
    after: Option<(Timestamp, NotificationId)>,
) -> Vec<SentMessage> {
    let sent = store.sent_messages(TenantId::DEFAULT, PageRequest { limit, after }).await.unwrap();
    assert!(sent.len() <= limit);
    sent
}

fn message(n: &Notification) -> SentMessage {
    SentMessage {
        id: n.id,
        recipient: n.recipient.clone(),
        channel: n.channel,
        content: n.content.text.clone(),
        sent_at: n.sent_at.expect("it was sent"),
        provider_message_id: n.provider_message_id.clone(),
    }
}

async fn a_sent_message_is_told_in_full(store: &dyn Store) {
    let n = put_settled(store, elaborate(NOW), || deliver(NOW), NOW.plus_seconds(1)).await;
    let told = page(store, 10, None).await;
    assert_eq!(told, [message(&n)]);
    assert_eq!(
        (told[0].sent_at, told[0].provider_message_id.as_deref()),
        (NOW.plus_seconds(1), Some("sb-1"))
    );
}

async fn only_sent_messages_are_listed(store: &dyn Store) {
    let mut expected = Vec::new();
    for (change, is_sent) in [
        (deliver(NOW), true),
        (fail(NOW), false),
        (send(NOW), true),
        (retry(NOW, NOW.plus_seconds(60)), false),
    ] {
        let n = put_settled(store, notification(NOW), || change.clone(), NOW).await;
        if is_sent {
            expected.insert(0, message(&n));
        }
    }
    put(store, &[notification(NOW)]).await;
    claim(store, NOW).await;
    put(store, &[notification(NOW), scheduled(NOW, NOW.plus_seconds(60))]).await;
    assert_eq!(page(store, 10, None).await, expected);
}

async fn the_latest_come_first_page_by_page(store: &dyn Store) {
    let all = notifications(NOW, 6);
    put(store, &all).await;
    let lease = claim(store, NOW).await;
    // Sent in another order than they were created in, some of them at the same time.
    let mut expected = Vec::new();
    for (n, seconds) in all.iter().zip([3, 1, 2, 1, 1, 2]) {
        let result = item(claim_of(&lease, n.id), deliver(NOW), NOW.plus_seconds(seconds));
        expected.push(message(&result.notification));
        settle_item(store, lease.id, result).await;
    }
    expected.sort_by_key(|m| std::cmp::Reverse((m.sent_at, m.id)));
    for limit in [1, 2, 4, 6, 10] {
        let mut seen: Vec<SentMessage> = Vec::new();
        for _ in 0..=expected.len() {
            let after = seen.last().map(|m| (m.sent_at, m.id));
            seen.extend(page(store, limit, after).await);
        }
        assert_eq!(seen, expected, "in pages of {limit}");
    }
}
