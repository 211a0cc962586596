//! The store's verbs, each handed to the file that knows it: writes to the writer, reads to the pool.

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

use crate::timeline::Subject;
use crate::{
    SqliteStore, append, audit, campaigns, cancel, catalog, claim, dead_letters, enqueue, expire, feed, keys,
    latest, lease, list, metrics, promote, read, redrive, settle, stats, suppressions, timeline, webhooks,
};

#[async_trait]
impl Queue for SqliteStore {
    async fn submit(&self, submissions: Vec<Submission>) -> Result<Vec<Submitted>> {
        self.writer.run_patiently(move |c| enqueue::submit(c, &submissions)).await
    }

    async fn claim(&self, params: ClaimParams) -> Result<Option<ClaimedLease>> {
        self.writer.run_patiently(move |c| claim::claim(c, &params)).await
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Vec<Settled>>> {
        self.writer.run_patiently(move |c| settle::settle(c, &settlements)).await
    }

    async fn renew(&self, worker: &WorkerId, until: Timestamp) -> Result<usize> {
        let worker = worker.clone();
        self.writer.run_patiently(move |c| lease::renew(c, &worker, until)).await
    }

    async fn rescue(&self, params: RescueParams) -> Result<Option<ClaimedLease>> {
        self.writer.run_patiently(move |c| lease::rescue(c, &params)).await
    }

    async fn promote(&self, now: Timestamp, limit: usize) -> Result<Promotion> {
        self.writer.run_patiently(move |c| promote::promote(c, now, limit)).await
    }

    async fn expire(&self, now: Timestamp, limit: usize) -> Result<Expiry> {
        self.writer.run_patiently(move |c| expire::expire(c, now, limit)).await
    }

    async fn cancel(&self, ids: Vec<(TenantId, NotificationId)>, now: Timestamp) -> Result<Vec<Cancelled>> {
        self.writer.run(move |c| cancel::cancel(c, &ids, now)).await
    }

    async fn redrive(&self, mut params: RedriveParams) -> Result<Redriven> {
        if params.filter.ids.is_some() {
            return self.writer.run(move |c| redrive::redrive(c, &params)).await;
        }
        // What is chosen by conditions may take a long look: that is for a reader. The writer then checks each again, and
        // where somebody else was faster, others are looked for.
        let mut done = Vec::new();
        let limit = params.limit;
        while done.len() < limit {
            params.limit = limit - done.len();
            params.filter.ids = None;
            let choice = params.clone();
            let chosen = match self.readers.run(move |c| redrive::choose(c, &choice)).await {
                Ok(chosen) if chosen.is_empty() => break,
                Ok(chosen) => chosen,
                // What is done is stored, and has to be told; whoever wants the rest asks again.
                Err(_) if !done.is_empty() => break,
                Err(error) => return Err(error),
            };
            params.filter.ids = Some(chosen);
            let by_id = params.clone();
            done.extend(self.writer.run(move |c| redrive::redrive(c, &by_id)).await?.done);
        }
        Ok(Redriven { done, ..Redriven::default() })
    }
}

#[async_trait]
impl EventLog for SqliteStore {
    async fn append(&self, reported: Vec<Reported>) -> Result<AppendReport> {
        self.writer.run(move |c| append::append(c, &reported)).await
    }

    async fn event(&self, tenant: TenantId, id: EventId) -> Result<Option<Event>> {
        self.readers.run(move |c| append::event(c, tenant, id)).await
    }

    async fn recipient_timeline(
        &self,
        tenant: TenantId,
        recipient_id: &str,
        filter: &TimelineFilter,
        page: PageRequest<(Timestamp, EventId)>,
    ) -> Result<Vec<Event>> {
        let (subject, filter) = (Subject::Recipient(recipient_id.to_owned()), filter.clone());
        self.readers.run(move |c| timeline::timeline(c, tenant, &subject, &filter, &page)).await
    }

    async fn latest_events(
        &self,
        tenant: TenantId,
        filter: &EventFilter,
        before: Option<Position>,
        limit: usize,
    ) -> Result<LatestEvents> {
        let filter = filter.clone();
        self.readers.run(move |c| latest::latest_events(c, tenant, &filter, before, limit)).await
    }

    async fn series_timeline(
        &self,
        tenant: TenantId,
        filter: &EventFilter,
        page: PageRequest<(Timestamp, EventId)>,
    ) -> Result<Vec<Event>> {
        let filter = filter.clone();
        self.readers.run(move |c| latest::series_timeline(c, tenant, &filter, &page)).await
    }

