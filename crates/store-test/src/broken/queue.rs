//! Faults of the queue.

use angaros_domain::fingerprint::Fingerprint;
use angaros_domain::lifecycle::Change;
use angaros_domain::{NotificationId, TenantId, Timestamp, WorkerId};
use angaros_store::{
    Cancelled, ClaimParams, ClaimedLease, Expiry, Promotion, Queue, Reader, RedriveFilter, RedriveParams,
    Redriven, RescueParams, Result, Settled, Settlement, Submission, Submitted,
};
use async_trait::async_trait;

use super::{Broken, Fault};
use crate::model::Place;
use crate::steps::rescue_all;

#[async_trait]
impl Queue for Broken {
    async fn submit(&self, mut submissions: Vec<Submission>) -> Result<Vec<Submitted>> {
        for submission in &mut submissions {
            let Some(idempotency) = &mut submission.idempotency else { continue };
            match self.fault {
                Fault::SubmitForgetsKeys => submission.idempotency = None,
                Fault::SubmitIgnoresWhatTheKeyWasFor => idempotency.fingerprint = Fingerprint::of(&()),
                Fault::SubmitLooksBeforeItActs
                    if self.inner.idempotent(submission.tenant, &idempotency.key).await?.is_none() =>
                {
                    // Here everybody else looks too.
                    tokio::task::yield_now().await;
                    submission.idempotency = None;
                }
                _ => {}
            }
        }
        let outcomes = self.inner.submit(submissions).await;
        if self.has(Fault::SubmitLogsNothing) {
            self.inner.state().log.clear();
        }
        outcomes
    }

