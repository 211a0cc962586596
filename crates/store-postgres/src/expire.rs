//! Expiring: what still waits at its end is given up. Costs what expires and what is in flight, never what waits.

use std::collections::BTreeSet;

use angaros_domain::lifecycle::Change;
use angaros_domain::{FailureReason, Notification, NotificationId, Status, TenantId, Timestamp};
use angaros_store::{Expiry, Transition};
use uuid::Uuid;

use crate::cancel;
use crate::claim::{self, Lock};
use crate::error::Run;
use crate::lease::{self, Key};
use crate::log::{Log, Place};
use crate::row::{self, get};
use crate::session::Session;
use crate::values::values;

/// What waits beyond its end and is not claimed.
const OVERDUE: &str = "SELECT tenant, id FROM ends WHERE expires_at <= $1 AND id <> ALL ($2)
    ORDER BY expires_at, id LIMIT $3";

/// The first end after a point in time.
const NEXT: &str = "SELECT expires_at FROM ends WHERE expires_at > $1 ORDER BY expires_at LIMIT 1";

pub(crate) async fn expire(session: &Session<'_>, now: Timestamp, limit: usize) -> Run<Expiry> {
    // Nearly always there is nothing to do, and one look says so.
    let first = next(session, i64::MIN).await?;
    if first.is_none_or(|first| first > now) {
        return Ok(Expiry { next_at: first, ..Expiry::default() });
    }
    let overdue = overdue(session, now, limit).await?;
    // No row, no end: whoever takes the row by which it waits decides about it.
    let found = claim::find(session, &overdue, Lock::None).await?;
    let taken = cancel::take_waiting(session, found.values()).await?;
    let order: Vec<Key> = overdue.into_iter().filter(|key| taken.contains(key)).collect();
    let mut notifications = claim::load(session, &order).await?;

    let mut log = Log::default();
    let mut changes: Vec<(Notification, Place)> = Vec::new();
    // What is still pending was due before: nothing can end before its time comes.
    for n in notifications.iter_mut() {
        let promote = (n.status == Status::Pending).then_some(Change::Promote);
        for change in promote.into_iter().chain([Change::fail(FailureReason::Expired, None)]) {
            let events = n.apply(change, now)?;
            changes.push((n.clone(), log.append_all(events)));
        }
    }
    // Each step is written by itself: the schema knows no other.
    let step = |status: Status| {
        changes.iter().map(|(n, _)| n).filter(move |n| n.status == status).collect::<Vec<_>>()
    };
    row::update_notifications(session, &step(Status::Queued)).await?;
    row::update_notifications(session, &step(Status::Failed)).await?;
    let placed = log.finish(session).await?;
    let transitions = changes.iter().map(|(n, place)| Transition::of(n, placed.position(*place))).collect();
    Ok(Expiry { transitions, expired: order.len(), next_at: next(session, now.as_millis()).await? })
}

/// The first that nobody claimed. What is claimed is its worker's, and must not stand in the way of the others.
async fn overdue(session: &Session<'_>, now: Timestamp, limit: usize) -> Run<Vec<Key>> {
    let claimed: BTreeSet<Uuid> = lease::claimed(session).await?.into_keys().map(|id| id.0).collect();
    let claimed: Vec<Uuid> = claimed.into_iter().collect();
    let rows = session.rows(OVERDUE, values![now.as_millis(), claimed, row::limit(limit)]).await?;
    row::all(&rows, |row| Ok((TenantId(get(row, 0)?), NotificationId(get(row, 1)?))))
}

async fn next(session: &Session<'_>, after: i64) -> Run<Option<Timestamp>> {
    session.row(NEXT, values![after]).await?.map(|row| row::at(&row, 0)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::Bench;

    #[tokio::test]
    async fn ends_are_found_in_their_index() {
        let bench = Bench::new().await;
        bench.walks("ends_pkey", NEXT, values![0i64]).await;
        bench.walks("ends_pkey", OVERDUE, values![0i64, Vec::<Uuid>::new(), 10i64]).await;
    }
}