    async fn feed(&self, tenant: TenantId, after: Position, limit: usize) -> Result<FeedPage> {
        self.readers.run(move |c| feed::feed(c, tenant, after, limit)).await
    }

    async fn end(&self) -> Result<Position> {
        self.readers.run(|c| feed::end(c)).await
    }
}

#[async_trait]
impl Counts for SqliteStore {
    async fn campaign_page(
        &self,
        tenant: TenantId,
        page: PageRequest<(Timestamp, String)>,
    ) -> Result<Vec<CampaignCounts>> {
        self.readers.run(move |c| campaigns::page(c, tenant, &page)).await
    }

    async fn campaign(&self, tenant: TenantId, campaign_id: &str) -> Result<Option<CampaignSummary>> {
        let campaign_id = campaign_id.to_owned();
        self.readers.run(move |c| campaigns::summary(c, tenant, &campaign_id)).await
    }

    async fn event_metrics(&self, tenant: TenantId, query: MetricsQuery) -> Result<EventMetrics> {
        self.readers.run(move |c| metrics::metrics(c, tenant, &query)).await
    }

    async fn audit_day(&self, at: Timestamp) -> Result<Audit> {
        self.readers.run(move |c| audit::day(c, at)).await
    }

    async fn counted_day_before(&self, at: Timestamp) -> Result<Option<Timestamp>> {
        self.readers.run(move |c| audit::counted_day_before(c, at)).await
    }
}

#[async_trait]
impl Reader for SqliteStore {
    async fn notifications(
        &self,
        tenant: TenantId,
        ids: &[NotificationId],
    ) -> Result<Vec<Option<Notification>>> {
        let ids = ids.to_vec();
        self.readers.run(move |c| read::notifications(c, tenant, &ids)).await
    }

    async fn notification_page(
        &self,
        tenant: TenantId,
        filter: &NotificationFilter,
        page: PageRequest<NotificationId>,
    ) -> Result<NotificationPage> {
        let filter = filter.clone();
        self.readers.run(move |c| list::page(c, tenant, &filter, &page)).await
    }

    async fn notifications_of_request(
        &self,
        tenant: TenantId,
        id: &CorrelationId,
        limit: usize,
    ) -> Result<Vec<Notification>> {
        let id = id.clone();
        self.readers.run(move |c| list::of_request(c, tenant, &id, limit)).await
    }

    async fn dead_letters(&self, tenant: TenantId, filter: &DeadLetterFilter) -> Result<Vec<DeadLetters>> {
        let filter = filter.clone();
        self.readers.run(move |c| dead_letters::count(c, tenant, &filter)).await
    }

    async fn idempotent(
        &self,
        tenant: TenantId,
        key: &IdempotencyKey,
    ) -> Result<Option<(Idempotent, Fingerprint)>> {
        let key = key.clone();
        self.readers.run(move |c| enqueue::find_key(c, tenant, &key)).await
    }

    async fn batch(&self, tenant: TenantId, id: BatchId) -> Result<Option<BatchView>> {
        self.readers.run(move |c| read::batch(c, tenant, id)).await
    }

    async fn message_timeline(
        &self,
        tenant: TenantId,
        message_id: &str,
        filter: &TimelineFilter,
        page: PageRequest<(Timestamp, EventId)>,
    ) -> Result<Vec<Event>> {
        let (subject, filter) = (Subject::Message(message_id.to_owned()), filter.clone());
        self.readers.run(move |c| timeline::timeline(c, tenant, &subject, &filter, &page)).await
    }

    async fn claimed_at(&self, tenant: TenantId, ids: &[NotificationId]) -> Result<Vec<Option<Timestamp>>> {
        let ids = ids.to_vec();
        self.readers.run(move |c| read::claimed_at(c, tenant, &ids)).await
    }

    async fn sent_messages(
        &self,
        tenant: TenantId,
        page: PageRequest<(Timestamp, NotificationId)>,
    ) -> Result<Vec<SentMessage>> {
        self.readers.run(move |c| read::sent_messages(c, tenant, &page)).await
    }

    async fn stats(&self, tenant: Option<TenantId>, now: Timestamp) -> Result<Stats> {
        self.readers.run(move |c| stats::stats(c, tenant, now)).await
    }

    async fn ping(&self) -> Result<()> {
        // Through the writer: a store that can only read is not ready. An empty transaction writes nothing.
        self.writer.run(|_| Ok(())).await
    }
}

#[async_trait]
impl Catalog for SqliteStore {
    async fn template_insert(&self, template: Template) -> Result<TemplateStored> {
        self.writer.run(move |c| catalog::insert(c, &template)).await
    }

