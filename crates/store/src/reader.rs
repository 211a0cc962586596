//! The verbs that answer questions. Every list is keyset-paged, and served by one index.

use angaros_domain::batch::{Batch, StatusCounts};
use angaros_domain::correlation::CorrelationId;
use angaros_domain::event::Event;
use angaros_domain::idempotency::IdempotencyKey;
use angaros_domain::lane::Lane;
use angaros_domain::{
    BatchId, Channel, EventId, FailureReason, Notification, NotificationId, Status, TenantId, Timestamp,
};
use async_trait::async_trait;

use crate::{Idempotent, Result};

/// Which page of a list: at most `limit` items after the one with the key `after`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// At most this many.
    pub limit: usize,
    /// The key of the last item of the page before.
    pub after: Option<K>,
}

/// Which notifications to list. Every condition that is given must hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NotificationFilter {
    /// In this status.
    pub status: Option<Status>,
    /// Over this channel.
    pub channel: Option<Channel>,
    /// Of this batch.
    pub batch_id: Option<BatchId>,
    /// Of this campaign.
    pub campaign_id: Option<String>,
    /// To this recipient.
    pub recipient_id: Option<String>,
    /// Created at or after this.
    pub created_after: Option<Timestamp>,
    /// Created before this.
    pub created_before: Option<Timestamp>,
    /// Given up for this reason, and so `failed`.
    pub failure_reason: Option<FailureReason>,
}

impl NotificationFilter {
    /// Whether every condition holds but that on the status, which depends on leases too.
    pub fn chooses(&self, n: &Notification) -> bool {
        self.channel.is_none_or(|channel| n.channel == channel)
            && (self.batch_id.is_none() || n.batch_id == self.batch_id)
            && (self.campaign_id.is_none() || n.campaign_id == self.campaign_id)
            && self.recipient_id.as_ref().is_none_or(|id| n.recipient_id == *id)
            && self.created_after.is_none_or(|at| n.created_at >= at)
            && self.created_before.is_none_or(|at| n.created_at < at)
            && (self.failure_reason.is_none() || n.failure_reason == self.failure_reason)
    }
}

/// A page of notifications, newest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NotificationPage {
    /// The items.
    pub items: Vec<Notification>,
    /// Where to go on, if there may be more. A store that had to pass over many rows that the filter leaves out may
    /// end a page early, even an empty one, and still say where to go on.
    pub next: Option<NotificationId>,
}

/// How many dead letters of one reason are looked at when they are counted: the latest ones. Failed rows are kept for
/// ever, and no answer may grow with them.
pub const DEAD_LETTERS_LOOKED_AT_MAX: usize = 10_000;

/// Which dead letters to count. Every condition that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeadLetterFilter {
    /// Over this channel.
    pub channel: Option<Channel>,
    /// Of this campaign.
    pub campaign_id: Option<String>,
    /// Given up for this reason.
    pub failure_reason: Option<FailureReason>,
}

/// How many dead letters one reason has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadLetters {
    /// Why they were given up.
    pub reason: FailureReason,
    /// How many there are, of those that were looked at.
    pub count: u64,
    /// Whether there are older ones that were not looked at: then there may be more.
    pub is_at_least: bool,
}

/// A batch and where its members stand.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchView {
    /// The batch.
    pub batch: Batch,
    /// How many members stand in each status.
    pub counts: StatusCounts,
}

/// Which events of a timeline to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TimelineFilter {
    /// With this name.
    pub event_name: Option<String>,
    /// Over this channel.
    pub channel: Option<String>,
    /// At or after this.
    pub from: Option<Timestamp>,
    /// At or before this.
    pub to: Option<Timestamp>,
    /// Latest first instead of earliest first.
    pub descending: bool,
}

/// A message that a provider accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentMessage {
    /// The notification.
    pub id: NotificationId,
    /// To which address.
    pub recipient: String,
    /// Over which channel.
    pub channel: Channel,
    /// The text.
    pub content: String,
    /// When the provider accepted it.
    pub sent_at: Timestamp,
    /// The provider's own id.
    pub provider_message_id: Option<String>,
}

