//! The store under test and the model, side by side: one operation goes to both, and both must answer the same.

use std::collections::BTreeMap;

use angaros_domain::attempt::{Class, Report};
use angaros_domain::lifecycle::Change;
use angaros_domain::{
    Address, BatchId, Channel, FailureReason, Lane, LeaseId, Notification, NotificationId, Status,
    Suppression, SuppressionReason, TenantId, Timestamp, WorkerId,
};
use angaros_store::{
    Allowance, ClaimParams, ClaimedLease, Position, Queue, RedriveFilter, RedriveParams, RescueParams,
    SettledItem, Settlement, Store, Submission, Suppressions,
};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseError;

use super::operation::{Choice, Item, LANES, Operation, Request, Verdict};
use super::order::{by_tenant, in_order, lanes, told_in_order};
use crate::MemoryStore;
use crate::fixture::{NOW, accepted, batch, keyed, notification, numbered_uuid, report, submission, worker};
use crate::steps::{self, LEASE_SECONDS};

pub(super) type Outcome = Result<(), TestCaseError>;

/// A lease as both gave it out.
struct Held {
    id: LeaseId,
    claimed_at: Timestamp,
    members: Vec<Member>,
}

/// A claimed notification, and the handle that each of the two has for it.
struct Member {
    notification: Notification,
    slot: i64,
    model_slot: i64,
}

/// The two, and what a caller of them knows.
pub(super) struct Pair<S> {
    pub(super) store: S,
    pub(super) model: MemoryStore,
    pub(super) tenants: [TenantId; 2],
    /// What was submitted, stored or not.
    pub(super) notifications: Vec<Notification>,
    pub(super) batches: Vec<(TenantId, BatchId)>,
    pub(super) now: Timestamp,
    leases: Vec<Held>,
    ids_made: u64,
    /// Told apart by a millisecond of its own each: which of two that are due at once comes first, nobody promises.
    dues_made: i64,
}

/// How far the time moves with each operation.
const STEP_SECONDS: i64 = 10;

fn pick<T>(all: &[T], index: Index) -> Option<&T> {
    (!all.is_empty()).then(|| index.get(all))
}

impl<S: Store> Pair<S> {
    /// Brings the model to where the store begins.
    pub(super) async fn new(store: S) -> Result<Pair<S>, TestCaseError> {
        let first = notification(NOW);
        let Position(position) = steps::put(&store, std::slice::from_ref(&first)).await;
        let model = MemoryStore::with_log_after(Position(position - 1));
        steps::put(&model, std::slice::from_ref(&first)).await;
        let other = steps::tenant(&store, "other", NOW).await;
        prop_assert_eq!(steps::tenant(&model, "other", NOW).await, other, "tenants are numbered from 1");
        Ok(Pair {
            store,
            model,
            tenants: [TenantId::DEFAULT, other],
            notifications: vec![first],
            batches: vec![],
            now: NOW,
            leases: vec![],
            ids_made: 0,
            dues_made: 0,
        })
    }

    /// Applies an operation to both.
    pub(super) async fn apply(&mut self, operation: Operation) -> Outcome {
        self.now = self.now.plus_seconds(STEP_SECONDS);
        match operation {
            Operation::Submit(requests) => self.submit(&requests).await,
            Operation::Claim { worker, quota_halves } => self.claim(worker, quota_halves).await,
            Operation::Settle { lease, verdicts } => self.settle(lease, &verdicts).await,
            Operation::Renew { worker } => self.renew(worker).await,
            Operation::Rescue { everything } => self.rescue(everything).await,
            Operation::Promote { limit } => self.promote(limit).await,
            Operation::Expire { limit } => self.expire(limit).await,
            Operation::Cancel(choices) => self.cancel(&choices).await,
            Operation::Redrive { tenant, choice, limit } => self.redrive(tenant, choice, limit).await,
            Operation::Suppress { tenant, address, on } => self.suppress(tenant, address, on).await,
            Operation::Wait { tens_of_seconds } => {
                self.now = self.now.plus_seconds(10 * tens_of_seconds);
                Ok(())
            }
        }
    }

    fn next_id(&mut self) -> uuid::Uuid {
        self.ids_made += 1;
        numbered_uuid(self.now, self.ids_made)
    }

    fn due(&mut self, tens_of_seconds: i64) -> Timestamp {
        self.dues_made += 1;
        self.now.plus_millis(10_000 * tens_of_seconds + self.dues_made)
    }

    async fn submit(&mut self, requests: &[Request]) -> Outcome {
        let submissions: Vec<Submission> = requests.iter().map(|request| self.submission(request)).collect();
        let answer = self.store.submit(submissions.clone()).await.unwrap();
        prop_assert_eq!(answer, self.model.submit(submissions).await.unwrap());
        Ok(())
    }

