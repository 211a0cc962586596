//! The model as a store that is sometimes away: what the engine asks of it fails now and then, before it was done or
//! after. Whoever asked cannot tell which.

use std::sync::{Arc, Mutex, PoisonError};

use angaros_domain::api_key::ApiKey;
use angaros_domain::correlation::CorrelationId;
use angaros_domain::event::Event;
use angaros_domain::fingerprint::Fingerprint;
use angaros_domain::idempotency::IdempotencyKey;
use angaros_domain::template::Template;
use angaros_domain::webhook_endpoint::{Edit, WebhookEndpoint};
use angaros_domain::{
    Address, BatchId, Channel, EventId, Notification, NotificationId, Suppression, TemplateId, TenantId,
    Timestamp, WebhookEndpointId, WorkerId,
};
use angaros_store::{
    AppendReport, Audit, BatchView, CampaignCounts, CampaignSummary, Cancelled, Catalog, ClaimParams,
    ClaimedLease, Counts, DeadLetterFilter, DeadLetters, EventFilter, EventLog, EventMetrics, Expiry, FanOut,
    FannedOut, FeedPage, Idempotent, LatestEvents, ListPlace, MetricsQuery, NotificationFilter,
    NotificationPage, PageRequest, Pauses, Position, Promotion, Queue, Reader, RedriveParams, Redriven,
    Reported, RescueParams, Result, SentMessage, Settled, Settlement, Stats, StoreError, Submission,
    Submitted, Suppressed, SuppressionFilter, Suppressions, TemplateStored, TimelineFilter, Webhooks,
};
use async_trait::async_trait;

use crate::MemoryStore;

/// What the engine asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// To claim what is ready.
    Claim,
    /// To store results.
    Settle,
    /// To keep leases.
    Renew,
    /// To take over leases.
    Rescue,
    /// To move what is due.
    Promote,
    /// To give up what has ended.
    Expire,
}

/// How it goes with one verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Luck {
    /// It is done, and that is said.
    Good,
    /// It fails, and nothing is done.
    Bad,
    /// It is done, but the answer is lost.
    Unknown,
}

/// The model, with luck that somebody else decides. Only what the engine asks can fail; what callers ask cannot.
#[derive(Clone)]
pub struct UnreliableStore {
    inner: MemoryStore,
    luck: Arc<dyn Fn(Verb) -> Luck + Send + Sync>,
    held_at: Arc<Mutex<Option<Position>>>,
}

impl UnreliableStore {
    /// `luck` is asked for every verb of the engine.
    pub fn new(luck: impl Fn(Verb) -> Luck + Send + Sync + 'static) -> UnreliableStore {
        UnreliableStore { inner: MemoryStore::new(), luck: Arc::new(luck), held_at: Arc::default() }
    }

    /// Shows the log up to a place only, as if a transaction were open that took the next one; or all of it again.
    pub fn hold_log_at(&self, place: Option<Position>) {
        *self.held_at.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }

    /// Where the log ends that goes up to `end`.
    fn shown(&self, end: Position) -> Position {
        let held_at = *self.held_at.lock().unwrap_or_else(PoisonError::into_inner);
        held_at.map_or(end, |held| held.min(end))
    }

    async fn try_luck<T>(&self, verb: Verb, done: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let away = || StoreError::Unavailable("as bad luck has it".into());
        match (self.luck)(verb) {
            Luck::Good => done.await,
            Luck::Bad => Err(away()),
            Luck::Unknown => done.await.and(Err(away())),
        }
    }
}

#[async_trait]
impl Queue for UnreliableStore {
    async fn submit(&self, submissions: Vec<Submission>) -> Result<Vec<Submitted>> {
        self.inner.submit(submissions).await
    }

    async fn claim(&self, params: ClaimParams) -> Result<Option<ClaimedLease>> {
        self.try_luck(Verb::Claim, self.inner.claim(params)).await
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Vec<Settled>>> {
        self.try_luck(Verb::Settle, self.inner.settle(settlements)).await
    }

    async fn renew(&self, worker: &WorkerId, until: Timestamp) -> Result<usize> {
        self.try_luck(Verb::Renew, self.inner.renew(worker, until)).await
    }

    async fn rescue(&self, params: RescueParams) -> Result<Option<ClaimedLease>> {
        self.try_luck(Verb::Rescue, self.inner.rescue(params)).await
    }

    async fn promote(&self, now: Timestamp, limit: usize) -> Result<Promotion> {
        self.try_luck(Verb::Promote, self.inner.promote(now, limit)).await
    }

    async fn expire(&self, now: Timestamp, limit: usize) -> Result<Expiry> {
        self.try_luck(Verb::Expire, self.inner.expire(now, limit)).await
    }

    async fn cancel(&self, ids: Vec<(TenantId, NotificationId)>, now: Timestamp) -> Result<Vec<Cancelled>> {
        self.inner.cancel(ids, now).await
    }

    async fn redrive(&self, params: RedriveParams) -> Result<Redriven> {
        self.inner.redrive(params).await
    }
}

/// Implements verbs by handing them on.
macro_rules! hand_on {
    ($verbs:ident { $(fn $name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)* }) => {
        #[async_trait]
        impl $verbs for UnreliableStore {
            $(async fn $name(&self, $($argument: $kind),*) -> Result<$answer> {
                self.inner.$name($($argument),*).await
            })*
        }
    };
}

#[async_trait]
impl EventLog for UnreliableStore {
    async fn append(&self, reported: Vec<Reported>) -> Result<AppendReport> {
        self.inner.append(reported).await
    }

