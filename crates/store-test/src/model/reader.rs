//! The model's answers.

use std::collections::BTreeMap;

use angaros_domain::correlation::CorrelationId;
use angaros_domain::event::Event;
use angaros_domain::fingerprint::Fingerprint;
use angaros_domain::idempotency::IdempotencyKey;
use angaros_domain::{
    BatchId, EventId, FailureReason, Lane, Notification, NotificationId, Status, TenantId, Timestamp,
};
use angaros_store::{
    Activity, BatchView, DEAD_LETTERS_LOOKED_AT_MAX, DeadLetterFilter, DeadLetters, Idempotent, LaneDepth,
    NotificationFilter, NotificationPage, PageRequest, Reader, Result, SentMessage, Stats, TimelineFilter,
};
use async_trait::async_trait;

use super::MemoryStore;
use super::state::{Place, Row};

#[async_trait]
impl Reader for MemoryStore {
    async fn notifications(
        &self,
        tenant: TenantId,
        ids: &[NotificationId],
    ) -> Result<Vec<Option<Notification>>> {
        let state = self.state();
        Ok(ids.iter().map(|id| state.row(tenant, *id).map(Row::seen)).collect())
    }

    async fn notification_page(
        &self,
        tenant: TenantId,
        filter: &NotificationFilter,
        page: PageRequest<NotificationId>,
    ) -> Result<NotificationPage> {
        let state = self.state();
        let mut rest = state
            .newest_first(tenant)
            .map(Row::seen)
            .filter(|n| page.after.is_none_or(|after| n.id < after) && is_listed(filter, n));
        let items: Vec<Notification> = rest.by_ref().take(page.limit).collect();
        let next = rest.next().and(items.last()).map(|n| n.id);
        Ok(NotificationPage { items, next })
    }

    async fn notifications_of_request(
        &self,
        tenant: TenantId,
        id: &CorrelationId,
        limit: usize,
    ) -> Result<Vec<Notification>> {
        let state = self.state();
        let of_request = state.newest_first(tenant).filter(|row| row.notification.correlation.id == *id);
        Ok(of_request.take(limit).map(Row::seen).collect())
    }

    async fn dead_letters(&self, tenant: TenantId, filter: &DeadLetterFilter) -> Result<Vec<DeadLetters>> {
        let state = self.state();
        let mut found = Vec::new();
        for reason in FailureReason::ALL {
            let wanted = filter.failure_reason.is_none_or(|wanted| wanted == reason);
            let of = |row: &&Row| wanted && row.notification.failure_reason == Some(reason);
            let is_at_least = state.newest_first(tenant).filter(of).count() > DEAD_LETTERS_LOOKED_AT_MAX;
            let latest = state.newest_first(tenant).filter(of).take(DEAD_LETTERS_LOOKED_AT_MAX);
            let chosen = latest.map(|row| &row.notification).filter(|n| {
                filter.channel.is_none_or(|channel| n.channel == channel)
                    && (filter.campaign_id.is_none() || n.campaign_id == filter.campaign_id)
            });
            let count = chosen.count() as u64;
            if count > 0 || is_at_least {
                found.push(DeadLetters { reason, count, is_at_least });
            }
        }
        Ok(found)
    }

    async fn idempotent(
        &self,
        tenant: TenantId,
        key: &IdempotencyKey,
    ) -> Result<Option<(Idempotent, Fingerprint)>> {
        Ok(self.state().keys_used.get(&(tenant, key.clone())).copied())
    }

    async fn batch(&self, tenant: TenantId, id: BatchId) -> Result<Option<BatchView>> {
        let state = self.state();
        let Some(batch) = state.batches.get(&(tenant, id)).cloned() else { return Ok(None) };
        let mut counts = BTreeMap::new();
        for member in state.newest_first(tenant).map(Row::seen).filter(|n| n.batch_id == Some(id)) {
            *counts.entry(member.status).or_default() += 1;
        }
        Ok(Some(BatchView { batch, counts }))
    }

