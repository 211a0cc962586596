//! The model's log of events.

use angaros_domain::event::{Event, PROVIDER_ANGAROS};
use angaros_domain::ingest::{differences, same_event};
use angaros_domain::lifecycle::Change;
use angaros_domain::receipt::Receipt;
use angaros_domain::{EventId, Status, TenantId, Timestamp};
use angaros_store::{
    AppendReport, Appended, EventFilter, EventLog, FeedPage, LATEST_LOOKED_AT_MAX, LatestEvents, PageRequest,
    Position, Reported, Result, TimelineFilter, Transition,
};
use async_trait::async_trait;
use uuid::Uuid;

use super::MemoryStore;
use super::state::{Place, State};

#[async_trait]
impl EventLog for MemoryStore {
    async fn append(&self, reported: Vec<Reported>) -> Result<AppendReport> {
        let mut state = self.state();
        let mut report = AppendReport::default();
        for one in reported {
            let event = one.event.clone();
            let outcome = state.append_reported(one.event);
            if let Appended::Stored(id) = outcome {
                report.transitions.extend(state.apply_receipt(&event));
                state.heed(&Event { id, ..event });
            }
            report.outcomes.push(outcome);
        }
        Ok(report)
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

    async fn latest_events(
        &self,
        tenant: TenantId,
        filter: &EventFilter,
        before: Option<Position>,
        limit: usize,
    ) -> Result<LatestEvents> {
        let state = self.state();
        let Position(before) = before.unwrap_or(Position(state.log_end().0 + 1));
        let lowest = (before - LATEST_LOOKED_AT_MAX).max(1);
        let placed =
            (state.log_start + 1..).zip(&state.log).filter(|(place, _)| (lowest..before).contains(place));
        let mut found: Vec<(i64, &Event)> =
            placed.filter(|(_, event)| event.tenant == tenant && filter.chooses(event)).collect();
        found.reverse();
        found.truncate(limit);
        let next = match found.last() {
            Some((last, _)) if found.len() == limit => *last,
            _ => lowest,
        };
        let events = found.into_iter().map(|(_, event)| event.clone()).collect();
        Ok(LatestEvents { events, next: (next > 1).then_some(Position(next)) })
    }

    async fn series_timeline(
        &self,
        tenant: TenantId,
        filter: &EventFilter,
        page: PageRequest<(Timestamp, EventId)>,
    ) -> Result<Vec<Event>> {
        let backwards = TimelineFilter { descending: true, ..TimelineFilter::default() };
        Ok(self.state().timeline(tenant, &backwards, &page, |event| filter.chooses(event)))
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

    async fn end(&self) -> Result<Position> {
        Ok(self.state().log_end())
    }
}

impl State {
    fn append_reported(&mut self, event: Event) -> Appended {
        let same = |stored: &&Event| stored.provider != PROVIDER_ANGAROS && same_event(stored, &event);
        if let Some(stored) = self.log.iter().find(same) {
            let fields = differences(stored, &event);
            let id = stored.id;
            return if fields.is_empty() {
                Appended::Duplicate(id)
            } else {
                Appended::Conflict { id, fields }
            };
        }
        self.append(vec![event]);
        self.log.last().map_or(Appended::Duplicate(EventId(Uuid::nil())), |event| Appended::Stored(event.id))
    }

    /// Lets an event change the sent notification that it is a receipt for.
    fn apply_receipt(&mut self, event: &Event) -> Option<Transition> {
        let receipt = Receipt::of(event)?;
        let message_id = event.message_id.as_deref()?;
        let slot = self.named(event.tenant, message_id, |n| n.status == Status::Sent)?;
        if self.rows[slot].place != Place::Rest {
            return None;
        }
        let change = Change::Receipt { receipt, provider: event.provider.clone(), at: event.occurred_at };
        let now = event.received_at.max(self.rows[slot].notification.updated_at);
        let position = self.change(slot, change, now, Place::Rest).ok()?;
        Some(Transition::of(&self.rows[slot].notification, position))
    }

    /// Lets what came early have its effect on a notification that was just settled: a receipt changes it, and what was
    /// said under the provider's id is heeded. By its own id it was known when they came.
    pub(crate) fn catch_up(&mut self, slot: usize) -> Option<Position> {
        let n = self.rows[slot].notification.clone();
        let told = |state: &State, id: &str, by_own_id: bool| {
            let page = PageRequest { limit: usize::MAX, after: None };
            let Some(since) = Receipt::heard_since(&n, by_own_id) else { return Vec::new() };
            let of = |event: &Event| event.message_id.as_deref() == Some(id) && event.received_at >= since;
            state.timeline(n.tenant, &TimelineFilter::default(), &page, of)
        };
        let by_own_id = told(self, &n.id.to_string(), true);
        let by_providers_id =
            n.provider_message_id.as_ref().map(|id| told(self, id, false)).unwrap_or_default();
        let overtaken = by_own_id.iter().chain(&by_providers_id).find_map(|event| {
            let receipt = Receipt::of(event)?;
            let change = Change::Receipt { receipt, provider: event.provider.clone(), at: event.occurred_at };
            self.change(slot, change, n.updated_at, Place::Rest).ok()
        });
        for event in &by_providers_id {
            self.heed(event);
        }
        overtaken
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
