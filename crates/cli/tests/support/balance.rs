//! What became of everything that was acknowledged, held against the promise: each took effect exactly once, and is stored
//! as delivered.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use angaros_testkit::api::Api;

use crate::keyed_sink::KeyedSink;
use crate::loader::Accepted;

/// Every stored notification, by its content: the id and the status of each that has it.
type Stored = HashMap<String, Vec<(String, String)>>;

/// The balance of a run.
#[derive(Debug)]
pub(crate) struct Balance {
    pub(crate) accepted: usize,
    /// Stored as delivered.
    pub(crate) delivered: usize,
    /// Acknowledged, but never arrived.
    pub(crate) lost: usize,
    /// Took effect more than once.
    pub(crate) doubled: usize,
    /// Requests that came again after they had taken effect, and had none.
    pub(crate) duplicates: usize,
    /// The longest time from an acknowledgement to the effect.
    pub(crate) longest: Duration,
    /// The ids of everything that is stored.
    pub(crate) ids: Vec<String>,
    /// What does not agree, in words.
    faults: Vec<String>,
}

impl Balance {
    /// Strikes it, once nothing is under way any more.
    pub(crate) async fn strike(api: &Api, accepted: &Accepted, sink: &KeyedSink) -> Balance {
        let (stored, effects) = (everything(api).await, sink.effects());
        let mut balance = Balance {
            accepted: accepted.len(),
            delivered: 0,
            lost: 0,
            doubled: effects.values().filter(|effect| effect.count > 1).count(),
            duplicates: sink.duplicates(),
            longest: Duration::ZERO,
            ids: stored.values().flatten().map(|(id, _)| id.clone()).collect(),
            faults: Vec::new(),
        };
        for (marker, acknowledged) in accepted {
            match effects.get(marker) {
                Some(effect) => balance.longest = balance.longest.max(effect.at - acknowledged.at),
                None => balance.lost += 1,
            }
            match stored.get(marker).map_or(&[][..], Vec::as_slice) {
                [(id, status)] if status == "delivered" => {
                    balance.delivered += 1;
                    if acknowledged.id.as_ref().is_some_and(|acknowledged| acknowledged != id) {
                        balance.faults.push(format!("{marker} has another id than the acknowledged one"));
                    }
                }
                found => balance.faults.push(format!("{marker} is stored as {found:?}")),
            }
        }
        let unknown = stored.keys().chain(effects.keys()).filter(|marker| !accepted.contains_key(*marker));
        balance.faults.extend(unknown.map(|marker| format!("{marker} was never acknowledged")));
        balance
    }

    /// Holds it against the promise.
    ///
    /// # Panics
    /// If anything was lost or doubled, or is not stored as it was acknowledged.
    #[track_caller]
    pub(crate) fn holds(&self) {
        assert_eq!((self.lost, self.doubled), (0, 0), "lost and doubled: {self}; {:?}", self.faults);
        assert!(self.faults.is_empty(), "{self}; {:?}", self.faults);
        assert_eq!((self.delivered, self.ids.len()), (self.accepted, self.accepted), "{self}");
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Balance { accepted, delivered, lost, doubled, duplicates, longest, .. } = self;
        write!(
            f,
            "accepted {accepted} / delivered {delivered} / lost {lost} / doubled {doubled} / duplicates {duplicates} \
             (without effect) / longest from acknowledgement to effect {longest:.1?}"
        )
    }
}

async fn everything(api: &Api) -> Stored {
    let mut found = Stored::new();
    let mut path = "/api/v1/notifications?limit=200".to_owned();
    loop {
        let page = api.get(&path).await.expect(200);
        for item in page["items"].as_array().unwrap() {
            let text = |key: &str| item[key].as_str().unwrap().to_owned();
            found.entry(text("content")).or_default().push((text("id"), text("status")));
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/notifications?limit=200&cursor={cursor}"),
            None => return found,
        }
    }
}
