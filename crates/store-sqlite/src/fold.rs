//! Folding: bringing the tables beside the log up, for many events at once and in the order of their keys.
//!
//! What is folded is a stretch of the tail. It goes table by table in small steps, each in a transaction together with
//! whatever else is written, so that nobody waits for long. Rows of a stretch that is not done yet do not count: readers
//! leave out what lies behind the place in `folded`, and a stretch that is begun again after a crash finds some of its
//! rows there. The last step writes the counts and moves that place.

use std::collections::{HashSet, VecDeque};

use angaros_domain::event::thinning_level;
use angaros_store::{Result, StoreError};
use rusqlite::{Connection, Params};

use crate::counts::{self, CampaignCounting, RecipientRow};
use crate::error::SqliteResult;
use crate::quarters::day_of;
use crate::tail::{Entry, Tail};

/// Rows of a step when nobody waits to write: about a millisecond, in case somebody does then.
const IDLE_ROWS: usize = 200;
/// For each event that a transaction appends, so many rows are folded in it: an event has at most five, so that a stretch
/// is done before the next one is complete, and the work is spread evenly.
const ROWS_AN_EVENT: usize = 6;

/// Days of series that one transaction counts: some ten milliseconds.
const DAYS_MAX: usize = 4_096;

/// What goes into a table next, in its order.
type Rows<R> = VecDeque<R>;

/// A stretch that is being folded.
struct Stretch {
    entries: Vec<Entry>,
    /// How far the tables were brought up before.
    folded: i64,
    /// What is left to insert; a table is sorted when its turn comes.
    stage: Stage,
}

enum Stage {
    Recipients(Rows<(i64, i64, i64)>),
    Messages(Rows<(i64, i64, i64)>),
    Series(Rows<(i64, u32, i64, i64, Option<i64>)>),
    Keys(Rows<(i64, i64)>),
    Campaigns,
    CampaignRecipients(CampaignCounting, Rows<RecipientRow>),
    Counts(CampaignCounting),
    Done,
}

/// The folding of a tail. Belongs to the writer.
pub(crate) struct Folding {
    /// So many events make a stretch.
    events: usize,
    /// So many have to wait before the next one begins: more after a failure, so that it is not tried again at once.
    wanted: usize,
    stretch: Option<Stretch>,
}

impl Folding {
    /// Begins to fold what a tail holds already.
    pub(crate) fn of(tail: &Tail, events: usize) -> Folding {
        let events = events.max(1);
        let mut folding = Folding { events, wanted: events, stretch: None };
        folding.committed(tail);
        folding
    }

    /// Whether there is something to fold even if nothing is written.
    pub(crate) fn is_due(&self) -> bool {
        self.stretch.is_some()
    }

    /// Begins to fold what is left before the store closes, however little it is. Whether there is anything that can be
    /// folded.
    pub(crate) fn begin_last(&mut self, tail: &Tail) -> bool {
        if self.wanted == self.events {
            (self.events, self.wanted) = (1, 1);
            self.committed(tail);
        }
        self.is_due()
    }

    /// Does a step within a transaction that appended so many events, if there is something to do.
    pub(crate) fn step(&mut self, connection: &Connection, appended: usize) -> Result<()> {
        let Some(stretch) = &mut self.stretch else { return Ok(()) };
        let rows = if appended == 0 { IDLE_ROWS } else { appended.saturating_mul(ROWS_AN_EVENT) };
        stretch.step(connection, rows)
    }

    /// After a commit: a stretch may be complete, and another may begin, of what is committed.
    pub(crate) fn committed(&mut self, tail: &Tail) {
        if let Some(Stretch { entries, stage: Stage::Done, .. }) = &self.stretch {
            tail.folded_to(entries.last().map_or(0, |last| last.position));
            self.stretch = None;
            self.wanted = self.events;
        }
        if self.stretch.is_none() && tail.unfolded_len() >= self.wanted {
            self.stretch = Some(Stretch::of(cut(tail.unfolded())));
        }
    }

    /// After a rollback: the stretch is begun again, once another one has come together behind it.
    pub(crate) fn rolled_back(&mut self, tail: &Tail) {
        if self.stretch.take().is_some() {
            self.wanted = tail.unfolded_len().saturating_add(self.events);
        }
    }
}

/// Folds everything at once, as part of a transaction. For what is not served meanwhile.
pub(crate) fn all(connection: &Connection, entries: Vec<Entry>) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    Stretch::of(entries).step(connection, usize::MAX)
}

impl Stretch {
    fn of(entries: Vec<Entry>) -> Stretch {
        let stage = Stage::Recipients(by_subject(&entries, |entry| entry.recipient));
        // Positions have no gaps.
        let folded = entries.first().map_or(0, |first| first.position - 1);
        Stretch { entries, folded, stage }
    }

