//! Races: what must hold when many callers meet, on as many threads as the test gives.

use angaros_domain::{NotificationId, TenantId};
use angaros_store::{Idempotent, NotificationFilter, Submitted};

use super::{Shared, checks};
use crate::fixture::{NOW, keyed, notification, notifications, submission};
use crate::steps::{claim, claim_at_most, ids, list, put, submit};

checks!(shared race:
    one_of_many_repeats_is_stored,
    all_submissions_are_stored,
    claims_share_nothing,
);

async fn one_of_many_repeats_is_stored(store: &Shared) {
    const CALLERS: usize = 32;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let store = store.clone();
        tasks.spawn(async move {
            let made = keyed("k", "r", submission(vec![notification(NOW)]));
            (made.notifications[0].id, submit(store.as_ref(), made).await)
        });
    }
    let outcomes = tasks.join_all().await;
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
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let store = store.clone();
        tasks.spawn(async move { put(store.as_ref(), &notifications(NOW, 3)).await });
    }
    let mut positions = tasks.join_all().await;
    positions.sort_unstable();
    let apart = positions.windows(2).all(|pair| pair[1].0 - pair[0].0 == 3);
    assert!(apart, "each submission's events stand together in the log: {positions:?}");
    assert_eq!(claim(store.as_ref(), NOW).await.claims.len(), 3 * CALLERS);
    assert_eq!(claim_at_most(store.as_ref(), 1, NOW).await, None);
}

async fn claims_share_nothing(store: &Shared) {
    const COUNT: usize = 300;
    let all = notifications(NOW, COUNT);
    put(store.as_ref(), &all).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = store.clone();
        tasks.spawn(async move {
            let mut claimed = Vec::new();
            while let Some(lease) = claim_at_most(store.as_ref(), 7, NOW).await {
                claimed.extend(ids(&lease));
            }
            claimed
        });
    }
    let mut claimed: Vec<NotificationId> = tasks.join_all().await.concat();
    claimed.sort_unstable();
    assert_eq!(claimed, all.iter().map(|n| n.id).collect::<Vec<_>>(), "each exactly once");
}