/// How many notifications wait in a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneDepth {
    /// The lane.
    pub lane: Lane,
    /// How many.
    pub depth: u64,
}

/// How many lifecycle events of one name there were in a span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// The status that was entered.
    pub status: Status,
    /// In the last minute.
    pub last_minute: u64,
    /// In the last hour.
    pub last_hour: u64,
}

/// Numbers for people and scripts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// Waiting notifications; lanes with none are left out.
    pub depths: Vec<LaneDepth>,
    /// Since when the one is ready that has been longest, of those that wait in a lane.
    pub oldest_queued: Option<Timestamp>,
    /// Scheduled and retrying ones.
    pub deferred: u64,
    /// Claimed ones.
    pub in_flight: u64,
    /// How many were created in the last minute; of all tenants together, without deliveries to webhook endpoints.
    pub created_last_minute: u64,
    /// How often statuses were entered lately; those that nothing entered are left out.
    pub activity: Vec<Activity>,
}

/// The reading side.
#[async_trait]
pub trait Reader: Send + Sync + 'static {
    /// Notifications by id, in the order asked; `processing` if a live lease holds them.
    async fn notifications(
        &self,
        tenant: TenantId,
        ids: &[NotificationId],
    ) -> Result<Vec<Option<Notification>>>;

    /// Notifications newest first.
    async fn notification_page(
        &self,
        tenant: TenantId,
        filter: &NotificationFilter,
        page: PageRequest<NotificationId>,
    ) -> Result<NotificationPage>;

    /// The latest notifications with a correlation id, newest first, at most `limit` of them.
    async fn notifications_of_request(
        &self,
        tenant: TenantId,
        id: &CorrelationId,
        limit: usize,
    ) -> Result<Vec<Notification>>;

    /// How many dead letters there are for each reason that has any, in the order of [`FailureReason::ALL`]. Of each
    /// reason at most [`DEAD_LETTERS_LOOKED_AT_MAX`] are looked at.
    async fn dead_letters(&self, tenant: TenantId, filter: &DeadLetterFilter) -> Result<Vec<DeadLetters>>;

    /// What a key was used for, if it was, and whether for the same request.
    async fn idempotent(
        &self,
        tenant: TenantId,
        key: &IdempotencyKey,
    ) -> Result<Option<(Idempotent, angaros_domain::fingerprint::Fingerprint)>>;

    /// A batch with its counts.
    async fn batch(&self, tenant: TenantId, id: BatchId) -> Result<Option<BatchView>>;

    /// The events of a message, ordered by `(occurred_at, id)`. Events of an attempt under way are not in it yet.
    async fn message_timeline(
        &self,
        tenant: TenantId,
        message_id: &str,
        filter: &TimelineFilter,
        page: PageRequest<(Timestamp, EventId)>,
    ) -> Result<Vec<Event>>;

    /// When a live lease claimed each notification, in the order asked; `None` for those that are not `processing`.
    async fn claimed_at(&self, tenant: TenantId, ids: &[NotificationId]) -> Result<Vec<Option<Timestamp>>>;

    /// Sent messages, newest first by `(sent_at, id)`.
    async fn sent_messages(
        &self,
        tenant: TenantId,
        page: PageRequest<(Timestamp, NotificationId)>,
    ) -> Result<Vec<SentMessage>>;

    /// Numbers of a tenant, or of all tenants together.
    async fn stats(&self, tenant: Option<TenantId>, now: Timestamp) -> Result<Stats>;

    /// How long the oldest transaction has been open, in seconds, that keeps the engine from removing what is dead,
    /// whoever's it is. `None` if there is none, or if the engine knows no such thing.
    async fn oldest_snapshot_seconds(&self) -> Result<Option<f64>> {
        Ok(None)
    }

    /// Whether the store answers.
    async fn ping(&self) -> Result<()>;
}
