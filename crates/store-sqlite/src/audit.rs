//! Audits: everything that is counted, counted again from the log, and compared.

mod counted;
mod standing;

use std::collections::BTreeMap;
use std::path::Path;

use angaros_domain::Timestamp;
use angaros_domain::event::THINNING_LEVEL_MAX;
use angaros_store::{Audit, Result, StoreError};
use rusqlite::{Connection, params};

use crate::error::SqliteResult;
use crate::quarters::{DAY_MILLIS, QUARTERS, Quarters, day_of, quarter_of};
use crate::tail::Session;
use crate::{connection, migrate};

/// A part of an audit of everything.
type Check = fn(&Connection, &mut Audit) -> Result<()>;

/// The checks, each with its name.
const CHECKS: [(&str, Check); STEPS] = [
    ("days", counted::days),
    ("series", counted::series),
    ("campaigns", counted::campaigns),
    ("recipients of campaigns", counted::recipients),
    ("timelines", standing::timelines),
    ("keys", standing::keys),
    ("notifications", standing::notifications),
    ("activity", counted::activity),
];

/// How many steps an audit of everything has, for a display of progress.
pub const STEPS: usize = 8;

/// Audits a whole database, beside the service if it runs. Everything is seen at one moment; until it is done the
/// write-ahead log cannot be emptied, so that it grows by what is written meanwhile. `step` is told what comes next.
///
/// # Errors
/// If there is no such database, if it is of another version, or if it cannot be read.
pub fn everything(path: &Path, mut step: impl FnMut(&'static str)) -> Result<Audit> {
    if !path.exists() {
        return Err(StoreError::Unavailable(format!("there is no database {}", path.display())));
    }
    let mut connection = connection::open_reader(path)?;
    let (found, known) = (migrate::version(&mut connection)?, migrate::known_version());
    if found != known {
        let advice = "use the program that made it, or let this one migrate it";
        return Err(StoreError::Schema { found, known, advice });
    }
    // What is grouped may be larger than memory; what is looked up lies all over the file.
    connection.execute_batch("PRAGMA temp_store = FILE; PRAGMA cache_size = -65536").stored()?;
    show_what_is_folded(&connection)?;
    connection.execute_batch("BEGIN").stored()?;
    let events = number(&connection, "SELECT count(*) FROM main.events")?.unsigned_abs();
    let mut audit = Audit { events, ..Audit::default() };
    for (name, check) in CHECKS {
        step(name);
        check(&connection, &mut audit)?;
    }
    connection.execute_batch("ROLLBACK").stored()?;
    Ok(audit)
}

/// Hides what is not folded yet, in the log as in the tables beside it: there they say nothing of it, or only a part.
fn show_what_is_folded(connection: &Connection) -> Result<()> {
    let tables = [
        "events",
        "recipient_events",
        "message_events",
        "series_events",
        "event_keys",
        "campaign_recipients",
    ];
    // Names without a schema are looked for among temporary ones first.
    let views: String = tables
        .map(|table| {
            format!(
                "CREATE TEMP VIEW {table} AS SELECT * FROM main.{table}
                 WHERE position <= (SELECT position FROM main.folded);"
            )
        })
        .concat();
    let sql = format!("PRAGMA query_only = OFF; {views} PRAGMA query_only = ON;");
    connection.execute_batch(&sql).stored()
}

/// Audits one UTC day: its counts against the events that happened on it, as far as they are folded.
pub(crate) fn day(session: &Session<'_>, at: Timestamp) -> Result<Audit> {
    let day = day_of(at);
    let (folded, tail) = session.tail(|entry| day_of(entry.occurred_at) == day)?;
    let mut audit = Audit { events: tail.len() as u64, ..Audit::default() };
    let sql = "SELECT s.id, ifnull(c.quarters, x'') FROM series AS s
               LEFT JOIN event_counts AS c ON c.series = s.id AND c.day = ?1";
    let mut series = session.prepare_cached(sql).stored()?;
    let mut rows = series.query([day]).stored()?;
    while let Some(row) = rows.next().stored()? {
        let (id, stored): (i64, Vec<u8>) = (row.get(0).stored()?, row.get(1).stored()?);
        // What cannot be read counts nothing.
        let counted = Quarters::decode(&stored).unwrap_or_default();
        let found = on_day(session, id, day, folded)?;
        audit.events += found.sum();
        if counted == found {
            audit.counts += 1;
            continue;
        }
        let quarters = |of: &Quarters| -> BTreeMap<Vec<String>, i64> {
            of.counted().map(|(quarter, n)| (vec![quarter.to_string()], n.cast_signed())).collect()
        };
        compare(
            &mut audit,
            &format!("series {id}, day {day}, quarter"),
            quarters(&counted),
            quarters(&found),
        );
    }
    Ok(audit)
}

/// How many events of a series there are in each quarter of a day. A row counts if the log has the event that it stands
/// for.
fn on_day(connection: &Connection, series: i64, day: i64, folded: i64) -> Result<Quarters> {
    let sql = "SELECT t.occurred_at FROM series_events AS t JOIN events AS e
               ON e.position = t.position AND e.series = t.series AND e.occurred_at = t.occurred_at
               WHERE t.series = ?1 AND t.level = ?2 AND t.occurred_at >= ?3 AND t.occurred_at < ?4
               AND t.position <= ?5";
    let mut statement = connection.prepare_cached(sql).stored()?;
    let (start, end) = (day * DAY_MILLIS, (day + 1) * DAY_MILLIS);
    let mut found = Quarters::default();
    for level in 0..=THINNING_LEVEL_MAX {
        let mut rows = statement.query(params![series, level, start, end, folded]).stored()?;
        while let Some(row) = rows.next().stored()? {
            found.add(quarter_of(Timestamp::from_millis(row.get(0).stored()?)), 1);
        }
    }
    Ok(found)
}

/// The latest UTC day before that of `at` on which anything happened.
pub(crate) fn counted_day_before(session: &Session<'_>, at: Timestamp) -> Result<Option<Timestamp>> {
    let today = day_of(at);
    let sql = "SELECT max((SELECT max(c.day) FROM event_counts AS c WHERE c.series = s.id AND c.day < ?1)) FROM series AS s";
    let mut statement = session.prepare_cached(sql).stored()?;
    let folded: Option<i64> = statement.query_row([today], |row| row.get(0)).stored()?;
    let (_, tail) = session.tail(|entry| day_of(entry.occurred_at) < today)?;
    let in_tail = tail.iter().map(|entry| day_of(entry.occurred_at)).max();
    Ok(folded.max(in_tail).map(|day| Timestamp::from_millis(day * DAY_MILLIS)))
}

fn number(connection: &Connection, sql: &str) -> Result<i64> {
    connection.query_row(sql, [], |row| row.get(0)).stored()
}

/// Numbers by name.
type Numbers = BTreeMap<Vec<String>, i64>;

/// Holds numbers by name against numbers by name: what one side lacks is 0.
fn compare(audit: &mut Audit, what: &str, counted: Numbers, mut in_log: Numbers) {
    for (key, counted) in counted {
        let found = in_log.remove(&key).unwrap_or(0);
        audit.compare(|| format!("{what} {}", key.join(", ")), counted, found);
    }
    for (key, found) in in_log {
        audit.compare(|| format!("{what} {}", key.join(", ")), 0, found);
    }
}

/// Numbers by name: the first columns of a query, as text, and its last.
fn numbers(connection: &Connection, sql: &str) -> Result<Numbers> {
    let mut statement = connection.prepare(sql).stored()?;
    let names = statement.column_count() - 1;
    let mut rows = statement.query([]).stored()?;
    let mut numbers = BTreeMap::new();
    while let Some(row) = rows.next().stored()? {
        let key: rusqlite::Result<Vec<String>> = (0..names).map(|column| row.get(column)).collect();
        numbers.insert(key.stored()?, row.get(names).stored()?);
    }
    Ok(numbers)
}

/// Holds the numbers of two queries against each other, see [`numbers`].
fn compare_queries(
    connection: &Connection,
    audit: &mut Audit,
    what: &str,
    counted: &str,
    in_log: &str,
) -> Result<()> {
    compare(audit, what, numbers(connection, counted)?, numbers(connection, in_log)?);
    Ok(())
}

/// The number of a quarter of an hour since 1970, as a name.
fn quarter_name(day: i64, quarter: usize) -> String {
    (day * QUARTERS + quarter as i64).to_string()
}
