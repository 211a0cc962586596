//! The model's queue.

use std::collections::{BTreeMap, VecDeque};

use angaros_domain::lifecycle::Change;
use angaros_domain::{
    FailureReason, Lane, LeaseId, Notification, NotificationId, Status, TenantId, Timestamp, WorkerId,
};
use angaros_store::{
    Cancelled, Claim, ClaimParams, ClaimedLease, Expiry, Idempotent, Promotion, Queue, RedriveFilter,
    RedriveParams, Redriven, RescueParams, Result, Settled, SettledItem, Settlement, Submission, Submitted,
    Transition,
};
use async_trait::async_trait;

use super::MemoryStore;
use super::state::{Lease, Place, Row, State};

#[async_trait]
impl Queue for MemoryStore {
    async fn submit(&self, submissions: Vec<Submission>) -> Result<Vec<Submitted>> {
        let mut state = self.state();
        Ok(submissions.into_iter().map(|submission| state.submit(submission)).collect())
    }

    async fn claim(&self, params: ClaimParams) -> Result<Option<ClaimedLease>> {
        let mut state = self.state();
        let mut slots = Vec::new();
        let mut left = params.allowance;
        for (lane, quota) in &params.lanes {
            let given = state.next_of_lane(*lane, left.of(*lane, *quota), &slots, &params);
            left.take(*lane, given.len());
            slots.extend(given);
        }
        let lease = Lease { worker: params.worker, claimed_at: params.now, until: params.until };
        Ok(state.hold(params.lease, lease, &slots))
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Vec<Settled>>> {
        let mut state = self.state();
        Ok(settlements
            .into_iter()
            .map(|Settlement { lease, items }| {
                let outcomes = items.iter().map(|item| state.settle(lease, item)).collect();
                state.drop_if_empty(lease);
                outcomes
            })
            .collect())
    }

    async fn renew(&self, worker: &WorkerId, until: Timestamp) -> Result<usize> {
        let mut state = self.state();
        let held = state.leases.values_mut().filter(|lease| lease.worker == *worker);
        Ok(held.map(|lease| lease.until = until).count())
    }

    async fn rescue(&self, params: RescueParams) -> Result<Option<ClaimedLease>> {
        let mut state = self.state();
        let ended = |id: &LeaseId, lease: &Lease| {
            if let Some(only) = params.only {
                return *id == only;
            }
            let late = lease.until < params.ended_before || params.ended_before == Timestamp::MAX;
            late && lease.worker != params.spare
        };
        let mut lost: Vec<(Timestamp, LeaseId)> = state
            .leases
            .iter()
            .filter(|(id, lease)| ended(id, lease))
            .map(|(id, lease)| (lease.until, *id))
            .collect();
        lost.sort_unstable();
        lost.truncate(params.leases_max);

        let slots = state.slots_in(|row| lost.iter().any(|(_, id)| row.place == Place::Leased(*id)));
        // The latest claim of the lost leases: no member is said to be claimed before it was ready.
        let claims = lost.iter().filter_map(|(_, id)| state.leases.remove(id)).map(|lease| lease.claimed_at);
        let Some(claimed_at) = claims.max() else { return Ok(None) };
        let lease = Lease { worker: params.worker, claimed_at, until: params.until };
        Ok(state.hold(params.lease, lease, &slots))
    }

    async fn promote(&self, now: Timestamp, limit: usize) -> Result<Promotion> {
        let mut state = self.state();
        let mut waiting = state.deferred();
        let due = waiting.iter().filter(|(at, _)| *at <= now).take(limit).count();
        let mut promotion = Promotion { transitions: vec![], moved: due, next_due: None };
        for (_, slot) in waiting.drain(..due) {
            if state.rows[slot].notification.status == Status::Pending {
                let position = state.change(slot, Change::Promote, now, Place::Lane)?;
                promotion.transitions.push(Transition::of(&state.rows[slot].notification, position));
            } else {
                state.rows[slot].place = Place::Lane;
            }
        }
        promotion.next_due = waiting.first().map(|(at, _)| *at);
        Ok(promotion)
    }

    async fn expire(&self, now: Timestamp, limit: usize) -> Result<Expiry> {
        let mut state = self.state();
        let mut expiry = Expiry::default();
        for slot in state.overdue(now).into_iter().take(limit) {
            let promote =
                (state.rows[slot].notification.status == Status::Pending).then_some(Change::Promote);
            for change in promote.into_iter().chain([Change::fail(FailureReason::Expired, None)]) {
                let position = state.change(slot, change, now, Place::Rest)?;
                expiry.transitions.push(Transition::of(&state.rows[slot].notification, position));
            }
            expiry.expired += 1;
        }
        let unfinished = state.rows.iter().filter(|row| row.place != Place::Rest);
        expiry.next_at = unfinished.filter_map(|r| r.notification.expires_at).filter(|at| *at > now).min();
        Ok(expiry)
    }

    async fn cancel(&self, ids: Vec<(TenantId, NotificationId)>, now: Timestamp) -> Result<Vec<Cancelled>> {
        let mut state = self.state();
        ids.into_iter().map(|(tenant, id)| state.cancel(tenant, id, now)).collect()
    }

    async fn redrive(&self, params: RedriveParams) -> Result<Redriven> {
        let mut state = self.state();
        let mut redriven = Redriven::default();
        for id in params.filter.ids.iter().flatten() {
            match state.row(params.tenant, *id).map(|row| row.seen().status) {
                None => redriven.unknown.push(*id),
                Some(Status::Failed) => {}
                Some(status) => redriven.refused.push((*id, status)),
            }
        }
        let chosen = |row: &Row| {
            let n = &row.notification;
            let in_time = n.failed_at.is_none_or(|at| at <= params.failed_until);
            n.tenant == params.tenant && in_time && is_chosen(&params.filter, row)
        };
        // By id and not by slot: that is the order of creation.
        let mut slots = state.slots_in(chosen);
        slots.sort_by_key(|slot| state.rows[*slot].notification.id);
        for slot in slots.into_iter().take(params.limit) {
            let position = state.change(slot, Change::Redrive, params.now, Place::Lane)?;
            redriven.done.push((state.rows[slot].notification.clone(), position));
        }
        Ok(redriven)
    }
}

impl State {
    fn submit(&mut self, submission: Submission) -> Submitted {
        if let Some(idempotency) = &submission.idempotency {
            let key = (submission.tenant, idempotency.key.clone());
            match self.keys_used.get(&key) {
                Some((first, fingerprint)) if *fingerprint == idempotency.fingerprint => {
                    return Submitted::Replayed(*first);
                }
                Some(_) => return Submitted::Conflict,
                None => {
                    let first = match &submission.batch {
                        Some(batch) => Idempotent::Batch(batch.id),
                        None => Idempotent::Notification(submission.notifications[0].id),
                    };
                    self.keys_used.insert(key, (first, idempotency.fingerprint));
                }
            }
        }
        if let Some(batch) = submission.batch {
            self.batches.insert((batch.tenant, batch.id), batch);
        }
        self.store_all(submission.notifications);
        Submitted::Stored(self.log_end())
    }

