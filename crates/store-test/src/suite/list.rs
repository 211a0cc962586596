//! Lists of notifications: the newest first, filtered by what readers see, page by page.

use angaros_domain::correlation::CorrelationId;
use angaros_domain::{Channel, Notification, NotificationId, Status, TenantId};
use angaros_store::{NotificationFilter, PageRequest, Store};

use super::checks;
use crate::fixture::{NOW, deliver, elaborate, fail, notification, notifications, retry, scheduled, send};
use crate::steps::{
    cancel, claim, claim_at_most, item, list, put, put_batch, put_settled, settle_all, settle_item,
    settle_items, tenant,
};

checks!(list:
    the_newest_come_first_and_each_once,
    an_empty_list_ends_at_once,
    filters_choose_by_what_readers_see,
    every_status_can_be_listed,
    paging_goes_on_while_newer_ones_come,
    paging_goes_on_behind_any_id,
    rare_ones_are_found_among_many,
    what_a_request_made_is_found_by_its_correlation_id,
);

const TENANT: TenantId = TenantId::DEFAULT;

fn any() -> NotificationFilter {
    NotificationFilter::default()
}

fn ids(all: &[Notification]) -> Vec<NotificationId> {
    all.iter().map(|n| n.id).collect()
}

async fn the_newest_come_first_and_each_once(store: &dyn Store) {
    let mut all = notifications(NOW, 4);
    all.extend(notifications(NOW.plus_seconds(1), 3));
    all.push(elaborate(NOW.plus_seconds(2)));
    put(store, &all).await;
    all.reverse();
    for limit in [1, 2, 3, 7, 8, 9, 200] {
        assert_eq!(list(store, TENANT, &any(), limit).await, all, "in pages of {limit}");
    }
}

async fn an_empty_list_ends_at_once(store: &dyn Store) {
    assert_eq!(list(store, TENANT, &any(), 10).await, []);
    put(store, &[notification(NOW)]).await;
    let filter = NotificationFilter { status: Some(Status::Failed), ..any() };
    assert_eq!(list(store, TENANT, &filter, 10).await, []);
}

/// Notifications that differ in everything that can be asked for, some of them claimed.
async fn various(store: &dyn Store) -> Vec<Notification> {
    for round in 0..4 {
        let at = NOW.plus_seconds(round);
        let mail =
            Notification { channel: Channel::Email, recipient_id: "user-2".into(), ..notification(at) };
        let campaign = Notification { campaign_id: Some("spring".into()), ..notification(at) };
        let other = Notification { campaign_id: Some("Spring".into()), ..mail.clone() };
        let other = Notification { id: notification(at).id, ..other };
        put(store, &[mail, campaign, other, scheduled(at, NOW.plus_seconds(60))]).await;
        put_batch(store, at, vec![notification(at), elaborate(at)]).await;
        put(store, &notifications(at, 4)).await;
        let lease = claim_at_most(store, 3, at).await.unwrap();
        for (index, claim) in lease.claims.iter().enumerate() {
            let change = match index % 3 {
                0 => deliver(at),
                1 => retry(at, NOW.plus_seconds(90)),
                _ => continue,
            };
            settle_item(store, lease.id, item(claim, change, at)).await;
        }
    }
    let all = list(store, TENANT, &any(), 1_000).await;
    assert_eq!(all.len(), 40);
    all
}

