//! Races: what must hold when many callers meet, on as many threads as the test gives.

use angaros_domain::{Notification, NotificationId, Status, TenantId};
use angaros_store::{
    Cancelled, Idempotent, NotificationFilter, RedriveFilter, RedriveParams, RescueParams, Settled,
    Submitted, TemplateStored,
};
use tokio::task::JoinSet;

use super::{Shared, checks};
use crate::fixture::{
    NOW, api_key, deliver, fail, keyed, notification, notifications, scheduled, submission, template,
};
use crate::steps::{
    LEASE_SECONDS, cancel, claim, claim_at_most, get, ids, item, list, put, rescue_all, rescue_params,
    settle_all, settle_item, status, story, submit,
};

checks!(shared race:
    one_of_many_repeats_is_stored,
    all_submissions_are_stored,
    claims_share_nothing,
    a_cancel_and_a_claim_have_one_winner,
    one_of_many_results_is_taken,
    a_result_and_a_rescue_have_one_winner,
    rescuers_share_nothing,
    what_is_due_is_promoted_once,
    dead_letters_are_redriven_once,
    a_template_name_has_one_winner,
    a_tenant_is_made_once,
);

/// Runs a task for each number below `count`, all at once; what they answer, in no order.
async fn at_once<T, Fut>(count: usize, task: impl Fn(usize) -> Fut) -> Vec<T>
where
    T: Send + 'static,
    Fut: Future<Output = T> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for index in 0..count {
        tasks.spawn(task(index));
    }
    tasks.join_all().await
}

async fn one_of_many_repeats_is_stored(store: &Shared) {
    const CALLERS: usize = 32;
    let outcomes = at_once(CALLERS, |_| {
        let store = store.clone();
        async move {
            let made = keyed("k", "r", submission(vec![notification(NOW)]));
            (made.notifications[0].id, submit(store.as_ref(), made).await)
        }
    })
    .await;
    let stored: Vec<_> = outcomes.iter().filter(|(_, o)| matches!(o, Submitted::Stored(_))).collect();
    assert_eq!(stored.len(), 1, "exactly one is stored");
    let winner = stored[0].0;
    let replayed = Submitted::Replayed(Idempotent::Notification(winner));
    assert_eq!(
        outcomes.iter().filter(|(_, o)| *o == replayed).count(),
        CALLERS - 1,
        "all others are its repeats"
    );
    let listed = list(store.as_ref(), TenantId::DEFAULT, &NotificationFilter::default(), 100).await;
    assert_eq!(listed.iter().map(|n| n.id).collect::<Vec<_>>(), [winner]);
}

async fn all_submissions_are_stored(store: &Shared) {
    const CALLERS: usize = 32;
    let mut positions = at_once(CALLERS, |_| {
        let store = store.clone();
        async move { put(store.as_ref(), &notifications(NOW, 3)).await }
    })
    .await;
    positions.sort_unstable();
    let apart = positions.windows(2).all(|pair| pair[1].0 - pair[0].0 == 3);
    assert!(apart, "each submission's events stand together in the log: {positions:?}");
    assert_eq!(claim(store.as_ref(), NOW).await.claims.len(), 3 * CALLERS);
    assert_eq!(claim_at_most(store.as_ref(), 1, NOW).await, None);
}

/// Claims `quota` at a time until nothing is left; who gets more than `count` goes in circles.
async fn claim_until_empty(store: &Shared, quota: usize, count: usize) -> Vec<NotificationId> {
    let mut claimed = Vec::new();
    while claimed.len() <= count {
        match claim_at_most(store.as_ref(), quota, NOW).await {
            Some(lease) => claimed.extend(ids(&lease)),
            None => break,
        }
    }
    claimed
}

async fn claims_share_nothing(store: &Shared) {
    const COUNT: usize = 300;
    let all = notifications(NOW, COUNT);
    put(store.as_ref(), &all).await;
    let claimed = at_once(8, |_| {
        let store = store.clone();
        async move { claim_until_empty(&store, 7, COUNT).await }
    });
    let mut claimed: Vec<NotificationId> = claimed.await.concat();
    claimed.sort_unstable();
    assert_eq!(claimed, all.iter().map(|n| n.id).collect::<Vec<_>>(), "each exactly once");
}

async fn a_cancel_and_a_claim_have_one_winner(store: &Shared) {
    const COUNT: usize = 60;
    let all = notifications(NOW, COUNT);
    put(store.as_ref(), &all).await;
    let claims = {
        let store = store.clone();
        tokio::spawn(async move { claim_until_empty(&store, 3, COUNT).await })
    };
    let cancels = at_once(COUNT, |index| {
        // The youngest first, so that the two meet.
        let (store, id) = (store.clone(), all[COUNT - 1 - index].id);
        async move { (id, cancel(store.as_ref(), id, NOW).await) }
    })
    .await;
    let claimed = claims.await.unwrap();
    for (id, outcome) in cancels {
        let expected = match outcome {
            Cancelled::Done(..) => (false, Status::Cancelled),
            Cancelled::Refused(Status::Processing) => (true, Status::Processing),
            other => panic!("neither cancelled nor claimed: {other:?}"),
        };
        assert_eq!((claimed.contains(&id), status(store.as_ref(), id).await), expected);
    }
}

