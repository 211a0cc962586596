//! The model's counts: everything is counted anew, from the log.

use std::collections::{BTreeMap, BTreeSet};

use angaros_domain::batch::StatusCounts;
use angaros_domain::event::Event;
use angaros_domain::{TenantId, Timestamp};
use angaros_store::{
    Audit, CampaignCounts, CampaignSummary, Counts, EventMetrics, Group, Grouping, MetricsQuery, PageRequest,
    Result, SeriesFilter, Tally,
};
use async_trait::async_trait;

use super::MemoryStore;
use super::state::{Row, State};

/// A day, in milliseconds.
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

#[async_trait]
impl Counts for MemoryStore {
    async fn campaign_page(
        &self,
        tenant: TenantId,
        page: PageRequest<(Timestamp, String)>,
    ) -> Result<Vec<CampaignCounts>> {
        let state = self.state();
        let ids: BTreeSet<&String> =
            state.events_of(tenant).filter_map(|event| event.campaign_id.as_ref()).collect();
        let mut campaigns: Vec<CampaignCounts> =
            ids.into_iter().filter_map(|id| state.campaign(tenant, id)).map(|found| found.campaign).collect();
        campaigns.sort_by_key(|c| std::cmp::Reverse((c.last_event_at, c.campaign_id.clone())));
        campaigns.retain(|c| {
            page.after.as_ref().is_none_or(|(at, id)| (c.last_event_at, &c.campaign_id) < (*at, id))
        });
        campaigns.truncate(page.limit);
        Ok(campaigns)
    }

    async fn campaign(&self, tenant: TenantId, campaign_id: &str) -> Result<Option<CampaignSummary>> {
        Ok(self.state().campaign(tenant, campaign_id))
    }

    async fn event_metrics(&self, tenant: TenantId, query: MetricsQuery) -> Result<EventMetrics> {
        let state = self.state();
        let counted: Vec<&Event> = state
            .events_of(tenant)
            .filter(|event| query.range.contains(&event.occurred_at) && is_counted(&query.filter, event))
            .collect();
        let mut groups: BTreeMap<Group, Vec<&Event>> = BTreeMap::new();
        for event in &counted {
            if let Some(group) = group_of(&query.grouping, event) {
                groups.entry(group).or_default().push(event);
            }
        }
        let groups = groups.into_iter().map(|(group, events)| (group, tally(&events))).collect();
        Ok(EventMetrics { totals: tally(&counted), groups })
    }

    async fn audit_day(&self, at: Timestamp) -> Result<Audit> {
        let state = self.state();
        let events = state.log.iter().filter(|event| day_of(event.occurred_at) == day_of(at)).count();
        let mut audit = Audit { events: events as u64, ..Audit::default() };
        // What is counted anew each time drifts only where it is told to.
        let missing = i64::from(state.miscounted.contains(&day_of(at)));
        let in_log = events as i64;
        audit.compare(|| format!("day {}", day_of(at)), in_log - missing, in_log);
        Ok(audit)
    }

    async fn counted_day_before(&self, at: Timestamp) -> Result<Option<Timestamp>> {
        let state = self.state();
        let days = state.log.iter().map(|event| day_of(event.occurred_at));
        let latest = days.filter(|day| *day < day_of(at)).max();
        Ok(latest.map(|day| Timestamp::from_millis(day * DAY_MILLIS)))
    }
}

impl MemoryStore {
    /// From here on the counts of a UTC day lack one event: for tests of what follows from that.
    pub fn miscount(&self, at: Timestamp) {
        self.state().miscounted.insert(day_of(at));
    }
}

fn day_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(DAY_MILLIS)
}

fn is_counted(filter: &SeriesFilter, event: &Event) -> bool {
    filter.event_name.as_ref().is_none_or(|name| event.name == *name)
        && filter.channel.as_ref().is_none_or(|channel| event.channel.as_ref() == Some(channel))
        && filter.campaign_id.as_ref().is_none_or(|id| event.campaign_id.as_ref() == Some(id))
        && filter.provider.as_ref().is_none_or(|provider| event.provider == *provider)
}

fn group_of(grouping: &Grouping, event: &Event) -> Option<Group> {
    match grouping {
        Grouping::Whole => None,
        Grouping::Spans(starts) => {
            starts.iter().rposition(|start| *start <= event.occurred_at).map(Group::Span)
        }
        Grouping::Name => Some(Group::Text(Some(event.name.clone()))),
        Grouping::Channel => Some(Group::Text(event.channel.clone())),
        Grouping::Campaign => Some(Group::Text(event.campaign_id.clone())),
    }
}

fn tally(events: &[&Event]) -> Tally {
    let recipients: BTreeSet<&String> =
        events.iter().filter_map(|event| event.recipient_id.as_ref()).collect();
    Tally { count: events.len() as u64, unique_recipients: recipients.len() as u64, error: 0.0 }
}

impl State {
    fn events_of(&self, tenant: TenantId) -> impl Iterator<Item = &Event> {
        self.log.iter().filter(move |event| event.tenant == tenant)
    }

    fn campaign(&self, tenant: TenantId, campaign_id: &str) -> Option<CampaignSummary> {
        let events: Vec<&Event> =
            self.events_of(tenant).filter(|e| e.campaign_id.as_deref() == Some(campaign_id)).collect();
        let times = || events.iter().map(|event| event.occurred_at);
        let (first_event_at, last_event_at) = times().min().zip(times().max())?;
        let mut by_name: BTreeMap<String, Vec<&Event>> = BTreeMap::new();
        for event in &events {
            by_name.entry(event.name.clone()).or_default().push(event);
        }
        let tallies = by_name.into_iter().map(|(name, events)| (name, tally(&events)));
        let (mut counts, mut unique_recipients) = (BTreeMap::new(), BTreeMap::new());
        for (name, tally) in tallies {
            counts.insert(name.clone(), tally.count);
            unique_recipients.insert(name, tally.unique_recipients);
        }
        let mut notifications = StatusCounts::new();
        let members = self.newest_first(tenant).map(Row::seen);
        for member in members.filter(|n| n.campaign_id.as_deref() == Some(campaign_id)) {
            *notifications.entry(member.status).or_default() += 1;
        }
        let campaign =
            CampaignCounts { campaign_id: campaign_id.to_owned(), counts, first_event_at, last_event_at };
        Some(CampaignSummary { campaign, unique_recipients, notifications })
    }
}
