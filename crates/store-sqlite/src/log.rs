//! Appending to the log: each event, its timelines and its counts, in the transaction that tells of it.

use std::collections::HashMap;

use angaros_domain::event::{Event, PROVIDER_ANGAROS, message_key, recipient_key, thinning_level};
use angaros_domain::{EventId, Timestamp};
use angaros_store::{Position, Result};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params};

use crate::error::SqliteResult;
use crate::series::SeriesMet;
use crate::{counts, row, stats};

/// What the tables beside the log are told of an event.
pub(crate) struct Entry {
    /// The place of its series among those that the job met.
    pub(crate) series: usize,
    pub(crate) occurred_at: Timestamp,
    pub(crate) position: i64,
    pub(crate) recipient: Option<i64>,
    message: Option<i64>,
}

/// Appends the events of one job. Timelines and counts are written at its end: in the order of their keys, so that
/// neighbours share pages, and once for everything that is counted together.
pub(crate) struct Log<'c> {
    connection: &'c Connection,
    insert: CachedStatement<'c>,
    last: Option<EventId>,
    series: SeriesMet,
    entries: Vec<Entry>,
    activity: HashMap<(i64, i64, &'static str), i64>,
}

impl<'c> Log<'c> {
    /// A log for one job. [`Log::finish`] must follow.
    pub(crate) fn new(connection: &'c Connection) -> Result<Log<'c>> {
        let last = connection
            .prepare_cached("SELECT id FROM events ORDER BY position DESC LIMIT 1")
            .stored()?
            .query_row([], |found| row::uuid(found, 0).map(EventId))
            .optional()
            .stored()?;
        let insert = connection
            .prepare_cached("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)")
            .stored()?;
        let (series, entries) = (SeriesMet::default(), Vec::new());
        Ok(Log { connection, insert, last, series, entries, activity: HashMap::new() })
    }

    /// Appends one event and answers the id that it got, see [`EventId::placed`].
    pub(crate) fn append(&mut self, event: &Event) -> Result<EventId> {
        let position = self.last.map_or(0, EventId::place) + 1;
        let id = event.id.placed(position, self.last);
        let series = self.series.of(self.connection, event)?;
        self.insert
            .execute(params![
                position,
                id.0.as_bytes(),
                event.tenant.0,
                self.series.all()[series].id,
                event.event_id,
                event.recipient_id,
                event.message_id,
                event.occurred_at.as_millis(),
                event.received_at.as_millis(),
                event.correlation_id.as_ref().map(|id| id.as_str()),
                row::list_text(&event.tags),
                row::object_text(&event.metadata),
            ])
            .stored()?;
        self.last = Some(id);
        self.entries.push(Entry {
            series,
            occurred_at: event.occurred_at,
            position,
            recipient: event.recipient_id.as_ref().map(|id| recipient_key(event.tenant, id)),
            message: event.message_id.as_ref().map(|id| message_key(event.tenant, id)),
        });
        if event.provider == PROVIDER_ANGAROS
            && let Ok(status) = event.name.parse::<angaros_domain::Status>()
        {
            let key = (stats::slot_of(event.received_at), event.tenant.0, status.as_str());
            *self.activity.entry(key).or_default() += 1;
        }
        Ok(id)
    }

    /// Appends several events and answers the place of the last.
    pub(crate) fn append_all(&mut self, events: &[Event]) -> Result<Position> {
        let mut position = Position::default();
        for event in events {
            position = Position(self.append(event)?.place());
        }
        Ok(position)
    }

    /// Stores timelines and counts.
    pub(crate) fn finish(self) -> Result<()> {
        if self.entries.is_empty() {
            return Ok(());
        }
        timelines(self.connection, &self.entries)?;
        by_series(self.connection, &self.series, &self.entries)?;
        self.series.finish(self.connection)?;
        counts::add(self.connection, &self.series, &self.entries)?;
        stats::count(self.connection, self.activity)
    }
}

fn timelines(connection: &Connection, entries: &[Entry]) -> Result<()> {
    let of = |key: fn(&Entry) -> Option<i64>| {
        let keyed = entries.iter().filter_map(|entry| Some((key(entry)?, entry)));
        let mut rows: Vec<(i64, i64, i64)> =
            keyed.map(|(key, entry)| (key, entry.occurred_at.as_millis(), entry.position)).collect();
        rows.sort_unstable();
        rows
    };
    for (sql, rows) in [
        ("INSERT INTO recipient_events VALUES (?1, ?2, ?3)", of(|entry| entry.recipient)),
        ("INSERT INTO message_events VALUES (?1, ?2, ?3)", of(|entry| entry.message)),
    ] {
        let mut insert = connection.prepare_cached(sql).stored()?;
        for row in rows {
            insert.execute(row).stored()?;
        }
    }
    Ok(())
}

fn by_series(connection: &Connection, series: &SeriesMet, entries: &[Entry]) -> Result<()> {
    let row = |entry: &Entry| {
        let level = entry.recipient.map_or(0, thinning_level);
        let (at, id) = (entry.occurred_at.as_millis(), series.all()[entry.series].id);
        (id, level, at, entry.position, entry.recipient)
    };
    let mut rows: Vec<(i64, u32, i64, i64, Option<i64>)> = entries.iter().map(row).collect();
    rows.sort_unstable();
    let mut insert =
        connection.prepare_cached("INSERT INTO series_events VALUES (?1, ?2, ?3, ?4, ?5)").stored()?;
    for row in rows {
        insert.execute(row).stored()?;
    }
    Ok(())
}
