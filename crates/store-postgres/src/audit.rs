//! Audits: everything that is counted, counted again from the log, and compared.
//!
//! The database compares: a check is a query of what is counted, one of what the log says, and both are joined by their
//! keys, so that only what differs has to be moved.

use angaros_clock::Clock;
use angaros_domain::Timestamp;
use angaros_domain::event::THINNING_LEVEL_MAX;
use angaros_store::{Audit, Result, StoreError};

use crate::counts::QUARTER_MILLIS;
use crate::error::Run;
use crate::migrate;
use crate::row::{self, get};
use crate::series;
use crate::session::{Kind, Session};
use crate::store::{Inner, Options, Target};
use crate::values::{Value, values};

/// A day, in milliseconds.
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// Quarters of a day.
const QUARTERS: i64 = DAY_MILLIS / QUARTER_MILLIS;
/// Series of which one statement looks at a day: it goes to each of them in every partition, and has a limit.
const SERIES_MAX: i64 = 500;

/// A check: its name for a display of progress, what is compared, and both sides as queries of a text and a number.
struct Check {
    name: &'static str,
    what: &'static str,
    counted: &'static str,
    in_log: &'static str,
}

/// The checks of everything.
const CHECKS: &[Check] = &[
    Check {
        name: "days",
        what: "series and quarter of an hour",
        counted: "SELECT series || ', ' || quarter, sum(n) FROM event_counts GROUP BY 1",
        in_log: "SELECT series || ', ' || quarter, sum(n) FROM (
            SELECT series, occurred_at / 900000 AS quarter, 1 AS n FROM events
            UNION ALL SELECT series, quarter, n FROM forgotten) AS e GROUP BY 1",
    },
    Check {
        name: "campaigns",
        what: "tenant, campaign and event",
        counted: "SELECT tenant || ', ' || campaign_id || ', ' || name, sum(n) FROM campaign_events GROUP BY 1",
        in_log: "SELECT s.tenant || ', ' || s.campaign_id || ', ' || s.name, sum(e.n) FROM (
            SELECT series, 1 AS n FROM events UNION ALL SELECT series, n FROM forgotten) AS e
            JOIN series AS s ON s.id = e.series WHERE s.campaign_id <> '' GROUP BY 1",
    },
    // Of events that were dropped nobody knows any more when they happened, and to whom.
    Check {
        name: "spans of campaigns",
        what: "first and last of tenant, campaign and event",
        counted: "SELECT tenant || ', ' || campaign_id || ', ' || name, min(first_at) + max(last_at)
            FROM campaign_events WHERE NOT EXISTS (SELECT FROM forgotten) GROUP BY 1",
        in_log: "SELECT s.tenant || ', ' || s.campaign_id || ', ' || s.name, min(e.occurred_at) + max(e.occurred_at)
            FROM events AS e JOIN series AS s ON s.id = e.series
            WHERE s.campaign_id <> '' AND NOT EXISTS (SELECT FROM forgotten) GROUP BY 1",
    },
    Check {
        name: "recipients of campaigns",
        what: "recipients of tenant, campaign and event",
        counted: "SELECT tenant || ', ' || campaign_id || ', ' || name, sum(recipients) FROM campaign_events
            WHERE NOT EXISTS (SELECT FROM forgotten) GROUP BY 1",
        in_log: "SELECT s.tenant || ', ' || s.campaign_id || ', ' || s.name, count(DISTINCT e.recipient_key)
            FROM events AS e JOIN series AS s ON s.id = e.series
            WHERE s.campaign_id <> '' AND NOT EXISTS (SELECT FROM forgotten) GROUP BY 1",
    },
    Check {
        name: "lists of recipients",
        what: "listed recipients",
        counted: "SELECT 'all campaigns', count(*) FROM campaign_recipients
            WHERE NOT EXISTS (SELECT FROM forgotten)",
        in_log: "SELECT 'all campaigns', count(*) FROM (SELECT DISTINCT s.tenant, s.campaign_id, s.name, e.recipient_key
            FROM events AS e JOIN series AS s ON s.id = e.series
            WHERE s.campaign_id <> '' AND e.recipient_key IS NOT NULL AND NOT EXISTS (SELECT FROM forgotten)) AS pairs",
    },
    Check {
        name: "keys",
        what: "key of the event at position",
        counted: "SELECT k.position::text, count(*) FROM event_keys AS k GROUP BY 1",
        in_log: "SELECT e.position::text, count(*) FROM events AS e JOIN series AS s ON s.id = e.series
            WHERE s.provider <> 'angaros' GROUP BY 1",
    },
    Check {
        name: "notifications",
        what: "waiting or claimed notification",
        counted: "SELECT tenant || ', ' || id, count(*) FROM (
            SELECT tenant, id FROM ready UNION ALL SELECT tenant, id FROM deferred
            UNION ALL SELECT u.tenant, u.id FROM leases AS l CROSS JOIN LATERAL unnest(l.tenants, l.ids) AS u (tenant, id)
            ) AS places GROUP BY 1",
        in_log: "SELECT tenant || ', ' || id, 1 FROM notifications
            WHERE status IN ('pending', 'queued', 'retrying')",
    },
    Check {
        name: "outcomes",
        what: "outcome of notification",
        counted: "SELECT tenant || ', ' || id || coalesce(', ' || sent_at, '') || coalesce(', ' || status, ''), count(*)
            FROM outcomes GROUP BY 1",
        in_log: "SELECT tenant || ', ' || id || coalesce(', ' || sent_at, '')
                || CASE WHEN status IN ('sent', 'failed', 'cancelled') THEN ', ' || status ELSE '' END, 1
            FROM notifications WHERE sent_at IS NOT NULL OR status IN ('failed', 'cancelled')",
    },
    Check {
        name: "ends",
        what: "end of waiting notification",
        counted: "SELECT tenant || ', ' || id || ', ' || expires_at, count(*) FROM ends GROUP BY 1",
        in_log: "SELECT tenant || ', ' || id || ', ' || expires_at, 1 FROM notifications
            WHERE expires_at IS NOT NULL AND status IN ('pending', 'queued', 'retrying')",
    },
    Check {
        name: "statuses of campaigns",
        what: "notifications of tenant, campaign and status",
        counted: "SELECT tenant || ', ' || campaign_id || ', ' || status, sum(n) FROM campaign_statuses
            GROUP BY 1 HAVING sum(n) <> 0",
        in_log: "SELECT tenant || ', ' || campaign_id || ', ' || status, count(*) FROM notifications
            WHERE campaign_id IS NOT NULL GROUP BY 1",
    },
];