    fn step(&mut self, connection: &Connection, mut rows: usize) -> Result<()> {
        while rows > 0 && !matches!(self.stage, Stage::Done) {
            let rows = &mut rows;
            let done = match &mut self.stage {
                Stage::Recipients(left) => {
                    insert(connection, "recipient_events VALUES (?1, ?2, ?3)", left, rows)?
                }
                Stage::Messages(left) => {
                    insert(connection, "message_events VALUES (?1, ?2, ?3)", left, rows)?
                }
                Stage::Series(left) => {
                    insert(connection, "series_events VALUES (?1, ?2, ?3, ?4, ?5)", left, rows)?
                }
                Stage::Keys(left) => insert(connection, "event_keys VALUES (?1, ?2)", left, rows)?,
                Stage::CampaignRecipients(counting, left) => {
                    while *rows > 0
                        && let Some(row) = left.pop_front()
                    {
                        counting.list(connection, row, self.folded)?;
                        *rows -= 1;
                    }
                    left.is_empty()
                }
                Stage::Campaigns | Stage::Counts(_) | Stage::Done => true,
            };
            if done {
                self.advance(connection)?;
            }
        }
        Ok(())
    }

    /// Goes on to the next stage.
    fn advance(&mut self, connection: &Connection) -> Result<()> {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Recipients(_) => Stage::Messages(by_subject(&self.entries, |entry| entry.message)),
            Stage::Messages(_) => Stage::Series(by_series(&self.entries)),
            Stage::Series(_) => Stage::Keys(by_key(&self.entries)),
            Stage::Keys(_) => Stage::Campaigns,
            Stage::Campaigns => {
                let (counting, rows) = CampaignCounting::begin(connection, &self.entries)?;
                Stage::CampaignRecipients(counting, rows.into())
            }
            Stage::CampaignRecipients(counting, _) => Stage::Counts(counting),
            Stage::Counts(counting) => {
                let place = self.entries.last().map_or(self.folded, |last| last.position);
                let sql = "UPDATE folded SET position = ?2 WHERE position = ?1";
                let moved =
                    connection.prepare_cached(sql).stored()?.execute([self.folded, place]).stored()?;
                if moved != 1 {
                    return Err(StoreError::Internal("somebody else has folded these events".into()));
                }
                counting.finish(connection)?;
                counts::add_to_days(connection, &self.entries)?;
                Stage::Done
            }
            Stage::Done => Stage::Done,
        };
        Ok(())
    }
}

/// The front part of a stretch that is counted in one go: in so many days of series at most.
fn cut(mut entries: Vec<Entry>) -> Vec<Entry> {
    let mut days = HashSet::new();
    let mut fits = |entry: &Entry| {
        days.insert((entry.series, day_of(entry.occurred_at)));
        days.len() <= DAYS_MAX
    };
    let count = entries.iter().take_while(|entry| fits(entry)).count();
    entries.truncate(count.max(1));
    entries
}

