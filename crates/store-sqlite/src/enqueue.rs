//! Storing submissions: each all or nothing, decided inside the transaction.

use angaros_domain::fingerprint::Fingerprint;
use angaros_domain::idempotency::{Idempotency, IdempotencyKey};
use angaros_domain::{BatchId, Notification, NotificationId, Status, TenantId};
use angaros_store::{Idempotent, Position, Result, Submission, Submitted};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::SqliteResult;
use crate::log::Log;
use crate::row;
use crate::tail::Session;

pub(crate) fn submit(session: &Session<'_>, submissions: &[Submission]) -> Result<Vec<Submitted>> {
    let mut log = Log::new(session)?;
    let outcomes: Result<Vec<Submitted>> =
        submissions.iter().map(|submission| submit_one(session, &mut log, submission)).collect();
    let outcomes = outcomes?;
    log.finish()?;
    Ok(outcomes)
}

fn submit_one(connection: &Connection, log: &mut Log<'_>, submission: &Submission) -> Result<Submitted> {
    if let Some(Idempotency { key, fingerprint }) = &submission.idempotency {
        match find_key(connection, submission.tenant, key)? {
            Some((stood_for, stored)) if stored == *fingerprint => return Ok(Submitted::Replayed(stood_for)),
            Some(_) => return Ok(Submitted::Conflict),
            None => {}
        }
    }
    let position = store_all(connection, log, &submission.notifications)?;
    if let Some(batch) = &submission.batch {
        let mut insert =
            connection.prepare_cached("INSERT INTO batches VALUES (?1, ?2, ?3, ?4, ?5, ?6)").stored()?;
        insert
            .execute(params![
                batch.id.0.as_bytes(),
                batch.tenant.0,
                batch.size as i64,
                batch.campaign_id,
                row::object_text(&batch.metadata),
                batch.correlation_id.as_str(),
            ])
            .stored()?;
    }
    if let Some(idempotency) = &submission.idempotency {
        remember_key(connection, submission, idempotency)?;
    }
    Ok(Submitted::Stored(position))
}

/// Stores new notifications where they wait, with the events that tell of it; where those end.
pub(crate) fn store_all(
    connection: &Connection,
    log: &mut Log<'_>,
    notifications: &[Notification],
) -> Result<Position> {
    let mut position = Position::default();
    for notification in notifications {
        let slot = row::insert_notification(connection, notification)?;
        wait(connection, slot, notification)?;
        position = Position(log.append(&notification.created_event())?.place());
    }
    Ok(position)
}

/// Puts a notification where it waits: into its lane, or among the deferred if it is not due.
pub(crate) fn wait(connection: &Connection, slot: i64, notification: &Notification) -> Result<()> {
    match notification.due_at() {
        Some(due_at) => connection
            .prepare_cached("INSERT INTO deferred VALUES (?1, ?2, ?3)")
            .stored()?
            .execute(params![due_at.as_millis(), slot, notification.tenant.0])
            .stored()?,
        None => make_ready(connection, slot, notification)?,
    };
    Ok(())
}

/// Puts a notification into its lane.
pub(crate) fn make_ready(connection: &Connection, slot: i64, notification: &Notification) -> Result<usize> {
    debug_assert!(matches!(notification.status, Status::Queued | Status::Retrying));
    connection
        .prepare_cached("INSERT INTO ready VALUES (?1, ?2, ?3, ?4)")
        .stored()?
        .execute(params![
            notification.lane().index() as i64,
            notification.tenant.0,
            notification.ready_at().as_millis(),
            slot
        ])
        .stored()
}

/// What a key stands for, and the fingerprint of the request that it came with. The hash finds the row; the text and
/// the tenant decide.
pub(crate) fn find_key(
    connection: &Connection,
    tenant: TenantId,
    key: &IdempotencyKey,
) -> Result<Option<(Idempotent, Fingerprint)>> {
    let sql = "SELECT fingerprint, notification_id, batch_id FROM idempotency
               WHERE key = ?1 AND tenant = ?2 AND text = ?3";
    let mut statement = connection.prepare_cached(sql).stored()?;
    statement
        .query_row(params![key.lookup_key(tenant), tenant.0, key.as_str()], |found| {
            let stood_for = match row::optional_uuid(found, 1)? {
                Some(id) => Idempotent::Notification(NotificationId(id)),
                None => Idempotent::Batch(BatchId(row::uuid(found, 2)?)),
            };
            Ok((stood_for, Fingerprint(found.get(0)?)))
        })
        .optional()
        .stored()
}

fn remember_key(connection: &Connection, submission: &Submission, idempotency: &Idempotency) -> Result<()> {
    let batch_id = submission.batch.as_ref().map(|batch| batch.id.0);
    let single = submission.notifications.first().filter(|_| batch_id.is_none()).map(|n| n.id.0);
    connection
        .prepare_cached("INSERT INTO idempotency VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
        .stored()?
        .execute(params![
            idempotency.key.lookup_key(submission.tenant),
            submission.tenant.0,
            idempotency.key.as_str(),
            idempotency.fingerprint.0,
            single.as_ref().map(uuid::Uuid::as_bytes),
            batch_id.as_ref().map(uuid::Uuid::as_bytes),
        ])
        .map(drop)
        .stored()
}
