//! The tail of the log: events that are stored, but not yet in the tables beside the log.
//!
//! Timelines, counts and keys are trees in which each event dirties pages of its own. So an event is stored in the log
//! alone, which is one page for many; what the other tables will say of it is kept here, in memory, and they are brought
//! up in one go for tens of thousands of events, in the order of their keys (`fold.rs`). How far they are, the table
//! `folded` says: who reads adds what stands behind that place, and sees every event from its commit on. After a crash
//! the tail is read from the log again, so that it is never lost.

use std::collections::{BTreeMap, HashMap, VecDeque, btree_map};
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use angaros_domain::Timestamp;
use angaros_domain::event::{Event, PROVIDER_ANGAROS, message_key, recipient_key};
use angaros_domain::ingest::EventKey;
use angaros_store::{Position, Result, StoreError};
use rusqlite::{Connection, OptionalExtension as _};

use crate::error::SqliteResult;
use crate::series::SeriesMet;
use crate::{feed, row};

/// A connection and the tail of the log that it reads or writes.
pub(crate) struct Session<'s> {
    pub(crate) connection: &'s Connection,
    pub(crate) tail: &'s Tail,
}

impl Deref for Session<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.connection
    }
}

/// What the tables beside the log will say of an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) position: i64,
    pub(crate) series: i64,
    pub(crate) occurred_at: Timestamp,
    pub(crate) recipient: Option<i64>,
    pub(crate) message: Option<i64>,
    /// Under which key it is found; the engine's own events have none.
    pub(crate) key: Option<EventKey>,
}

impl Entry {
    pub(crate) fn new(event: &Event, position: i64, series: i64, key: Option<EventKey>) -> Entry {
        Entry {
            position,
            series,
            occurred_at: event.occurred_at,
            recipient: event.recipient_id.as_ref().map(|id| recipient_key(event.tenant, id)),
            message: event.message_id.as_ref().map(|id| message_key(event.tenant, id)),
            key,
        }
    }
}

/// The tail, shared by the writer and all readers.
#[derive(Default)]
pub(crate) struct Tail {
    entries: RwLock<Entries>,
    /// What the writer has met, as of its transaction.
    series: Mutex<SeriesMet>,
}

#[derive(Default)]
struct Entries {
    /// Whether this process does not own the database, and so cannot know.
    is_unknown: bool,
    /// In the order of their positions, without a gap. What is folded stays as long as a reader may not have seen yet that
    /// it is.
    entries: VecDeque<Entry>,
    /// How far the tables beside the log are brought up.
    folded: i64,
    /// Up to where entries were let go of.
    gone: i64,
    /// How far they were when readers began that are still at it, and how many began there.
    pins: BTreeMap<i64, usize>,
    /// Where the keys stand that are not in their table yet.
    keys: HashMap<EventKey, i64>,
}

impl Tail {
    /// The tail as somebody knows it who does not own the database: not at all.
    pub(crate) fn of_guest() -> Tail {
        let tail = Tail::default();
        tail.write().is_unknown = true;
        tail
    }

    /// Refuses what only the owner of the database can do.
    pub(crate) fn assert_known(&self) -> Result<()> {
        if self.read().is_unknown {
            let refusal = "only the process that owns the database can use the log of events";
            return Err(StoreError::Unavailable(refusal.into()));
        }
        Ok(())
    }

    /// Reads the tail from the log.
    pub(crate) fn load(connection: &Connection) -> Result<Tail> {
        let tail = Tail::default();
        let folded = folded(connection)?;
        {
            let mut tail = tail.write();
            (tail.folded, tail.gone) = (folded, folded);
        }
        let (columns, tables) = (row::EVENT, row::EVENT_TABLES);
        let sql = format!(
            "SELECT {columns}, e.position, e.series FROM {tables} WHERE e.position > ?1 ORDER BY e.position"
        );
        let mut statement = connection.prepare(&sql).stored()?;
        let mut rows = statement.query([folded]).stored()?;
        while let Some(found) = rows.next().stored()? {
            let event = row::event(found).stored()?;
            let position = found.get(row::EVENT_COLUMNS).stored()?;
            let series = found.get(row::EVENT_COLUMNS + 1).stored()?;
            let key = match event.provider.as_str() {
                PROVIDER_ANGAROS => None,
                _ => Some(tail.key_at(connection, EventKey::of(&event), position)?),
            };
            tail.push(&[Entry::new(&event, position, series, key)]);
        }
        Ok(tail)
    }

    /// The first number from a key on under which nothing stands yet, or the event at this place: it may have been folded
    /// in part when the process ended.
    fn key_at(&self, connection: &Connection, mut key: EventKey, position: i64) -> Result<EventKey> {
        while self.holder(connection, key)?.is_some_and(|holder| holder != position) {
            key = key.next();
        }
        Ok(key)
    }

    /// Where the event stands that holds a key.
    pub(crate) fn holder(&self, connection: &Connection, key: EventKey) -> Result<Option<i64>> {
        Ok(self.holders(connection, [key])?.remove(&key))
    }

