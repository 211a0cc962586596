//! Expiring: what still waits at its end is given up. Costs what expires and what is in flight, never what waits.

use angaros_domain::lifecycle::Change;
use angaros_domain::{FailureReason, Status, Timestamp};
use angaros_store::{Expiry, Result, Transition};
use rusqlite::{Connection, OptionalExtension as _};

use crate::error::SqliteResult;
use crate::log::Log;
use crate::tail::Session;
use crate::{cancel, claim, lease, row};

/// What waits beyond its end, or is claimed. The condition on the status is, word for word, that of the index.
const OVERDUE: &str = "SELECT slot FROM notifications INDEXED BY notifications_expiry
    WHERE expires_at <= ?1 AND status IN ('pending', 'queued', 'retrying') ORDER BY expires_at, slot";

/// The first end after a point in time.
const NEXT: &str = "SELECT expires_at FROM notifications INDEXED BY notifications_expiry
    WHERE expires_at > ?1 AND status IN ('pending', 'queued', 'retrying') ORDER BY expires_at LIMIT 1";

pub(crate) fn expire(session: &Session<'_>, now: Timestamp, limit: usize) -> Result<Expiry> {
    let connection = session.connection;
    // Nearly always there is nothing to do, and one look says so.
    let first = next(connection, i64::MIN)?;
    if first.is_none_or(|first| first > now) {
        return Ok(Expiry { next_at: first, ..Expiry::default() });
    }
    let mut expiry = Expiry::default();
    let mut log = Log::new(session)?;
    for (slot, mut notification) in claim::load(connection, &overdue(connection, now, limit)?)? {
        // No row, no end: whoever takes the row by which it waits decides about it.
        if !cancel::take_waiting(connection, slot, &notification)? {
            continue;
        }
        // What is still pending was due before: nothing can end before its time comes.
        let promote = (notification.status == Status::Pending).then_some(Change::Promote);
        for change in promote.into_iter().chain([Change::fail(FailureReason::Expired, None)]) {
            let events = notification.apply(change, now)?;
            row::update_notification(connection, slot, &notification)?;
            expiry.transitions.push(Transition::of(&notification, log.append_all(&events)?));
        }
        expiry.expired += 1;
    }
    log.finish()?;
    expiry.next_at = next(connection, now.as_millis())?;
    Ok(expiry)
}

/// The first slots that nobody claimed. What is claimed is its worker's, and must not stand in the way of the others.
fn overdue(connection: &Connection, now: Timestamp, limit: usize) -> Result<Vec<i64>> {
    let claimed = lease::claimed(connection)?;
    let mut statement = connection.prepare_cached(OVERDUE).stored()?;
    let slots = statement.query_map([now.as_millis()], |row| row.get::<_, i64>(0)).stored()?;
    let waits = |slot: &rusqlite::Result<i64>| slot.as_ref().map_or(true, |slot| !claimed.contains_key(slot));
    slots.filter(waits).take(limit).collect::<rusqlite::Result<_>>().stored()
}

fn next(connection: &Connection, after: i64) -> Result<Option<Timestamp>> {
    let mut statement = connection.prepare_cached(NEXT).stored()?;
    let found = statement.query_row([after], |row| row.get(0)).optional().stored()?;
    Ok(found.map(Timestamp::from_millis))
}

#[cfg(test)]
mod tests {
    use angaros_domain::Notification;
    use angaros_store_test::fixture::{NOW, notification, submission};

    use super::*;
    use crate::work::Bench;

    fn ending(seconds: i64) -> Notification {
        Notification { expires_at: Some(NOW.plus_seconds(seconds)), ..notification(NOW) }
    }

    #[test]
    fn ends_are_found_in_their_index() {
        let bench = Bench::new();
        for sql in [OVERDUE, NEXT] {
            let plan = bench.plan(sql, &[&0]);
            assert_eq!(plan.len(), 1, "{plan:?}");
            assert!(plan[0].starts_with("SEARCH notifications USING"), "{plan:?}");
            assert!(plan[0].contains("INDEX notifications_expiry (expires_at"), "{plan:?}");
        }
    }

    /// As many instructions with a few that wait, with and without an end, as with thousands.
    #[test]
    fn the_work_is_what_expires_and_not_what_waits() {
        let work = |waiting: i64| {
            let mut bench = Bench::new();
            let waits = (0..waiting).flat_map(|n| [ending(100 + n), notification(NOW)]);
            bench.submit(submission([ending(1), ending(2), ending(3)].into_iter().chain(waits).collect()));
            let (idle, nothing) = bench.instructions(|session| expire(session, NOW, 100).unwrap());
            assert_eq!((nothing.expired, nothing.next_at), (0, Some(NOW.plus_seconds(1))));
            let (busy, expiry) =
                bench.instructions(|session| expire(session, NOW.plus_seconds(3), 100).unwrap());
            assert_eq!((expiry.expired, expiry.next_at), (3, Some(NOW.plus_seconds(100))));
            (idle, busy)
        };
        assert_eq!(work(10), work(3_000));
    }
}