    async fn template_update(&self, template: Template) -> Result<TemplateStored> {
        self.writer.run(move |c| catalog::update(c, &template)).await
    }

    async fn template_delete(&self, tenant: TenantId, id: TemplateId) -> Result<bool> {
        self.writer.run(move |c| catalog::delete(c, tenant, id)).await
    }

    async fn templates(&self, tenant: TenantId, ids: &[TemplateId]) -> Result<Vec<Option<Template>>> {
        let ids = ids.to_vec();
        self.readers.run(move |c| catalog::templates(c, tenant, &ids)).await
    }

    async fn template_page(&self, tenant: TenantId, page: PageRequest<TemplateId>) -> Result<Vec<Template>> {
        self.readers.run(move |c| catalog::template_page(c, tenant, &page)).await
    }

    async fn key_insert(&self, key: ApiKey) -> Result<TenantId> {
        self.writer.run(move |c| keys::insert(c, &key)).await
    }

    async fn key_revoke(&self, prefix: &str, now: Timestamp) -> Result<bool> {
        let prefix = prefix.to_owned();
        self.writer.run(move |c| keys::revoke(c, &prefix, now)).await
    }

    async fn key(&self, prefix: &str) -> Result<Option<ApiKey>> {
        let prefix = prefix.to_owned();
        self.readers.run(move |c| keys::key(c, &prefix)).await
    }

    async fn keys(&self) -> Result<Vec<ApiKey>> {
        self.readers.run(|c| keys::keys(c)).await
    }

    async fn pauses_set(&self, channels: &[Channel], paused: bool, now: Timestamp) -> Result<Pauses> {
        let channels = channels.to_vec();
        self.writer.run(move |c| catalog::pauses_set(c, &channels, paused, now)).await
    }

    async fn pauses(&self) -> Result<Pauses> {
        self.readers.run(|c| catalog::pauses(c)).await
    }
}

#[async_trait]
impl Webhooks for SqliteStore {
    async fn webhook_endpoint_insert(&self, endpoint: WebhookEndpoint, endpoints_max: usize) -> Result<bool> {
        self.writer.run(move |c| webhooks::insert(c, &endpoint, endpoints_max)).await
    }

    async fn webhook_endpoint_edit(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
        edit: Edit,
        now: Timestamp,
    ) -> Result<Option<WebhookEndpoint>> {
        self.writer.run(move |c| webhooks::edit(c, tenant, id, edit, now)).await
    }

    async fn webhook_endpoint_delete(&self, tenant: TenantId, id: WebhookEndpointId) -> Result<bool> {
        self.writer.run(move |c| webhooks::delete(c, tenant, id)).await
    }

    async fn webhook_endpoint(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
    ) -> Result<Option<WebhookEndpoint>> {
        self.readers.run(move |c| webhooks::one(c, tenant, id)).await
    }

    async fn webhook_endpoints(&self, tenant: TenantId) -> Result<Vec<WebhookEndpoint>> {
        self.readers.run(move |c| webhooks::all(c, tenant)).await
    }

    async fn fan_outs(&self) -> Result<Vec<(TenantId, Position)>> {
        self.readers.run(|c| webhooks::fan_outs(c)).await
    }

    async fn fan_out(&self, steps: Vec<FanOut>) -> Result<Vec<FannedOut>> {
        self.writer.run_patiently(move |c| webhooks::fan_out(c, &steps)).await
    }
}

#[async_trait]
impl Suppressions for SqliteStore {
    async fn suppress(&self, suppressions: Vec<Suppression>) -> Result<Vec<Suppressed>> {
        self.writer.run(move |c| suppressions::suppress(c, &suppressions)).await
    }

    async fn unsuppress(&self, addresses: Vec<(TenantId, Address)>) -> Result<Vec<bool>> {
        self.writer.run(move |c| suppressions::unsuppress(c, &addresses)).await
    }

    async fn suppressions(
        &self,
        tenant: TenantId,
        addresses: &[Address],
    ) -> Result<Vec<Option<Suppression>>> {
        let addresses = addresses.to_vec();
        self.readers.run(move |c| suppressions::suppressions(c, tenant, &addresses)).await
    }

    async fn suppression_page(
        &self,
        tenant: TenantId,
        filter: &SuppressionFilter,
        page: PageRequest<ListPlace>,
    ) -> Result<Vec<(ListPlace, Suppression)>> {
        let filter = filter.clone();
        self.readers.run(move |c| suppressions::page(c, tenant, &filter, &page)).await
    }
}
