//! What the engine asks for: claims, results, promotions, ends, rescues. Every status change is published here.

use std::collections::HashMap;

use angaros_coord::SentEntry;
use angaros_domain::event::Event;
use angaros_domain::lifecycle::Change;
use angaros_domain::webhook_endpoint::Heard;
use angaros_domain::{LeaseId, Notification, Status, Timestamp, WorkerId, metric};
use angaros_store::{
    ClaimParams, ClaimedLease, Expiry, Position, Promotion, RescueParams, Settled, SettledItem, Settlement,
    Transition,
};

use crate::publish::Publication;
use crate::{Result, Service};

/// A claimed notification and what is to become of it.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The lease it was claimed under.
    pub lease: LeaseId,
    /// The store's handle, from the claim.
    pub slot: i64,
    /// The notification as it was claimed.
    pub notification: Notification,
    /// What happened to it.
    pub change: Change,
}

impl Service {
    /// Claims ready notifications for a worker.
    pub async fn claim(&self, params: ClaimParams) -> Result<Option<ClaimedLease>> {
        let publication = self.publisher.begin();
        let lease = self.store.claim(params).await?;
        if let Some(lease) = &lease {
            metrics::counter!(metric::CLAIMS).increment(1);
            metrics::counter!(metric::CLAIMED).increment(lease.claims.len() as u64);
            if self.coord.is_watched() {
                // Behind what was claimed, and before what comes of it. The claim stands even if this is not known.
                let end = self.store.reach().await.unwrap_or(publication.behind());
                let started =
                    |claim: &crate::Claim| Transition::processing(&claim.notification, lease.claimed_at, end);
                publication.publish(lease.claims.iter().map(started).collect());
            }
        }
        Ok(lease)
    }

    /// Stores what became of claimed notifications, all in one transaction, each fenced by its lease. Outcomes are
    /// in the order of the arguments.
    pub async fn settle(&self, finished: Vec<Finished>) -> Result<Vec<Settled>> {
        let now = self.clock.now();
        let mut settlements: Vec<Settlement> = Vec::new();
        let mut group_of: HashMap<LeaseId, usize> = HashMap::new();
        let mut applied = Vec::with_capacity(finished.len());
        let mut due: Option<Timestamp> = None;
        for Finished { lease, slot, mut notification, change } in finished {
            let (heard, suppress) = (Heard::of(&change), change.suppress());
            let events = match notification.apply(change, now) {
                Ok(events) => events,
                Err(error) => {
                    // A bug of ours, and no reason to keep the results of others from being stored.
                    tracing::error!(%error, notification = %notification.id, "a result does not fit its notification");
                    applied.push(None);
                    continue;
                }
            };
            let entered = entered(&notification, &events);
            // Nobody else would see it.
            let sent = self.coord.is_shared().then(|| sent(&notification, &entered)).flatten();
            due = due.into_iter().chain(notification.due_at()).min();
            let group = *group_of.entry(lease).or_insert_with(|| {
                settlements.push(Settlement { lease, items: Vec::new() });
                settlements.len() - 1
            });
            let place = settlements[group].items.len();
            applied.push(Some((group, place, entered, sent)));
            settlements[group].items.push(SettledItem { slot, notification, events, heard, suppress });
        }
        let publication = self.publisher.begin();
        let stored = publication.answered(self.store.settle(settlements).await)?;
        metrics::counter!(metric::SETTLES).increment(1);
        let mut outcomes = Vec::with_capacity(applied.len());
        let mut transitions = Vec::with_capacity(applied.len());
        let mut sent = Vec::new();
        let mut stale = 0u64;
        for item in applied {
            let outcome =
                item.as_ref().map_or(Settled::Stale, |(group, place, ..)| stored[*group][*place].clone());
            match (item, &outcome) {
                (Some((_, _, entered, entry)), Settled::Applied(position)) => {
                    sent.extend(entry);
                    transitions.extend(placed(entered, *position));
                }
                (Some((_, _, entered, entry)), Settled::Overtaken(notification, position)) => {
                    sent.extend(entry);
                    // The receipt's event is the last one, right after those of the result.
                    transitions.extend(placed(entered, Position(position.0 - 1)));
                    transitions.push(Transition::of(notification, *position));
                }
                _ => stale += 1,
            }
            outcomes.push(outcome);
        }
        if stale > 0 {
            metrics::counter!(metric::SETTLED_STALE).increment(stale);
            tracing::warn!(stale, "results came after their lease was lost and were discarded");
        }
        if let Some(at) = due {
            self.coord.due_at(at);
        }
        self.coord.sent(sent);
        announce(publication, transitions);
        Ok(outcomes)
    }