/// Inserts rows from the front until none is left, which it answers, or until it was enough.
fn insert<R: Params>(
    connection: &Connection,
    table: &str,
    left: &mut Rows<R>,
    rows: &mut usize,
) -> Result<bool> {
    let mut statement = connection.prepare_cached(&format!("INSERT OR IGNORE INTO {table}")).stored()?;
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

#[cfg(test)]
mod tests {
    use angaros_domain::TenantId;
    use angaros_store::{
        CampaignSummary, EventMetrics, Grouping, MetricsQuery, PageRequest, SeriesFilter, TimelineFilter,
    };
    use angaros_store_test::fixture::{NOW, event_draft, reported};

    use super::*;
    use crate::tail::Session;
    use crate::timeline::{Subject, timeline};
    use crate::{append, audit, campaigns, connection, metrics, migrate};

    const EVENTS: usize = 60;

    /// Events of a few recipients, some with and some without campaign and message; the second half repeats recipients.
    fn append(session: &Session<'_>, from: usize) {
        let event = |n: usize| {
            let mut draft = event_draft(NOW.plus_seconds(n as i64 * 60));
            draft.event_id = Some(format!("e-{n}"));
            draft.recipient_id = (!n.is_multiple_of(7)).then(|| format!("user-{}", n % 11));
            draft.campaign_id = (!n.is_multiple_of(3)).then(|| format!("campaign-{}", n % 2));
            reported(draft)
        };
        append::append(session, &(from..from + EVENTS).map(event).collect::<Vec<_>>()).unwrap();
    }

    type Answers = (EventMetrics, Option<CampaignSummary>, Vec<String>, usize);

    fn answers(session: &Session<'_>) -> Answers {
        let tenant = TenantId::DEFAULT;
        let range = NOW..NOW.plus_seconds(1_000_000);
        let query = MetricsQuery { filter: SeriesFilter::default(), range, grouping: Grouping::Campaign };
        let subject = Subject::Recipient("user-3".into());
        let page = PageRequest { limit: 100, after: None };
        let told = timeline(session, tenant, &subject, &TimelineFilter::default(), &page).unwrap();
        let page = PageRequest { limit: 100, after: None };
        (
            metrics::metrics(session, tenant, &query).unwrap(),
            campaigns::summary(session, tenant, "campaign-1").unwrap(),
            told.into_iter().map(|event| event.id.to_string()).collect(),
            campaigns::page(session, tenant, &page).unwrap().len(),
        )
    }

    /// At every step, a reader sees the same, and so does whoever starts again from what is on disk then.
    #[test]
    fn nothing_changes_while_it_is_folded_nor_after_a_crash_at_any_step() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let mut writer = connection::open_writer(&path).unwrap();
        migrate::up(&mut writer).unwrap();
        let tail = Tail::default();
        let session = Session { connection: &writer, tail: &tail };
        let mut steps = 0;
        for round in 0..2 {
            append(&session, round * EVENTS);
            let expected = answers(&session);
            let mut folding = Folding::of(&tail, EVENTS);
            while folding.is_due() {
                folding.step(&writer, 1).unwrap();
                folding.committed(&tail);
                assert_eq!(answers(&session), expected, "round {round}, step {steps}");
                let found = audit::everything(&path, |_| ()).unwrap();
                assert_eq!(found.differences, Vec::<String>::new(), "round {round}, step {steps}");
                let after_crash = Tail::load(&writer).unwrap();
                let keys =
                    |tail: &Tail| tail.unfolded().into_iter().map(|entry| entry.key).collect::<Vec<_>>();
                assert_eq!(keys(&after_crash), keys(&tail), "round {round}, step {steps}");
                let session = Session { connection: &writer, tail: &after_crash };
                assert_eq!(answers(&session), expected, "round {round}, step {steps}, after a crash");
                // It is begun again, and folded to the end.
                writer.execute_batch("SAVEPOINT again").unwrap();
                all(&writer, after_crash.unfolded()).unwrap();
                let folded = Tail::load(&writer).unwrap();
                assert_eq!(folded.unfolded_len(), 0);
                let session = Session { connection: &writer, tail: &folded };
                assert_eq!(answers(&session), expected, "round {round}, step {steps}, folded again");
                writer.execute_batch("ROLLBACK TO again; RELEASE again").unwrap();
                steps += 1;
            }
        }
        assert!(steps > 40, "{steps}");
    }

    #[test]
    fn a_stretch_ends_before_it_would_count_too_much_at_once() {
        let on = |day: i64, position: i64| Entry {
            position,
            series: 1,
            occurred_at: NOW.plus_seconds(day * 86_400),
            recipient: None,
            message: None,
            key: None,
        };
        let entries: Vec<Entry> = (0..3 * DAYS_MAX as i64).map(|n| on(n / 2, n + 1)).collect();
        assert_eq!(cut(entries).len(), 2 * DAYS_MAX);
        assert_eq!(cut(vec![on(1, 1); 9]).len(), 9);
    }

    /// A fault that lasts does not make a loop of it, and events are still taken in.
    #[test]
    fn what_cannot_be_folded_is_not_tried_over_and_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = connection::open_writer(&folder.path().join("a.db")).unwrap();
        migrate::up(&mut writer).unwrap();
        let tail = Tail::default();
        let session = Session { connection: &writer, tail: &tail };
        writer.execute_batch("UPDATE folded SET position = 7").unwrap();
        append(&session, 0);
        writer.execute_batch("UPDATE folded SET position = 0").unwrap();
        let mut folding = Folding::of(&tail, EVENTS);
        assert!(folding.is_due());
        writer.execute_batch("UPDATE folded SET position = 7").unwrap();
        let refused = folding.step(&writer, usize::MAX / ROWS_AN_EVENT).unwrap_err().to_string();
        assert!(refused.contains("somebody else"), "{refused}");
        folding.rolled_back(&tail);
        folding.committed(&tail);
        assert!(!folding.is_due(), "not before there is another stretch");
        assert!(!folding.begin_last(&tail), "nor to close");
        append(&session, EVENTS);
        folding.committed(&tail);
        assert!(folding.is_due());
    }

    #[test]
    fn what_is_rolled_back_leaves_no_trace_in_the_tail() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = connection::open_writer(&folder.path().join("a.db")).unwrap();
        migrate::up(&mut writer).unwrap();
        let tail = Tail::default();
        let session = Session { connection: &writer, tail: &tail };
        append(&session, 0);
        let (expected, mark) = (answers(&session), tail.mark());
        writer.execute_batch("SAVEPOINT job").unwrap();
        append(&session, EVENTS);
        assert_ne!(answers(&session), expected);
        writer.execute_batch("ROLLBACK TO job; RELEASE job").unwrap();
        tail.back_to(mark);
        assert_eq!(answers(&session), expected);
        // The keys are free again, and the places too.
        append(&session, EVENTS);
        assert_eq!(tail.mark(), 2 * EVENTS as i64);
    }

    #[test]
    fn a_series_that_is_rolled_back_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = connection::open_writer(&folder.path().join("a.db")).unwrap();
        migrate::up(&mut writer).unwrap();
        let tail = Tail::default();
        let session = Session { connection: &writer, tail: &tail };
        writer.execute_batch("SAVEPOINT job").unwrap();
        append(&session, 0);
        writer.execute_batch("ROLLBACK TO job; RELEASE job").unwrap();
        tail.back_to(0);
        append(&session, 0);
        let sql = "SELECT count(*) FROM events WHERE series NOT IN (SELECT id FROM series)";
        assert_eq!(writer.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
        assert!(!answers(&session).2.is_empty());
    }
}
