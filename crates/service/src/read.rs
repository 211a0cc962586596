//! Questions about notifications, batches, messages and the whole.

use angaros_domain::correlation::CorrelationId;
use angaros_domain::cursor::{self, InvalidCursor};
use angaros_domain::event::Event;
use angaros_domain::{BatchId, EventId, Notification, NotificationId, TenantId, Timestamp};
use angaros_store::{
    BatchView, EventFilter, NotificationFilter, PageRequest, Position, SentMessage, Stats, TimelineFilter,
};

use crate::paging::CursorKey;
use crate::{Missing, Page, PageOf, Result, Service, ServiceError};

impl Service {
    /// One notification.
    pub async fn notification(&self, tenant: TenantId, id: NotificationId) -> Result<Notification> {
        let found = self.store.notifications(tenant, &[id]).await?.pop().flatten();
        found.ok_or(ServiceError::NotFound(Missing::Notification))
    }

    /// Notifications, newest first.
    pub async fn notifications(
        &self,
        tenant: TenantId,
        filter: &NotificationFilter,
        page: PageOf<'_>,
    ) -> Result<Page<Notification>> {
        let scope = format!("notifications/{}/{filter:?}", tenant.0);
        // The store says itself where to go on, so no extra item is asked for.
        let PageRequest { after, .. } = page.request::<NotificationId>(&scope)?;
        let found =
            self.store.notification_page(tenant, filter, PageRequest { limit: page.limit, after }).await?;
        let next_cursor = found.next.map(|id| cursor::encode(&scope, &id.to_bytes()));
        Ok(Page { items: found.items, next_cursor })
    }

    /// The latest notifications that the request with this correlation id made, newest first, at most `limit` of them.
    pub async fn notifications_of_request(
        &self,
        tenant: TenantId,
        id: &CorrelationId,
        limit: usize,
    ) -> Result<Vec<Notification>> {
        Ok(self.store.notifications_of_request(tenant, id, limit).await?)
    }

    /// A batch and where its members stand.
    pub async fn batch(&self, tenant: TenantId, id: BatchId) -> Result<BatchView> {
        self.store.batch(tenant, id).await?.ok_or(ServiceError::NotFound(Missing::Batch))
    }

    /// The events of a message; an unknown message has none.
    pub async fn message_timeline(
        &self,
        tenant: TenantId,
        message_id: &str,
        filter: &TimelineFilter,
        page: PageOf<'_>,
    ) -> Result<Page<Event>> {
        let scope = format!("timeline/{}/{message_id}/{filter:?}", tenant.0);
        let request = page.request::<(Timestamp, EventId)>(&scope)?;
        let events = self.store.message_timeline(tenant, message_id, filter, request).await?;
        Ok(page.page(&scope, events, |event| (event.occurred_at, event.id)))
    }

    /// The events of a recipient; an unknown recipient has none.
    pub async fn recipient_activity(
        &self,
        tenant: TenantId,
        recipient_id: &str,
        filter: &TimelineFilter,
        page: PageOf<'_>,
    ) -> Result<Page<Event>> {
        let scope = format!("activity/{}/{recipient_id}/{filter:?}", tenant.0);
        let request = page.request::<(Timestamp, EventId)>(&scope)?;
        let events = self.store.recipient_timeline(tenant, recipient_id, filter, request).await?;
        Ok(page.page(&scope, events, |event| (event.occurred_at, event.id)))
    }

    /// One event.
    pub async fn event(&self, tenant: TenantId, id: EventId) -> Result<Event> {
        self.store.event(tenant, id).await?.ok_or(ServiceError::NotFound(Missing::Event))
    }

    /// Events, the latest first. Those of a campaign come in the order in which they happened, wherever in the log they
    /// are. All others come in the order of appending: then a page looks at a bounded stretch of the log, and may be short
    /// or empty although more follow.
    pub async fn events(
        &self,
        tenant: TenantId,
        filter: &EventFilter,
        page: PageOf<'_>,
    ) -> Result<Page<Event>> {
        let scope = format!("events/{}/{filter:?}", tenant.0);
        if filter.series.campaign_id.is_some() {
            let request = page.request::<(Timestamp, EventId)>(&scope)?;
            let events = self.store.series_timeline(tenant, filter, request).await?;
            return Ok(page.page(&scope, events, |event| (event.occurred_at, event.id)));
        }
        // The store says itself where to go on, so no extra item is asked for.
        let PageRequest { after: before, .. } = page.request::<Position>(&scope)?;
        let found = self.store.latest_events(tenant, filter, before, page.limit).await?;
        let next_cursor = found.next.map(|place| cursor::encode(&scope, &place.to_bytes()));
        Ok(Page { items: found.events, next_cursor })
    }

    /// The log in the order of appending, behind a cursor. There is always a cursor to go on with: a consumer that has
    /// reached the end keeps it and asks again. It never skips an event, however late its transaction commits.
    pub async fn feed(&self, tenant: TenantId, page: PageOf<'_>) -> Result<Page<Event>> {
        let scope = feed_scope(tenant);
        let after = match page.cursor {
            Some(text) => Position::from_bytes(&cursor::decode(&scope, text)?).ok_or(InvalidCursor)?,
            None => Position::default(),
        };
        let found = self.store.feed(tenant, after, page.limit).await?;
        let next_cursor = Some(cursor::encode(&scope, &found.next.to_bytes()));
        Ok(Page { items: found.events.into_iter().map(|(_, event)| event).collect(), next_cursor })
    }

    /// The cursor of the log's end as it is now: what is stored from here on lies behind it.
    pub async fn feed_end(&self, tenant: TenantId) -> Result<String> {
        let end = self.store.end().await?;
        Ok(cursor::encode(&feed_scope(tenant), &end.to_bytes()))
    }

    /// Sent messages, newest first.
    pub async fn sent_messages(&self, tenant: TenantId, page: PageOf<'_>) -> Result<Page<SentMessage>> {
        let scope = format!("messages/{}", tenant.0);
        let request = page.request::<(Timestamp, NotificationId)>(&scope)?;
        let messages = self.store.sent_messages(tenant, request).await?;
        Ok(page.page(&scope, messages, |message| (message.sent_at, message.id)))
    }

    /// Numbers of a tenant, or of all together.
    pub async fn stats(&self, tenant: Option<TenantId>) -> Result<Stats> {
        Ok(self.store.stats(tenant, self.clock.now()).await?)
    }

    /// How long the oldest transaction of the database has been open that keeps it from removing what is dead, in seconds.
    pub async fn oldest_snapshot_seconds(&self) -> Result<Option<f64>> {
        Ok(self.store.oldest_snapshot_seconds().await?)
    }
}

/// What ties a cursor to a tenant's log.
pub(crate) fn feed_scope(tenant: TenantId) -> String {
    format!("feed/{}", tenant.0)
}
