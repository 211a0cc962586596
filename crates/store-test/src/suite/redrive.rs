//! Redriving: dead letters, chosen by id or by condition, go back to their lanes with fresh attempts.

use std::collections::BTreeMap;

use angaros_domain::lifecycle::Change;
use angaros_domain::{Channel, FailureReason, Notification, NotificationId, Status, TenantId, Timestamp};
use angaros_store::{NotificationFilter, Position, RedriveFilter, RedriveParams, Redriven, Store};

use super::checks;
use crate::fixture::{
    NOW, deliver, elaborate, fail, notification, notification_id, notifications, scheduled, transient,
};
use crate::steps::{
    claim, claim_at_most, get, ids, item, list, put, put_batch, put_settled, settle_all, settle_item, stats,
    status, story, timeline, told,
};

checks!(redrive:
    a_dead_letter_is_queued_with_fresh_attempts,
    it_can_fail_and_be_redriven_again,
    of_the_ids_asked_for_each_is_accounted_for,
    without_ids_all_dead_letters_are_meant,
    each_condition_chooses,
    conditions_and_ids_must_all_hold,
    the_oldest_come_first_up_to_the_limit,
    what_failed_after_the_call_began_is_left_alone,
    nothing_to_redrive_is_nothing_done,
);

const LATER: Timestamp = NOW.plus_seconds(60);

async fn redrive(store: &dyn Store, filter: RedriveFilter) -> Redriven {
    let params =
        RedriveParams { tenant: TenantId::DEFAULT, filter, failed_until: LATER, now: LATER, limit: 100 };
    store.redrive(params).await.unwrap()
}

fn by_ids(ids: &[NotificationId]) -> RedriveFilter {
    RedriveFilter { ids: Some(ids.to_vec()), ..RedriveFilter::default() }
}

fn done(redriven: &Redriven) -> Vec<NotificationId> {
    redriven.done.iter().map(|(n, _)| n.id).collect()
}

async fn a_dead_letter_is_queued_with_fresh_attempts(store: &dyn Store) {
    let failed = put_settled(store, elaborate(NOW), || fail(NOW), NOW).await;
    let log = timeline(store, failed.id).await;
    let Position(start) = put(store, &[scheduled(NOW, Timestamp::MAX)]).await;
    let mut expected = failed.clone();
    let events = expected.apply(Change::Redrive, LATER).unwrap();

    let redriven = redrive(store, by_ids(&[failed.id])).await;
    let done = vec![(expected.clone(), Position(start + 1))];
    assert_eq!(redriven, Redriven { done, ..Redriven::default() });
    assert_eq!((expected.status, expected.attempts), (Status::Queued, 0));
    assert_eq!(get(store, failed.id).await, expected);
    assert_eq!(told(timeline(store, failed.id).await), told([log, events].concat()));
    assert_eq!(stats(store, LATER).await.depths.len(), 1);
    assert_eq!(claim(store, LATER).await.claims[0].notification, expected);
}

async fn it_can_fail_and_be_redriven_again(store: &dyn Store) {
    let failed = put_settled(store, notification(NOW), || fail(NOW), NOW).await;
    redrive(store, by_ids(&[failed.id])).await;
    assert_eq!(redrive(store, by_ids(&[failed.id])).await.refused, [(failed.id, Status::Queued)]);
    let lease = claim(store, LATER).await;
    settle_all(store, &lease, || fail(LATER), LATER.plus_seconds(1)).await;
    let params = RedriveParams {
        tenant: TenantId::DEFAULT,
        filter: by_ids(&[failed.id]),
        failed_until: LATER.plus_seconds(2),
        now: LATER.plus_seconds(2),
        limit: 1,
    };
    assert_eq!(done(&store.redrive(params).await.unwrap()), [failed.id]);
    let expected = ["queued", "processing", "failed", "queued", "processing", "failed", "queued"];
    assert_eq!(story(store, failed.id).await, expected);
}

async fn of_the_ids_asked_for_each_is_accounted_for(store: &dyn Store) {
    let failed = put_settled(store, notification(NOW), || fail(NOW), NOW).await.id;
    let sent = put_settled(store, notification(NOW), || deliver(NOW), NOW).await.id;
    let claimed = notification(NOW);
    put(store, std::slice::from_ref(&claimed)).await;
    claim(store, NOW).await;
    let waiting = scheduled(NOW, LATER);
    put(store, std::slice::from_ref(&waiting)).await;
    let unknown = notification_id(NOW);

    let redriven = redrive(store, by_ids(&[unknown, waiting.id, failed, claimed.id, sent])).await;
    assert_eq!((done(&redriven), redriven.unknown), (vec![failed], vec![unknown]));
    let refused: BTreeMap<NotificationId, Status> = redriven.refused.into_iter().collect();
    let expected =
        [(waiting.id, Status::Pending), (claimed.id, Status::Processing), (sent, Status::Delivered)];
    assert_eq!(refused, BTreeMap::from(expected), "with the status that readers see");
    assert_eq!(status(store, claimed.id).await, Status::Processing);
}

async fn without_ids_all_dead_letters_are_meant(store: &dyn Store) {
    let mut failed = Vec::new();
    for _ in 0..3 {
        failed.push(put_settled(store, notification(NOW), || fail(NOW), NOW).await.id);
        put_settled(store, notification(NOW), || deliver(NOW), NOW).await;
    }
    let redriven = redrive(store, RedriveFilter::default()).await;
    assert_eq!(done(&redriven), failed);
    assert!(redriven.refused.is_empty() && redriven.unknown.is_empty(), "nobody asked for the others");
    assert_eq!(ids(&claim(store, LATER).await), failed);
}

