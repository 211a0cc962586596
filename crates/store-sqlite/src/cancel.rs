//! Cancelling: whoever takes the waiting row decides. No row, no cancel.

use angaros_domain::lifecycle::Change;
use angaros_domain::{Notification, NotificationId, Status, TenantId, Timestamp};
use angaros_store::{Cancelled, Result};
use rusqlite::{Connection, params};

use crate::error::SqliteResult;
use crate::log::Log;
use crate::tail::Session;
use crate::{read, row};

pub(crate) fn cancel(
    session: &Session<'_>,
    ids: &[(TenantId, NotificationId)],
    now: Timestamp,
) -> Result<Vec<Cancelled>> {
    let mut log = Log::new(session)?;
    let outcomes: Result<Vec<Cancelled>> =
        ids.iter().map(|(tenant, id)| cancel_one(session, &mut log, *tenant, *id, now)).collect();
    let outcomes = outcomes?;
    log.finish()?;
    Ok(outcomes)
}

fn cancel_one(
    connection: &Connection,
    log: &mut Log<'_>,
    tenant: TenantId,
    id: NotificationId,
    now: Timestamp,
) -> Result<Cancelled> {
    let Some((slot, mut notification)) = read::stored(connection, tenant, id)? else {
        return Ok(Cancelled::Unknown);
    };
    if !take_waiting(connection, slot, &notification)? {
        // It waits nowhere: either it is final, or a lease holds it.
        let waits = matches!(notification.status, Status::Pending | Status::Queued | Status::Retrying);
        return Ok(Cancelled::Refused(if waits { Status::Processing } else { notification.status }));
    }
    let events = notification.apply(Change::Cancel, now)?;
    row::update_notification(connection, slot, &notification)?;
    let position = log.append_all(&events)?;
    Ok(Cancelled::Done(Box::new(notification), position))
}

/// Takes the row by which a notification waits. The notification itself says where it is, so both are key look-ups.
pub(crate) fn take_waiting(connection: &Connection, slot: i64, notification: &Notification) -> Result<bool> {
    if let Some(due_at) = notification.due_at() {
        let sql = "DELETE FROM deferred WHERE due_at = ?1 AND slot = ?2";
        let taken =
            connection.prepare_cached(sql).stored()?.execute(params![due_at.as_millis(), slot]).stored()?;
        if taken > 0 {
            return Ok(true);
        }
    }
    let sql = "DELETE FROM ready WHERE lane = ?1 AND tenant = ?2 AND ready_at = ?3 AND slot = ?4";
    let (lane, ready_at) = (notification.lane().index() as i64, notification.ready_at().as_millis());
    let taken = connection.prepare_cached(sql).stored()?.execute(params![
        lane,
        notification.tenant.0,
        ready_at,
        slot
    ]);
    Ok(taken.stored()? > 0)
}
