//! Reads by key: notifications, batches, sent messages.

use angaros_domain::batch::{Batch, StatusCounts};
use angaros_domain::correlation::CorrelationId;
use angaros_domain::{BatchId, Notification, NotificationId, Status, TenantId, Timestamp};
use angaros_store::{BatchView, PageRequest, SentMessage};
use tokio_postgres::Row;

use crate::claim::{self, Lock};
use crate::error::Run;
use crate::lease::{self, Key};
use crate::row::{self, get};
use crate::session::Session;
use crate::values::values;

pub(crate) async fn notifications(
    session: &Session<'_>,
    tenant: TenantId,
    ids: &[NotificationId],
) -> Run<Vec<Option<Notification>>> {
    let keys: Vec<Key> = ids.iter().map(|id| (tenant, *id)).collect();
    let claimed = lease::claimed_among(session, ids).await?;
    let found = claim::find(session, &keys, Lock::None).await?;
    let seen = |key: &Key| {
        let mut notification = found.get(key)?.clone();
        if claimed.contains_key(&notification.id) {
            notification.status = Status::Processing;
        }
        Some(notification)
    };
    Ok(keys.iter().map(seen).collect())
}

pub(crate) async fn claimed_at(
    session: &Session<'_>,
    tenant: TenantId,
    ids: &[NotificationId],
) -> Run<Vec<Option<Timestamp>>> {
    let keys: Vec<Key> = ids.iter().map(|id| (tenant, *id)).collect();
    let claimed = lease::claimed_among(session, ids).await?;
    let found = claim::find(session, &keys, Lock::None).await?;
    let at = |key: &Key| found.get(key).and_then(|n| claimed.get(&n.id).copied());
    Ok(keys.iter().map(at).collect())
}

/// The columns of a batch in the order in which [`batch_of`] reads them.
pub(crate) const BATCH: &str = "id, tenant, size, campaign_id, metadata, correlation_id";

/// A batch, from a row of [`BATCH`].
pub(crate) fn batch_of(row: &Row) -> Run<Batch> {
    let id = BatchId(get(row, 0)?);
    Ok(Batch {
        id,
        tenant: TenantId(get(row, 1)?),
        size: usize::try_from(row::number(row, 2)?).unwrap_or_default(),
        campaign_id: row::optional_text(row, 3)?,
        metadata: row::json(row, 4)?,
        correlation_id: CorrelationId::parse(get(row, 5)?)
            .ok_or_else(|| row::unreadable(5, "no correlation id"))?,
        created_at: id.created_at(),
    })
}

pub(crate) async fn batch(session: &Session<'_>, tenant: TenantId, id: BatchId) -> Run<Option<BatchView>> {
    let sql = format!("SELECT {BATCH} FROM batches WHERE id = $1 AND tenant = $2");
    let Some(row) = session.row(&sql, values![id.0, tenant.0]).await? else { return Ok(None) };
    let batch = batch_of(&row)?;
    Ok(Some(BatchView { batch, counts: batch_counts(session, id).await? }))
}

/// A batch holds at most 1000 members, so they are counted one by one, each by what it is now.
async fn batch_counts(session: &Session<'_>, id: BatchId) -> Run<StatusCounts> {
    let sql = "SELECT id, status FROM notifications WHERE batch_id = $1";
    let rows = session.rows(sql, values![id.0]).await?;
    let member = |row: &Row| Ok((NotificationId(get(row, 0)?), row::parsed::<Status>(row, 1)?));
    let members: Vec<(NotificationId, Status)> = row::all(&rows, member)?;
    let ids: Vec<NotificationId> = members.iter().map(|(id, _)| *id).collect();
    let claimed = lease::claimed_among(session, &ids).await?;
    let mut counts = StatusCounts::new();
    for (id, status) in members {
        let status = if claimed.contains_key(&id) { Status::Processing } else { status };
        *counts.entry(status).or_default() += 1;
    }
    Ok(counts)
}

/// What was sent, latest first.
const SENT: &str = "SELECT n.id, n.recipient, n.channel, n.content, o.sent_at, n.provider_message_id
    FROM outcomes AS o JOIN notifications AS n ON n.tenant = o.tenant AND n.id = o.id
    WHERE o.tenant = $1 AND o.sent_at IS NOT NULL AND (o.sent_at, o.id) < ($2, $3)
    ORDER BY o.sent_at DESC, o.id DESC LIMIT $4";

pub(crate) async fn sent_messages(
    session: &Session<'_>,
    tenant: TenantId,
    page: &PageRequest<(Timestamp, NotificationId)>,
) -> Run<Vec<SentMessage>> {
    let (at, id) = page.after.unwrap_or((Timestamp::MAX, NotificationId(uuid::Uuid::max())));
    let rows = session.rows(SENT, values![tenant.0, at.as_millis(), id.0, row::limit(page.limit)]).await?;
    row::all(&rows, |row| {
        Ok(SentMessage {
            id: NotificationId(get(row, 0)?),
            recipient: row::text(row, 1)?,
            channel: row::parsed(row, 2)?,
            content: row::text(row, 3)?,
            sent_at: row::at(row, 4)?,
            provider_message_id: row::optional_text(row, 5)?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::Bench;

    #[tokio::test]
    async fn what_was_sent_comes_in_the_order_of_its_index() {
        let bench = Bench::new().await;
        bench.walks("outcomes_sent", SENT, values![1i64, 0i64, uuid::Uuid::nil(), 50i64]).await;
    }
}