    async fn claim(&self, mut params: ClaimParams) -> Result<Option<ClaimedLease>> {
        match self.fault {
            Fault::ClaimSortsTheLanes => params.lanes.sort_unstable(),
            Fault::ClaimTakesTheYoungest => self.put_others_away(&params, |slots| slots.reverse()),
            Fault::ClaimServesTheFirstTenantOnly => self.put_others_away(&params, |_| {}),
            Fault::CancelLooksBeforeItActs => tokio::task::yield_now().await,
            _ => {}
        }
        let mut lease = self.inner.claim(params).await?;
        if let (Some(lease), Fault::ClaimIgnoresSuppressions) = (&mut lease, self.fault) {
            lease.claims.iter_mut().for_each(|claim| claim.is_suppressed = false);
        }
        if self.has(Fault::ClaimForgetsTheLease) {
            rescue_all(&self.inner, Timestamp::MAX).await;
        }
        for row in &mut self.inner.state().rows {
            let is_away = row.place == AWAY;
            let is_held = lease.as_ref().is_some_and(|lease| row.place == Place::Leased(lease.id));
            if is_away || (is_held && self.has(Fault::ClaimLeavesTheRows)) {
                row.place = Place::Lane;
            }
        }
        Ok(lease)
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Vec<Settled>>> {
        let mut outcomes = Vec::new();
        for Settlement { lease, items } in settlements {
            let mut settled = Vec::new();
            for mut item in items {
                if self.has(Fault::SettleHearsNothing) {
                    item.heard = None;
                }
                item.suppress.take_if(|_| self.has(Fault::SettleSuppressesNothing));
                let slot = usize::try_from(item.slot).unwrap();
                let token = match self.inner.state().rows[slot].place {
                    Place::Leased(holder) if self.has(Fault::SettleIgnoresTheFence) => holder,
                    _ => lease,
                };
                let (events, said) = (item.events.clone(), item.clone());
                let one = vec![Settlement { lease: token, items: vec![item] }];
                let outcome = self.inner.settle(one).await?[0][0].clone();
                let mut state = self.inner.state();
                match (self.fault, &outcome) {
                    (Fault::SettleLogsStaleResults, Settled::Stale) => drop(state.append(events)),
                    (Fault::SettleHearsStaleResults, Settled::Stale) => state.hear(&said),
                    (Fault::SettleRetriesAtOnce, Settled::Applied(_)) => {
                        if let Place::Deferred(_) = state.rows[slot].place {
                            state.rows[slot].place = Place::Lane;
                        }
                    }
                    _ => {}
                }
                settled.push(outcome);
            }
            if self.has(Fault::SettleEndsTheLease) {
                let mut state = self.inner.state();
                state.leases.remove(&lease);
                state
                    .rows
                    .iter_mut()
                    .filter(|r| r.place == Place::Leased(lease))
                    .for_each(|r| r.place = Place::Rest);
            }
            outcomes.push(settled);
        }
        Ok(outcomes)
    }

    async fn renew(&self, worker: &WorkerId, until: Timestamp) -> Result<usize> {
        let mut state = self.inner.state();
        let leases = state.leases.values_mut();
        Ok(match self.fault {
            Fault::RenewTakesAllWorkers => leases.map(|lease| lease.until = until).count(),
            Fault::RenewOnlyCounts => leases.filter(|lease| lease.worker == *worker).count(),
            _ => leases.filter(|lease| lease.worker == *worker).map(|lease| lease.until = until).count(),
        })
    }

    async fn rescue(&self, mut params: RescueParams) -> Result<Option<ClaimedLease>> {
        match self.fault {
            Fault::RescueComesTooEarly => params.ended_before = params.ended_before.plus_millis(1),
            Fault::RescueKnowsNoNames => params.only = None,
            Fault::RescueKnowsNoLimit => params.leases_max = usize::MAX,
            _ => {}
        }
        let lease = self.inner.rescue(params).await?;
        if self.has(Fault::RescueQueuesAgain) {
            let mut state = self.inner.state();
            let held = state.rows.iter_mut().filter(|row| matches!(row.place, Place::Leased(_)));
            held.for_each(|row| row.place = Place::Lane);
        }
        Ok(lease)
    }

    async fn promote(&self, now: Timestamp, limit: usize) -> Result<Promotion> {
        match self.fault {
            Fault::PromoteComesTooEarly => self.inner.promote(now.plus_seconds(10), limit).await,
            Fault::PromoteKnowsNoLimit => self.inner.promote(now, usize::MAX).await,
            _ => self.inner.promote(now, limit).await,
        }
    }

    async fn expire(&self, now: Timestamp, limit: usize) -> Result<Expiry> {
        if self.has(Fault::ExpireTakesClaimedOnes) {
            let mut state = self.inner.state();
            state
                .rows
                .iter_mut()
                .filter(|r| matches!(r.place, Place::Leased(_)))
                .for_each(|r| r.place = Place::Lane);
        }
        let expiry = match self.fault {
            Fault::ExpireComesTooEarly => self.inner.expire(now.plus_seconds(10), limit).await,
            Fault::ExpireKnowsNoLimit => self.inner.expire(now, usize::MAX).await,
            _ => self.inner.expire(now, limit).await,
        }?;
        if self.has(Fault::ExpireLeavesTheRow) {
            let mut state = self.inner.state();
            for transition in &expiry.transitions {
                let slot = state.slots[&transition.id];
                state.rows[slot].place = Place::Lane;
            }
        }
        Ok(expiry)
    }

    async fn cancel(&self, ids: Vec<(TenantId, NotificationId)>, now: Timestamp) -> Result<Vec<Cancelled>> {
        let waits = |(tenant, id): &(TenantId, NotificationId)| {
            let place = self.inner.state().row(*tenant, *id).map(|row| row.place);
            matches!(place, Some(Place::Lane | Place::Deferred(_)))
        };
        let seen_waiting: Vec<bool> = ids.iter().map(waits).collect();
        if self.has(Fault::CancelLooksBeforeItActs) {
            // Here a worker claims some of them.
            tokio::task::yield_now().await;
        }
        let mut outcomes = Vec::new();
        for ((tenant, id), was_waiting) in ids.into_iter().zip(seen_waiting) {
            let slot = self.inner.state().slot(tenant, id);
            let by_force = self.has(Fault::CancelTakesClaimedOnes)
                || self.has(Fault::CancelLooksBeforeItActs) && was_waiting;
            let held = slot.filter(|slot| matches!(self.inner.state().rows[*slot].place, Place::Leased(_)));
            if let (Some(slot), true) = (held, by_force) {
                let mut state = self.inner.state();
                let position = state.change(slot, Change::Cancel, now, Place::Rest)?;
                outcomes.push(Cancelled::Done(Box::new(state.rows[slot].notification.clone()), position));
                continue;
            }
            outcomes.extend(self.inner.cancel(vec![(tenant, id)], now).await?);
            if let (Some(slot), Fault::CancelLeavesTheRow) = (slot, self.fault) {
                self.inner.state().rows[slot].place = Place::Lane;
            }
        }
        Ok(outcomes)
    }

    async fn redrive(&self, mut params: RedriveParams) -> Result<Redriven> {
        match self.fault {
            Fault::RedriveIgnoresConditions => {
                params.filter = RedriveFilter { ids: params.filter.ids, ..RedriveFilter::default() };
            }
            Fault::RedriveTakesNoIdsForAll => {
                params.filter.ids.take_if(|ids| ids.is_empty());
            }
            _ => {}
        }
        self.inner.redrive(params).await
    }
}

/// Where rows are kept out of a claim's sight: no check defers anything until just then.
const AWAY: Place = Place::Deferred(Timestamp::MAX.plus_millis(-1));

impl Broken {
    /// Leaves only the first rows of each lane to the claim, in another order than is promised.
    fn put_others_away(&self, params: &ClaimParams, reorder: impl Fn(&mut Vec<usize>)) {
        let mut state = self.inner.state();
        for (lane, quota) in &params.lanes {
            let mut slots =
                state.slots_in(|row| row.place == Place::Lane && row.notification.lane() == *lane);
            reorder(&mut slots);
            for slot in slots.into_iter().skip(*quota) {
                state.rows[slot].place = AWAY;
            }
        }
    }
}
