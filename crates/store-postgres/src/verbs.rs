//! The store's verbs, each handed to the file that knows it, in a transaction of its own.

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
    Reported, RescueParams, Result, SentMessage, Settled, Settlement, Stats, Submission, Submitted,
    Suppressed, SuppressionFilter, Suppressions, TemplateStored, TimelineFilter, Webhooks,
};
use async_trait::async_trait;

use crate::error::Run;
use crate::session::Session;
use crate::store::{PostgresStore, transaction};
use crate::timeline::Subject;
use crate::values::values;
use crate::{
    append, audit, campaigns, cancel, catalog, claim, dead_letters, enqueue, expire, feed, keys, latest,
    lease, list, metrics, promote, read, redrive, settle, stats, suppressions, timeline, webhooks,
};

/// Asks for nothing.
async fn ping(session: &Session<'_>) -> Run<()> {
    session.rows("SELECT 1", values![]).await.map(drop)
}

#[async_trait]
impl Queue for PostgresStore {
    async fn submit(&self, submissions: Vec<Submission>) -> Result<Vec<Submitted>> {
        transaction!(self.inner, Write, |c| enqueue::submit(&c, &submissions))
    }

    async fn claim(&self, params: ClaimParams) -> Result<Option<ClaimedLease>> {
        transaction!(self.inner, Write, |c| claim::claim(&c, &params))
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Vec<Settled>>> {
        transaction!(self.inner, Write, |c| settle::settle(&c, &settlements))
    }

    async fn renew(&self, worker: &WorkerId, until: Timestamp) -> Result<usize> {
        transaction!(self.inner, Write, |c| lease::renew(&c, worker, until))
    }

    async fn rescue(&self, params: RescueParams) -> Result<Option<ClaimedLease>> {
        transaction!(self.inner, Write, |c| lease::rescue(&c, &params))
    }

    async fn promote(&self, now: Timestamp, limit: usize) -> Result<Promotion> {
        transaction!(self.inner, Write, |c| promote::promote(&c, now, limit))
    }

    async fn expire(&self, now: Timestamp, limit: usize) -> Result<Expiry> {
        transaction!(self.inner, Write, |c| expire::expire(&c, now, limit))
    }

    async fn cancel(&self, ids: Vec<(TenantId, NotificationId)>, now: Timestamp) -> Result<Vec<Cancelled>> {
        transaction!(self.inner, Write, |c| cancel::cancel(&c, &ids, now))
    }

    async fn redrive(&self, params: RedriveParams) -> Result<Redriven> {
        transaction!(self.inner, Write, |c| redrive::redrive(&c, &params))
    }
}

#[async_trait]
impl EventLog for PostgresStore {
    async fn append(&self, reported: Vec<Reported>) -> Result<AppendReport> {
        transaction!(self.inner, Write, |c| append::append(&c, &reported))
    }

    async fn event(&self, tenant: TenantId, id: EventId) -> Result<Option<Event>> {
        transaction!(self.inner, Read, |c| append::event(&c, tenant, id))
    }

    async fn recipient_timeline(
        &self,
        tenant: TenantId,
        recipient_id: &str,
        filter: &TimelineFilter,
        page: PageRequest<(Timestamp, EventId)>,
    ) -> Result<Vec<Event>> {
        let subject = Subject::Recipient(recipient_id);
        transaction!(self.inner, Read, |c| timeline::timeline(&c, tenant, subject, filter, &page))
    }

    async fn latest_events(
        &self,
        tenant: TenantId,
        filter: &EventFilter,
        before: Option<Position>,
        limit: usize,
    ) -> Result<LatestEvents> {
        transaction!(self.inner, Read, |c| latest::latest_events(&c, tenant, filter, before, limit))
    }

    async fn series_timeline(
        &self,
        tenant: TenantId,
        filter: &EventFilter,
        page: PageRequest<(Timestamp, EventId)>,
    ) -> Result<Vec<Event>> {
        transaction!(self.inner, Read, |c| latest::series_timeline(&c, tenant, filter, &page))
    }

    async fn feed(&self, tenant: TenantId, after: Position, limit: usize) -> Result<FeedPage> {
        transaction!(self.inner, Follow, |c| feed::feed(&c, tenant, after, limit))
    }

    async fn end(&self) -> Result<Position> {
        transaction!(self.inner, Follow, |c| feed::end(&c))
    }