/// How many steps an audit of everything has, for a display of progress.
pub const STEPS: usize = CHECKS.len();

/// Audits a whole database, beside the service if it runs. Everything is seen at one moment. `step` is told what comes next.
///
/// # Errors
/// If the database cannot be reached, if it is of another version, or if it cannot be read.
pub async fn everything(target: &Target, mut step: impl FnMut(&'static str) + Send) -> Result<Audit> {
    let mut connection = migrate::open(target).await?;
    let (found, known) = (migrate::version(&mut connection).await?, migrate::known_version());
    if found != known {
        let advice = "use the program that made it, or let this one migrate it";
        return Err(StoreError::Schema { found, known, advice });
    }
    // However long it takes: the service is not held up by it.
    let options = Options { connections: 1, statement_millis_max: 0, ..Options::default() };
    let store = Inner::new(target, &Clock::system(), options)?;
    let audited = async {
        let session = Session::begin(&store, Kind::Read).await?;
        let events = session.row("SELECT count(*) FROM events", values![]).await?;
        let events = events.map(|row| row::number(&row, 0)).transpose()?.unwrap_or(0);
        let mut audit = Audit { events, ..Audit::default() };
        for check in CHECKS {
            step(check.name);
            compare(&session, &mut audit, check.what, (check.counted, check.in_log), values![]).await?;
        }
        session.rollback().await;
        Run::Ok(audit)
    };
    audited.await.map_err(crate::error::Fault::into_error)
}

/// Holds both sides against each other: what one of them lacks is 0. Answers the sum of what the log says.
async fn compare(
    session: &Session<'_>,
    audit: &mut Audit,
    what: &str,
    (counted, in_log): (&str, &str),
    values: Vec<Value<'_>>,
) -> Run<u64> {
    let sql = format!(
        "WITH counted (key, n) AS ({counted}), in_log (key, n) AS ({in_log}),
            both_sides AS MATERIALIZED (
                SELECT coalesce(c.key, l.key) AS key, coalesce(c.n, 0)::bigint AS counted, coalesce(l.n, 0)::bigint AS in_log
                FROM counted AS c FULL JOIN in_log AS l ON l.key = c.key)
         SELECT NULL::text, count(*), count(*) FILTER (WHERE counted <> in_log),
            least(coalesce(sum(in_log), 0), {})::bigint FROM both_sides
         UNION ALL
         (SELECT key, counted, in_log, 0 FROM both_sides WHERE counted <> in_log ORDER BY key LIMIT {})",
        i64::MAX,
        Audit::SHOWN_MAX
    );
    let before = (audit.counts, audit.drift);
    let (mut compared, mut differ, mut sum) = (0, 0, 0);
    for row in &session.rows(&sql, values).await? {
        let (first, second): (i64, i64) = (get(row, 1)?, get(row, 2)?);
        match get::<Option<&str>>(row, 0)? {
            None => {
                (compared, differ, sum) = (first.unsigned_abs(), second.unsigned_abs(), row::number(row, 3)?);
            }
            Some(key) => audit.compare(|| format!("{what} {key}"), first, second),
        }
    }
    (audit.counts, audit.drift) = (before.0 + compared, before.1 + differ);
    Ok(sum)
}

/// Audits one UTC day: its counts against the events that happened on it.
pub(crate) async fn day(session: &Session<'_>, at: Timestamp) -> Run<Audit> {
    day_in_parts(session, at, SERIES_MAX).await
}

/// The same, with statements about so many series at most.
async fn day_in_parts(session: &Session<'_>, at: Timestamp, series_max: i64) -> Run<Audit> {
    let day = at.as_millis() / DAY_MILLIS;
    let (start, end) = (day * DAY_MILLIS, (day + 1) * DAY_MILLIS);
    // Below 2^29 in 9999.
    let (first, last) = ((day * QUARTERS) as i32, ((day + 1) * QUARTERS - 1) as i32);
    session.uncompiled().await?;
    let (counted, in_log) = (day_counted(), day_in_log());
    let mut audit = Audit::default();
    let mut after = i32::MIN;
    while let Some(up_to) = end_of_part(session, after, series_max).await? {
        let bounds = values![after, up_to, first, last, start, end];
        let found =
            compare(session, &mut audit, "series and quarter of an hour", (&counted, &in_log), bounds)
                .await?;
        audit.events += found;
        after = up_to;
    }
    let forgotten = "SELECT coalesce(sum(n), 0)::bigint FROM forgotten WHERE quarter BETWEEN $1 AND $2";
    let row = session.row(forgotten, values![first, last]).await?;
    let forgotten = row.map(|row| row::number(&row, 0)).transpose()?.unwrap_or(0);
    audit.events = audit.events.saturating_sub(forgotten);
    Ok(audit)
}

/// Where a part of the series ends that begins behind a number.
async fn end_of_part(session: &Session<'_>, after: i32, series_max: i64) -> Run<Option<i32>> {
    let sql = "SELECT max(id) FROM (SELECT id FROM series WHERE id > $1 ORDER BY id LIMIT $2) AS s";
    let row = session.row(sql, values![after, series_max]).await?;
    Ok(row.map(|row| get::<Option<i32>>(&row, 0)).transpose()?.flatten())
}

/// What is counted of a part of the series, behind $1 and up to $2, in quarters from $3 to $4.
fn day_counted() -> String {
    "SELECT s.id || ', ' || c.quarter, sum(c.n) FROM series AS s CROSS JOIN LATERAL (
        SELECT c.quarter, c.n FROM event_counts AS c
        WHERE c.series = s.id AND c.quarter BETWEEN $3 AND $4 OFFSET 0) AS c
     WHERE s.id > $1 AND s.id <= $2 GROUP BY 1"
        .into()
}

