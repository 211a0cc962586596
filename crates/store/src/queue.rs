//! The verbs that move notifications: submit, claim, settle, promote, expire, rescue, cancel, redrive.

use angaros_domain::batch::Batch;
use angaros_domain::event::Event;
use angaros_domain::idempotency::Idempotency;
use angaros_domain::lane::Lane;
use angaros_domain::webhook_endpoint::Heard;
use angaros_domain::{
    BatchId, Channel, FailureReason, LeaseId, Notification, NotificationId, Status, SuppressionReason,
    TenantId, Timestamp, WorkerId,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Allowance, Result};

/// A place in the event log, in the order of appending. Grows with every event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Position(pub i64);

/// One request's notifications: stored together or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// Whose it is.
    pub tenant: TenantId,
    /// The key and fingerprint, if the caller gave a key.
    pub idempotency: Option<Idempotency>,
    /// The batch, if it is one.
    pub batch: Option<Batch>,
    /// The notifications, `pending` or `queued`, with ids in growing order.
    pub notifications: Vec<Notification>,
}

/// What became of a [`Submission`].
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    /// It is stored; the positions of its notifications' events end here.
    Stored(Position),
    /// The same was stored before: nothing was stored now.
    Replayed(Idempotent),
    /// The key was used for something else: nothing was stored.
    Conflict,
}

/// What an idempotency key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Idempotent {
    /// A single notification.
    Notification(NotificationId),
    /// A batch.
    Batch(BatchId),
}

/// What a worker asks for.
#[derive(Debug, Clone)]
pub struct ClaimParams {
    /// Who asks.
    pub worker: WorkerId,
    /// The token that will fence the results.
    pub lease: LeaseId,
    /// From which lanes, and at most how many at that turn, in the order in which they are served. A lane may stand
    /// here twice: first with its share, then with what others leave.
    pub lanes: Vec<(Lane, usize)>,
    /// At most this many.
    pub allowance: Allowance,
    /// Now.
    pub now: Timestamp,
    /// Until when the lease lives unless it is renewed.
    pub until: Timestamp,
}

impl ClaimParams {
    /// Which of a lane's tenants, counted by their number, is served first. The lease's random bits choose it, so that
    /// claims smaller than the number of tenants pass nobody over for long, and no store needs to remember a turn.
    pub fn first_turn(&self, tenants: usize) -> usize {
        let (_, random) = self.lease.0.as_u64_pair();
        usize::try_from(random % (tenants.max(1) as u64)).unwrap_or(0)
    }
}

/// A batch of notifications that one worker holds. There is none that is empty.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedLease {
    /// The token.
    pub id: LeaseId,
    /// When it was claimed; after a rescue, the latest claim of what it took over.
    pub claimed_at: Timestamp,
    /// What it holds.
    pub claims: Vec<Claim>,
}

/// One claimed notification.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The store's own handle of the row: opaque, and handed back when it is settled.
    pub slot: i64,
    /// The notification as it is stored: its status is the one from before the claim.
    pub notification: Notification,
    /// Whether its address was on the suppression list when it was claimed: then it must not be sent.
    pub is_suppressed: bool,
}

/// Results of claimed notifications, all of one lease.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The token they are fenced by.
    pub lease: LeaseId,
    /// The results.
    pub items: Vec<SettledItem>,
}

/// One result: the notification after its change, and the events that tell of it.
#[derive(Debug, Clone)]
pub struct SettledItem {
    /// The store's handle, from the claim.
    pub slot: i64,
    /// The notification after [`Notification::apply`].
    pub notification: Notification,
    /// What `apply` returned.
    pub events: Vec<Event>,
    /// What it tells about the webhook endpoint that it was a delivery to.
    pub heard: Option<Heard>,
    /// Why the address goes on the suppression list with this result, if it does. That too is told in the log.
    pub suppress: Option<SuppressionReason>,
}