    async fn reach(&self) -> Result<Position> {
        transaction!(self.inner, Follow, |c| feed::reach(&c))
    }
}

#[async_trait]
impl Counts for PostgresStore {
    async fn campaign_page(
        &self,
        tenant: TenantId,
        page: PageRequest<(Timestamp, String)>,
    ) -> Result<Vec<CampaignCounts>> {
        transaction!(self.inner, Read, |c| campaigns::page(&c, tenant, &page))
    }

    async fn campaign(&self, tenant: TenantId, campaign_id: &str) -> Result<Option<CampaignSummary>> {
        transaction!(self.inner, Read, |c| campaigns::summary(&c, tenant, campaign_id))
    }

    async fn event_metrics(&self, tenant: TenantId, query: MetricsQuery) -> Result<EventMetrics> {
        transaction!(self.inner, Read, |c| metrics::metrics(&c, tenant, &query))
    }

    async fn audit_day(&self, at: Timestamp) -> Result<Audit> {
        transaction!(self.inner, Read, |c| audit::day(&c, at))
    }

    async fn counted_day_before(&self, at: Timestamp) -> Result<Option<Timestamp>> {
        transaction!(self.inner, Read, |c| audit::counted_day_before(&c, at))
    }
}

#[async_trait]
impl Reader for PostgresStore {
    async fn notifications(
        &self,
        tenant: TenantId,
        ids: &[NotificationId],
    ) -> Result<Vec<Option<Notification>>> {
        transaction!(self.inner, Read, |c| read::notifications(&c, tenant, ids))
    }

    async fn notification_page(
        &self,
        tenant: TenantId,
        filter: &NotificationFilter,
        page: PageRequest<NotificationId>,
    ) -> Result<NotificationPage> {
        transaction!(self.inner, Read, |c| list::page(&c, tenant, filter, &page))
    }

    async fn notifications_of_request(
        &self,
        tenant: TenantId,
        id: &CorrelationId,
        limit: usize,
    ) -> Result<Vec<Notification>> {
        transaction!(self.inner, Read, |c| list::of_request(&c, tenant, id, limit))
    }

    async fn dead_letters(&self, tenant: TenantId, filter: &DeadLetterFilter) -> Result<Vec<DeadLetters>> {
        transaction!(self.inner, Read, |c| dead_letters::count(&c, tenant, filter))
    }

    async fn idempotent(
        &self,
        tenant: TenantId,
        key: &IdempotencyKey,
    ) -> Result<Option<(Idempotent, Fingerprint)>> {
        transaction!(self.inner, Read, |c| enqueue::find_key(&c, tenant, key))
    }

    async fn batch(&self, tenant: TenantId, id: BatchId) -> Result<Option<BatchView>> {
        transaction!(self.inner, Read, |c| read::batch(&c, tenant, id))
    }

    async fn message_timeline(
        &self,
        tenant: TenantId,
        message_id: &str,
        filter: &TimelineFilter,
        page: PageRequest<(Timestamp, EventId)>,
    ) -> Result<Vec<Event>> {
        let subject = Subject::Message(message_id);
        transaction!(self.inner, Read, |c| timeline::timeline(&c, tenant, subject, filter, &page))
    }

    async fn claimed_at(&self, tenant: TenantId, ids: &[NotificationId]) -> Result<Vec<Option<Timestamp>>> {
        transaction!(self.inner, Read, |c| read::claimed_at(&c, tenant, ids))
    }

    async fn sent_messages(
        &self,
        tenant: TenantId,
        page: PageRequest<(Timestamp, NotificationId)>,
    ) -> Result<Vec<SentMessage>> {
        transaction!(self.inner, Read, |c| read::sent_messages(&c, tenant, &page))
    }

    async fn stats(&self, tenant: Option<TenantId>, now: Timestamp) -> Result<Stats> {
        transaction!(self.inner, Read, |c| stats::stats(&c, tenant, now))
    }

    async fn oldest_snapshot_seconds(&self) -> Result<Option<f64>> {
        transaction!(self.inner, Follow, |c| stats::oldest_snapshot_seconds(&c))
    }

    async fn ping(&self) -> Result<()> {
        // A database that can only be read is not ready: on one the transaction does not begin.
        transaction!(self.inner, Write, |c| ping(&c))
    }
}

#[async_trait]
impl Catalog for PostgresStore {
    async fn template_insert(&self, template: Template) -> Result<TemplateStored> {
        transaction!(self.inner, Write, |c| catalog::insert(&c, &template))
    }