async fn filters_choose_by_what_readers_see(store: &dyn Store) {
    let all = various(store).await;
    let batch_id = all.iter().find_map(|n| n.batch_id.filter(|_| n.status == Status::Retrying));
    let filters = [
        NotificationFilter { status: Some(Status::Processing), ..any() },
        NotificationFilter { status: Some(Status::Queued), ..any() },
        NotificationFilter { status: Some(Status::Retrying), ..any() },
        NotificationFilter { channel: Some(Channel::Email), ..any() },
        NotificationFilter { batch_id, ..any() },
        NotificationFilter { campaign_id: Some("spring".into()), ..any() },
        NotificationFilter { recipient_id: Some("user-2".into()), ..any() },
        NotificationFilter { created_after: Some(NOW.plus_seconds(1)), ..any() },
        NotificationFilter { created_before: Some(NOW.plus_seconds(2)), ..any() },
        NotificationFilter {
            status: Some(Status::Queued),
            created_after: Some(NOW.plus_seconds(1)),
            created_before: Some(NOW.plus_seconds(3)),
            ..any()
        },
        NotificationFilter {
            channel: Some(Channel::Email),
            recipient_id: Some("user-2".into()),
            campaign_id: Some("Spring".into()),
            ..any()
        },
        NotificationFilter { status: Some(Status::Processing), channel: Some(Channel::Sms), ..any() },
        NotificationFilter { batch_id, status: Some(Status::Retrying), ..any() },
    ];
    for filter in filters {
        let expected: Vec<Notification> = all.iter().filter(|n| is_chosen(&filter, n)).cloned().collect();
        assert!(!expected.is_empty() && expected.len() < all.len(), "a choice: {filter:?}");
        for limit in [1, 5, 100] {
            assert_eq!(list(store, TENANT, &filter, limit).await, expected, "{filter:?} in pages of {limit}");
        }
    }
    let nobody = NotificationFilter { recipient_id: Some("user-".into()), ..any() };
    assert_eq!(list(store, TENANT, &nobody, 10).await, [], "a part of a name is not the name");
}

/// The filter once more, from its description, so that the check does not lean on the model.
fn is_chosen(filter: &NotificationFilter, n: &Notification) -> bool {
    let NotificationFilter {
        status,
        channel,
        batch_id,
        campaign_id,
        recipient_id,
        created_after,
        created_before,
        failure_reason,
    } = filter;
    [
        status.is_none() || *status == Some(n.status),
        channel.is_none() || *channel == Some(n.channel),
        batch_id.is_none() || *batch_id == n.batch_id,
        campaign_id.is_none() || *campaign_id == n.campaign_id,
        recipient_id.is_none() || recipient_id.as_deref() == Some(n.recipient_id.as_str()),
        created_after.is_none_or(|at| at <= n.created_at),
        created_before.is_none_or(|at| n.created_at < at),
        failure_reason.is_none() || *failure_reason == n.failure_reason,
    ]
    .into_iter()
    .all(|holds| holds)
}

async fn every_status_can_be_listed(store: &dyn Store) {
    for change in [deliver(NOW), send(NOW), fail(NOW), retry(NOW, NOW.plus_seconds(60))] {
        put_settled(store, notification(NOW), || change.clone(), NOW).await;
    }
    let waiting = scheduled(NOW, NOW.plus_seconds(60));
    let cancelled = notification(NOW);
    put(store, &[waiting, cancelled.clone()]).await;
    cancel(store, cancelled.id, NOW).await;
    put(store, &[notification(NOW)]).await;
    let lease = claim(store, NOW).await;
    put(store, &[notification(NOW)]).await;
    for status in Status::ALL {
        let found = list(store, TENANT, &NotificationFilter { status: Some(status), ..any() }, 10).await;
        assert_eq!(found.iter().map(|n| n.status).collect::<Vec<_>>(), [status]);
    }
    settle_all(store, &lease, || deliver(NOW), NOW).await;
    let none =
        list(store, TENANT, &NotificationFilter { status: Some(Status::Processing), ..any() }, 10).await;
    assert_eq!(none, []);
}

async fn paging_goes_on_while_newer_ones_come(store: &dyn Store) {
    let all = notifications(NOW, 9);
    put(store, &all).await;
    let mut expected = ids(&all);
    expected.reverse();
    let mut seen = Vec::new();
    let mut after = None;
    // More pages than there is anything to see: it has to end by itself.
    for _ in 0..20 {
        let page = store.notification_page(TENANT, &any(), PageRequest { limit: 2, after }).await.unwrap();
        seen.extend(ids(&page.items));
        put(store, &notifications(NOW.plus_seconds(1), 3)).await;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, expected, "nothing twice, nothing left out, nothing that came later");
}

