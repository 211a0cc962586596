//! Cancelling: whoever takes the waiting row decides. No row, no cancel.

use std::collections::{BTreeMap, HashMap, HashSet};

use angaros_domain::lifecycle::Change;
use angaros_domain::{Notification, NotificationId, Status, TenantId, Timestamp};
use angaros_store::Cancelled;

use crate::claim::{self, Lock};
use crate::error::Run;
use crate::hints::lane_number;
use crate::lease::Key;
use crate::log::{Log, Place};
use crate::row::{self, column, get};
use crate::session::Session;
use crate::values::values;

pub(crate) async fn cancel(
    session: &Session<'_>,
    ids: &[(TenantId, NotificationId)],
    now: Timestamp,
) -> Run<Vec<Cancelled>> {
    let (mut found, mut taken) = take_all(session, ids).await?;
    let mut log = Log::default();
    let mut outcomes: Vec<Result<(Notification, Place), Cancelled>> = Vec::with_capacity(ids.len());
    let mut cancelled: BTreeMap<Key, Notification> = BTreeMap::new();
    for key in ids {
        outcomes.push(match found.get_mut(key) {
            None => Err(Cancelled::Unknown),
            Some(n) if taken.remove(key) => {
                let events = n.apply(Change::Cancel, now)?;
                cancelled.insert(*key, n.clone());
                Ok((n.clone(), log.append_all(events)))
            }
            Some(n) => {
                // It waits nowhere: either it is final, or a lease holds it.
                let waits = matches!(n.status, Status::Pending | Status::Queued | Status::Retrying);
                Err(Cancelled::Refused(if waits { Status::Processing } else { n.status }))
            }
        });
    }
    row::update_notifications(session, &cancelled.values().collect::<Vec<_>>()).await?;
    let placed = log.finish(session).await?;
    let outcome = |outcome: Result<(Notification, Place), Cancelled>| match outcome {
        Ok((n, place)) => Cancelled::Done(Box::new(n), placed.position(place)),
        Err(other) => other,
    };
    Ok(outcomes.into_iter().map(outcome).collect())
}

/// Takes the rows of all that wait; the notifications as they are then, and whose rows there were.
async fn take_all(session: &Session<'_>, ids: &[Key]) -> Run<(HashMap<Key, Notification>, HashSet<Key>)> {
    let mut taken = HashSet::new();
    let mut found = claim::find(session, ids, Lock::None).await?;
    loop {
        taken.extend(
            take_waiting(session, found.values().filter(|n| !taken.contains(&(n.tenant, n.id)))).await?,
        );
        let now = claim::find(session, ids, Lock::None).await?;
        // Who was promoted before its row could be taken has its row elsewhere now.
        let moved = now.iter().any(|(key, n)| !taken.contains(key) && found.get(key) != Some(n));
        found = now;
        if !moved {
            return Ok((found, taken));
        }
    }
}

/// Takes the rows by which notifications wait, and answers whose there were. The notification itself says where it is, so
/// all are look-ups by key. Rows are taken before notifications are locked, by everybody.
pub(crate) async fn take_waiting(
    session: &Session<'_>,
    notifications: impl IntoIterator<Item = &Notification>,
) -> Run<HashSet<Key>> {
    let sorted: BTreeMap<Key, &Notification> =
        notifications.into_iter().map(|n| ((n.tenant, n.id), n)).collect();
    let all: Vec<&Notification> = sorted.into_values().collect();
    if all.is_empty() {
        return Ok(HashSet::new());
    }
    let mut taken: HashMap<NotificationId, i64> = HashMap::new();
    let deferred: Vec<(i64, &Notification)> =
        all.iter().filter_map(|n| Some((n.due_at()?.as_millis(), *n))).collect();
    // Locked one after the other in the order of ids, so that two that meet wait for each other in one direction only.
    let sql = "WITH found AS (
            SELECT d.due_at, d.id FROM unnest($1, $2) AS u (due_at, id)
            JOIN deferred AS d ON d.due_at = u.due_at AND d.id = u.id ORDER BY d.id FOR UPDATE OF d)
        DELETE FROM deferred AS d USING found AS f WHERE d.due_at = f.due_at AND d.id = f.id RETURNING d.id, d.tenant";
    let values = values![column(&deferred, |(due_at, _)| *due_at), column(&deferred, |(_, n)| n.id.0)];
    for row in &session.rows(sql, values).await? {
        taken.insert(NotificationId(get(row, 0)?), get(row, 1)?);
    }
    let sql = "WITH found AS (
            SELECT r.lane, r.tenant, r.ready_at, r.id FROM unnest($1, $2, $3, $4) AS u (lane, tenant, ready_at, id)
            JOIN ready AS r ON r.lane = u.lane AND r.tenant = u.tenant AND r.ready_at = u.ready_at AND r.id = u.id
            ORDER BY r.id FOR UPDATE OF r)
        DELETE FROM ready AS r USING found AS f
        WHERE r.lane = f.lane AND r.tenant = f.tenant AND r.ready_at = f.ready_at AND r.id = f.id
        RETURNING r.id, r.tenant";
    let values = values![
        column(&all, |n| lane_number(n)),
        column(&all, |n| n.tenant.0),
        column(&all, |n| n.ready_at().as_millis()),
        column(&all, |n| n.id.0),
    ];
    for row in &session.rows(sql, values).await? {
        taken.insert(NotificationId(get(row, 0)?), get(row, 1)?);
    }
    Ok(taken.into_iter().map(|(id, tenant)| (TenantId(tenant), id)).collect())
}