/// What became of one [`SettledItem`].
#[derive(Debug, Clone, PartialEq)]
pub enum Settled {
    /// It is stored; its events end at this position.
    Applied(Position),
    /// It is stored, and so is what a receipt says that had come before it: this is how the notification stands now. The
    /// position is that of the receipt's event.
    Overtaken(Box<Notification>, Position),
    /// The lease no longer held it: the result is stale and was discarded.
    Stale,
}

/// Taking over leases that ran out.
#[derive(Debug, Clone)]
pub struct RescueParams {
    /// Leases that ended before this are lost. [`Timestamp::MAX`] takes every lease: for an embedded start-up.
    pub ended_before: Timestamp,
    /// Who takes over. Its leases are not those of the process's worker, whose heartbeat would keep them alive even if
    /// nobody decided about what they hold.
    pub worker: WorkerId,
    /// Whose leases are not lost, whatever the clock says: those of the process that asks.
    pub spare: WorkerId,
    /// The token that fences what the rescuer decides.
    pub lease: LeaseId,
    /// Until when the rescuer's own lease lives.
    pub until: Timestamp,
    /// At most this many lost leases in one call.
    pub leases_max: usize,
    /// Only this lease, and that whoever holds it and however long it has: of a claim whose answer was lost, so that
    /// nobody works on what it holds.
    pub only: Option<LeaseId>,
}

/// What [`Queue::promote`] did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Promotion {
    /// Status changes (`pending` to `queued`); retries that became ready change no status.
    pub transitions: Vec<Transition>,
    /// How many rows moved into their lanes.
    pub moved: usize,
    /// When the next one is due, if any waits.
    pub next_due: Option<Timestamp>,
}

/// What [`Queue::expire`] did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expiry {
    /// Status changes: to `failed`, and of those that were still `pending` to `queued` before.
    pub transitions: Vec<Transition>,
    /// How many were given up.
    pub expired: usize,
    /// When the next one's time will have come, unless it is sent before.
    pub next_at: Option<Timestamp>,
}

/// A status change, as it is published to those who watch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// The tenant.
    pub tenant: TenantId,
    /// Which notification.
    pub id: NotificationId,
    /// Its channel.
    pub channel: Channel,
    /// Its batch.
    pub batch_id: Option<BatchId>,
    /// Its campaign.
    pub campaign_id: Option<String>,
    /// Its recipient.
    pub recipient_id: String,
    /// The new status.
    pub status: Status,
    /// The number of the attempt that this belongs to; 0 before the first.
    pub attempt: u32,
    /// When it happened.
    pub at: Timestamp,
    /// Where the log tells of it. For `processing`, which is logged when the attempt is settled: where the log ended
    /// at the claim.
    pub position: Position,
}

impl Transition {
    /// The change that brought a notification to where it is now.
    pub fn of(notification: &Notification, position: Position) -> Transition {
        Transition {
            tenant: notification.tenant,
            id: notification.id,
            channel: notification.channel,
            batch_id: notification.batch_id,
            campaign_id: notification.campaign_id.clone(),
            recipient_id: notification.recipient_id.clone(),
            status: notification.status,
            attempt: notification.attempts,
            at: notification.updated_at,
            position,
        }
    }

    /// The change to `processing` of a notification that was just claimed, while the log ends at `end`.
    pub fn processing(notification: &Notification, at: Timestamp, end: Position) -> Transition {
        Transition {
            status: Status::Processing,
            attempt: notification.attempts + 1,
            at,
            ..Transition::of(notification, end)
        }
    }
}

/// What became of a request to cancel.
#[derive(Debug, Clone, PartialEq)]
pub enum Cancelled {
    /// It will never be sent.
    Done(Box<Notification>, Position),
    /// It is too late: it is in this status.
    Refused(Status),
    /// There is none.
    Unknown,
}

