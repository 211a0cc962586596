//! A store that knows no key and does nothing right.

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

/// In which way it fails.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Broken {
    /// It can not be reached.
    Unavailable,
    /// Too much waits.
    Busy,
    /// It has a bug, and says so in words that nobody may see.
    Internal,
    /// It never answers.
    Silent,
}

/// What the log may show and an answer may not.
pub(crate) const SECRET: &str = "table tenants is corrupt at page 4711";

impl Broken {
    async fn fail<T>(self) -> Result<T> {
        match self {
            Broken::Unavailable => Err(StoreError::Unavailable(SECRET.to_owned())),
            Broken::Busy => Err(StoreError::Busy),
            Broken::Internal => Err(StoreError::Internal(SECRET.to_owned())),
            Broken::Silent => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Queue for Broken {
    async fn submit(&self, _: Vec<Submission>) -> Result<Vec<Submitted>> {
        self.fail().await
    }
    async fn claim(&self, _: ClaimParams) -> Result<Option<ClaimedLease>> {
        self.fail().await
    }
    async fn settle(&self, _: Vec<Settlement>) -> Result<Vec<Vec<Settled>>> {
        self.fail().await
    }
    async fn renew(&self, _: &WorkerId, _: Timestamp) -> Result<usize> {
        self.fail().await
    }
    async fn rescue(&self, _: RescueParams) -> Result<Option<ClaimedLease>> {
        self.fail().await
    }
    async fn promote(&self, _: Timestamp, _: usize) -> Result<Promotion> {
        self.fail().await
    }
    async fn expire(&self, _: Timestamp, _: usize) -> Result<Expiry> {
        self.fail().await
    }
    async fn cancel(&self, _: Vec<(TenantId, NotificationId)>, _: Timestamp) -> Result<Vec<Cancelled>> {
        self.fail().await
    }
    async fn redrive(&self, _: RedriveParams) -> Result<Redriven> {
        self.fail().await
    }
}

#[async_trait]
impl EventLog for Broken {
    async fn append(&self, _: Vec<Reported>) -> Result<AppendReport> {
        self.fail().await
    }
    async fn event(&self, _: TenantId, _: EventId) -> Result<Option<Event>> {
        self.fail().await
    }
    async fn recipient_timeline(
        &self,
        _: TenantId,
        _: &str,
        _: &TimelineFilter,
        _: PageRequest<(Timestamp, EventId)>,
    ) -> Result<Vec<Event>> {
        self.fail().await
    }
    async fn latest_events(
        &self,
        _: TenantId,
        _: &EventFilter,
        _: Option<Position>,
        _: usize,
    ) -> Result<LatestEvents> {
        self.fail().await
    }
    async fn series_timeline(
        &self,
        _: TenantId,
        _: &EventFilter,
        _: PageRequest<(Timestamp, EventId)>,
    ) -> Result<Vec<Event>> {
        self.fail().await
    }
    async fn feed(&self, _: TenantId, _: Position, _: usize) -> Result<FeedPage> {
        self.fail().await
    }
    async fn end(&self) -> Result<Position> {
        self.fail().await
    }
}

#[async_trait]
impl Counts for Broken {
    async fn campaign_page(
        &self,
        _: TenantId,
        _: PageRequest<(Timestamp, String)>,
    ) -> Result<Vec<CampaignCounts>> {
        self.fail().await
    }
    async fn campaign(&self, _: TenantId, _: &str) -> Result<Option<CampaignSummary>> {
        self.fail().await
    }
    async fn event_metrics(&self, _: TenantId, _: MetricsQuery) -> Result<EventMetrics> {
        self.fail().await
    }
    async fn audit_day(&self, _: Timestamp) -> Result<Audit> {
        self.fail().await
    }

    async fn counted_day_before(&self, _: Timestamp) -> Result<Option<Timestamp>> {
        self.fail().await
    }
}

#[async_trait]
impl Reader for Broken {
    async fn notifications(&self, _: TenantId, _: &[NotificationId]) -> Result<Vec<Option<Notification>>> {
        self.fail().await
    }
    async fn notification_page(
        &self,
        _: TenantId,
        _: &NotificationFilter,
        _: PageRequest<NotificationId>,
    ) -> Result<NotificationPage> {
        self.fail().await
    }
    async fn notifications_of_request(
        &self,
        _: TenantId,
        _: &CorrelationId,
        _: usize,
    ) -> Result<Vec<Notification>> {
        self.fail().await
    }
    async fn dead_letters(&self, _: TenantId, _: &DeadLetterFilter) -> Result<Vec<DeadLetters>> {
        self.fail().await
    }
    async fn idempotent(&self, _: TenantId, _: &IdempotencyKey) -> Result<Option<(Idempotent, Fingerprint)>> {
        self.fail().await
    }
    async fn batch(&self, _: TenantId, _: BatchId) -> Result<Option<BatchView>> {
        self.fail().await
    }
    async fn message_timeline(
        &self,
        _: TenantId,
        _: &str,
        _: &TimelineFilter,
        _: PageRequest<(Timestamp, EventId)>,
    ) -> Result<Vec<Event>> {
        self.fail().await
    }
    async fn claimed_at(&self, _: TenantId, _: &[NotificationId]) -> Result<Vec<Option<Timestamp>>> {
        self.fail().await
    }
    async fn sent_messages(
        &self,
        _: TenantId,
        _: PageRequest<(Timestamp, NotificationId)>,
    ) -> Result<Vec<SentMessage>> {
        self.fail().await
    }
    async fn stats(&self, _: Option<TenantId>, _: Timestamp) -> Result<Stats> {
        self.fail().await
    }
    async fn ping(&self) -> Result<()> {
        self.fail().await
    }
}

#[async_trait]
impl Catalog for Broken {
    async fn template_insert(&self, _: Template) -> Result<TemplateStored> {
        self.fail().await
    }
    async fn template_update(&self, _: Template) -> Result<TemplateStored> {
        self.fail().await
    }
    async fn template_delete(&self, _: TenantId, _: TemplateId) -> Result<bool> {
        self.fail().await
    }
    async fn templates(&self, _: TenantId, _: &[TemplateId]) -> Result<Vec<Option<Template>>> {
        self.fail().await
    }
    async fn template_page(&self, _: TenantId, _: PageRequest<TemplateId>) -> Result<Vec<Template>> {
        self.fail().await
    }
    async fn key_insert(&self, _: ApiKey) -> Result<TenantId> {
        self.fail().await
    }
    async fn key_revoke(&self, _: &str, _: Timestamp) -> Result<bool> {
        self.fail().await
    }
    async fn key(&self, _: &str) -> Result<Option<ApiKey>> {
        self.fail().await
    }
    /// Without an answer here every call would end at the door.
    async fn keys(&self) -> Result<Vec<ApiKey>> {
        Ok(Vec::new())
    }
    async fn pauses_set(&self, _: &[Channel], _: bool, _: Timestamp) -> Result<Pauses> {
        self.fail().await
    }
    async fn pauses(&self) -> Result<Pauses> {
        self.fail().await
    }
}

#[async_trait]
impl Webhooks for Broken {
    async fn webhook_endpoint_insert(&self, _: WebhookEndpoint, _: usize) -> Result<bool> {
        self.fail().await
    }
    async fn webhook_endpoint_edit(
        &self,
        _: TenantId,
        _: WebhookEndpointId,
        _: Edit,
        _: Timestamp,
    ) -> Result<Option<WebhookEndpoint>> {
        self.fail().await
    }
    async fn webhook_endpoint_delete(&self, _: TenantId, _: WebhookEndpointId) -> Result<bool> {
        self.fail().await
    }
    async fn webhook_endpoint(&self, _: TenantId, _: WebhookEndpointId) -> Result<Option<WebhookEndpoint>> {
        self.fail().await
    }
    async fn webhook_endpoints(&self, _: TenantId) -> Result<Vec<WebhookEndpoint>> {
        self.fail().await
    }
    async fn fan_outs(&self) -> Result<Vec<(TenantId, Position)>> {
        self.fail().await
    }
    async fn fan_out(&self, _: Vec<FanOut>) -> Result<Vec<FannedOut>> {
        self.fail().await
    }
}

#[async_trait]
impl Suppressions for Broken {
    async fn suppress(&self, _: Vec<Suppression>) -> Result<Vec<Suppressed>> {
        self.fail().await
    }
    async fn unsuppress(&self, _: Vec<(TenantId, Address)>) -> Result<Vec<bool>> {
        self.fail().await
    }
    async fn suppressions(&self, _: TenantId, _: &[Address]) -> Result<Vec<Option<Suppression>>> {
        self.fail().await
    }
    async fn suppression_page(
        &self,
        _: TenantId,
        _: &SuppressionFilter,
        _: PageRequest<ListPlace>,
    ) -> Result<Vec<(ListPlace, Suppression)>> {
        self.fail().await
    }
}