    /// Stores new notifications where they wait.
    pub(super) fn store_all(&mut self, notifications: Vec<Notification>) {
        for notification in notifications {
            self.append(vec![notification.created_event()]);
            let place = notification.due_at().map_or(Place::Lane, Place::Deferred);
            let before = self.slots.insert(notification.id, self.rows.len());
            assert_eq!(before, None, "ids are unique");
            self.rows.push(Row { notification, place });
        }
    }

    /// Which slots a lane gives out next, besides those that are `taken`: one of every tenant in turn, of each tenant
    /// first what was ready first.
    fn next_of_lane(&self, lane: Lane, quota: usize, taken: &[usize], params: &ClaimParams) -> Vec<usize> {
        let mut waiting: BTreeMap<TenantId, VecDeque<usize>> = BTreeMap::new();
        let mut ready = self.slots_in(|row| row.place == Place::Lane && row.notification.lane() == lane);
        ready.retain(|slot| !taken.contains(slot));
        ready.sort_by_key(|slot| (self.rows[*slot].notification.ready_at(), *slot));
        for slot in ready {
            waiting.entry(self.rows[slot].notification.tenant).or_default().push_back(slot);
        }
        let mut tenants: Vec<VecDeque<usize>> = waiting.into_values().collect();
        let first = params.first_turn(tenants.len());
        tenants.rotate_left(first);
        let mut chosen = Vec::new();
        loop {
            let mut round: Vec<usize> = tenants.iter_mut().filter_map(VecDeque::pop_front).collect();
            round.truncate(quota - chosen.len());
            if round.is_empty() {
                return chosen;
            }
            chosen.extend(round);
        }
    }

