//! Faults of the readers.

use angaros_domain::correlation::CorrelationId;
use angaros_domain::event::Event;
use angaros_domain::fingerprint::Fingerprint;
use angaros_domain::idempotency::IdempotencyKey;
use angaros_domain::{BatchId, EventId, Notification, NotificationId, Status, TenantId, Timestamp};
use angaros_store::{
    BatchView, DeadLetterFilter, DeadLetters, Idempotent, NotificationFilter, NotificationPage, PageRequest,
    Reader, Result, SentMessage, Stats, TimelineFilter,
};
use async_trait::async_trait;

use super::{Broken, Fault};

#[async_trait]
impl Reader for Broken {
    async fn notifications(
        &self,
        tenant: TenantId,
        ids: &[NotificationId],
    ) -> Result<Vec<Option<Notification>>> {
        let state = self.inner.state();
        let read = |id: &NotificationId| {
            let slot = match self.fault {
                Fault::ReadsForAnyTenant => state.slots.get(id).copied(),
                _ => state.slot(tenant, *id),
            };
            slot.map(|slot| &state.rows[slot]).map(|row| match self.fault {
                Fault::ReadsTheStoredStatus => row.notification.clone(),
                _ => row.seen(),
            })
        };
        Ok(ids.iter().map(read).collect())
    }

    async fn notification_page(
        &self,
        tenant: TenantId,
        filter: &NotificationFilter,
        page: PageRequest<NotificationId>,
    ) -> Result<NotificationPage> {
        match self.fault {
            Fault::ListsEndWithTheFirstPage => {
                let page = self.inner.notification_page(tenant, filter, page).await?;
                Ok(NotificationPage { next: None, ..page })
            }
            Fault::ListsTheStoredStatus if filter.status == Some(Status::Processing) => {
                Ok(NotificationPage::default())
            }
            _ => self.inner.notification_page(tenant, filter, page).await,
        }
    }

    async fn notifications_of_request(
        &self,
        tenant: TenantId,
        id: &CorrelationId,
        limit: usize,
    ) -> Result<Vec<Notification>> {
        let mut found = self.inner.notifications_of_request(tenant, id, limit).await?;
        if self.has(Fault::RequestsAreFoundByTimeAlone) {
            found.retain(|n| id.span().is_some_and(|span| span.contains(&n.created_at)));
        }
        Ok(found)
    }

    async fn dead_letters(&self, tenant: TenantId, filter: &DeadLetterFilter) -> Result<Vec<DeadLetters>> {
        let any = DeadLetterFilter::default();
        let filter = if self.has(Fault::DeadLettersAreCountedOfAnyKind) { &any } else { filter };
        self.inner.dead_letters(tenant, filter).await
    }

    async fn idempotent(
        &self,
        tenant: TenantId,
        key: &IdempotencyKey,
    ) -> Result<Option<(Idempotent, Fingerprint)>> {
        self.inner.idempotent(tenant, key).await
    }

    async fn batch(&self, tenant: TenantId, id: BatchId) -> Result<Option<BatchView>> {
        self.inner.batch(tenant, id).await
    }

    async fn message_timeline(
        &self,
        tenant: TenantId,
        message_id: &str,
        filter: &TimelineFilter,
        page: PageRequest<(Timestamp, EventId)>,
    ) -> Result<Vec<Event>> {
        match self.fault {
            Fault::TimelinesAreInLogOrder => {
                let mut events = self.inner.message_timeline(tenant, message_id, filter, page).await?;
                let state = self.inner.state();
                events.sort_by_key(|event| state.log.iter().position(|logged| logged.id == event.id));
                Ok(events)
            }
            Fault::TimelinesExcludeTheirEnd => {
                let to = filter.to.map(|to| to.plus_millis(-1));
                let filter = TimelineFilter { to, ..filter.clone() };
                self.inner.message_timeline(tenant, message_id, &filter, page).await
            }
            _ => self.inner.message_timeline(tenant, message_id, filter, page).await,
        }
    }

    async fn claimed_at(&self, tenant: TenantId, ids: &[NotificationId]) -> Result<Vec<Option<Timestamp>>> {
        self.inner.claimed_at(tenant, ids).await
    }

    async fn sent_messages(
        &self,
        tenant: TenantId,
        page: PageRequest<(Timestamp, NotificationId)>,
    ) -> Result<Vec<SentMessage>> {
        let mut sent = self.inner.sent_messages(tenant, page).await?;
        if self.has(Fault::SentMessagesComeInAnyOrder) {
            sent.sort_by_key(|message| std::cmp::Reverse(message.id));
        }
        Ok(sent)
    }

    async fn stats(&self, tenant: Option<TenantId>, now: Timestamp) -> Result<Stats> {
        self.inner.stats(tenant.filter(|_| !self.has(Fault::StatsCountAllTenants)), now).await
    }

    async fn ping(&self) -> Result<()> {
        self.inner.ping().await
    }
}
