//! The trace of a notification: what happened to it, for people.

use angaros_domain::event::{Event, PROVIDER_ANGAROS};
use angaros_domain::{NotificationId, Status, TenantId, Timestamp};
use angaros_store::{PageRequest, TimelineFilter};
use serde_json::Value;

use crate::{Result, Service};

/// Entries that one trace shows; ten attempts of three events and their callbacks are far below it.
const ENTRIES_MAX: usize = 1000;

/// One line of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceEntry {
    /// `created`, a status that was entered, or what a provider reported.
    pub event: String,
    /// When.
    pub at: Timestamp,
    /// In which attempt, from 1.
    pub attempt: Option<u64>,
    /// By which provider.
    pub provider: Option<String>,
    /// In words: class, answer and duration of an attempt, when the next one is due, why it was given up.
    pub detail: Option<String>,
    /// What ties it to the request that caused it.
    pub correlation_id: Option<String>,
}

impl Service {
    /// The trace of a notification, oldest first: from its row, its events, and the lease that holds it.
    pub async fn trace(&self, tenant: TenantId, id: NotificationId) -> Result<Vec<TraceEntry>> {
        let notification = self.notification(tenant, id).await?;
        let request = PageRequest { limit: ENTRIES_MAX, after: None };
        let filter = TimelineFilter::default();
        // Providers report under the notification's id, or under their own.
        let mut events = Vec::new();
        for message_id in
            [Some(id.to_string()), notification.provider_message_id.clone()].into_iter().flatten()
        {
            events.extend(self.store.message_timeline(tenant, &message_id, &filter, request.clone()).await?);
        }
        events.sort_by_key(|event| (event.occurred_at, event.id));
        events.dedup_by_key(|event| event.id);
        let mut entries = Vec::with_capacity(events.len() + 2);
        entries.push(TraceEntry {
            event: "created".into(),
            at: notification.created_at,
            attempt: None,
            provider: None,
            detail: None,
            correlation_id: Some(notification.correlation.id.to_string()),
        });
        entries.extend(events.iter().map(entry));
        // An attempt under way is in no event yet: its lease tells of it.
        if notification.status == Status::Processing
            && let Some(at) = self.store.claimed_at(tenant, &[id]).await?.pop().flatten()
        {
            entries.push(TraceEntry {
                event: Status::Processing.as_str().into(),
                at,
                attempt: Some(u64::from(notification.attempts) + 1),
                provider: None,
                detail: None,
                correlation_id: Some(notification.correlation.id.to_string()),
            });
        }
        Ok(entries)
    }
}

fn entry(event: &Event) -> TraceEntry {
    let text = |key: &str| event.metadata.get(key).and_then(Value::as_str).map(str::to_owned);
    let provider =
        if event.provider == PROVIDER_ANGAROS { text("provider") } else { Some(event.provider.clone()) };
    TraceEntry {
        event: event.name.clone(),
        at: event.occurred_at,
        attempt: event.metadata.get("attempt").and_then(Value::as_u64),
        provider,
        detail: detail(event),
        correlation_id: event.correlation_id.as_ref().map(ToString::to_string),
    }
}

/// `transient: HTTP 503 (12 ms); next attempt at 2026-01-01T00:00:30.000Z`
fn detail(event: &Event) -> Option<String> {
    let text = |key: &str| event.metadata.get(key).and_then(Value::as_str);
    let mut parts = Vec::new();
    if let Some(reason) = text("reason") {
        parts.push(reason.to_owned());
    }
    if let Some(class) = text("class") {
        let answer = text("detail").filter(|answer| !answer.is_empty());
        let duration = event.metadata.get("duration_ms").and_then(Value::as_i64).unwrap_or_default();
        parts.push(match answer {
            Some(answer) => format!("{class}: {answer} ({duration} ms)"),
            None => format!("{class} ({duration} ms)"),
        });
    }
    if let Some(receipt) = text("receipt") {
        parts.push(format!("the provider reported {receipt}"));
    }
    if event.metadata.contains_key("released") {
        parts.push("put back untouched".to_owned());
    }
    if event.metadata.contains_key("redriven") {
        parts.push("sent back from the dead letters".to_owned());
    }
    if let Some(at) = text("next_retry_at") {
        parts.push(format!("next attempt at {at}"));
    }
    if let Some(at) = text("scheduled_at") {
        parts.push(format!("scheduled for {at}"));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}