    /// Keeps every lease of a worker alive.
    pub async fn renew(&self, worker: &WorkerId, until: Timestamp) -> Result<usize> {
        Ok(self.store.renew(worker, until).await?)
    }

    /// Takes over what lost workers held.
    pub async fn rescue(&self, params: RescueParams) -> Result<Option<ClaimedLease>> {
        let lease = self.store.rescue(params).await?;
        if let Some(lease) = &lease {
            metrics::counter!(metric::RESCUED).increment(lease.claims.len() as u64);
        }
        Ok(lease)
    }

    /// Moves what is due into its lane.
    pub async fn promote(&self, limit: usize) -> Result<Promotion> {
        let publication = self.publisher.begin();
        let promotion = publication.answered(self.store.promote(self.clock.now(), limit).await)?;
        if promotion.moved > 0 {
            metrics::counter!(metric::PROMOTED).increment(promotion.moved as u64);
            self.coord.work_ready();
            publication.publish(promotion.transitions.clone());
        }
        Ok(promotion)
    }

    /// Gives up what waits beyond its end.
    pub async fn expire(&self, limit: usize) -> Result<Expiry> {
        let publication = self.publisher.begin();
        let expiry = publication.answered(self.store.expire(self.clock.now(), limit).await)?;
        announce(publication, expiry.transitions.clone());
        Ok(expiry)
    }
}

/// Counts and publishes status changes that attempts and receipts brought.
pub(crate) fn announce(publication: Publication, transitions: Vec<Transition>) {
    for transition in &transitions {
        let labels = [("channel", transition.channel.as_str()), ("status", transition.status.as_str())];
        metrics::counter!(metric::TRANSITIONS, &labels).increment(1);
    }
    publication.publish(transitions);
}

/// The statuses that a result brought, oldest first. `processing` was published when it began.
fn entered(notification: &Notification, events: &[Event]) -> Vec<Transition> {
    let told = events.iter().filter_map(|event| Some((event.name.parse().ok()?, attempt_of(event))));
    told.filter(|(status, _)| *status != Status::Processing)
        .map(|(status, attempt)| Transition {
            status,
            attempt,
            ..Transition::of(notification, Position::default())
        })
        .collect()
}

/// The line in the list of sent messages, if the provider accepted it now. Deliveries to webhook endpoints are nobody's
/// messages.
fn sent(notification: &Notification, entered: &[Transition]) -> Option<SentEntry> {
    let is_sent = entered.iter().any(|transition| transition.status == Status::Sent);
    let sent_at = notification.sent_at.filter(|_| is_sent && notification.endpoint().is_none())?;
    let message_id = notification.provider_message_id.clone();
    Some(SentEntry { message_id: message_id.unwrap_or_else(|| notification.id.to_string()), sent_at })
}

/// The number of the attempt that one of the engine's own events is about; 0 before the first.
pub(crate) fn attempt_of(event: &Event) -> u32 {
    let attempt = event.metadata.get("attempt").and_then(serde_json::Value::as_u64);
    attempt.and_then(|attempt| u32::try_from(attempt).ok()).unwrap_or(0)
}

/// Gives changes their places in the log: one after the other, up to `last`.
fn placed(entered: Vec<Transition>, last: Position) -> impl Iterator<Item = Transition> {
    let first = last.0 + 1 - entered.len() as i64;
    let places = (first..).map(Position);
    entered.into_iter().zip(places).map(|(transition, position)| Transition { position, ..transition })
}
