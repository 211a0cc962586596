//! What the engine asks for: claims, results, promotions, rescues. Every status change is published here.

use std::collections::HashMap;

use angaros_domain::lifecycle::Change;
use angaros_domain::{LeaseId, Notification, Timestamp, WorkerId, metric};
use angaros_store::{
    ClaimParams, ClaimedLease, Promotion, RescueParams, Settled, SettledItem, Settlement, Transition,
};

use crate::{Result, Service};

/// A claimed notification and what is to become of it.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The lease it was claimed under.
    pub lease: LeaseId,
    /// The store's handle, from the claim.
    pub slot: i64,
    /// The notification as it was claimed.
    pub notification: Notification,
    /// What happened to it.
    pub change: Change,
}

impl Service {
    /// Claims ready notifications for a worker.
    pub async fn claim(&self, params: ClaimParams) -> Result<Option<ClaimedLease>> {
        let lease = self.store.claim(params).await?;
        if let Some(lease) = &lease {
            metrics::counter!(metric::CLAIMS).increment(1);
            metrics::counter!(metric::CLAIMED).increment(lease.claims.len() as u64);
            if self.coord.is_watched() {
                let started =
                    |claim: &crate::Claim| Transition::processing(&claim.notification, lease.claimed_at);
                self.coord.publish(lease.claims.iter().map(started).collect());
            }
        }
        Ok(lease)
    }

    /// Stores what became of claimed notifications, all in one transaction, each fenced by its lease. Outcomes are
    /// in the order of the arguments.
    pub async fn settle(&self, finished: Vec<Finished>) -> Result<Vec<Settled>> {
        let now = self.clock.now();
        let mut settlements: Vec<Settlement> = Vec::new();
        let mut group_of: HashMap<LeaseId, usize> = HashMap::new();
        let mut places = Vec::with_capacity(finished.len());
        let mut transitions = Vec::with_capacity(finished.len());
        for Finished { lease, slot, mut notification, change } in finished {
            let events = notification.apply(change, now).map_err(angaros_store::StoreError::from)?;
            transitions.push(Transition::of(&notification, angaros_store::Position::default()));
            let group = *group_of.entry(lease).or_insert_with(|| {
                settlements.push(Settlement { lease, items: Vec::new() });
                settlements.len() - 1
            });
            places.push((group, settlements[group].items.len()));
            settlements[group].items.push(SettledItem { slot, notification, events });
        }
        let outcomes = self.store.settle(settlements).await?;
        metrics::counter!(metric::SETTLES).increment(1);
        let outcomes: Vec<Settled> = places.into_iter().map(|(group, item)| outcomes[group][item]).collect();
        self.announce_settled(transitions, &outcomes, now);
        Ok(outcomes)
    }

    fn announce_settled(&self, transitions: Vec<Transition>, outcomes: &[Settled], now: Timestamp) {
        let mut applied = Vec::with_capacity(transitions.len());
        let mut stale = 0;
        for (mut transition, outcome) in transitions.into_iter().zip(outcomes) {
            match outcome {
                Settled::Applied(position) => {
                    transition.position = Some(*position);
                    applied.push(transition);
                }
                Settled::Stale => stale += 1,
            }
        }
        if stale > 0 {
            metrics::counter!(metric::SETTLED_STALE).increment(stale);
            tracing::warn!(stale, "results came after their lease was lost and were discarded");
        }
        for transition in &applied {
            let labels = [("channel", transition.channel.as_str()), ("status", transition.status.as_str())];
            metrics::counter!(metric::TRANSITIONS, &labels).increment(1);
        }
        if applied.iter().any(|t| !t.status.is_final()) {
            self.coord.due_at(now);
        }
        self.coord.publish(applied);
    }

    /// Keeps every lease of a worker alive.
    pub async fn renew(&self, worker: &WorkerId, until: Timestamp) -> Result<usize> {
        Ok(self.store.renew(worker, until).await?)
    }

    /// Takes over what lost workers held.
    pub async fn rescue(&self, params: RescueParams) -> Result<Option<ClaimedLease>> {
        let lease = self.store.rescue(params).await?;
        if let Some(lease) = &lease {
            metrics::counter!(metric::RESCUED).increment(lease.claims.len() as u64);
        }
        Ok(lease)
    }

    /// Moves what is due into its lane.
    pub async fn promote(&self, limit: usize) -> Result<Promotion> {
        let promotion = self.store.promote(self.clock.now(), limit).await?;
        if promotion.moved > 0 {
            metrics::counter!(metric::PROMOTED).increment(promotion.moved as u64);
            self.coord.work_ready();
            self.coord.publish(promotion.transitions.clone());
        }
        Ok(promotion)
    }
}