    fn submission(&mut self, request: &Request) -> Submission {
        let tenant = self.tenants[request.tenant];
        let made: Vec<Notification> =
            request.items.iter().map(|item| self.notification(tenant, item)).collect();
        let mut made = if request.batch { batch(self.now, made) } else { submission(made) };
        if let Some(batch) = &mut made.batch {
            batch.id = BatchId(self.next_id());
            self.batches.push((tenant, batch.id));
            made.notifications.iter_mut().for_each(|n| n.batch_id = Some(batch.id));
        }
        if let Some((key, wording)) = request.key {
            made = keyed(&key.to_string(), &wording.to_string(), made);
        }
        self.notifications.extend(made.notifications.iter().cloned());
        made
    }

    fn notification(&mut self, tenant: TenantId, item: &Item) -> Notification {
        let Lane { outlet, priority } = LANES[item.lane];
        let channel = outlet.channel();
        let scheduled_at = item.tens_of_seconds.map(|tens| self.due(tens));
        Notification {
            id: NotificationId(self.next_id()),
            tenant,
            channel,
            priority,
            recipient: address(item.address),
            scheduled_at,
            status: if scheduled_at.is_some() { Status::Pending } else { Status::Queued },
            expires_at: item.expires.then(|| self.due(10)),
            campaign_id: item.campaign.map(|n| format!("campaign {n}")),
            ..notification(self.now)
        }
    }

    async fn claim(&mut self, worker: usize, quota_halves: Vec<(usize, usize)>) -> Outcome {
        // A lane that is named twice counts once.
        let quotas: BTreeMap<usize, usize> = quota_halves.into_iter().collect();
        let params = ClaimParams {
            worker: worker_of(worker),
            lease: LeaseId(self.next_id()),
            lanes: quotas.into_iter().map(|(lane, halves)| (LANES[lane], 2 * halves)).collect(),
            allowance: Allowance::new(usize::MAX),
            now: self.now,
            until: self.now.plus_seconds(LEASE_SECONDS),
        };
        let answer = self.store.claim(params.clone()).await.unwrap();
        let expected = self.model.claim(params).await.unwrap();
        prop_assert_eq!(answer.as_ref().map(lanes), expected.as_ref().map(lanes), "lanes in the order asked");
        let claimed_at =
            |lease: &Option<ClaimedLease>| lease.as_ref().map(|lease| (lease.id, lease.claimed_at));
        prop_assert_eq!(claimed_at(&answer), claimed_at(&expected));
        self.hold(answer, expected)
    }

    /// Notes a lease, if each gave out the same; in which order tenants took their turns does not matter.
    pub(super) fn hold(&mut self, answer: Option<ClaimedLease>, expected: Option<ClaimedLease>) -> Outcome {
        prop_assert_eq!(answer.as_ref().map(by_tenant), expected.as_ref().map(by_tenant));
        let (Some(answer), Some(expected)) = (answer, expected) else { return Ok(()) };
        let model_slots: BTreeMap<NotificationId, i64> =
            expected.claims.iter().map(|claim| (claim.notification.id, claim.slot)).collect();
        let mut members: Vec<Member> = answer
            .claims
            .into_iter()
            .map(|claim| Member {
                model_slot: model_slots[&claim.notification.id],
                slot: claim.slot,
                notification: claim.notification,
            })
            .collect();
        // So that a verdict meets the same member in every store.
        members.sort_by_key(|member| member.notification.id);
        self.leases.push(Held { id: answer.id, claimed_at: answer.claimed_at, members });
        Ok(())
    }

    async fn settle(&mut self, lease: Index, verdicts: &[Verdict]) -> Outcome {
        let Some(held) = pick(&self.leases, lease) else { return Ok(()) };
        let (id, claimed_at) = (held.id, held.claimed_at);
        let claimed: Vec<(Notification, i64, i64)> =
            held.members.iter().map(|m| (m.notification.clone(), m.slot, m.model_slot)).collect();
        let (mut items, mut model_items) = (vec![], vec![]);
        for ((mut notification, slot, model_slot), verdict) in claimed.into_iter().zip(verdicts) {
            let Some(change) = self.change(verdict, claimed_at) else { continue };
            let suppress = change.suppress();
            let events = notification.apply(change, self.now).unwrap();
            let item = SettledItem { slot, notification, events, heard: None, suppress };
            model_items.push(SettledItem { slot: model_slot, ..item.clone() });
            items.push(item);
        }
        let answer = self.store.settle(vec![Settlement { lease: id, items }]).await.unwrap();
        let expected = self.model.settle(vec![Settlement { lease: id, items: model_items }]).await.unwrap();
        prop_assert_eq!(answer, expected);
        Ok(())
    }

    fn change(&mut self, verdict: &Verdict, claimed_at: Timestamp) -> Option<Change> {
        let tried = |class| -> Report { report(class, claimed_at) };
        Some(match verdict {
            Verdict::Deliver => Change::Accept { report: accepted(claimed_at), receipts: false },
            Verdict::Send => Change::Accept { report: accepted(claimed_at), receipts: true },
            Verdict::Retry { tens_of_seconds } => Change::Retry {
                report: Some(tried(Class::Transient)),
                at: self.due(*tens_of_seconds),
                counts: true,
            },
            Verdict::Release => Change::Retry { report: None, at: self.due(0), counts: false },
            Verdict::Fail(reason) => Change::fail(*reason, Some(tried(Class::Permanent))),
            Verdict::FailForEver => {
                let mut report = tried(Class::Permanent);
                report.outcome = report.outcome.with_suppression(SuppressionReason::InvalidAddress);
                Change::fail(FailureReason::Permanent, Some(report))
            }
            Verdict::Wait => return None,
        })
    }