    async fn message_timeline(
        &self,
        tenant: TenantId,
        message_id: &str,
        filter: &TimelineFilter,
        page: PageRequest<(Timestamp, EventId)>,
    ) -> Result<Vec<Event>> {
        Ok(self.state().timeline(tenant, filter, &page, |e| e.message_id.as_deref() == Some(message_id)))
    }

    async fn claimed_at(&self, tenant: TenantId, ids: &[NotificationId]) -> Result<Vec<Option<Timestamp>>> {
        let state = self.state();
        let at = |id: &NotificationId| match state.row(tenant, *id)?.place {
            Place::Leased(lease) => state.leases.get(&lease).map(|lease| lease.claimed_at),
            _ => None,
        };
        Ok(ids.iter().map(at).collect())
    }

    async fn sent_messages(
        &self,
        tenant: TenantId,
        page: PageRequest<(Timestamp, NotificationId)>,
    ) -> Result<Vec<SentMessage>> {
        let state = self.state();
        let mut sent: Vec<SentMessage> =
            state.newest_first(tenant).filter_map(|row| sent_message(&row.notification)).collect();
        sent.sort_by_key(|m| std::cmp::Reverse((m.sent_at, m.id)));
        sent.retain(|m| page.after.is_none_or(|after| (m.sent_at, m.id) < after));
        sent.truncate(page.limit);
        Ok(sent)
    }

    async fn stats(&self, tenant: Option<TenantId>, now: Timestamp) -> Result<Stats> {
        let state = self.state();
        let mut stats = Stats::default();
        let mut depths: BTreeMap<Lane, u64> = BTreeMap::new();
        let minute_ago = now.plus_seconds(-60);
        for row in state.rows.iter().filter(|row| tenant.is_none_or(|t| row.notification.tenant == t)) {
            let created = row.notification.created_at;
            let is_delivery = tenant.is_none() && row.notification.tenant.is_deliveries();
            stats.created_last_minute += u64::from(created > minute_ago && !is_delivery);
            match row.place {
                Place::Lane => {
                    *depths.entry(row.notification.lane()).or_default() += 1;
                    let ready = row.notification.ready_at();
                    stats.oldest_queued = Some(stats.oldest_queued.map_or(ready, |oldest| oldest.min(ready)));
                }
                Place::Deferred(_) => stats.deferred += 1,
                Place::Leased(_) => stats.in_flight += 1,
                Place::Rest => {}
            }
        }
        stats.depths = depths.into_iter().map(|(lane, depth)| LaneDepth { lane, depth }).collect();

        for status in Status::ALL {
            let entered = |since: Timestamp| {
                let own = state.log.iter().filter(|e| tenant.is_none_or(|t| e.tenant == t));
                own.filter(|e| e.name == status.as_str() && e.received_at > since).count() as u64
            };
            let (last_minute, last_hour) = (entered(minute_ago), entered(now.plus_seconds(-3600)));
            if last_hour > 0 {
                stats.activity.push(Activity { status, last_minute, last_hour });
            }
        }
        Ok(stats)
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}

fn is_listed(filter: &NotificationFilter, n: &Notification) -> bool {
    filter.status.is_none_or(|status| n.status == status)
        && filter.channel.is_none_or(|channel| n.channel == channel)
        && filter.batch_id.is_none_or(|id| n.batch_id == Some(id))
        && filter.campaign_id.as_ref().is_none_or(|id| n.campaign_id.as_ref() == Some(id))
        && filter.recipient_id.as_ref().is_none_or(|id| n.recipient_id == *id)
        && filter.created_after.is_none_or(|at| n.created_at >= at)
        && filter.created_before.is_none_or(|at| n.created_at < at)
        && filter.failure_reason.is_none_or(|reason| n.failure_reason == Some(reason))
}

fn sent_message(n: &Notification) -> Option<SentMessage> {
    Some(SentMessage {
        id: n.id,
        recipient: n.recipient.clone(),
        channel: n.channel,
        content: n.content.text.clone(),
        sent_at: n.sent_at?,
        provider_message_id: n.provider_message_id.clone(),
    })
}
