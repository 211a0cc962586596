//! Appending reported events: each is new, the same again, or a conflict, decided by its key inside the transaction.

use angaros_domain::event::Event;
use angaros_domain::fingerprint::Fingerprint;
use angaros_domain::ingest::{EventKey, differences};
use angaros_domain::{EventId, TenantId};
use angaros_store::{Appended, Position, Reported, Result};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::SqliteResult;
use crate::events::Log;
use crate::row;

/// What is known of a key: stored before, or earlier in the same call.
enum Known {
    Stored { position: i64, fingerprint: Fingerprint },
    Here { index: usize },
}

pub(crate) fn append(connection: &Connection, reported: &[Reported]) -> Result<Vec<Appended>> {
    // Keys are random: in their order, neighbours share pages, and each page of the index is touched once.
    let mut by_key: Vec<usize> = (0..reported.len()).collect();
    by_key.sort_by_key(|index| (reported[*index].key, *index));
    let known = look_up(connection, reported, &by_key)?;

    let mut log = Log::new(connection);
    let mut outcomes: Vec<Appended> = Vec::with_capacity(reported.len());
    for (one, known) in reported.iter().zip(&known) {
        let outcome = match known {
            None => Appended::Stored(log.append(&one.event)?),
            Some(Known::Stored { position, fingerprint }) => {
                let (id, stored) = stored_at(connection, *position)?;
                repeated(one, id, *fingerprint, &stored)
            }
            Some(Known::Here { index }) => {
                let first = &reported[*index];
                repeated(one, first.event.id, first.fingerprint, &first.event)
            }
        };
        outcomes.push(outcome);
    }
    log.finish()?;
    remember(connection, reported, &by_key, &outcomes)?;
    Ok(outcomes)
}

/// For each event what stands under its key already, in the order of the events.
fn look_up(connection: &Connection, reported: &[Reported], by_key: &[usize]) -> Result<Vec<Option<Known>>> {
    let mut select =
        connection.prepare_cached("SELECT position, fingerprint FROM event_keys WHERE key = ?1").stored()?;
    let mut known: Vec<Option<Known>> = std::iter::repeat_with(|| None).take(reported.len()).collect();
    let mut first: Option<(EventKey, usize)> = None;
    for index in by_key {
        let key = reported[*index].key;
        if let Some((_, first)) = first.filter(|(of, _)| *of == key) {
            // The first of this key decides for the others: if it is a repeat itself, they repeat the same.
            known[*index] = match &known[first] {
                Some(Known::Stored { position, fingerprint }) => {
                    Some(Known::Stored { position: *position, fingerprint: *fingerprint })
                }
                _ => Some(Known::Here { index: first }),
            };
            continue;
        }
        first = Some((key, *index));
        known[*index] = select
            .query_row([key.0], |row| {
                Ok(Known::Stored { position: row.get(0)?, fingerprint: Fingerprint(row.get(1)?) })
            })
            .optional()
            .stored()?;
    }
    Ok(known)
}

fn stored_at(connection: &Connection, position: i64) -> Result<(EventId, Event)> {
    let columns = row::EVENT;
    let sql = format!("SELECT {columns} FROM events WHERE position = ?1");
    let event = connection.prepare_cached(&sql).stored()?.query_row([position], row::event).stored()?;
    Ok((event.id, event))
}

fn repeated(one: &Reported, id: EventId, fingerprint: Fingerprint, stored: &Event) -> Appended {
    if one.fingerprint == fingerprint {
        return Appended::Duplicate(id);
    }
    Appended::Conflict { id, fields: differences(stored, &one.event) }
}

fn remember(
    connection: &Connection,
    reported: &[Reported],
    by_key: &[usize],
    outcomes: &[Appended],
) -> Result<()> {
    let mut insert = connection.prepare_cached("INSERT INTO event_keys VALUES (?1, ?2, ?3)").stored()?;
    for index in by_key {
        if let Appended::Stored(Position(position)) = outcomes[*index] {
            let Reported { key, fingerprint, .. } = &reported[*index];
            insert.execute(params![key.0, position, fingerprint.0]).stored()?;
        }
    }
    Ok(())
}

pub(crate) fn event(connection: &Connection, tenant: TenantId, id: EventId) -> Result<Option<Event>> {
    let columns = row::EVENT;
    let sql = format!("SELECT {columns} FROM events WHERE id = ?1 AND tenant = ?2");
    let mut statement = connection.prepare_cached(&sql).stored()?;
    statement.query_row(params![id.0.as_bytes(), tenant.0], row::event).optional().stored()
}
