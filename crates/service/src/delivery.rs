//! What the engine asks for: claims, results, promotions, rescues. Every status change is published here.

use std::collections::HashMap;

use angaros_domain::lifecycle::Change;
use angaros_domain::{LeaseId, Notification, Timestamp, WorkerId, metric};
use angaros_store::{
    ClaimParams, ClaimedLease, Position, Promotion, RescueParams, Settled, SettledItem, Settlement,
    Transition,
};

use crate::{Result, Service, TransitionCoord};

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
        let mut applied = Vec::with_capacity(finished.len());
        let mut due: Option<Timestamp> = None;
        for Finished { lease, slot, mut notification, change } in finished {
            let suppress = change.suppress();
            let events = match notification.apply(change, now) {
                Ok(events) => events,
                Err(error) => {
                    // A bug of ours, and no reason to keep the results of others from being stored.
                    tracing::error!(%error, notification = %notification.id, "a result does not fit its notification");
                    applied.push(None);
                    continue;
                }
            };
            let transition = Transition::of(&notification, Position::default());
            due = due.into_iter().chain(notification.due_at()).min();
            let group = *group_of.entry(lease).or_insert_with(|| {
                settlements.push(Settlement { lease, items: Vec::new() });
                settlements.len() - 1
            });
            let place = settlements[group].items.len();
            applied.push(Some((group, place, transition)));
            settlements[group].items.push(SettledItem { slot, notification, events, suppress });
        }
        let stored = self.store.settle(settlements).await?;
        metrics::counter!(metric::SETTLES).increment(1);
        let mut outcomes = Vec::with_capacity(applied.len());
        let mut transitions = Vec::with_capacity(applied.len());
        let mut stale = 0u64;
        for item in applied {
            let outcome =
                item.as_ref().map_or(Settled::Stale, |(group, place, _)| stored[*group][*place].clone());
            match (item, &outcome) {
                (Some((_, _, transition)), Settled::Applied(position)) => {
                    transitions.push(Transition { position: Some(*position), ..transition });
                }
                (Some((_, _, transition)), Settled::Overtaken(notification, position)) => {
                    // The receipt's event is the last one, right after those of the result.
                    let before = Position(position.0 - 1);
                    transitions.push(Transition { position: Some(before), ..transition });
                    transitions.push(Transition::of(notification, *position));
                }
                _ => stale += 1,
            }
            outcomes.push(outcome);
        }
        if stale > 0 {
            metrics::counter!(metric::SETTLED_STALE).increment(stale);
            tracing::warn!(stale, "results came after their lease was lost and were discarded");
        }
        if let Some(at) = due {
            self.coord.due_at(at);
        }
        announce(&*self.coord, transitions);
        Ok(outcomes)
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

/// Counts and publishes status changes that attempts and receipts brought.
pub(crate) fn announce(coord: &TransitionCoord, transitions: Vec<Transition>) {
    for transition in &transitions {
        let labels = [("channel", transition.channel.as_str()), ("status", transition.status.as_str())];
        metrics::counter!(metric::TRANSITIONS, &labels).increment(1);
    }
    if !transitions.is_empty() {
        coord.publish(transitions);
    }
}