async fn paging_goes_on_behind_any_id(store: &dyn Store) {
    let all = notifications(NOW, 5);
    put(store, &all[..3]).await;
    put(store, &all[4..]).await;
    // The fourth was never stored: a key is a place in the order, not a row.
    for (after, expected) in [(3, vec![2, 1]), (2, vec![1, 0]), (1, vec![0]), (0, vec![])] {
        let page = PageRequest { limit: 2, after: Some(all[after].id) };
        let page = store.notification_page(TENANT, &any(), page).await.unwrap();
        let expected: Vec<NotificationId> = expected.into_iter().map(|index: usize| all[index].id).collect();
        assert_eq!(ids(&page.items), expected);
    }
}

async fn rare_ones_are_found_among_many(store: &dyn Store) {
    const MANY: usize = 900;
    let rare =
        Notification { campaign_id: Some("spring".into()), channel: Channel::Push, ..notification(NOW) };
    put(store, std::slice::from_ref(&rare)).await;
    for _ in 0..3 {
        put(store, &notifications(NOW.plus_seconds(1), MANY / 3)).await;
    }
    let lease = claim(store, NOW).await;
    let (kept, finished) = lease.claims.split_first().unwrap();
    let items = finished.iter().map(|claim| item(claim, deliver(NOW), NOW)).collect();
    settle_items(store, lease.id, items).await;
    let processing = NotificationFilter { status: Some(Status::Processing), ..any() };
    assert_eq!(ids(&list(store, TENANT, &processing, 5).await), [kept.notification.id]);
    let both = NotificationFilter {
        channel: Some(Channel::Push),
        campaign_id: Some("spring".into()),
        recipient_id: Some(rare.recipient_id.clone()),
        ..any()
    };
    assert_eq!(ids(&list(store, TENANT, &both, 5).await), [rare.id]);
}

/// Ids that callers chose, and ids that say when they were made: some of those long before what has them was stored, and
/// some later, by clocks that differ.
async fn what_a_request_made_is_found_by_its_correlation_id(store: &dyn Store) {
    let made_at = |at| CorrelationId::from(notification(at).id.0);
    let requests = [
        CorrelationId::parse("ticket-4711").unwrap(),
        CorrelationId::parse("9b2d7c1e-4f3a-4b8d-9c1e-0a1b2c3d4e5f").unwrap(),
        made_at(NOW),
        made_at(NOW.plus_millis(-1_999)),
        made_at(NOW.plus_millis(-2_000)),
        made_at(NOW.plus_seconds(-86_400)),
        made_at(NOW.plus_millis(1)),
    ];
    let other = tenant(store, "other", NOW).await;
    for id in requests {
        let of_request = |mut n: Notification| {
            n.correlation.id = id.clone();
            n
        };
        let mut made: Vec<Notification> = notifications(NOW, 3).into_iter().map(of_request).collect();
        put(store, &made).await;
        put(store, &[notification(NOW), of_request(Notification { tenant: other, ..notification(NOW) })])
            .await;
        made.reverse();
        for limit in [1, 2, 3, 9] {
            let found = store.notifications_of_request(TENANT, &id, limit).await.unwrap();
            assert_eq!(ids(&found), ids(&made[..limit.min(3)]), "{id}, at most {limit}");
        }
        let lease = claim(store, NOW).await;
        let found = store.notifications_of_request(TENANT, &id, 9).await.unwrap();
        assert!(found.iter().all(|n| n.status == Status::Processing), "{id}: {found:?}");
        settle_all(store, &lease, || deliver(NOW), NOW).await;
        let found = store.notifications_of_request(TENANT, &id, 9).await.unwrap();
        assert!(found.iter().all(|n| n.status == Status::Delivered), "{id}: {found:?}");
    }
    let nobody = CorrelationId::parse("ticket-4712").unwrap();
    assert_eq!(store.notifications_of_request(TENANT, &nobody, 9).await.unwrap(), []);
}
