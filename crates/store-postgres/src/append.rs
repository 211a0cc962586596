//! Appending reported events: each is new, the same again, or a conflict, decided by its key inside the transaction.

use std::collections::{BTreeSet, HashMap};

use angaros_domain::event::Event;
use angaros_domain::ingest::{EventKey, differences, same_event};
use angaros_domain::{EventId, Notification, TenantId};
use angaros_store::{AppendReport, Appended, Reported, StoreError, Transition};

use crate::error::Run;
use crate::log::{Log, Place};
use crate::receipts::Named;
use crate::row::{self, column, get};
use crate::session::Session;
use crate::suppressions::{self, Heeded};
use crate::values::values;

pub(crate) async fn append(session: &Session<'_>, reported: &[Reported]) -> Run<AppendReport> {
    let holders = holders(session, reported).await?;
    let new: Vec<&Event> = holders
        .iter()
        .zip(reported)
        .filter(|(holder, _)| matches!(holder, Holder::Nobody(_)))
        .map(|(_, one)| &one.event)
        .collect();
    let mut named = Named::of(session, &new).await?;
    let mut heeded = Heeded::default();
    let mut effects = new
        .iter()
        .map(|event| (named.apply(event), heeded.event(&named, event, None)))
        .collect::<Vec<_>>()
        .into_iter();
    named.write(session).await?;
    let mut listed = heeded.add(session).await?;

    // Each is told with what it changed.
    let mut log = Log::default();
    let mut places: Vec<Place> = Vec::with_capacity(reported.len());
    let mut changed: Vec<(Notification, Place)> = Vec::new();
    let mut suppressed: Vec<(i64, Place)> = Vec::new();
    for (one, holder) in reported.iter().zip(&holders) {
        let Holder::Nobody(key) = holder else {
            places.push(Place::default());
            continue;
        };
        let place = log.append_with(one.event.clone(), *key);
        places.push(place);
        let (overtaken, heed) = effects.next().unwrap_or_default();
        changed.extend(overtaken.map(|(n, events)| (n, log.append_all(events))));
        let number = heed.and_then(|heed| listed.tell(&mut log, heed));
        suppressed.extend(number.map(|number| (number, place)));
    }
    let placed = log.finish(session).await?;
    suppressions::tell(
        session,
        suppressed.iter().filter_map(|(number, place)| Some((*number, placed.id(*place)?))).collect(),
    )
    .await?;
    let outcome = |(index, holder): (usize, &Holder)| match holder {
        Holder::Nobody(_) => {
            let id = placed.id(places[index]);
            id.map(Appended::Stored)
                .ok_or_else(|| StoreError::Internal("an event without a place".into()).into())
        }
        Holder::Stored(stored) => Ok(repeated(&reported[index], stored.id, stored)),
        Holder::Here(first) => {
            let id = placed.id(places[*first]).unwrap_or(reported[*first].event.id);
            Ok(repeated(&reported[index], id, &reported[*first].event))
        }
    };
    let outcomes: Run<Vec<Appended>> = holders.iter().enumerate().map(outcome).collect();
    let transitions = changed.iter().map(|(n, place)| Transition::of(n, placed.position(*place))).collect();
    Ok(AppendReport { outcomes: outcomes?, transitions })
}

/// The keys of events that were appended elsewhere, each as what is new.
pub(crate) async fn keys(session: &Session<'_>, reported: &[Reported]) -> Run<Vec<EventKey>> {
    let key = |holder: Holder| match holder {
        Holder::Nobody(key) => Ok(key),
        Holder::Stored(_) | Holder::Here(_) => {
            Err(StoreError::Corrupt("an event stands in the log twice".into()).into())
        }
    };
    holders(session, reported).await?.into_iter().map(key).collect()
}

fn repeated(one: &Reported, id: EventId, stored: &Event) -> Appended {
    let fields = differences(stored, &one.event);
    if fields.is_empty() { Appended::Duplicate(id) } else { Appended::Conflict { id, fields } }
}

/// Who was first with a key.
enum Holder {
    /// Nobody: the event stands under this key from here on.
    Nobody(EventKey),
    Stored(Box<Event>),
    /// The event with this number in the same call.
    Here(usize),
}

/// Who holds the key of each event. Two different events that share a key are told apart by their texts; the second one
/// moves on to the next free number (linear probing: nothing is ever deleted).
async fn holders(session: &Session<'_>, reported: &[Reported]) -> Run<Vec<Holder>> {
    let mut stored = look_up(session, reported.iter().map(|one| one.key).collect()).await?;
    let mut new: HashMap<EventKey, usize> = HashMap::new();
    let mut holders = Vec::with_capacity(reported.len());
    for (index, Reported { event, key }) in reported.iter().enumerate() {
        let mut key = *key;
        holders.push(loop {
            if let Some(first) = new.get(&key) {
                if same_event(&reported[*first].event, event) {
                    break Holder::Here(*first);
                }
            } else if let Some(found) = stored.get(&key) {
                if same_event(found, event) {
                    break Holder::Stored(Box::new(found.clone()));
                }
            } else {
                new.insert(key, index);
                break Holder::Nobody(key);
            }
            key = key.next();
            stored.extend(look_up(session, BTreeSet::from([key])).await?);
        });
    }
    Ok(holders)
}

/// The events that hold keys already, looked up in the order of the keys: neighbours share pages.
async fn look_up(session: &Session<'_>, keys: BTreeSet<EventKey>) -> Run<HashMap<EventKey, Event>> {
    let keys: Vec<EventKey> = keys.into_iter().collect();
    let sql = "SELECT k.key, k.position FROM event_keys AS k WHERE k.key = ANY($1)";
    let rows = session.rows(sql, values![column(&keys, |key| key.0)]).await?;
    let held: Vec<(i64, i64)> = row::all(&rows, |row| Ok((get(row, 0)?, get(row, 1)?)))?;
    if held.is_empty() {
        return Ok(HashMap::new());
    }
    let (columns, tables) = (row::EVENT, row::EVENT_TABLES);
    let sql = format!("SELECT {columns}, e.position FROM {tables} WHERE e.position = ANY($1)");
    let rows = session.rows(&sql, values![column(&held, |(_, position)| *position)]).await?;
    let mut events: HashMap<i64, Event> = HashMap::new();
    for row in &rows {
        events.insert(get(row, row::EVENT_COLUMNS)?, row::event(row)?);
    }
    let found = |(key, position): (i64, i64)| {
        let event = events.remove(&position);
        let missing = || StoreError::Corrupt("a key names an event that is not there".into());
        Ok((EventKey(key), event.ok_or_else(missing)?))
    };
    held.into_iter().map(found).collect()
}

pub(crate) async fn event(session: &Session<'_>, tenant: TenantId, id: EventId) -> Run<Option<Event>> {
    let (columns, tables) = (row::EVENT, row::EVENT_TABLES);
    let sql = format!("SELECT {columns} FROM {tables} WHERE e.position = $1 AND e.id = $2 AND e.tenant = $3");
    session.row(&sql, values![id.place(), id.0, tenant.0]).await?.as_ref().map(row::event).transpose()
}
