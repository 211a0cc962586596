//! Who follows what: from a status change to the watches that asked for it, at the cost of those that did.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use angaros_domain::{BatchId, NotificationId, TenantId};
use angaros_store::Transition;

use super::Topic;
use super::router::WatchId;

type Watches = HashSet<WatchId>;

/// The subscriptions of all watches.
#[derive(Default)]
pub(super) struct Index(HashMap<TenantId, OfTenant>);

#[derive(Default)]
struct OfTenant {
    notifications: HashMap<NotificationId, Watches>,
    batches: HashMap<BatchId, Watches>,
    campaigns: HashMap<String, Watches>,
    recipients: HashMap<String, Watches>,
    all: Watches,
}

impl Index {
    pub(super) fn insert(&mut self, tenant: TenantId, topic: &Topic, id: WatchId) {
        let of = self.0.entry(tenant).or_default();
        let watches = match topic {
            Topic::Notification(key) => of.notifications.entry(*key).or_default(),
            Topic::Batch(key) => of.batches.entry(*key).or_default(),
            Topic::Campaign(key) => of.campaigns.entry(key.clone()).or_default(),
            Topic::Recipient(key) => of.recipients.entry(key.clone()).or_default(),
            Topic::All => &mut of.all,
        };
        watches.insert(id);
    }

    pub(super) fn remove(&mut self, tenant: TenantId, topic: &Topic, id: WatchId) {
        let Some(of) = self.0.get_mut(&tenant) else { return };
        match topic {
            Topic::Notification(key) => remove(&mut of.notifications, key, id),
            Topic::Batch(key) => remove(&mut of.batches, key, id),
            Topic::Campaign(key) => remove(&mut of.campaigns, key, id),
            Topic::Recipient(key) => remove(&mut of.recipients, key, id),
            Topic::All => {
                of.all.remove(&id);
            }
        }
    }

    /// The watches that asked for a change. One that asked more than once may come more than once.
    pub(super) fn followers(&self, change: &Transition) -> impl Iterator<Item = WatchId> {
        let of = self.0.get(&change.tenant);
        let found = of.map(|of| {
            [
                of.notifications.get(&change.id),
                change.batch_id.and_then(|id| of.batches.get(&id)),
                change.campaign_id.as_ref().and_then(|id| of.campaigns.get(id)),
                of.recipients.get(&change.recipient_id),
                Some(&of.all),
            ]
        });
        found.into_iter().flatten().flatten().flatten().copied()
    }

    /// How many subscriptions there are.
    #[cfg(test)]
    fn len(&self) -> usize {
        fn sum<K>(map: &HashMap<K, Watches>) -> usize {
            map.values().map(|watches| 1 + watches.len()).sum()
        }
        let of = |of: &OfTenant| {
            sum(&of.notifications)
                + sum(&of.batches)
                + sum(&of.campaigns)
                + sum(&of.recipients)
                + of.all.len()
        };
        self.0.values().map(of).sum()
    }
}

/// Keys that nobody follows any more must not stay.
fn remove<K: Hash + Eq + Borrow<Q>, Q: Hash + Eq + ?Sized>(
    map: &mut HashMap<K, Watches>,
    key: &Q,
    id: WatchId,
) {
    if let Some(watches) = map.get_mut(key) {
        watches.remove(&id);
        if watches.is_empty() {
            map.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use angaros_store::Position;
    use angaros_store_test::fixture;

    use super::*;

    #[test]
    fn a_change_finds_its_followers_and_no_others() {
        let mut index = Index::default();
        let mut notification = fixture::notification(fixture::NOW);
        notification.batch_id = Some(fixture::batch_id(fixture::NOW));
        notification.campaign_id = Some("spring".into());
        let change = Transition::of(&notification, Position(1));
        let (tenant, other) = (change.tenant, TenantId(change.tenant.0 + 1));
        let topics = [
            Topic::Notification(change.id),
            Topic::Batch(notification.batch_id.unwrap()),
            Topic::Campaign("spring".into()),
            Topic::Recipient(change.recipient_id.clone()),
            Topic::All,
        ];
        let strangers = [
            Topic::Notification(fixture::notification_id(fixture::NOW)),
            Topic::Batch(fixture::batch_id(fixture::NOW)),
            Topic::Campaign(change.recipient_id.clone()),
            Topic::Recipient("spring".into()),
        ];
        for (n, topic) in topics.iter().enumerate() {
            index.insert(tenant, topic, WatchId(n as u64));
            index.insert(other, topic, WatchId(100));
        }
        for topic in &strangers {
            index.insert(tenant, topic, WatchId(200));
        }
        let found: Vec<WatchId> = index.followers(&change).collect();
        assert_eq!(found, (0..5).map(WatchId).collect::<Vec<_>>());
        for (n, topic) in topics.iter().enumerate() {
            index.remove(tenant, topic, WatchId(n as u64));
            index.remove(other, topic, WatchId(100));
        }
        assert_eq!(index.followers(&change).count(), 0);
        for topic in &strangers {
            index.remove(tenant, topic, WatchId(200));
        }
        assert_eq!(index.len(), 0, "nothing is kept of what nobody follows");
    }
}
