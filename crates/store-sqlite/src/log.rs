//! Appending to the log, in the transaction that tells of what happened.

use std::collections::HashMap;

use angaros_domain::EventId;
use angaros_domain::event::{Event, PROVIDER_ANGAROS};
use angaros_domain::ingest::EventKey;
use angaros_store::{Position, Result, StoreError};
use rusqlite::{CachedStatement, OptionalExtension as _, params};

use crate::error::SqliteResult;
use crate::tail::{Entry, Session};
use crate::{row, stats};

/// Events that may wait to be folded, in memory. It takes a fault that lasts to come near it.
const UNFOLDED_MAX: usize = 1 << 20;

/// Appends the events of one job.
pub(crate) struct Log<'s> {
    session: &'s Session<'s>,
    insert: CachedStatement<'s>,
    last: Option<EventId>,
    entries: Vec<Entry>,
    activity: HashMap<(i64, i64, &'static str), i64>,
}

impl<'s> Log<'s> {
    /// A log for one job. [`Log::finish`] must follow.
    pub(crate) fn new(session: &'s Session<'s>) -> Result<Log<'s>> {
        session.tail.assert_known()?;
        if session.tail.unfolded_len() > UNFOLDED_MAX {
            return Err(StoreError::Unavailable("events can not be folded, and too many wait for it".into()));
        }
        let last = session
            .prepare_cached("SELECT id FROM events ORDER BY position DESC LIMIT 1")
            .stored()?
            .query_row([], |found| row::uuid(found, 0).map(EventId))
            .optional()
            .stored()?;
        let insert = session
            .connection
            .prepare_cached("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)")
            .stored()?;
        Ok(Log { session, insert, last, entries: Vec::new(), activity: HashMap::new() })
    }

    /// Appends one of the engine's own events and answers the id that it got, see [`EventId::placed`].
    pub(crate) fn append(&mut self, event: &Event) -> Result<EventId> {
        self.append_with(event, None)
    }

    /// Appends an event that is found under a key, if it has one.
    pub(crate) fn append_with(&mut self, event: &Event, key: Option<EventKey>) -> Result<EventId> {
        let position = self.last.map_or(0, EventId::place) + 1;
        let id = event.id.placed(position, self.last);
        let series = self.session.tail.series_of(self.session, event)?;
        self.insert
            .execute(params![
                position,
                id.0.as_bytes(),
                event.tenant.0,
                series,
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
        self.entries.push(Entry::new(event, position, series, key));
        if event.provider == PROVIDER_ANGAROS
            && let Ok(status) = event.name.parse::<angaros_domain::Status>()
        {
            let key = (stats::slot_of(event.received_at), event.tenant.0, status.as_str());
            *self.activity.entry(key).or_default() += 1;
        }
        Ok(id)
    }

    /// Appends several of the engine's own events and answers the place of the last.
    pub(crate) fn append_all(&mut self, events: &[Event]) -> Result<Position> {
        let mut position = Position::default();
        for event in events {
            position = Position(self.append(event)?.place());
        }
        Ok(position)
    }

    /// Ends the job: what it appended is part of the tail from here on.
    pub(crate) fn finish(self) -> Result<()> {
        stats::count(self.session, self.activity)?;
        self.session.tail.push(&self.entries);
        Ok(())
    }

    /// Ends the job; what it appended is the caller's to fold.
    pub(crate) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }
}
