//! Folding: bringing the tables beside the log up, for many events at once and in the order of their keys.
//!
//! What is folded is a stretch of the tail. It goes table by table in small steps, each in a transaction together with
//! whatever else is written, so that nobody waits for long. Rows of a stretch that is not done yet do not count: readers
//! leave out what lies behind the place in `folded`, and a stretch that is begun again after a crash finds some of its
//! rows there. The last step writes the counts and moves that place.

use std::collections::VecDeque;

use angaros_domain::event::thinning_level;
use angaros_store::Result;
use rusqlite::{Connection, Params, params};

use crate::counts;
use crate::error::SqliteResult;
use crate::tail::{Entry, Tail};

/// Rows of a step, at least: a few milliseconds.
const STEP_ROWS: usize = 1_000;
/// For each event that a transaction appends, so many rows are folded in it: what is appended has four rows, so a stretch
/// is done before the next one is complete.
const ROWS_AN_EVENT: usize = 8;

/// What goes into a table next, in its order.
type Rows<R> = VecDeque<R>;

/// A stretch that is being folded.
struct Stretch {
    entries: Vec<Entry>,
    /// What is left to insert; a table is sorted when its turn comes.
    stage: Stage,
}

enum Stage {
    Recipients(Rows<(i64, i64, i64)>),
    Messages(Rows<(i64, i64, i64)>),
    Series(Rows<(i64, u32, i64, i64, Option<i64>)>),
    Keys(Rows<(i64, i64)>),
    Counts,
    Done,
}

/// The folding of a tail. Belongs to the writer.
pub(crate) struct Folding {
    /// So many events make a stretch.
    events: usize,
    stretch: Option<Stretch>,
}

impl Folding {
    /// Begins to fold what a tail holds already.
    pub(crate) fn of(tail: &Tail, events: usize) -> Folding {
        let mut folding = Folding { events: events.max(1), stretch: None };
        folding.committed(tail);
        folding
    }

    /// Whether there is something to fold even if nothing is written.
    pub(crate) fn is_due(&self) -> bool {
        self.stretch.is_some()
    }

    /// Does a step within a transaction that appended so many events, if there is something to do.
    pub(crate) fn step(&mut self, connection: &Connection, appended: usize) -> Result<()> {
        let Some(stretch) = &mut self.stretch else { return Ok(()) };
        let rows = STEP_ROWS.max(appended.saturating_mul(ROWS_AN_EVENT));
        stretch.step(connection, rows)
    }

    /// After a commit: a stretch may be complete, and another may begin, of what is committed.
    pub(crate) fn committed(&mut self, tail: &Tail) {
        if let Some(Stretch { entries, stage: Stage::Done }) = &self.stretch {
            tail.folded_to(entries.last().map_or(0, |last| last.position));
            self.stretch = None;
        }
        if self.stretch.is_none() && tail.unfolded_len() >= self.events {
            self.stretch = Some(Stretch::of(tail.unfolded()));
        }
    }

    /// After a rollback: the stretch is begun again.
    pub(crate) fn rolled_back(&mut self) {
        self.stretch = None;
    }
}

/// Folds everything at once, as part of a transaction. For what is not served meanwhile.
pub(crate) fn all(connection: &Connection, entries: Vec<Entry>) -> Result<()> {
    Stretch::of(entries).step(connection, usize::MAX)
}

impl Stretch {
    fn of(entries: Vec<Entry>) -> Stretch {
        let stage = Stage::Recipients(by_subject(&entries, |entry| entry.recipient));
        Stretch { entries, stage }
    }

    fn step(&mut self, connection: &Connection, mut rows: usize) -> Result<()> {
        while rows > 0 && !matches!(self.stage, Stage::Done) {
            let done = match &mut self.stage {
                Stage::Recipients(left) => insert(
                    connection,
                    "INSERT OR IGNORE INTO recipient_events VALUES (?1, ?2, ?3)",
                    left,
                    &mut rows,
                )?,
                Stage::Messages(left) => insert(
                    connection,
                    "INSERT OR IGNORE INTO message_events VALUES (?1, ?2, ?3)",
                    left,
                    &mut rows,
                )?,
                Stage::Series(left) => insert(
                    connection,
                    "INSERT OR IGNORE INTO series_events VALUES (?1, ?2, ?3, ?4, ?5)",
                    left,
                    &mut rows,
                )?,
                Stage::Keys(left) => {
                    insert(connection, "INSERT OR IGNORE INTO event_keys VALUES (?1, ?2)", left, &mut rows)?
                }
                Stage::Counts => {
                    counts::add(connection, &self.entries)?;
                    let place = self.entries.last().map_or(0, |last| last.position);
                    connection
                        .prepare_cached("UPDATE folded SET position = ?1")
                        .stored()?
                        .execute(params![place])
                        .stored()?;
                    true
                }
                Stage::Done => true,
            };
            if done {
                self.stage = self.next_stage();
            }
        }
        Ok(())
    }

    fn next_stage(&self) -> Stage {
        match self.stage {
            Stage::Recipients(_) => Stage::Messages(by_subject(&self.entries, |entry| entry.message)),
            Stage::Messages(_) => Stage::Series(by_series(&self.entries)),
            Stage::Series(_) => Stage::Keys(by_key(&self.entries)),
            Stage::Keys(_) => Stage::Counts,
            Stage::Counts | Stage::Done => Stage::Done,
        }
    }
}

/// Inserts rows from the front until none is left, which it answers, or until it was enough.
fn insert<R: Params>(
    connection: &Connection,
    sql: &str,
    left: &mut Rows<R>,
    rows: &mut usize,
) -> Result<bool> {
    let mut statement = connection.prepare_cached(sql).stored()?;
    while *rows > 0
        && let Some(row) = left.pop_front()
    {
        statement.execute(row).stored()?;
        *rows -= 1;
    }
    Ok(left.is_empty())
}

fn sorted<R: Ord>(rows: impl Iterator<Item = R>) -> Rows<R> {
    let mut rows: Vec<R> = rows.collect();
    rows.sort_unstable();
    rows.into()
}

fn by_subject(entries: &[Entry], key: fn(&Entry) -> Option<i64>) -> Rows<(i64, i64, i64)> {
    sorted(
        entries.iter().filter_map(|entry| Some((key(entry)?, entry.occurred_at.as_millis(), entry.position))),
    )
}

fn by_series(entries: &[Entry]) -> Rows<(i64, u32, i64, i64, Option<i64>)> {
    sorted(entries.iter().map(|entry| {
        let level = entry.recipient.map_or(0, thinning_level);
        (entry.series, level, entry.occurred_at.as_millis(), entry.position, entry.recipient)
    }))
}

fn by_key(entries: &[Entry]) -> Rows<(i64, i64)> {
    sorted(entries.iter().filter_map(|entry| Some((entry.key?.0, entry.position))))
}