    async fn suppress(&mut self, tenant: usize, number: usize, on: bool) -> Outcome {
        let tenant = self.tenants[tenant];
        let addresses = [Channel::Sms, Channel::Email].map(|channel| Address::new(channel, &address(number)));
        if on {
            let suppressions: Vec<Suppression> =
                addresses.map(|address| self.suppression(tenant, address)).into();
            let answer = self.store.suppress(suppressions.clone()).await.unwrap();
            prop_assert_eq!(answer, self.model.suppress(suppressions).await.unwrap());
        } else {
            let named: Vec<(TenantId, Address)> = addresses.map(|address| (tenant, address)).into();
            let answer = self.store.unsuppress(named.clone()).await.unwrap();
            prop_assert_eq!(answer, self.model.unsuppress(named).await.unwrap());
        }
        Ok(())
    }

    fn suppression(&self, tenant: TenantId, address: Address) -> Suppression {
        let (reason, created_at) = (SuppressionReason::Manual, self.now);
        Suppression { tenant, address, reason, notification_id: None, event_id: None, created_at }
    }

    async fn renew(&mut self, worker: usize) -> Outcome {
        let (worker, until) = (worker_of(worker), self.now.plus_seconds(LEASE_SECONDS));
        let answer = self.store.renew(&worker, until).await.unwrap();
        prop_assert_eq!(answer, self.model.renew(&worker, until).await.unwrap());
        Ok(())
    }

    pub(super) async fn rescue(&mut self, everything: bool) -> Outcome {
        let params = RescueParams {
            ended_before: if everything { Timestamp::MAX } else { self.now },
            worker: worker_of(2),
            spare: worker("spared"),
            lease: LeaseId(self.next_id()),
            until: self.now.plus_seconds(LEASE_SECONDS),
            leases_max: usize::from(u16::MAX),
            only: None,
        };
        let answer = self.store.rescue(params.clone()).await.unwrap();
        let expected = self.model.rescue(params).await.unwrap();
        prop_assert_eq!(answer.as_ref().map(|lease| lease.id), expected.as_ref().map(|lease| lease.id));
        self.hold(answer.map(in_order), expected.map(in_order))
    }

    pub(super) async fn promote(&mut self, limit: usize) -> Outcome {
        let answer = self.store.promote(self.now, limit).await.unwrap();
        prop_assert_eq!(answer, self.model.promote(self.now, limit).await.unwrap());
        Ok(())
    }

    async fn expire(&mut self, limit: usize) -> Outcome {
        let answer = self.store.expire(self.now, limit).await.unwrap();
        prop_assert_eq!(answer, self.model.expire(self.now, limit).await.unwrap());
        Ok(())
    }

    async fn cancel(&mut self, choices: &[(Index, bool)]) -> Outcome {
        let [own, other] = self.tenants;
        let named = |n: &Notification, wrong: bool| match (wrong, n.tenant == own) {
            (false, _) => (n.tenant, n.id),
            (true, true) => (other, n.id),
            (true, false) => (own, n.id),
        };
        let ids: Vec<(TenantId, NotificationId)> =
            choices.iter().map(|(index, wrong)| named(index.get(&self.notifications), *wrong)).collect();
        let answer = self.store.cancel(ids.clone(), self.now).await.unwrap();
        prop_assert_eq!(answer, self.model.cancel(ids, self.now).await.unwrap());
        Ok(())
    }

    async fn redrive(&mut self, tenant: usize, choice: Choice, limit: usize) -> Outcome {
        let made = |index: Index| *index.get(&self.notifications.iter().collect::<Vec<_>>());
        let ids = choice.ids.map(|indexes| {
            let mut ids: Vec<NotificationId> = indexes.into_iter().map(|index| made(index).id).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        });
        let filter = RedriveFilter {
            ids,
            channel: choice.channel,
            campaign_id: choice.campaign.map(|n| format!("campaign {n}")),
            batch_id: choice.batch.and_then(|index| pick(&self.batches, index)).map(|(_, id)| *id),
            failure_reason: choice.reason,
            created_after: choice.created_after.map(|index| made(index).created_at),
            created_before: choice.created_before.map(|index| made(index).created_at),
        };
        let params = RedriveParams {
            tenant: self.tenants[tenant],
            filter,
            failed_until: self.now,
            now: self.now,
            limit,
        };
        let answer = told_in_order(self.store.redrive(params.clone()).await.unwrap());
        prop_assert_eq!(answer, told_in_order(self.model.redrive(params).await.unwrap()));
        Ok(())
    }
}

/// One of the addresses that notifications go to.
fn address(number: usize) -> String {
    format!("Address-{number}")
}

fn worker_of(number: usize) -> WorkerId {
    worker(&format!("worker {number}"))
}
