//! Promoting: what has become due moves into its lane. Costs what is due, never what waits.

use angaros_domain::lifecycle::Change;
use angaros_domain::{Status, Timestamp};
use angaros_store::{Promotion, Result, Transition};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::SqliteResult;
use crate::log::Log;
use crate::tail::Session;
use crate::{claim, enqueue, row};

const DUE: &str = "SELECT due_at, slot FROM deferred WHERE due_at <= ?1 ORDER BY due_at, slot LIMIT ?2";
const NEXT: &str = "SELECT due_at FROM deferred ORDER BY due_at LIMIT 1";

pub(crate) fn promote(session: &Session<'_>, now: Timestamp, limit: usize) -> Result<Promotion> {
    let connection = session.connection;
    let due: Vec<(i64, i64)> = connection
        .prepare_cached(DUE)
        .stored()?
        .query_map(params![now.as_millis(), i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .stored()?
        .collect::<rusqlite::Result<_>>()
        .stored()?;
    let mut log = Log::new(session)?;
    let mut transitions = Vec::new();
    let mut delete =
        connection.prepare_cached("DELETE FROM deferred WHERE due_at = ?1 AND slot = ?2").stored()?;
    let slots: Vec<i64> = due.iter().map(|(_, slot)| *slot).collect();
    for ((due_at, slot), (_, mut notification)) in due.iter().zip(claim::load(connection, &slots)?) {
        delete.execute(params![due_at, slot]).stored()?;
        if notification.status == Status::Pending {
            let events = notification.apply(Change::Promote, now)?;
            row::update_notification(connection, *slot, &notification)?;
            transitions.push(Transition::of(&notification, log.append_all(&events)?));
        }
        enqueue::make_ready(connection, *slot, &notification)?;
    }
    log.finish()?;
    Ok(Promotion { transitions, moved: due.len(), next_due: next_due(connection)? })
}

fn next_due(connection: &Connection) -> Result<Option<Timestamp>> {
    let found =
        connection.prepare_cached(NEXT).stored()?.query_row([], |row| row.get(0)).optional().stored()?;
    Ok(found.map(Timestamp::from_millis))
}

#[cfg(test)]
mod tests {
    use angaros_store_test::fixture::{NOW, scheduled, submission};

    use super::*;
    use crate::work::Bench;

    #[test]
    fn what_is_due_is_the_beginning_of_its_table() {
        let bench = Bench::new();
        let due = bench.plan(DUE, &[&0, &0]);
        assert_eq!(due, ["SEARCH deferred USING PRIMARY KEY (due_at<?)"]);
        let next = bench.plan(NEXT, &[]);
        assert_eq!(next, ["SCAN deferred"], "of which LIMIT takes the first row");
    }

    /// Each is moved in the millisecond in which it is due, with as many instructions beside 200,000 that are due later
    /// as beside ten.
    #[test]
    fn the_work_is_what_is_due_and_not_what_waits() {
        let work = |waiting: i64| {
            let mut bench = Bench::new();
            let due = [7, 8, 8].map(|seconds| scheduled(NOW, NOW.plus_seconds(seconds)));
            bench.submit(submission(due.to_vec()));
            // Nobody looks at their notifications, so that they need none.
            let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                INSERT INTO deferred SELECT ?2 + i, 1000000 + i, 1 FROM n";
            let later = NOW.plus_seconds(9);
            bench.connection.execute(sql, params![waiting, later.as_millis() - 1]).unwrap();
            [(-1, 0, NOW.plus_seconds(7)), (0, 1, NOW.plus_seconds(8)), (1_000, 2, later)].map(
                |(millis, moved, next)| {
                    let now = NOW.plus_seconds(7).plus_millis(millis);
                    let (instructions, promotion) =
                        bench.instructions(|session| promote(session, now, 1_000).unwrap());
                    assert_eq!((promotion.moved, promotion.next_due), (moved, Some(next)));
                    instructions
                },
            )
        };
        assert_eq!(work(10), work(200_000));
    }
}
