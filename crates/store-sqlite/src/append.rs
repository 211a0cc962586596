//! Appending reported events: each is new, the same again, or a conflict, decided by its key inside the transaction.

use std::collections::HashMap;

use angaros_domain::event::Event;
use angaros_domain::ingest::{EventKey, differences, same_event};
use angaros_domain::{EventId, TenantId};
use angaros_store::{AppendReport, Appended, Reported, Result};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::SqliteResult;
use crate::log::Log;
use crate::tail::Session;
use crate::{receipts, row, suppressions};

pub(crate) fn append(session: &Session<'_>, reported: &[Reported]) -> Result<AppendReport> {
    let mut keys = Keys { session, stored: look_up(session, reported)?, new: HashMap::new() };
    let mut log = Log::new(session)?;
    let mut ids: Vec<Option<EventId>> = vec![None; reported.len()];
    let mut report = AppendReport::default();
    report.outcomes.reserve(reported.len());
    for (index, one) in reported.iter().enumerate() {
        let outcome = match keys.holder(reported, index)? {
            Holder::Nobody(key) => {
                let id = log.append_with(&one.event, Some(key))?;
                ids[index] = Some(id);
                report.transitions.extend(receipts::apply(session, &mut log, &one.event)?);
                suppressions::heed(session, &mut log, &one.event, id)?;
                Appended::Stored(id)
            }
            Holder::Stored(stored) => repeated(one, stored.id, &stored),
            // What was new in this call has its id.
            Holder::Here(first) => repeated(one, ids[first].unwrap_or(one.event.id), &reported[first].event),
        };
        report.outcomes.push(outcome);
    }
    log.finish()?;
    Ok(report)
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

/// The keys of one call. Two different events that share a key are told apart by their texts; the second one moves on to
/// the next free number (linear probing: nothing is ever deleted).
struct Keys<'s> {
    session: &'s Session<'s>,
    /// Where the event stands that holds a key of the call already.
    stored: HashMap<EventKey, i64>,
    /// What the call itself puts under a key: the number of the event in it.
    new: HashMap<EventKey, usize>,
}

impl Keys<'_> {
    /// Who holds the key of an event.
    fn holder(&mut self, reported: &[Reported], index: usize) -> Result<Holder> {
        let Reported { event, key } = &reported[index];
        let mut key = *key;
        loop {
            if let Some(first) = self.new.get(&key) {
                if same_event(&reported[*first].event, event) {
                    return Ok(Holder::Here(*first));
                }
            } else if let Some(position) = self.stored.get(&key) {
                let stored = stored_at(self.session, *position)?;
                if same_event(&stored, event) {
                    return Ok(Holder::Stored(Box::new(stored)));
                }
            } else {
                self.new.insert(key, index);
                return Ok(Holder::Nobody(key));
            }
            key = key.next();
            if let Some(position) = self.session.tail.holder(self.session, key)? {
                self.stored.insert(key, position);
            }
        }
    }
}

/// Where the events stand that hold keys of a call already, looked up in the order of the keys: neighbours share pages.
fn look_up(session: &Session<'_>, reported: &[Reported]) -> Result<HashMap<EventKey, i64>> {
    let mut keys: Vec<EventKey> = reported.iter().map(|one| one.key).collect();
    keys.sort_unstable();
    keys.dedup();
    session.tail.holders(session, keys)
}

fn stored_at(connection: &Connection, position: i64) -> Result<Event> {
    let (columns, tables) = (row::EVENT, row::EVENT_TABLES);
    let sql = format!("SELECT {columns} FROM {tables} WHERE e.position = ?1");
    connection.prepare_cached(&sql).stored()?.query_row([position], row::event).stored()
}

pub(crate) fn event(connection: &Connection, tenant: TenantId, id: EventId) -> Result<Option<Event>> {
    let (columns, tables) = (row::EVENT, row::EVENT_TABLES);
    let sql = format!("SELECT {columns} FROM {tables} WHERE e.position = ?1 AND e.id = ?2 AND e.tenant = ?3");
    let mut statement = connection.prepare_cached(&sql).stored()?;
    statement.query_row(params![id.place(), id.0.as_bytes(), tenant.0], row::event).optional().stored()
}
