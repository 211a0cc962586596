//! Faults of the event log.

use angaros_domain::event::Event;
use angaros_domain::{EventId, TenantId, Timestamp};
use angaros_store::{
    AppendReport, Appended, EventFilter, EventLog, FeedPage, LatestEvents, PageRequest, Position, Reported,
    Result, TimelineFilter,
};
use async_trait::async_trait;

use super::{Broken, Fault};

#[async_trait]
impl EventLog for Broken {
    async fn append(&self, mut reported: Vec<Reported>) -> Result<AppendReport> {
        for one in &mut reported {
            match self.fault {
                // Nothing that was stored is known by what comes now.
                Fault::AppendForgetsKeys => one.event.event_id = Some(one.event.id.to_string()),
                Fault::AppendIgnoresReceipts => one.event.name = format!("{}!", one.event.name),
                _ => {}
            }
        }
        let mut report = self.inner.append(reported).await?;
        if self.has(Fault::AppendSuppressesNothing) {
            self.inner.state().suppressions.clear();
        }
        for outcome in &mut report.outcomes {
            if let Appended::Conflict { id, .. } = outcome
                && self.has(Fault::AppendTakesConflictsForRepeats)
            {
                *outcome = Appended::Duplicate(*id);
            }
        }
        Ok(report)
    }

    async fn event(&self, tenant: TenantId, id: EventId) -> Result<Option<Event>> {
        if self.has(Fault::EventsAreReadForAnyTenant) {
            return Ok(self.inner.state().log.iter().find(|event| event.id == id).cloned());
        }
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
        let any = EventFilter::default();
        let filter = if self.has(Fault::LatestEventsAreOfAnyKind) { &any } else { filter };
        let mut found = self.inner.latest_events(tenant, filter, before, limit).await?;
        if self.has(Fault::LatestEventsEndWithTheFirstPage) {
            found.next = None;
        }
        Ok(found)
    }

    async fn series_timeline(
        &self,
        tenant: TenantId,
        filter: &EventFilter,
        page: PageRequest<(Timestamp, EventId)>,
    ) -> Result<Vec<Event>> {
        let mut events = self.inner.series_timeline(tenant, filter, page).await?;
        if self.has(Fault::SeriesAreInLogOrder) {
            events.sort_by_key(|event| std::cmp::Reverse(event.id));
        }
        Ok(events)
    }

    async fn feed(&self, tenant: TenantId, after: Position, limit: usize) -> Result<FeedPage> {
        let page = self.inner.feed(tenant, after, limit).await?;
        match self.fault {
            Fault::FeedShowsTheFirstPageOnly if after > Position::default() => {
                Ok(FeedPage { events: vec![], next: after })
            }
            _ => Ok(page),
        }
    }

    async fn end(&self) -> Result<Position> {
        match self.fault {
            Fault::TheLogEndsTooEarly => Ok(Position::default()),
            _ => self.inner.end().await,
        }
    }
}
