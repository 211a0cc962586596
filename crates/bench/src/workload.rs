//! What is sent: requests, ready to go over the wire.

use http::{Method, Uri};
use hyper::body::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use crate::event::{Event, Events};
use crate::notification::notification;

/// What requests ask for, which says how their answers are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// To record one event.
    Event,
    /// To record many.
    Events,
    /// To send one or many notifications.
    Notifications,
    /// To be shown something.
    Read,
}

impl Kind {
    pub(crate) fn method(self) -> Method {
        if self == Kind::Read { Method::GET } else { Method::POST }
    }
}

/// One request.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) uri: Uri,
    pub(crate) body: Bytes,
    /// Events or notifications in it.
    pub(crate) items: u64,
    /// Those of them that were not sent before.
    pub(crate) fresh: u64,
}

/// Requests of one kind, in the order in which they are sent.
#[derive(Debug)]
pub struct Workload {
    pub(crate) kind: Kind,
    pub(crate) calls: Vec<Call>,
}

const EVENT: &str = "/api/v1/events";
const EVENTS: &str = "/api/v1/events/bulk";
const NOTIFICATION: &str = "/api/v1/notifications";
const NOTIFICATIONS: &str = "/api/v1/notifications/batch";

#[derive(Serialize)]
struct Bulk {
    events: Vec<Event>,
}

impl Workload {
    /// Each event by itself.
    pub fn events_single(events: &Events) -> Workload {
        let call = |place| {
            let (event, is_new) = events.get(place);
            Call { uri: Uri::from_static(EVENT), body: json_of(&event), items: 1, fresh: is_new.into() }
        };
        let calls = (events.first()..events.first() + events.count()).map(call).collect();
        Workload { kind: Kind::Event, calls }
    }

    /// So many events a request.
    pub fn events_bulk(events: &Events, size: u64) -> Workload {
        let end = events.first() + events.count();
        let call = |from: u64| {
            let sent: Vec<(Event, bool)> =
                (from..end.min(from + size.max(1))).map(|place| events.get(place)).collect();
            let items = sent.len() as u64;
            let fresh = sent.iter().filter(|(_, is_new)| *is_new).count() as u64;
            let body = json_of(&Bulk { events: sent.into_iter().map(|(event, _)| event).collect() });
            Call { uri: Uri::from_static(EVENTS), body, items, fresh }
        };
        let starts = (events.first()..end).step_by(usize::try_from(size.max(1)).unwrap_or(usize::MAX));
        Workload { kind: Kind::Events, calls: starts.map(call).collect() }
    }

    /// Each notification by itself.
    pub fn notifications_single(seed: u64, count: u64) -> Workload {
        let call = |place| {
            let body = json_of(&notification(seed, place));
            Call { uri: Uri::from_static(NOTIFICATION), body, items: 1, fresh: 1 }
        };
        Workload { kind: Kind::Notifications, calls: (0..count).map(call).collect() }
    }

    /// So many notifications a request.
    pub fn notifications_batch(seed: u64, count: u64, size: u64) -> Workload {
        let size = size.max(1);
        let call = |from: u64| {
            let members: Vec<Value> =
                (from..count.min(from + size)).map(|place| notification(seed, place)).collect();
            let items = members.len() as u64;
            let body = json_of(&json!({ "notifications": members }));
            Call { uri: Uri::from_static(NOTIFICATIONS), body, items, fresh: items }
        };
        let starts = (0..count).step_by(usize::try_from(size).unwrap_or(usize::MAX));
        Workload { kind: Kind::Notifications, calls: starts.map(call).collect() }
    }

    /// These requests to be shown something.
    pub(crate) fn reads(uris: impl Iterator<Item = Uri>) -> Workload {
        let calls = uris.map(|uri| Call { uri, body: Bytes::new(), items: 1, fresh: 1 }).collect();
        Workload { kind: Kind::Read, calls }
    }

    /// How many requests there are.
    pub fn requests(&self) -> usize {
        self.calls.len()
    }
}

fn json_of(value: &impl Serialize) -> Bytes {
    // What is written here are structs and maps with text keys, which always can be.
    serde_json::to_vec(value).unwrap_or_default().into()
}