    async fn event(&self, tenant: TenantId, id: EventId) -> Result<Option<Event>> {
        self.inner.event(tenant, id).await
    }

    async fn recipient_timeline(
        &self,
        tenant: TenantId,
        recipient_id: &str,
        filter: &TimelineFilter,
        page: PageRequest<(Timestamp, EventId)>,
    ) -> Result<Vec<Event>> {
        self.inner.recipient_timeline(tenant, recipient_id, filter, page).await
    }

    async fn latest_events(
        &self,
        tenant: TenantId,
        filter: &EventFilter,
        before: Option<Position>,
        limit: usize,
    ) -> Result<LatestEvents> {
        self.inner.latest_events(tenant, filter, before, limit).await
    }

    async fn series_timeline(
        &self,
        tenant: TenantId,
        filter: &EventFilter,
        page: PageRequest<(Timestamp, EventId)>,
    ) -> Result<Vec<Event>> {
        self.inner.series_timeline(tenant, filter, page).await
    }

    async fn feed(&self, tenant: TenantId, after: Position, limit: usize) -> Result<FeedPage> {
        let FeedPage { mut events, next } = self.inner.feed(tenant, after, limit).await?;
        let next = self.shown(next).max(after);
        events.retain(|(place, _)| *place <= next);
        Ok(FeedPage { events, next })
    }

    async fn end(&self) -> Result<Position> {
        Ok(self.shown(self.inner.end().await?))
    }

    async fn reach(&self) -> Result<Position> {
        self.inner.reach().await
    }
}

hand_on! { Counts {
    fn campaign_page(tenant: TenantId, page: PageRequest<(Timestamp, String)>) -> Vec<CampaignCounts>;
    fn campaign(tenant: TenantId, campaign_id: &str) -> Option<CampaignSummary>;
    fn event_metrics(tenant: TenantId, query: MetricsQuery) -> EventMetrics;
    fn audit_day(at: Timestamp) -> Audit;
    fn counted_day_before(at: Timestamp) -> Option<Timestamp>;
} }

hand_on! { Reader {
    fn notifications(tenant: TenantId, ids: &[NotificationId]) -> Vec<Option<Notification>>;
    fn notification_page(tenant: TenantId, filter: &NotificationFilter, page: PageRequest<NotificationId>) -> NotificationPage;
    fn notifications_of_request(tenant: TenantId, id: &CorrelationId, limit: usize) -> Vec<Notification>;
    fn dead_letters(tenant: TenantId, filter: &DeadLetterFilter) -> Vec<DeadLetters>;
    fn idempotent(tenant: TenantId, key: &IdempotencyKey) -> Option<(Idempotent, Fingerprint)>;
    fn batch(tenant: TenantId, id: BatchId) -> Option<BatchView>;
    fn message_timeline(tenant: TenantId, message_id: &str, filter: &TimelineFilter, page: PageRequest<(Timestamp, EventId)>) -> Vec<Event>;
    fn claimed_at(tenant: TenantId, ids: &[NotificationId]) -> Vec<Option<Timestamp>>;
    fn sent_messages(tenant: TenantId, page: PageRequest<(Timestamp, NotificationId)>) -> Vec<SentMessage>;
    fn stats(tenant: Option<TenantId>, now: Timestamp) -> Stats;
    fn ping() -> ();
} }

hand_on! { Catalog {
    fn template_insert(template: Template) -> TemplateStored;
    fn template_update(template: Template) -> TemplateStored;
    fn template_delete(tenant: TenantId, id: TemplateId) -> bool;
    fn templates(tenant: TenantId, ids: &[TemplateId]) -> Vec<Option<Template>>;
    fn template_page(tenant: TenantId, page: PageRequest<TemplateId>) -> Vec<Template>;
    fn key_insert(key: ApiKey) -> TenantId;
    fn key_revoke(prefix: &str, now: Timestamp) -> bool;
    fn key(prefix: &str) -> Option<ApiKey>;
    fn keys() -> Vec<ApiKey>;
    fn pauses_set(channels: &[Channel], paused: bool, now: Timestamp) -> Pauses;
    fn pauses() -> Pauses;
} }

hand_on! { Webhooks {
    fn webhook_endpoint_insert(endpoint: WebhookEndpoint, endpoints_max: usize) -> bool;
    fn webhook_endpoint_edit(tenant: TenantId, id: WebhookEndpointId, edit: Edit, now: Timestamp) -> Option<WebhookEndpoint>;
    fn webhook_endpoint_delete(tenant: TenantId, id: WebhookEndpointId) -> bool;
    fn webhook_endpoint(tenant: TenantId, id: WebhookEndpointId) -> Option<WebhookEndpoint>;
    fn webhook_endpoints(tenant: TenantId) -> Vec<WebhookEndpoint>;
    fn fan_outs() -> Vec<(TenantId, Position)>;
    fn fan_out(steps: Vec<FanOut>) -> Vec<FannedOut>;
} }

hand_on! { Suppressions {
    fn suppress(suppressions: Vec<Suppression>) -> Vec<Suppressed>;
    fn unsuppress(addresses: Vec<(TenantId, Address)>) -> Vec<bool>;
    fn suppressions(tenant: TenantId, addresses: &[Address]) -> Vec<Option<Suppression>>;
    fn suppression_page(tenant: TenantId, filter: &SuppressionFilter, page: PageRequest<ListPlace>) -> Vec<(ListPlace, Suppression)>;
} }
