//! Partitions of the log: a month each, by when events were received. They are made ahead; what comes in a month that has
//! none stands in the default partition, so that nothing is ever refused.

use std::collections::BTreeSet;

use angaros_domain::Timestamp;
use angaros_store::Result;

use crate::counts::QUARTER_MILLIS;
use crate::error::Run;
use crate::row::{self, get};
use crate::session::Session;
use crate::store::{Inner, transaction};
use crate::values::values;
use crate::{locks, stats};

/// Months that are made ahead, beside the present one.
const AHEAD: i64 = 3;

/// A day, in milliseconds.
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// What the names of the months' tables begin with.
const MONTH_PREFIX: &str = "events_";

pub(crate) async fn maintain(inner: &Inner, now: Timestamp, event_days: Option<u32>) -> Result<()> {
    let present = Month::of(now);
    for month in (0..=AHEAD).map(|ahead| present.plus(ahead)) {
        make_if_missing(inner, month).await?;
    }
    if let Some(days) = event_days {
        let kept_since = now.as_millis() - i64::from(days) * DAY_MILLIS;
        while forget_oldest(inner, kept_since).await? {}
    }
    transaction!(inner, Write, |session| stats::forget(&session))
}

async fn make_if_missing(inner: &Inner, month: Month) -> Result<()> {
    transaction!(inner, Write, |session| async {
        if !begin(&session).await?.contains(&month) {
            make(&session, month).await?;
        }
        Run::Ok(())
    })
}

/// Drops the oldest month, if it ended by then. Whether it did.
async fn forget_oldest(inner: &Inner, kept_since: i64) -> Result<bool> {
    transaction!(inner, Write, |session| async {
        let is_old = |month: &Month| month.plus(1).start() <= kept_since;
        let Some(oldest) = begin(&session).await?.into_iter().find(is_old) else { return Run::Ok(false) };
        forget(&session, oldest).await?;
        Run::Ok(true)
    })
}

/// Begins a step, and answers which months have a partition. One step at a time is taken, in any process, and each in a
/// transaction of its own: it has as much time as the size of a month asks for, and locks as little as it can.
async fn begin(session: &Session<'_>) -> Run<BTreeSet<Month>> {
    // Whoever waits for a table holds up all who come later: better to try again in an hour.
    session.execute("SET LOCAL lock_timeout = 1000", values![]).await?;
    session.take_time().await?;
    locks::exclusive(session, locks::PARTITIONS).await?;
    partitions(session).await
}

/// A month, counted from January of the year 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Month(i64);

impl Month {
    /// The UTC month of a point in time.
    fn of(at: Timestamp) -> Month {
        let date = jiff::Timestamp::from_millisecond(at.as_millis())
            .unwrap_or_default()
            .to_zoned(jiff::tz::TimeZone::UTC);
        Month(i64::from(date.year()) * 12 + i64::from(date.month()) - 1)
    }

    fn plus(self, months: i64) -> Month {
        Month(self.0 + months)
    }

    /// Its first millisecond since 1970.
    fn start(self) -> i64 {
        // Within what a date can be: events are received until 9999.
        let (year, month) = (self.0.div_euclid(12) as i16, (self.0.rem_euclid(12) + 1) as i8);
        let first = jiff::civil::date(year, month, 1).to_zoned(jiff::tz::TimeZone::UTC);
        first.map_or(i64::MAX, |first| first.timestamp().as_millisecond())
    }

    fn table(self) -> String {
        format!("{MONTH_PREFIX}{:04}_{:02}", self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }

    fn parse(table: &str) -> Option<Month> {
        let (year, month) = table.strip_prefix(MONTH_PREFIX)?.split_once('_')?;
        let (year, month): (i64, i64) = (year.parse().ok()?, month.parse().ok()?);
        (1..=12).contains(&month).then_some(Month(year * 12 + month - 1))
    }
}

async fn partitions(session: &Session<'_>) -> Run<BTreeSet<Month>> {
    let sql = "SELECT c.relname::text FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'events'::regclass";
    let rows = session.rows(sql, values![]).await?;
    let names: Vec<String> = row::all(&rows, |row| get(row, 0))?;
    Ok(names.iter().filter_map(|name| Month::parse(name)).collect())
}

/// Makes the partitions of the months in which events were received that come from elsewhere.
pub(crate) async fn cover(session: &Session<'_>, received: impl Iterator<Item = Timestamp>) -> Run<()> {
    let months: BTreeSet<Month> = received.map(Month::of).collect();
    locks::exclusive(session, locks::PARTITIONS).await?;
    for month in months.difference(&partitions(session).await?) {
        make(session, *month).await?;
    }
    Ok(())
}

/// Makes the partition of a month. What came in it meanwhile stands in the default partition and moves.
async fn make(session: &Session<'_>, month: Month) -> Run<()> {
    let (table, start, end) = (month.table(), month.start(), month.plus(1).start());
    session.execute(&format!("CREATE TABLE {table} (LIKE events INCLUDING DEFAULTS)"), values![]).await?;
    let sql = format!(
        "WITH moved AS (DELETE FROM events_default WHERE received_at >= $1 AND received_at < $2 RETURNING *)
         INSERT INTO {table} SELECT * FROM moved"
    );
    session.execute(&sql, values![start, end]).await?;
    let sql = format!("ALTER TABLE events ATTACH PARTITION {table} FOR VALUES FROM ({start}) TO ({end})");
    session.execute(&sql, values![]).await?;
    Ok(())
}

/// Drops a month's events, with the keys by which their repeats are known: one that is reported again is a new one then.
/// Counts stay, and what they hold of these events is written down for audits.
async fn forget(session: &Session<'_>, month: Month) -> Run<()> {
    let table = month.table();
    let sql = format!(
        "INSERT INTO forgotten AS f SELECT count(*), series, (occurred_at / {QUARTER_MILLIS})::integer FROM {table}
         GROUP BY 2, 3 ON CONFLICT (series, quarter) DO UPDATE SET n = f.n + excluded.n"
    );
    session.execute(&sql, values![]).await?;
    let sql = format!("DELETE FROM event_keys AS k USING {table} AS e WHERE k.position = e.position");
    session.execute(&sql, values![]).await?;
    session.execute(&format!("DROP TABLE {table}"), values![]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_and_end_where_the_calendar_says() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        for (text, table, start, next) in [
            ("2026-02-28T23:59:59.999Z", "events_2026_02", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
            ("2026-12-01T00:00:00Z", "events_2026_12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("1970-01-01T00:00:00Z", "events_1970_01", "1970-01-01T00:00:00Z", "1970-02-01T00:00:00Z"),
        ] {
            let month = Month::of(at(text));
            assert_eq!((month.table().as_str(), Month::parse(table)), (table, Some(month)));
            assert_eq!(month.start(), at(start).as_millis());
            assert_eq!(month.plus(1).start(), at(next).as_millis());
        }
        assert_eq!(Month::parse("events_default"), None);
    }
}
