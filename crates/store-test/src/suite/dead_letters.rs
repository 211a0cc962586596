//! Dead letters, counted by why they were given up and listed by it.

use angaros_domain::lifecycle::Change;
use angaros_domain::{Channel, FailureReason, Notification, TenantId};
use angaros_store::{DeadLetterFilter, DeadLetters, NotificationFilter, RedriveFilter, RedriveParams, Store};

use super::checks;
use crate::fixture::{NOW, deliver, fail, notification, transient};
use crate::steps::{list, put, put_settled, tenant};

checks!(dead_letters:
    they_are_counted_by_reason,
    each_condition_chooses,
    what_is_sent_again_is_none_any_more,
    tenants_have_their_own,
    those_of_one_reason_are_listed,
);

const TENANT: TenantId = TenantId::DEFAULT;

async fn counted(store: &dyn Store, filter: DeadLetterFilter) -> Vec<(FailureReason, u64)> {
    let found = store.dead_letters(TENANT, &filter).await.unwrap();
    let exact = |one: DeadLetters| {
        assert!(!one.is_at_least, "so few are counted to the end");
        (one.reason, one.count)
    };
    found.into_iter().map(exact).collect()
}

fn exhausted() -> Change {
    Change::fail(FailureReason::RetriesExhausted, Some(transient(NOW)))
}

/// Two refused for good, one of them by e-mail and in a campaign, and one that was tried too often.
async fn three(store: &dyn Store) -> Vec<Notification> {
    let mail =
        Notification { channel: Channel::Email, campaign_id: Some("spring".into()), ..notification(NOW) };
    vec![
        put_settled(store, notification(NOW), || fail(NOW), NOW).await,
        put_settled(store, mail, || fail(NOW), NOW).await,
        put_settled(store, notification(NOW), exhausted, NOW).await,
    ]
}

async fn they_are_counted_by_reason(store: &dyn Store) {
    assert_eq!(counted(store, DeadLetterFilter::default()).await, []);
    three(store).await;
    put_settled(store, notification(NOW), || deliver(NOW), NOW).await;
    put(store, &[notification(NOW)]).await;
    let expected = [(FailureReason::Permanent, 2), (FailureReason::RetriesExhausted, 1)];
    assert_eq!(counted(store, DeadLetterFilter::default()).await, expected);
}

async fn each_condition_chooses(store: &dyn Store) {
    three(store).await;
    let any = DeadLetterFilter::default;
    let spring = || Some("spring".to_owned());
    let cases = [
        (DeadLetterFilter { channel: Some(Channel::Email), ..any() }, vec![(FailureReason::Permanent, 1)]),
        (DeadLetterFilter { campaign_id: spring(), ..any() }, vec![(FailureReason::Permanent, 1)]),
        (DeadLetterFilter { channel: Some(Channel::Sms), campaign_id: spring(), ..any() }, vec![]),
        (
            DeadLetterFilter { failure_reason: Some(FailureReason::RetriesExhausted), ..any() },
            vec![(FailureReason::RetriesExhausted, 1)],
        ),
        (DeadLetterFilter { failure_reason: Some(FailureReason::Expired), ..any() }, vec![]),
    ];
    for (filter, expected) in cases {
        assert_eq!(counted(store, filter.clone()).await, expected, "{filter:?}");
    }
}

async fn what_is_sent_again_is_none_any_more(store: &dyn Store) {
    let failed = three(store).await;
    let filter = RedriveFilter { ids: Some(vec![failed[0].id]), ..RedriveFilter::default() };
    let params = RedriveParams { tenant: TENANT, filter, failed_until: NOW, now: NOW, limit: 1 };
    assert_eq!(store.redrive(params).await.unwrap().done.len(), 1);
    let expected = [(FailureReason::Permanent, 1), (FailureReason::RetriesExhausted, 1)];
    assert_eq!(counted(store, DeadLetterFilter::default()).await, expected);
}

async fn tenants_have_their_own(store: &dyn Store) {
    three(store).await;
    let other = tenant(store, "other", NOW).await;
    assert_eq!(store.dead_letters(other, &DeadLetterFilter::default()).await.unwrap(), []);
}

async fn those_of_one_reason_are_listed(store: &dyn Store) {
    let mut failed = three(store).await;
    failed.sort_by_key(|n| std::cmp::Reverse(n.id));
    for reason in [FailureReason::Permanent, FailureReason::RetriesExhausted, FailureReason::Bounced] {
        let filter = NotificationFilter { failure_reason: Some(reason), ..NotificationFilter::default() };
        let expected: Vec<Notification> =
            failed.iter().filter(|n| n.failure_reason == Some(reason)).cloned().collect();
        for limit in [1, 10] {
            assert_eq!(list(store, TENANT, &filter, limit).await, expected, "{reason:?} in pages of {limit}");
        }
    }
}