/// What the log says of them, from $5 to $6.
fn day_in_log() -> String {
    let occurred = series::occurred("s.id", "$5", "$6");
    format!(
        "SELECT series || ', ' || quarter, sum(n) FROM (
            SELECT s.id AS series, e.occurred_at / {QUARTER_MILLIS} AS quarter, 1 AS n
            FROM series AS s CROSS JOIN generate_series(0, {THINNING_LEVEL_MAX}) AS l (level)
            CROSS JOIN LATERAL {occurred} AS e WHERE s.id > $1 AND s.id <= $2
            UNION ALL SELECT series, quarter, n FROM forgotten
                WHERE quarter BETWEEN $3 AND $4 AND series > $1 AND series <= $2) AS e GROUP BY 1"
    )
}

/// The latest UTC day before that of `at` on which anything happened.
pub(crate) async fn counted_day_before(session: &Session<'_>, at: Timestamp) -> Run<Option<Timestamp>> {
    let today = (at.as_millis() / DAY_MILLIS * QUARTERS) as i32;
    let sql = "SELECT quarter FROM event_counts WHERE quarter < $1 ORDER BY quarter DESC LIMIT 1";
    let found = session.row(sql, values![today]).await?;
    let quarter: Option<i32> = found.map(|row| get(&row, 0)).transpose()?;
    Ok(quarter.map(|quarter| Timestamp::from_millis(i64::from(quarter) / QUARTERS * DAY_MILLIS)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::{Bench, GREAT_SERIES_AT};

    #[tokio::test]
    async fn a_day_is_read_and_not_the_history_of_its_series() {
        let bench = Bench::with_a_great_series().await;
        let start = GREAT_SERIES_AT / DAY_MILLIS * DAY_MILLIS;
        let first = (start / QUARTER_MILLIS) as i32;
        let bounds = values![0i32, 100i32, first, first + 95, start, start + DAY_MILLIS];
        bench.reads_ranges_of_series(&day_in_log(), bounds).await;
    }

    #[tokio::test]
    async fn a_day_in_parts_is_the_whole_day() {
        let bench = Bench::with_a_great_series().await;
        let session = bench.session(Kind::Write).await;
        let at = Timestamp::from_millis(GREAT_SERIES_AT + DAY_MILLIS);
        let whole = day(&session, at).await.unwrap();
        assert_eq!((whole.events, whole.drift), (333, 0), "one every 259.2 seconds");
        let (parts, few) =
            (day_in_parts(&session, at, 7).await.unwrap(), day_in_parts(&session, at, 1).await);
        assert_eq!((parts.events, parts.counts), (whole.events, whole.counts));
        assert_eq!(few.unwrap().counts, whole.counts);
        let wrong = "UPDATE event_counts SET n = n + 1 WHERE series = 40";
        assert!(session.execute(wrong, values![]).await.unwrap() > 0);
        assert!(day_in_parts(&session, at, 7).await.unwrap().drift > 0);
        session.rollback().await;
    }
}
