//! Recording: reported events are checked, decided, and stored, many a commit.

use std::sync::Arc;

use angaros_domain::event::Event;
use angaros_domain::ingest::EventDraft;
use angaros_domain::{EventId, Timestamp, Violation};
use angaros_store::{Appended, Reported, Store};

use crate::coalescer::{Coalescer, Limits};
use crate::delivery::announce;
use crate::publish::Publisher;
use crate::{Caller, Result, Service, ServiceError};

/// Rows that one commit takes under saturation. Larger commits touch each page of the random indexes less often.
const COMMIT_ROWS_MAX: usize = 10_000;

/// What became of a reported event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ingested {
    /// It is new, and stored.
    Created(EventId),
    /// The same was stored before.
    Duplicate(EventId),
    /// Something else was stored under its key; nothing was stored now.
    Conflict {
        /// The event that was stored.
        id: EventId,
        /// The fields in which they differ.
        fields: Vec<&'static str>,
    },
}

impl Service {
    /// What is wrong with each reported event, in order; nothing for those that can be stored.
    pub fn event_faults(&self, drafts: &[EventDraft]) -> Vec<Vec<Violation>> {
        let now = self.clock.now();
        drafts.iter().map(|draft| draft.check(self.settings.rules.clock_skew_seconds, now)).collect()
    }

    /// Stores one reported event in which [`Service::event_faults`] found nothing. Answers the event that is stored under
    /// its key: this one if it is new.
    pub async fn record(&self, caller: &Caller, draft: EventDraft) -> Result<(Ingested, Event)> {
        let reported = self.reported(caller, draft, self.clock.now());
        let event = reported.event.clone();
        match self.append(Arc::new(vec![reported])).await?.pop().ok_or(ServiceError::Busy)? {
            created @ Ingested::Created(id) => Ok((created, Event { id, ..event })),
            duplicate @ Ingested::Duplicate(id) => Ok((duplicate, self.event(caller.tenant, id).await?)),
            conflict @ Ingested::Conflict { id, .. } => Ok((conflict, self.event(caller.tenant, id).await?)),
        }
    }

    /// Stores reported events in which [`Service::event_faults`] found nothing, in one transaction. Outcomes are in
    /// order, and decided before they are answered: of many that report the same at once, one is told that it is new.
    pub async fn ingest(&self, caller: &Caller, drafts: Vec<EventDraft>) -> Result<Vec<Ingested>> {
        self.append(self.to_append(caller, drafts)).await
    }

    /// Reported events as they are to be stored, received now.
    pub(crate) fn to_append(&self, caller: &Caller, drafts: Vec<EventDraft>) -> Arc<Vec<Reported>> {
        let now = self.clock.now();
        Arc::new(drafts.into_iter().map(|draft| self.reported(caller, draft, now)).collect())
    }

    fn reported(&self, caller: &Caller, draft: EventDraft, now: Timestamp) -> Reported {
        let key = draft.key(caller.tenant);
        let id = EventId(self.clock.new_uuid());
        let event = draft.into_event(caller.tenant, id, now, caller.correlation.id.clone());
        Reported { event, key }
    }

    async fn append(&self, reported: Arc<Vec<Reported>>) -> Result<Vec<Ingested>> {
        Ok(self.appender.run(reported).await?.into_iter().map(Ingested::from).collect())
    }
}

impl From<Appended> for Ingested {
    fn from(outcome: Appended) -> Ingested {
        match outcome {
            Appended::Stored(id) => Ingested::Created(id),
            Appended::Duplicate(id) => Ingested::Duplicate(id),
            Appended::Conflict { id, fields } => Ingested::Conflict { id, fields },
        }
    }
}

/// Gathers the events of many requests into commits. Whoever has to be able to hand them over again shares them.
pub(crate) type Appender = Coalescer<Arc<Vec<Reported>>, Vec<Appended>>;

/// Starts an appender. It tells of the notifications that events change.
pub(crate) fn appender(store: Arc<dyn Store>, publisher: Arc<Publisher>, queue_max: usize) -> Arc<Appender> {
    let limits = Limits {
        in_flight: 2,
        queue_max,
        batch_weight_max: COMMIT_ROWS_MAX,
        weight: |events: &Arc<Vec<_>>| events.len(),
    };
    Arc::new(Coalescer::start("append", limits, move |requests: Vec<Arc<Vec<Reported>>>| {
        let (store, publisher) = (Arc::clone(&store), Arc::clone(&publisher));
        async move {
            let sizes: Vec<usize> = requests.iter().map(|events| events.len()).collect();
            let events = requests.into_iter().flat_map(Arc::unwrap_or_clone).collect();
            let publication = publisher.begin();
            let report = publication.answered(store.append(events).await)?;
            announce(publication, report.transitions);
            let mut outcomes = report.outcomes.into_iter();
            Ok(sizes.into_iter().map(|size| outcomes.by_ref().take(size).collect()).collect())
        }
    }))
}
