//! The model's log of events.

use angaros_domain::event::Event;
use angaros_domain::ingest::differences;
use angaros_domain::{EventId, TenantId, Timestamp};
use angaros_store::{Appended, EventLog, FeedPage, PageRequest, Position, Reported, Result, TimelineFilter};
use async_trait::async_trait;

use super::MemoryStore;
use super::state::State;

#[async_trait]
impl EventLog for MemoryStore {
    async fn append(&self, reported: Vec<Reported>) -> Result<Vec<Appended>> {
        let mut state = self.state();
        Ok(reported.into_iter().map(|one| state.append_reported(one)).collect())
    }

    async fn event(&self, tenant: TenantId, id: EventId) -> Result<Option<Event>> {
        Ok(self.state().log.iter().find(|event| event.tenant == tenant && event.id == id).cloned())
    }

    async fn recipient_timeline(
        &self,
        tenant: TenantId,
        recipient_id: &str,
        filter: &TimelineFilter,
        page: PageRequest<(Timestamp, EventId)>,
    ) -> Result<Vec<Event>> {
        Ok(self.state().timeline(tenant, filter, &page, |e| e.recipient_id.as_deref() == Some(recipient_id)))
    }

    async fn feed(&self, tenant: TenantId, after: Position, limit: usize) -> Result<FeedPage> {
        let state = self.state();
        let placed = (state.log_start + 1..).map(Position).zip(&state.log);
        let own = placed.filter(|(place, event)| *place > after && event.tenant == tenant);
        let events: Vec<(Position, Event)> =
            own.take(limit).map(|(place, event)| (place, event.clone())).collect();
        let next = match events.last() {
            Some((last, _)) if events.len() == limit => *last,
            _ => after.max(state.log_end()),
        };
        Ok(FeedPage { events, next })
    }
}

impl State {
    fn append_reported(&mut self, one: Reported) -> Appended {
        if let Some((index, fingerprint)) = self.event_keys.get(&one.key) {
            let stored = &self.log[*index];
            if *fingerprint == one.fingerprint {
                return Appended::Duplicate(stored.id);
            }
            return Appended::Conflict { id: stored.id, fields: differences(stored, &one.event) };
        }
        self.event_keys.insert(one.key, (self.log.len(), one.fingerprint));
        self.log.push(one.event);
        Appended::Stored(self.log_end())
    }

    /// The events that `of` chooses, in the order in which they happened.
    pub(crate) fn timeline(
        &self,
        tenant: TenantId,
        filter: &TimelineFilter,
        page: &PageRequest<(Timestamp, EventId)>,
        of: impl Fn(&Event) -> bool,
    ) -> Vec<Event> {
        let key = |event: &Event| (event.occurred_at, event.id);
        let beyond = |event: &Event| match page.after {
            None => true,
            Some(after) if filter.descending => key(event) < after,
            Some(after) => key(event) > after,
        };
        let chosen = |e: &&Event| e.tenant == tenant && of(e) && is_told(filter, e) && beyond(e);
        let mut events: Vec<Event> = self.log.iter().filter(chosen).cloned().collect();
        events.sort_by_key(key);
        if filter.descending {
            events.reverse();
        }
        events.truncate(page.limit);
        events
    }
}

fn is_told(filter: &TimelineFilter, event: &Event) -> bool {
    filter.event_name.as_ref().is_none_or(|name| event.name == *name)
        && filter.channel.as_ref().is_none_or(|channel| event.channel.as_ref() == Some(channel))
        && filter.from.is_none_or(|at| event.occurred_at >= at)
        && filter.to.is_none_or(|at| event.occurred_at <= at)
}
