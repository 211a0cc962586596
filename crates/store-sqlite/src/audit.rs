//! Audits: everything that is counted, counted again from the log, and compared.

use std::collections::BTreeMap;
use std::path::Path;

use angaros_domain::Timestamp;
use angaros_domain::event::PROVIDER_ANGAROS;
use angaros_store::{Audit, Result, StoreError};
use rusqlite::{Connection, params};

use crate::error::SqliteResult;
use crate::quarters::{DAY_MILLIS, QUARTER_MILLIS, QUARTERS, Quarters, day_of};
use crate::{connection, migrate};

/// The steps of an audit of everything, for a display of progress.
pub const STEPS: [&str; 6] =
    ["days", "campaigns", "recipients of campaigns", "timelines", "keys", "notifications"];

/// Audits a whole database, beside the service if it runs. Everything is seen at one moment; until it is done the
/// write-ahead log cannot be emptied, so that it grows by what is written meanwhile. `step` is told what comes next.
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
    // What is grouped may be larger than memory.
    connection.execute_batch("PRAGMA temp_store = FILE; BEGIN").stored()?;
    let events = number(&connection, "SELECT count(*) FROM events")?.unsigned_abs();
    let mut audit = Audit { events, ..Audit::default() };
    let checks = [days, campaigns, recipients, timelines, keys, notifications];
    for (name, check) in STEPS.into_iter().zip(checks) {
        step(name);
        check(&connection, &mut audit)?;
    }
    connection.execute_batch("ROLLBACK").stored()?;
    Ok(audit)
}

/// Audits one UTC day: its counts against the events that happened on it.
pub(crate) fn day(connection: &Connection, at: Timestamp) -> Result<Audit> {
    let day = day_of(at);
    let mut audit = Audit::default();
    let sql = "SELECT s.id, ifnull(c.quarters, x'') FROM series AS s
               LEFT JOIN event_counts AS c ON c.series = s.id AND c.day = ?1
               WHERE s.last_at >= ?2 AND s.first_at < ?3";
    let mut series = connection.prepare_cached(sql).stored()?;
    // A row counts if the log has the event that it stands for.
    let sql = "SELECT count(*) FROM series_events AS t JOIN events AS e
               ON e.position = t.position AND e.series = t.series AND e.occurred_at = t.occurred_at
               WHERE t.series = ?1 AND t.level = ?2 AND t.occurred_at >= ?3 AND t.occurred_at < ?4";
    let mut in_log = connection.prepare_cached(sql).stored()?;
    let (start, end) = (day * DAY_MILLIS, (day + 1) * DAY_MILLIS);
    let mut rows = series.query(params![day, start, end]).stored()?;
    while let Some(row) = rows.next().stored()? {
        let (id, quarters): (i64, Vec<u8>) = (row.get(0).stored()?, row.get(1).stored()?);
        let counted = Quarters::decode(&quarters)?.sum().cast_signed();
        let mut found = 0;
        for level in 0..=angaros_domain::event::THINNING_LEVEL_MAX {
            found += in_log.query_row(params![id, level, start, end], |row| row.get::<_, i64>(0)).stored()?;
        }
        audit.events += found.unsigned_abs();
        audit.compare(|| format!("series {id}, day {day}"), counted, found);
    }
    Ok(audit)
}

fn number(connection: &Connection, sql: &str) -> Result<i64> {
    connection.query_row(sql, [], |row| row.get(0)).stored()
}

/// Holds numbers by name against numbers by name: what one side lacks is 0.
fn compare(
    audit: &mut Audit,
    what: &str,
    counted: BTreeMap<Vec<String>, i64>,
    mut in_log: BTreeMap<Vec<String>, i64>,
) {
    for (key, counted) in counted {
        let found = in_log.remove(&key).unwrap_or(0);
        audit.compare(|| format!("{what} {}", key.join(", ")), counted, found);
    }
    for (key, found) in in_log {
        audit.compare(|| format!("{what} {}", key.join(", ")), 0, found);
    }
}

