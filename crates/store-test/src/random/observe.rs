//! Everything that can be read of a store, so that two can be compared.

use angaros_domain::event::Event;
use angaros_domain::{Lane, LeaseId, Notification, NotificationId, Status, Suppression, TenantId, Timestamp};
use angaros_store::{
    Allowance, BatchView, ClaimParams, Idempotent, LaneDepth, NotificationFilter, PageRequest, Queue,
    SentMessage, Store, SuppressionFilter, TimelineFilter,
};
use proptest::prelude::*;

use super::operation::LANES;
use super::pair::{Outcome, Pair};
use crate::fixture::{idempotency_key, numbered_uuid, worker};
use crate::steps::{list, sorted, told};

/// What waits where: depths, the oldest, deferred ones, claimed ones.
type Waiting = (Vec<LaneDepth>, Option<Timestamp>, u64, u64);

impl<S: Store> Pair<S> {
    /// Compares everything that can be read, and then what is in the queue by taking it out.
    pub(super) async fn compare_everything(&mut self) -> Outcome {
        for tenant in [None, Some(self.tenants[0]), Some(self.tenants[1])] {
            let waiting = waiting(&self.store, tenant, self.now).await;
            prop_assert_eq!(waiting, self::waiting(&self.model, tenant, self.now).await, "{:?}", tenant);
        }
        for tenant in self.tenants {
            let ids: Vec<NotificationId> = self.notifications.iter().map(|n| n.id).collect();
            let read = notifications(&self.store, tenant, &ids).await;
            prop_assert_eq!(read, notifications(&self.model, tenant, &ids).await);
            for status in [None].into_iter().chain(Status::ALL.map(Some)) {
                let filter = NotificationFilter { status, ..NotificationFilter::default() };
                let listed = list(&self.store, tenant, &filter, 7).await;
                prop_assert_eq!(listed, list(&self.model, tenant, &filter, 1_000).await, "{:?}", filter);
            }
            prop_assert_eq!(sent(&self.store, tenant, 5).await, sent(&self.model, tenant, 1_000).await);
            prop_assert_eq!(listed(&self.store, tenant, 2).await, listed(&self.model, tenant, 1_000).await);
            for key in ["0", "1", "2", "3"] {
                prop_assert_eq!(used(&self.store, tenant, key).await, used(&self.model, tenant, key).await);
            }
        }
        for (tenant, id) in self.batches.iter().copied() {
            let view: Option<BatchView> = self.store.batch(tenant, id).await.unwrap();
            prop_assert_eq!(view, angaros_store::Reader::batch(&self.model, tenant, id).await.unwrap());
        }
        for n in &self.notifications {
            prop_assert_eq!(events(&self.store, n, 3).await, events(&self.model, n, 1_000).await);
            let is_claimed = self.store.claimed_at(n.tenant, &[n.id]).await.unwrap()[0].is_some();
            let expected =
                angaros_store::Reader::claimed_at(&self.model, n.tenant, &[n.id]).await.unwrap()[0].is_some();
            prop_assert_eq!(is_claimed, expected, "{}", n.id);
        }
        self.compare_queues().await
    }

    /// Takes every lease over, promotes everything and claims it: what each holds is then in the open.
    async fn compare_queues(&mut self) -> Outcome {
        self.rescue(true).await?;
        self.now = Timestamp::MAX.plus_seconds(-3600);
        self.promote(usize::from(u16::MAX)).await?;
        let lanes: Vec<(Lane, usize)> = LANES.into_iter().map(|lane| (lane, usize::from(u16::MAX))).collect();
        for number in 0..2 {
            // The second time, nothing may be left.
            let lease = LeaseId(numbered_uuid(self.now, number));
            let params = ClaimParams {
                worker: worker("last"),
                lease,
                lanes: lanes.clone(),
                allowance: Allowance::new(usize::MAX),
                now: self.now,
                until: self.now,
            };
            let answer = self.store.claim(params.clone()).await.unwrap();
            self.hold(answer, self.model.claim(params).await.unwrap())?;
        }
        Ok(())
    }
}

async fn waiting(store: &dyn Store, tenant: Option<TenantId>, now: Timestamp) -> Waiting {
    let stats = sorted(store.stats(tenant, now).await.unwrap());
    (stats.depths, stats.oldest_queued, stats.deferred, stats.in_flight)
}

async fn notifications(
    store: &dyn Store,
    tenant: TenantId,
    ids: &[NotificationId],
) -> Vec<Option<Notification>> {
    store.notifications(tenant, ids).await.unwrap()
}

async fn used(store: &dyn Store, tenant: TenantId, key: &str) -> Option<Idempotent> {
    store.idempotent(tenant, &idempotency_key(key)).await.unwrap().map(|(first, _)| first)
}

/// More than any sequence makes: a list that is longer goes in circles, and differs from the model's.
const SEEN_MAX: usize = 5_000;

/// Every suppressed address of a tenant, read in pages. Its place on the list is the store's own.
async fn listed(store: &dyn Store, tenant: TenantId, limit: usize) -> Vec<Suppression> {
    let (mut seen, mut after, filter) = (Vec::new(), None, SuppressionFilter::default());
    while seen.len() < SEEN_MAX {
        let page = store.suppression_page(tenant, &filter, PageRequest { limit, after }).await.unwrap();
        let Some((place, _)) = page.last() else { break };
        after = Some(*place);
        seen.extend(page.into_iter().map(|(_, suppression)| suppression));
    }
    seen
}

/// Every sent message of a tenant, read in pages.
async fn sent(store: &dyn Store, tenant: TenantId, limit: usize) -> Vec<SentMessage> {
    let mut seen: Vec<SentMessage> = Vec::new();
    while seen.len() < SEEN_MAX {
        let after = seen.last().map(|message| (message.sent_at, message.id));
        let page = store.sent_messages(tenant, PageRequest { limit, after }).await.unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    seen
}

/// The whole timeline of a notification, read in pages. Without ids: they tell the order of appending, which is nobody's
/// promise where one operation appends for several notifications.
async fn events(store: &dyn Store, n: &Notification, limit: usize) -> Vec<Event> {
    let (id, filter) = (n.id.to_string(), TimelineFilter::default());
    let mut seen: Vec<Event> = Vec::new();
    while seen.len() < SEEN_MAX {
        let after = seen.last().map(|event| (event.occurred_at, event.id));
        let page =
            store.message_timeline(n.tenant, &id, &filter, PageRequest { limit, after }).await.unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    told(seen)
}