/// Which dead letters to send back to the queue.
#[derive(Debug, Clone)]
pub struct RedriveParams {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub filter: RedriveFilter,
    /// Only what had failed by then: what fails again while a large redrive goes on is left alone.
    pub failed_until: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// At most this many in one transaction, oldest first.
    pub limit: usize,
}

/// A choice of dead letters. Every condition that is given must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RedriveFilter {
    /// Exactly these.
    pub ids: Option<Vec<NotificationId>>,
    /// Of this channel.
    pub channel: Option<Channel>,
    /// Of this campaign.
    pub campaign_id: Option<String>,
    /// Of this batch.
    pub batch_id: Option<BatchId>,
    /// Given up for this reason.
    pub failure_reason: Option<FailureReason>,
    /// Created at or after this.
    pub created_after: Option<Timestamp>,
    /// Created before this.
    pub created_before: Option<Timestamp>,
}

impl RedriveParams {
    /// Whether a dead letter is one of those that are chosen; which ids are asked for aside.
    pub fn chooses(&self, n: &Notification) -> bool {
        let filter = &self.filter;
        n.failed_at.is_none_or(|at| at <= self.failed_until)
            && filter.channel.is_none_or(|channel| n.channel == channel)
            && (filter.campaign_id.is_none() || n.campaign_id == filter.campaign_id)
            && (filter.batch_id.is_none() || n.batch_id == filter.batch_id)
            && (filter.failure_reason.is_none() || n.failure_reason == filter.failure_reason)
            && filter.created_after.is_none_or(|at| n.created_at >= at)
            && filter.created_before.is_none_or(|at| n.created_at < at)
    }
}

/// What [`Queue::redrive`] did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Redriven {
    /// The notifications that are queued again, with the place of their event.
    pub done: Vec<(Notification, Position)>,
    /// Of the ids that were asked for: those that are not `failed`, with their status.
    pub refused: Vec<(NotificationId, Status)>,
    /// Of the ids that were asked for: those that do not exist.
    pub unknown: Vec<NotificationId>,
}

/// The queue.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Stores notifications with their events. Outcomes are in the order of the submissions, each independent of the
    /// others; two with one key in the same call are decided in their order.
    async fn submit(&self, submissions: Vec<Submission>) -> Result<Vec<Submitted>>;

    /// Claims ready notifications: takes them from their lanes and records one lease for all of them. Tenants in a
    /// lane take turns, beginning with [`ClaimParams::first_turn`]; within a tenant comes first what was ready first.
    /// `None` if nothing was ready.
    async fn claim(&self, params: ClaimParams) -> Result<Option<ClaimedLease>>;

    /// Stores results, each fenced by its lease, and what they tell about webhook endpoints and of their addresses. Outcomes
    /// are per settlement and item, in order.
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Vec<Settled>>>;

    /// Lets every lease of a worker live until `until`; answers how many there are.
    async fn renew(&self, worker: &WorkerId, until: Timestamp) -> Result<usize>;

    /// Takes over lost leases: what they hold moves to the rescuer's lease, so that the lost worker's late results
    /// are stale from here on. `None` if nothing was lost.
    async fn rescue(&self, params: RescueParams) -> Result<Option<ClaimedLease>>;

    /// Moves at most `limit` notifications whose time has come into their lanes.
    async fn promote(&self, now: Timestamp, limit: usize) -> Result<Promotion>;

    /// Gives up at most `limit` notifications that wait although their `expires_at` has come, the earliest first: they
    /// are `failed`, with the reason `expired`. What a lease holds is left to its worker.
    async fn expire(&self, now: Timestamp, limit: usize) -> Result<Expiry>;

    /// Takes notifications back that have not been claimed. Outcomes in order.
    async fn cancel(&self, ids: Vec<(TenantId, NotificationId)>, now: Timestamp) -> Result<Vec<Cancelled>>;

    /// Sends dead letters back to the queue with fresh attempts.
    async fn redrive(&self, params: RedriveParams) -> Result<Redriven>;
}
