//! Promoting: what has become due moves into its lane. Costs what is due, never what waits.

use angaros_domain::lifecycle::Change;
use angaros_domain::{Notification, NotificationId, Status, TenantId, Timestamp};
use angaros_store::{Promotion, Transition};

use crate::error::Run;
use crate::lease::Key;
use crate::log::{Log, Place};
use crate::row::{self, get};
use crate::session::Session;
use crate::values::values;
use crate::{claim, enqueue};

/// Takes what is due, but for what rivals take; found by where it lies: nothing moves a deferred row.
const DUE: &str = "WITH due AS MATERIALIZED (
        SELECT ctid AS place, due_at, tenant, id FROM deferred WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2
        FOR UPDATE SKIP LOCKED),
    gone AS (DELETE FROM deferred WHERE ctid = ANY (ARRAY(SELECT place FROM due)))
    SELECT tenant, id FROM due ORDER BY due_at, id";
const NEXT: &str = "SELECT due_at FROM deferred ORDER BY due_at LIMIT 1";

pub(crate) async fn promote(session: &Session<'_>, now: Timestamp, limit: usize) -> Run<Promotion> {
    session.walk_in_order().await?;
    let rows = session.rows(DUE, values![now.as_millis(), row::limit(limit)]).await?;
    let due: Vec<Key> = row::all(&rows, |row| Ok((TenantId(get(row, 0)?), NotificationId(get(row, 1)?))))?;
    let mut notifications = claim::load(session, &due).await?;
    let mut log = Log::default();
    let mut promoted: Vec<(usize, Place)> = Vec::new();
    for (index, n) in notifications.iter_mut().enumerate() {
        if n.status == Status::Pending {
            let events = n.apply(Change::Promote, now)?;
            promoted.push((index, log.append_all(events)));
        }
    }
    let changed: Vec<&Notification> = promoted.iter().map(|(index, _)| &notifications[*index]).collect();
    row::update_notifications(session, &changed).await?;
    enqueue::make_ready(session, &notifications.iter().collect::<Vec<_>>()).await?;
    let placed = log.finish(session).await?;
    let transition =
        |(index, place): &(usize, Place)| Transition::of(&notifications[*index], placed.position(*place));
    let transitions = promoted.iter().map(transition).collect();
    let next_due = session.row(NEXT, values![]).await?.map(|row| row::at(&row, 0)).transpose()?;
    Ok(Promotion { transitions, moved: due.len(), next_due })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::Bench;

    #[tokio::test]
    async fn what_is_due_is_the_beginning_of_its_index() {
        let bench = Bench::new().await;
        bench.walks("deferred_pkey", NEXT, values![]).await;
        bench.is_not_compiled(DUE, values![0i64, 10i64]).await;
        let plan = bench.plan(DUE, values![0i64, 10i64]).await;
        assert!(
            plan.contains("Index Scan using deferred_pkey") && plan.contains("Tid Scan on deferred"),
            "{plan}"
        );
    }
}
