//! What the model knows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use angaros_domain::api_key::ApiKey;
use angaros_domain::batch::Batch;
use angaros_domain::event::Event;
use angaros_domain::fingerprint::Fingerprint;
use angaros_domain::idempotency::IdempotencyKey;
use angaros_domain::lifecycle::Change;
use angaros_domain::template::Template;
use angaros_domain::webhook_endpoint::WebhookEndpoint;
use angaros_domain::{
    BatchId, LeaseId, Notification, NotificationId, Status, Suppression, TemplateId, TenantId, Timestamp,
    WebhookEndpointId, WorkerId,
};
use angaros_store::{Idempotent, Pauses, Position, Result};

/// Where a row is. It is in exactly one place, so it can not be claimed twice or cancelled while it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Ready, in the lane that its notification names.
    Lane,
    /// Waiting until this.
    Deferred(Timestamp),
    /// Held by a lease.
    Leased(LeaseId),
    /// Done with, at least for now.
    Rest,
}

/// A notification and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// As it is stored: never `processing`.
    pub(crate) notification: Notification,
    pub(crate) place: Place,
}

impl Row {
    /// As readers see it.
    pub(crate) fn seen(&self) -> Notification {
        match self.place {
            Place::Leased(_) => Notification { status: Status::Processing, ..self.notification.clone() },
            _ => self.notification.clone(),
        }
    }
}

/// What is known of a lease itself; what it holds, the rows know.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) worker: WorkerId,
    pub(crate) claimed_at: Timestamp,
    pub(crate) until: Timestamp,
}

/// Everything.
pub(crate) struct State {
    /// Notifications in the order of insertion. The index is the slot, and rows are never removed.
    pub(crate) rows: Vec<Row>,
    /// Slots by id: the ids are in the order of creation.
    pub(crate) slots: BTreeMap<NotificationId, usize>,
    pub(crate) leases: BTreeMap<LeaseId, Lease>,
    /// Events in the order of appending. The first one's position is one more than `log_start`.
    pub(crate) log: Vec<Event>,
    pub(crate) log_start: i64,
    /// UTC days, counted from 1970, whose counts are to lack an event.
    pub(crate) miscounted: BTreeSet<i64>,
    pub(crate) batches: BTreeMap<(TenantId, BatchId), Batch>,
    pub(crate) keys_used: HashMap<(TenantId, IdempotencyKey), (Idempotent, Fingerprint)>,
    pub(crate) templates: BTreeMap<(TenantId, TemplateId), Template>,
    /// Names of tenants; the id is the index, counted from 1.
    pub(crate) tenants: Vec<String>,
    pub(crate) api_keys: Vec<ApiKey>,
    pub(crate) pauses: Pauses,
    pub(crate) endpoints: BTreeMap<(TenantId, WebhookEndpointId), WebhookEndpoint>,
    /// How far each tenant's fan-out is.
    pub(crate) fan_outs: BTreeMap<TenantId, Position>,
    /// The suppression lists of all tenants, in the order of adding.
    pub(crate) suppressions: BTreeMap<i64, Suppression>,
}

impl Default for State {
    fn default() -> State {
        State {
            rows: Vec::new(),
            slots: BTreeMap::new(),
            leases: BTreeMap::new(),
            log: Vec::new(),
            log_start: 0,
            miscounted: BTreeSet::new(),
            batches: BTreeMap::new(),
            keys_used: HashMap::new(),
            templates: BTreeMap::new(),
            tenants: vec![TenantId::DEFAULT_NAME.to_owned()],
            api_keys: Vec::new(),
            pauses: Pauses::default(),
            endpoints: BTreeMap::new(),
            fan_outs: BTreeMap::new(),
            suppressions: BTreeMap::new(),
        }
    }
}

impl State {
    /// The slot of a tenant's notification.
    pub(crate) fn slot(&self, tenant: TenantId, id: NotificationId) -> Option<usize> {
        self.slots.get(&id).copied().filter(|slot| self.rows[*slot].notification.tenant == tenant)
    }

    /// A tenant's notification.
    pub(crate) fn row(&self, tenant: TenantId, id: NotificationId) -> Option<&Row> {
        self.slot(tenant, id).map(|slot| &self.rows[slot])
    }

    /// A tenant's notifications, newest first.
    pub(crate) fn newest_first(&self, tenant: TenantId) -> impl Iterator<Item = &Row> {
        self.slots
            .values()
            .rev()
            .map(|slot| &self.rows[*slot])
            .filter(move |r| r.notification.tenant == tenant)
    }

    /// Slots of the rows in a place, oldest first.
    pub(crate) fn slots_in(&self, is_there: impl Fn(&Row) -> bool) -> Vec<usize> {
        (0..self.rows.len()).filter(|slot| is_there(&self.rows[*slot])).collect()
    }

    /// Whether a lease holds a slot.
    pub(crate) fn holds(&self, lease: LeaseId, slot: usize) -> bool {
        self.rows.get(slot).is_some_and(|row| row.place == Place::Leased(lease))
    }

    /// Writes events to the log; where they end.
    pub(crate) fn append(&mut self, events: Vec<Event>) -> Position {
        for event in events {
            let last = self.log.last().map(|event| event.id);
            let id = event.id.placed(self.log_end().0 + 1, last);
            self.log.push(Event { id, ..event });
        }
        self.log_end()
    }

    /// The position of the last event.
    pub(crate) fn log_end(&self) -> Position {
        Position(self.log_start + self.log.len() as i64)
    }

    /// Changes a notification, moves it, and logs what happened.
    pub(crate) fn change(
        &mut self,
        slot: usize,
        change: Change,
        now: Timestamp,
        place: Place,
    ) -> Result<Position> {
        let events = self.rows[slot].notification.apply(change, now)?;
        self.rows[slot].place = place;
        Ok(self.append(events))
    }
}