async fn one_of_many_results_is_taken(store: &Shared) {
    put(store.as_ref(), &notifications(NOW, 1)).await;
    let lease = claim(store.as_ref(), NOW).await;
    let outcomes = at_once(16, |index| {
        let late = NOW.plus_millis(index as i64);
        let result = item(&lease.claims[0], deliver(NOW), late);
        let (store, lease) = (store.clone(), lease.id);
        async move { (late, settle_item(store.as_ref(), lease, result).await) }
    })
    .await;
    let taken: Vec<_> = outcomes.iter().filter(|(_, o)| matches!(o, Settled::Applied(_))).collect();
    assert_eq!(taken.len(), 1);
    let id = lease.claims[0].notification.id;
    assert_eq!(get(store.as_ref(), id).await.delivered_at, Some(taken[0].0), "the one that was taken counts");
    assert_eq!(story(store.as_ref(), id).await, ["queued", "processing", "sent", "delivered"]);
}

async fn a_result_and_a_rescue_have_one_winner(store: &Shared) {
    const COUNT: usize = 30;
    put(store.as_ref(), &notifications(NOW, COUNT)).await;
    let lease = claim(store.as_ref(), NOW).await;
    let rescue = {
        let store = store.clone();
        tokio::spawn(async move { rescue_all(store.as_ref(), NOW.plus_seconds(60)).await })
    };
    let results = at_once(COUNT, |index| {
        let claim = &lease.claims[index];
        let (store, lease, result) = (store.clone(), lease.id, item(claim, deliver(NOW), NOW));
        async move { (result.notification.id, settle_item(store.as_ref(), lease, result).await) }
    })
    .await;
    let rescued = rescue.await.unwrap().map(|lease| ids(&lease)).unwrap_or_default();
    for (id, outcome) in results {
        let is_stale = outcome == Settled::Stale;
        assert_eq!(rescued.contains(&id), is_stale, "settled or rescued, and never both");
        let expected = if is_stale { Status::Processing } else { Status::Delivered };
        assert_eq!(status(store.as_ref(), id).await, expected);
    }
}

async fn rescuers_share_nothing(store: &Shared) {
    let all = notifications(NOW, 40);
    put(store.as_ref(), &all).await;
    claim_until_empty(store, 4, all.len()).await;
    let rescued = at_once(8, |_| {
        let store = store.clone();
        let ended = NOW.plus_seconds(LEASE_SECONDS + 1);
        let params = RescueParams { leases_max: 2, ..rescue_params(ended, ended.plus_seconds(60)) };
        async move { store.rescue(params).await.unwrap().map(|lease| ids(&lease)).unwrap_or_default() }
    });
    let mut rescued = rescued.await.concat();
    rescued.sort_unstable();
    assert_eq!(rescued, all.iter().map(|n| n.id).collect::<Vec<_>>(), "each by exactly one");
}

async fn what_is_due_is_promoted_once(store: &Shared) {
    let all: Vec<Notification> = (0..50).map(|_| scheduled(NOW, NOW.plus_seconds(1))).collect();
    put(store.as_ref(), &all).await;
    let promotions = at_once(8, |_| {
        let store = store.clone();
        async move { store.promote(NOW.plus_seconds(1), 7).await.unwrap().transitions }
    });
    let mut promoted: Vec<NotificationId> = promotions.await.concat().iter().map(|t| t.id).collect();
    promoted.sort_unstable();
    assert_eq!(promoted, all.iter().map(|n| n.id).collect::<Vec<_>>());
    assert_eq!(claim(store.as_ref(), NOW.plus_seconds(1)).await.claims.len(), all.len());
}

async fn dead_letters_are_redriven_once(store: &Shared) {
    let all = notifications(NOW, 30);
    put(store.as_ref(), &all).await;
    let lease = claim(store.as_ref(), NOW).await;
    settle_all(store.as_ref(), &lease, || fail(NOW), NOW).await;
    let redriven = at_once(8, |_| {
        let store = store.clone();
        let filter = RedriveFilter::default();
        let params = RedriveParams {
            tenant: TenantId::DEFAULT,
            filter,
            failed_until: NOW.plus_seconds(1),
            now: NOW.plus_seconds(1),
            limit: 5,
        };
        async move { store.redrive(params).await.unwrap().done }
    });
    let mut redriven: Vec<NotificationId> = redriven.await.concat().iter().map(|(n, _)| n.id).collect();
    redriven.sort_unstable();
    assert_eq!(redriven, all.iter().map(|n| n.id).collect::<Vec<_>>());
}

async fn a_template_name_has_one_winner(store: &Shared) {
    let outcomes = at_once(16, |_| {
        let store = store.clone();
        async move { store.template_insert(template("welcome", NOW)).await.unwrap() }
    })
    .await;
    assert_eq!(outcomes.iter().filter(|o| **o == TemplateStored::Done).count(), 1);
    assert_eq!(outcomes.iter().filter(|o| **o == TemplateStored::NameTaken).count(), 15);
}

async fn a_tenant_is_made_once(store: &Shared) {
    let tenants = at_once(16, |index| {
        let store = store.clone();
        async move { store.key_insert(api_key("acme", index as u64, NOW)).await.unwrap() }
    })
    .await;
    assert!(tenants.iter().all(|tenant| *tenant == tenants[0]), "{tenants:?}");
    assert_eq!(store.keys().await.unwrap().len(), 16);
}
