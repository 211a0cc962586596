//! Reads by key: notifications, batches, sent messages.

use angaros_domain::batch::{Batch, StatusCounts};
use angaros_domain::{BatchId, Notification, NotificationId, Status, TenantId, Timestamp};
use angaros_store::{BatchView, PageRequest, Result, SentMessage};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::error::SqliteResult;
use crate::{lease, row};

/// A notification as it is stored, and its slot.
pub(crate) fn stored(
    connection: &Connection,
    tenant: TenantId,
    id: NotificationId,
) -> Result<Option<(i64, Notification)>> {
    let columns = row::NOTIFICATION;
    let sql = format!("SELECT {columns} FROM notifications WHERE tenant = ?1 AND id = ?2");
    let mut statement = connection.prepare_cached(&sql).stored()?;
    statement.query_row(params![tenant.0, id.0.as_bytes()], row::notification).optional().stored()
}

pub(crate) fn notifications(
    connection: &Connection,
    tenant: TenantId,
    ids: &[NotificationId],
) -> Result<Vec<Option<Notification>>> {
    let claimed = lease::claimed(connection)?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.push(stored(connection, tenant, *id)?.map(|(slot, mut notification)| {
            if claimed.contains_key(&slot) {
                notification.status = Status::Processing;
            }
            notification
        }));
    }
    Ok(found)
}

pub(crate) fn claimed_at(
    connection: &Connection,
    tenant: TenantId,
    ids: &[NotificationId],
) -> Result<Vec<Option<Timestamp>>> {
    let claimed = lease::claimed(connection)?;
    let at = |id: &NotificationId| {
        Ok(stored(connection, tenant, *id)?.and_then(|(slot, _)| claimed.get(&slot).copied()))
    };
    ids.iter().map(at).collect()
}

pub(crate) fn batch(connection: &Connection, tenant: TenantId, id: BatchId) -> Result<Option<BatchView>> {
    let sql = format!("SELECT {BATCH} FROM batches WHERE id = ?1 AND tenant = ?2");
    let mut statement = connection.prepare_cached(&sql).stored()?;
    let found = statement.query_row(params![id.0.as_bytes(), tenant.0], batch_of).optional().stored()?;
    let Some(batch) = found else { return Ok(None) };
    Ok(Some(BatchView { batch, counts: batch_counts(connection, id)? }))
}

/// The columns of a batch in the order in which [`batch_of`] reads them.
pub(crate) const BATCH: &str = "id, tenant, size, campaign_id, metadata, correlation_id";

/// A batch, from a row of [`BATCH`].
pub(crate) fn batch_of(found: &Row<'_>) -> rusqlite::Result<Batch> {
    let id = BatchId(row::uuid(found, 0)?);
    Ok(Batch {
        id,
        tenant: TenantId(found.get(1)?),
        size: found.get(2)?,
        campaign_id: found.get(3)?,
        metadata: row::json(found, 4)?,
        correlation_id: row::correlation_id(found, 5)?
            .ok_or_else(|| row::unreadable(5, "no correlation id"))?,
        created_at: id.created_at(),
    })
}

/// A batch holds at most 1000 members, so they are counted one by one, each by what it is now.
fn batch_counts(connection: &Connection, id: BatchId) -> Result<StatusCounts> {
    let claimed = lease::claimed(connection)?;
    let sql = "SELECT slot, status FROM notifications INDEXED BY notifications_batch WHERE batch_id = ?1";
    let mut statement = connection.prepare_cached(sql).stored()?;
    let members = statement
        .query_map([id.0.as_bytes()], |row| Ok((row.get::<_, i64>(0)?, row::parsed::<Status>(row, 1)?)))
        .stored()?;
    let mut counts = StatusCounts::new();
    for member in members {
        let (slot, status) = member.stored()?;
        let status = if claimed.contains_key(&slot) { Status::Processing } else { status };
        *counts.entry(status).or_default() += 1;
    }
    Ok(counts)
}

pub(crate) fn sent_messages(
    connection: &Connection,
    tenant: TenantId,
    page: &PageRequest<(Timestamp, NotificationId)>,
) -> Result<Vec<SentMessage>> {
    let sql = "SELECT id, recipient, channel, content, sent_at, provider_message_id
               FROM notifications INDEXED BY notifications_sent
               WHERE tenant = ?1 AND sent_at IS NOT NULL AND (sent_at, id) < (?2, ?3)
               ORDER BY sent_at DESC, id DESC LIMIT ?4";
    let (at, id) = page.after.unwrap_or((Timestamp::MAX, NotificationId(uuid::Uuid::max())));
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(sql).stored()?;
    let rows = statement
        .query_map(params![tenant.0, at.as_millis(), id.0.as_bytes(), limit], |row| {
            Ok(SentMessage {
                id: NotificationId(row::uuid(row, 0)?),
                recipient: row.get(1)?,
                channel: row::parsed(row, 2)?,
                content: row.get(3)?,
                sent_at: row::time(row, 4)?.unwrap_or_default(),
                provider_message_id: row.get(5)?,
            })
        })
        .stored()?;
    rows.collect::<rusqlite::Result<_>>().stored()
}
