//! Faults of the event log.

use angaros_domain::event::Event;
use angaros_domain::{EventId, TenantId, Timestamp};
use angaros_store::{Appended, EventLog, FeedPage, PageRequest, Position, Reported, Result, TimelineFilter};
use async_trait::async_trait;

use super::{Broken, Fault};

#[async_trait]
impl EventLog for Broken {
    async fn append(&self, reported: Vec<Reported>) -> Result<Vec<Appended>> {
        if self.has(Fault::AppendForgetsKeys) {
            self.inner.state().event_keys.clear();
        }
        let mut appended = self.inner.append(reported).await?;
        if self.has(Fault::AppendTakesConflictsForRepeats) {
            for outcome in &mut appended {
                if let Appended::Conflict { id, .. } = outcome {
                    *outcome = Appended::Duplicate(*id);
                }
            }
        }
        Ok(appended)
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

    async fn feed(&self, tenant: TenantId, after: Position, limit: usize) -> Result<FeedPage> {
        let page = self.inner.feed(tenant, after, limit).await?;
        match self.fault {
            Fault::FeedShowsTheFirstPageOnly if after > Position::default() => {
                Ok(FeedPage { events: vec![], next: after })
            }
            _ => Ok(page),
        }
    }
}