    async fn template_update(&self, template: Template) -> Result<TemplateStored> {
        transaction!(self.inner, Write, |c| catalog::update(&c, &template))
    }

    async fn template_delete(&self, tenant: TenantId, id: TemplateId) -> Result<bool> {
        transaction!(self.inner, Write, |c| catalog::delete(&c, tenant, id))
    }

    async fn templates(&self, tenant: TenantId, ids: &[TemplateId]) -> Result<Vec<Option<Template>>> {
        transaction!(self.inner, Read, |c| catalog::templates(&c, tenant, ids))
    }

    async fn template_page(&self, tenant: TenantId, page: PageRequest<TemplateId>) -> Result<Vec<Template>> {
        transaction!(self.inner, Read, |c| catalog::template_page(&c, tenant, &page))
    }

    async fn key_insert(&self, key: ApiKey) -> Result<TenantId> {
        transaction!(self.inner, Write, |c| keys::insert(&c, &key))
    }

    async fn key_revoke(&self, prefix: &str, now: Timestamp) -> Result<bool> {
        transaction!(self.inner, Write, |c| keys::revoke(&c, prefix, now))
    }

    async fn key(&self, prefix: &str) -> Result<Option<ApiKey>> {
        transaction!(self.inner, Read, |c| keys::key(&c, prefix))
    }

    async fn keys(&self) -> Result<Vec<ApiKey>> {
        transaction!(self.inner, Read, |c| keys::keys(&c))
    }

    async fn pauses_set(&self, channels: &[Channel], paused: bool, now: Timestamp) -> Result<Pauses> {
        transaction!(self.inner, Write, |c| catalog::pauses_set(&c, channels, paused, now))
    }

    async fn pauses(&self) -> Result<Pauses> {
        transaction!(self.inner, Read, |c| catalog::pauses(&c))
    }
}

#[async_trait]
impl Webhooks for PostgresStore {
    async fn webhook_endpoint_insert(&self, endpoint: WebhookEndpoint, endpoints_max: usize) -> Result<bool> {
        transaction!(self.inner, Write, |c| webhooks::insert(&c, &endpoint, endpoints_max))
    }

    async fn webhook_endpoint_edit(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
        edit: Edit,
        now: Timestamp,
    ) -> Result<Option<WebhookEndpoint>> {
        transaction!(self.inner, Write, |c| webhooks::edit(&c, (tenant, id), edit.clone(), now))
    }

    async fn webhook_endpoint_delete(&self, tenant: TenantId, id: WebhookEndpointId) -> Result<bool> {
        transaction!(self.inner, Write, |c| webhooks::delete(&c, tenant, id))
    }

    async fn webhook_endpoint(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
    ) -> Result<Option<WebhookEndpoint>> {
        transaction!(self.inner, Read, |c| webhooks::one(&c, tenant, id))
    }

    async fn webhook_endpoints(&self, tenant: TenantId) -> Result<Vec<WebhookEndpoint>> {
        transaction!(self.inner, Read, |c| webhooks::all(&c, tenant))
    }

    async fn fan_outs(&self) -> Result<Vec<(TenantId, Position)>> {
        transaction!(self.inner, Read, |c| webhooks::fan_outs(&c))
    }

    async fn fan_out(&self, steps: Vec<FanOut>) -> Result<Vec<FannedOut>> {
        transaction!(self.inner, Write, |c| webhooks::fan_out(&c, &steps))
    }
}

#[async_trait]
impl Suppressions for PostgresStore {
    async fn suppress(&self, suppressions: Vec<Suppression>) -> Result<Vec<Suppressed>> {
        transaction!(self.inner, Write, |c| suppressions::suppress(&c, &suppressions))
    }

    async fn unsuppress(&self, addresses: Vec<(TenantId, Address)>) -> Result<Vec<bool>> {
        transaction!(self.inner, Write, |c| suppressions::unsuppress(&c, &addresses))
    }

    async fn suppressions(
        &self,
        tenant: TenantId,
        addresses: &[Address],
    ) -> Result<Vec<Option<Suppression>>> {
        transaction!(self.inner, Read, |c| suppressions::suppressions(&c, tenant, addresses))
    }

    async fn suppression_page(
        &self,
        tenant: TenantId,
        filter: &SuppressionFilter,
        page: PageRequest<ListPlace>,
    ) -> Result<Vec<(ListPlace, Suppression)>> {
        transaction!(self.inner, Read, |c| suppressions::page(&c, tenant, filter, &page))
    }
}