    /// Puts slots under a new lease, unless there are none.
    fn hold(&mut self, id: LeaseId, lease: Lease, slots: &[usize]) -> Option<ClaimedLease> {
        let claims: Vec<Claim> = slots
            .iter()
            .map(|slot| {
                self.rows[*slot].place = Place::Leased(id);
                let notification = self.rows[*slot].notification.clone();
                let is_suppressed = self.is_suppressed(&notification);
                Claim { slot: *slot as i64, notification, is_suppressed }
            })
            .collect();
        let claimed_at = lease.claimed_at;
        (!claims.is_empty()).then(|| {
            self.leases.insert(id, lease);
            ClaimedLease { id, claimed_at, claims }
        })
    }

    fn settle(&mut self, lease: LeaseId, item: &SettledItem) -> Settled {
        match usize::try_from(item.slot) {
            Ok(slot) if self.holds(lease, slot) => {
                let place = item.notification.due_at().map_or(Place::Rest, Place::Deferred);
                self.rows[slot] = Row { notification: item.notification.clone(), place };
                let position = self.append(item.events.clone());
                self.hear(item);
                if let Some(reason) = item.suppress {
                    let now = self.rows[slot].notification.updated_at;
                    self.put_recipient_on_list(slot, (reason, None), now);
                }
                match self.catch_up(slot) {
                    None => Settled::Applied(position),
                    Some(position) => {
                        Settled::Overtaken(Box::new(self.rows[slot].notification.clone()), position)
                    }
                }
            }
            _ => Settled::Stale,
        }
    }

    fn drop_if_empty(&mut self, lease: LeaseId) {
        if self.slots_in(|row| row.place == Place::Leased(lease)).is_empty() {
            self.leases.remove(&lease);
        }
    }

    /// What waits for its time, the earliest first.
    fn deferred(&self) -> Vec<(Timestamp, usize)> {
        let due = |(slot, row): (usize, &Row)| match row.place {
            Place::Deferred(at) => Some((at, slot)),
            _ => None,
        };
        let mut waiting: Vec<(Timestamp, usize)> = self.rows.iter().enumerate().filter_map(due).collect();
        waiting.sort_unstable();
        waiting
    }

    /// What waits although its end has come, the earliest first.
    fn overdue(&self, now: Timestamp) -> Vec<usize> {
        let waits = |place| matches!(place, Place::Lane | Place::Deferred(_));
        let mut slots = self.slots_in(|row| waits(row.place) && row.notification.is_expired(now));
        slots.sort_by_key(|slot| (self.rows[*slot].notification.expires_at, *slot));
        slots
    }

    fn cancel(&mut self, tenant: TenantId, id: NotificationId, now: Timestamp) -> Result<Cancelled> {
        let Some(slot) = self.slot(tenant, id) else { return Ok(Cancelled::Unknown) };
        match self.rows[slot].place {
            Place::Lane | Place::Deferred(_) => {
                let position = self.change(slot, Change::Cancel, now, Place::Rest)?;
                Ok(Cancelled::Done(Box::new(self.rows[slot].notification.clone()), position))
            }
            Place::Leased(_) | Place::Rest => Ok(Cancelled::Refused(self.rows[slot].seen().status)),
        }
    }
}

fn is_chosen(filter: &RedriveFilter, row: &Row) -> bool {
    let n = &row.notification;
    n.status == Status::Failed
        && filter.ids.as_ref().is_none_or(|ids| ids.contains(&n.id))
        && filter.channel.is_none_or(|channel| n.channel == channel)
        && filter.campaign_id.as_ref().is_none_or(|id| n.campaign_id.as_ref() == Some(id))
        && filter.batch_id.is_none_or(|id| n.batch_id == Some(id))
        && filter.failure_reason.is_none_or(|reason| n.failure_reason == Some(reason))
        && filter.created_after.is_none_or(|at| n.created_at >= at)
        && filter.created_before.is_none_or(|at| n.created_at < at)
}
