//! Recording without waiting: events are acknowledged once they wait for their commit.
//!
//! This is the one acknowledgement that is not durable. What the process can do for it is done: events keep their room
//! in the queue until they are stored, what passes is waited out, and an orderly end waits for all of them. Only a
//! process that dies in between loses them. What the store decided is told by a metric, because nobody waits for it.

use std::sync::Arc;
use std::time::Duration;

use angaros_domain::correlation::CorrelationId;
use angaros_domain::ingest::EventDraft;
use angaros_domain::metric;
use angaros_store::{Appended, Reported};
use tokio::task::JoinHandle;

use crate::room::Room;
use crate::{Caller, Result, Service};

/// Events that are in the queue.
#[derive(Debug)]
pub struct Queued(JoinHandle<()>);

impl Queued {
    /// Waits until they have left the queue.
    pub async fn left(self) {
        // A task that panicked has left the queue too.
        drop(self.0.await);
    }
}

impl Service {
    /// Puts reported events in which [`Service::event_faults`] found nothing into the queue: all of them, or none.
    ///
    /// # Errors
    /// [`crate::ServiceError::Busy`] if there is no room for all of them.
    pub fn enqueue(&self, caller: &Caller, drafts: Vec<EventDraft>) -> Result<Queued> {
        let events = self.to_append(caller, drafts);
        let room = self.appender.room(&events)?;
        Ok(self.keep(events, room))
    }

    /// The same, but waits for room. Nothing is in the queue if the wait is given up.
    ///
    /// # Errors
    /// [`crate::ServiceError::Busy`] if the service is closed.
    pub async fn enqueue_patiently(&self, caller: &Caller, drafts: Vec<EventDraft>) -> Result<Queued> {
        let events = self.to_append(caller, drafts);
        let room = self.appender.room_patiently(&events).await?;
        Ok(self.keep(events, room))
    }

    /// Takes no more events, and waits for at most `limit` until all that were taken are stored. Answers how many are
    /// not. For the end of the process, when no request is under way any more.
    pub async fn drain(&self, limit: Duration) -> usize {
        self.appender.close(limit).await
    }

    fn keep(&self, events: Arc<Vec<Reported>>, room: Room) -> Queued {
        let appender = Arc::clone(&self.appender);
        Queued(tokio::spawn(async move {
            match appender.persist(Arc::clone(&events), room).await {
                Ok(outcomes) => tell(&events, &outcomes),
                Err(error) => {
                    let (count, correlation_id) = (events.len(), correlation_id(&events));
                    tracing::error!(%error, count, correlation_id, "events that were acknowledged can not be stored");
                    metrics::counter!(metric::QUEUED_EVENTS, "outcome" => "lost").increment(count as u64);
                }
            }
        }))
    }
}

/// Counts what became of events.
fn tell(events: &[Reported], outcomes: &[Appended]) {
    let (mut created, mut duplicates, mut conflicts) = (0, 0, 0);
    for outcome in outcomes {
        match outcome {
            Appended::Stored(_) => created += 1,
            Appended::Duplicate(_) => duplicates += 1,
            Appended::Conflict { .. } => conflicts += 1,
        }
    }
    for (outcome, count) in [("created", created), ("duplicate", duplicates), ("conflict", conflicts)] {
        if count > 0 {
            metrics::counter!(metric::QUEUED_EVENTS, "outcome" => outcome).increment(count);
        }
    }
    if conflicts > 0 {
        let correlation_id = correlation_id(events);
        tracing::info!(conflicts, correlation_id, "events conflict with what is stored under their keys");
    }
}

/// That of the request which brought them.
fn correlation_id(events: &[Reported]) -> &str {
    let id = events.first().and_then(|one| one.event.correlation_id.as_ref());
    id.map_or("", CorrelationId::as_str)
}