/// Numbers by name: the first columns of a query, as text, and its last.
fn numbers(connection: &Connection, sql: &str) -> Result<BTreeMap<Vec<String>, i64>> {
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

fn days(connection: &Connection, audit: &mut Audit) -> Result<()> {
    let sql = format!(
        "SELECT CAST(series AS TEXT), CAST(occurred_at / {QUARTER_MILLIS} AS TEXT), count(*) FROM events GROUP BY 1, 2"
    );
    let in_log = numbers(connection, &sql)?;
    let mut counted = BTreeMap::new();
    let mut statement = connection.prepare("SELECT series, day, quarters FROM event_counts").stored()?;
    let mut rows = statement.query([]).stored()?;
    while let Some(row) = rows.next().stored()? {
        let (series, day): (i64, i64) = (row.get(0).stored()?, row.get(1).stored()?);
        for (quarter, n) in Quarters::decode(&row.get::<_, Vec<u8>>(2).stored()?)?.counted() {
            let key = vec![series.to_string(), (day * QUARTERS + quarter as i64).to_string()];
            counted.insert(key, n.cast_signed());
        }
    }
    compare(audit, "series and quarter of an hour", counted, in_log);
    Ok(())
}

fn campaigns(connection: &Connection, audit: &mut Audit) -> Result<()> {
    let of = "FROM campaign_events AS c JOIN campaigns AS m ON m.id = c.campaign";
    let log = "FROM events AS e JOIN series AS s ON s.id = e.series WHERE s.campaign_id <> ''";
    let counted = format!("SELECT CAST(m.tenant AS TEXT), m.campaign_id, c.name, c.n {of}");
    let in_log =
        format!("SELECT CAST(s.tenant AS TEXT), s.campaign_id, s.name, count(*) {log} GROUP BY 1, 2, 3");
    compare(audit, "events of campaign", numbers(connection, &counted)?, numbers(connection, &in_log)?);
    for (bound, function) in [("first_at", "min"), ("last_at", "max")] {
        let counted = format!("SELECT CAST(tenant AS TEXT), campaign_id, {bound} FROM campaigns");
        let in_log = format!(
            "SELECT CAST(s.tenant AS TEXT), s.campaign_id, {function}(e.occurred_at) {log} GROUP BY 1, 2"
        );
        compare(audit, bound, numbers(connection, &counted)?, numbers(connection, &in_log)?);
    }
    Ok(())
}

fn recipients(connection: &Connection, audit: &mut Audit) -> Result<()> {
    let counted = "SELECT CAST(m.tenant AS TEXT), m.campaign_id, c.name, c.recipients
                   FROM campaign_events AS c JOIN campaigns AS m ON m.id = c.campaign";
    // By their texts, not by the keys that stand for them.
    let in_log = "SELECT CAST(s.tenant AS TEXT), s.campaign_id, s.name, count(DISTINCT e.recipient_id)
                  FROM events AS e JOIN series AS s ON s.id = e.series WHERE s.campaign_id <> '' GROUP BY 1, 2, 3";
    compare(audit, "recipients of campaign", numbers(connection, counted)?, numbers(connection, in_log)?);
    let counted = "SELECT CAST(id AS TEXT), recipients FROM campaign_events WHERE recipients > 0";
    let listed = "SELECT CAST(campaign_event AS TEXT), count(*) FROM campaign_recipients GROUP BY 1";
    compare(audit, "list of recipients", numbers(connection, counted)?, numbers(connection, listed)?);
    Ok(())
}

fn timelines(connection: &Connection, audit: &mut Audit) -> Result<()> {
    for (table, condition, same_series) in [
        ("recipient_events", "recipient_id IS NOT NULL", ""),
        ("message_events", "message_id IS NOT NULL", ""),
        ("series_events", "TRUE", " AND e.series = t.series"),
    ] {
        let rows = number(connection, &format!("SELECT count(*) FROM {table}"))?;
        let standing = number(
            connection,
            &format!(
                "SELECT count(*) FROM {table} AS t JOIN events AS e
                 ON e.position = t.position AND e.occurred_at = t.occurred_at{same_series}"
            ),
        )?;
        let events = number(connection, &format!("SELECT count(*) FROM events WHERE {condition}"))?;
        audit.compare(|| format!("rows of {table}"), rows, events);
        audit.compare(|| format!("rows of {table} that stand for an event"), standing, events);
    }
    let (last, events) =
        (number(connection, "SELECT ifnull(max(position), 0) FROM events")?, audit.events.cast_signed());
    audit.compare(|| "places of the log".to_owned(), last, events);
    Ok(())
}

fn keys(connection: &Connection, audit: &mut Audit) -> Result<()> {
    let rows = number(connection, "SELECT count(*) FROM event_keys")?;
    let reported = number(
        connection,
        &format!(
            "SELECT count(*) FROM events AS e JOIN series AS s ON s.id = e.series WHERE s.provider <> '{PROVIDER_ANGAROS}'"
        ),
    )?;
    audit.compare(|| "keys of reported events".to_owned(), rows, reported);
    Ok(())
}

fn notifications(connection: &Connection, audit: &mut Audit) -> Result<()> {
    let counted = "SELECT CAST(tenant AS TEXT), campaign_id, status, n FROM campaign_statuses WHERE n <> 0";
    let stored = "SELECT CAST(tenant AS TEXT), campaign_id, status, count(*) FROM notifications
                  WHERE campaign_id IS NOT NULL GROUP BY 1, 2, 3";
    compare(audit, "notifications of campaign", numbers(connection, counted)?, numbers(connection, stored)?);
    Ok(())
}