/// Dead letters that differ in one thing each, the oldest first: the last one is plain.
async fn various_dead_letters(store: &dyn Store) -> Vec<Notification> {
    let at = |seconds| NOW.plus_seconds(seconds);
    let mail = Notification { channel: Channel::Email, ..notification(at(0)) };
    let campaign = Notification { campaign_id: Some("spring".into()), ..notification(at(1)) };
    put(store, &[mail, campaign]).await;
    put_batch(store, at(2), vec![notification(at(2))]).await;
    let lease = claim(store, at(3)).await;
    settle_all(store, &lease, || fail(at(3)), at(3)).await;
    let exhausted = || Change::fail(FailureReason::RetriesExhausted, Some(transient(at(3))));
    put_settled(store, notification(at(3)), exhausted, at(3)).await;
    put_settled(store, notification(at(4)), || fail(at(4)), at(4)).await;

    let mut all = list(store, TenantId::DEFAULT, &NotificationFilter::default(), 100).await;
    all.reverse();
    assert_eq!(all.len(), 5);
    all
}

async fn each_condition_chooses(store: &dyn Store) {
    let all = various_dead_letters(store).await;
    let (campaign_id, batch_id) = (all[1].campaign_id.clone(), all[2].batch_id);
    let any = RedriveFilter::default;
    let reason = Some(FailureReason::RetriesExhausted);
    let cases = [
        (RedriveFilter { channel: Some(Channel::Email), ..any() }, vec![0]),
        (RedriveFilter { campaign_id, ..any() }, vec![1]),
        (RedriveFilter { batch_id, ..any() }, vec![2]),
        (RedriveFilter { failure_reason: reason, ..any() }, vec![3]),
        (RedriveFilter { created_after: Some(NOW.plus_seconds(4)), ..any() }, vec![4]),
        (RedriveFilter { campaign_id: Some("none".into()), ..any() }, vec![]),
    ];
    for (filter, expected) in cases {
        let expected: Vec<NotificationId> = expected.into_iter().map(|index: usize| all[index].id).collect();
        assert_eq!(done(&redrive(store, filter.clone()).await), expected, "{filter:?}");
        for id in &expected {
            assert_eq!(status(store, *id).await, Status::Queued);
        }
    }
}

async fn conditions_and_ids_must_all_hold(store: &dyn Store) {
    let all = various_dead_letters(store).await;
    let at = |seconds| Some(NOW.plus_seconds(seconds));
    let none =
        RedriveFilter { channel: Some(Channel::Email), created_after: at(1), ..RedriveFilter::default() };
    assert_eq!(redrive(store, none).await, Redriven::default());
    let filter = RedriveFilter {
        created_after: at(1),
        created_before: at(3),
        failure_reason: Some(FailureReason::Permanent),
        ..by_ids(&[all[0].id, all[1].id, all[3].id, all[4].id])
    };
    let redriven = redrive(store, filter).await;
    assert_eq!(done(&redriven), [all[1].id], "what failed but is not chosen is left out");
    assert!(redriven.refused.is_empty() && redriven.unknown.is_empty(), "{redriven:?}");
    assert_eq!(
        status(store, all[2].id).await,
        Status::Failed,
        "chosen by time, but its id was not asked for"
    );
}

async fn the_oldest_come_first_up_to_the_limit(store: &dyn Store) {
    let all = notifications(NOW, 5);
    put(store, &all).await;
    // Given up in another order than they were created in.
    let lease = claim(store, NOW).await;
    for claim in lease.claims.iter().rev() {
        settle_item(store, lease.id, item(claim, fail(NOW), NOW)).await;
    }
    let expected: Vec<NotificationId> = all.iter().map(|n| n.id).collect();
    for chunk in expected.chunks(2) {
        let filter = RedriveFilter::default();
        let params =
            RedriveParams { tenant: TenantId::DEFAULT, filter, failed_until: LATER, now: LATER, limit: 2 };
        let redriven = store.redrive(params).await.unwrap();
        assert_eq!(done(&redriven), chunk);
        assert!(redriven.done.is_sorted_by_key(|(_, position)| *position), "logged in that order");
    }
    assert_eq!(redrive(store, RedriveFilter::default()).await, Redriven::default());
}

async fn what_failed_after_the_call_began_is_left_alone(store: &dyn Store) {
    let before = put_settled(store, notification(NOW), || fail(NOW), NOW).await;
    let after = put_settled(store, notification(NOW), || fail(NOW), NOW.plus_seconds(2)).await;
    for filter in [RedriveFilter::default(), by_ids(&[before.id, after.id])] {
        let began = NOW.plus_seconds(1);
        let params =
            RedriveParams { tenant: TenantId::DEFAULT, filter, failed_until: began, now: LATER, limit: 10 };
        let redriven = done(&store.redrive(params).await.unwrap());
        assert!(!redriven.contains(&after.id), "{redriven:?}");
    }
    assert_eq!(status(store, before.id).await, Status::Queued);
    assert_eq!(status(store, after.id).await, Status::Failed);
}

async fn nothing_to_redrive_is_nothing_done(store: &dyn Store) {
    put(store, &[notification(NOW)]).await;
    assert_eq!(redrive(store, RedriveFilter::default()).await, Redriven::default());
    assert_eq!(claim_at_most(store, 10, NOW).await.unwrap().claims.len(), 1);

    let failed = put_settled(store, notification(NOW), || fail(NOW), NOW).await;
    assert_eq!(redrive(store, by_ids(&[])).await, Redriven::default(), "no ids are none, not all");
    let params = RedriveParams {
        tenant: TenantId::DEFAULT,
        filter: RedriveFilter::default(),
        failed_until: LATER,
        now: LATER,
        limit: 0,
    };
    assert_eq!(store.redrive(params).await.unwrap(), Redriven::default());
    assert_eq!(get(store, failed.id).await, failed);
}