    /// Where the events stand that hold some keys, looked up in their order.
    pub(crate) fn holders(
        &self,
        connection: &Connection,
        keys: impl IntoIterator<Item = EventKey>,
    ) -> Result<HashMap<EventKey, i64>> {
        let mut found = HashMap::new();
        let mut folded = Vec::new();
        {
            let tail = self.read();
            for key in keys {
                match tail.keys.get(&key) {
                    Some(position) => drop(found.insert(key, *position)),
                    None => folded.push(key),
                }
            }
        }
        let sql = "SELECT position FROM event_keys WHERE key = ?1";
        let mut select = connection.prepare_cached(sql).stored()?;
        for key in folded {
            let position = select.query_row([key.0], |row| row.get(0)).optional().stored()?;
            found.extend(position.map(|position: i64| (key, position)));
        }
        Ok(found)
    }

    /// The number of an event's series. Only for the writer.
    pub(crate) fn series_of(&self, connection: &Connection, event: &Event) -> Result<i64> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner).of(connection, event)
    }

    /// Adds what a job appended. Readers see it once its transaction is committed: positions behind the end of the log
    /// that they see are not for them.
    pub(crate) fn push(&self, entries: &[Entry]) {
        let mut tail = self.write();
        for entry in entries {
            if let Some(key) = entry.key {
                tail.keys.insert(key, entry.position);
            }
            tail.entries.push_back(*entry);
        }
    }

    /// The place that the tail ends at: a mark to go back to.
    pub(crate) fn mark(&self) -> i64 {
        let tail = self.read();
        tail.entries.back().map_or(tail.gone, |last| last.position)
    }

    /// Forgets what was added after a mark: it was rolled back.
    pub(crate) fn back_to(&self, mark: i64) {
        *self.series.lock().unwrap_or_else(PoisonError::into_inner) = SeriesMet::default();
        let mut tail = self.write();
        while let Some(last) = tail.entries.pop_back_if(|last| last.position > mark) {
            if let Some(key) = last.key {
                tail.keys.remove(&key);
            }
        }
    }

    /// What is not folded yet.
    pub(crate) fn unfolded(&self) -> Vec<Entry> {
        let tail = self.read();
        tail.behind(tail.folded).copied().collect()
    }

    /// How much is not folded yet.
    pub(crate) fn unfolded_len(&self) -> usize {
        let tail = self.read();
        tail.behind(tail.folded).len()
    }

    /// Everything up to a place is folded, and that is committed.
    pub(crate) fn folded_to(&self, place: i64) {
        let mut tail = self.write();
        let done: Vec<EventKey> =
            tail.behind(tail.folded).take_while(|e| e.position <= place).filter_map(|e| e.key).collect();
        for key in done {
            tail.keys.remove(&key);
        }
        tail.folded = place;
        tail.trim();
    }

    /// Keeps the tail as it is needed by a reader whose transaction begins after this.
    pub(crate) fn pin(self: &Arc<Tail>) -> Pin {
        let mut tail = self.write();
        let place = tail.folded;
        *tail.pins.entry(place).or_default() += 1;
        Pin { tail: Arc::clone(self), place }
    }

    fn read(&self) -> RwLockReadGuard<'_, Entries> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a tail as a reader needs it.
pub(crate) struct Pin {
    tail: Arc<Tail>,
    place: i64,
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut tail = self.tail.write();
        if let btree_map::Entry::Occupied(mut pin) = tail.pins.entry(self.place) {
            *pin.get_mut() -= 1;
            if *pin.get() == 0 {
                pin.remove();
            }
        }
        tail.trim();
    }
}

impl Entries {
    /// Lets go of what is folded and what no reader needs.
    fn trim(&mut self) {
        let needed = self.pins.keys().next().map_or(self.folded, |pin| self.folded.min(*pin));
        while let Some(first) = self.entries.pop_front_if(|first| first.position <= needed) {
            self.gone = first.position;
        }
    }

    /// The entries behind a place. Positions have no gaps, so that it is known where they begin.
    fn behind(&self, place: i64) -> std::collections::vec_deque::Iter<'_, Entry> {
        let first = self.entries.front().map_or(0, |first| first.position);
        let skip = usize::try_from((place + 1).saturating_sub(first)).unwrap_or(0).min(self.entries.len());
        self.entries.range(skip..)
    }
}

/// How far the tables beside the log are brought up, as a transaction sees it.
pub(crate) fn folded(connection: &Connection) -> Result<i64> {
    connection
        .prepare_cached("SELECT position FROM folded")
        .stored()?
        .query_row([], |row| row.get(0))
        .stored()
}

impl Session<'_> {
    /// How far the tables beside the log are brought up, and the entries behind that place that `is_wanted`, both as
    /// this transaction sees them.
    pub(crate) fn tail(&self, is_wanted: impl Fn(&Entry) -> bool) -> Result<(i64, Vec<Entry>)> {
        self.tail.assert_known()?;
        let folded = folded(self.connection)?;
        let Position(end) = feed::end(self.connection)?;
        let tail = self.tail.read();
        if tail.gone > folded {
            let gone = tail.gone;
            return Err(StoreError::Internal(format!(
                "the tail is gone up to {gone}, but needed from {folded}"
            )));
        }
        let visible = tail.behind(folded).take_while(|entry| entry.position <= end);
        Ok((folded, visible.filter(|entry| is_wanted(entry)).copied().collect()))
    }
}
