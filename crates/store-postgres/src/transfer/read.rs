//! Reading everything, to compare it with what was to be written.

use angaros_domain::idempotency::{Idempotency, IdempotencyKey};
use angaros_domain::lane::Lane;
use angaros_domain::{LeaseId, NotificationId, TenantId, WorkerId};
use angaros_store::Position;
use angaros_store::transfer::{
    Deferred, Lease, PAGE_BYTES, PAGE_ROWS_MAX, Part, Ready, Remembered, Rows, Tenant,
};
use futures_util::TryStreamExt as _;
use tokio::sync::mpsc::Sender;
use tokio_postgres::Row;

use crate::error::Run;
use crate::row::{self, get};
use crate::session::Session;
use crate::values::values;
use crate::{catalog, enqueue, keys, lease, read, suppressions, webhooks};

pub(super) async fn part(session: &Session<'_>, part: Part, skip: u64, pages: Sender<Rows>) -> Run<()> {
    let reading = Reading { session, skip, pages };
    match part {
        Part::Tenants => {
            reading.pages("SELECT id, name, created_at FROM tenants ORDER BY id", tenant, Rows::Tenants).await
        }
        Part::ApiKeys => {
            let sql = format!("SELECT {} FROM {} ORDER BY k.prefix", keys::KEY, keys::TABLES);
            reading.pages(&sql, keys::key_of, Rows::ApiKeys).await
        }
        Part::Templates => {
            let sql = format!("SELECT {} FROM templates ORDER BY id", catalog::TEMPLATE);
            reading.pages(&sql, catalog::template, Rows::Templates).await
        }
        Part::Pauses => {
            let pause = |row: &Row| Ok((row::parsed(row, 0)?, row::at(row, 1)?));
            reading.pages("SELECT channel, since FROM pauses ORDER BY channel", pause, Rows::Pauses).await
        }
        Part::WebhookEndpoints => {
            let sql = format!("SELECT {} FROM webhook_endpoints ORDER BY id", webhooks::ENDPOINT);
            reading.pages(&sql, webhooks::endpoint, Rows::WebhookEndpoints).await
        }
        Part::FanOuts => {
            let sql = "SELECT tenant, position FROM webhook_fan_outs ORDER BY tenant";
            let fan_out = |row: &Row| Ok((TenantId(get(row, 0)?), Position(get(row, 1)?)));
            reading.pages(sql, fan_out, Rows::FanOuts).await
        }
        Part::Suppressions => {
            let sql =
                format!("SELECT {} FROM suppressions AS s ORDER BY s.number", suppressions::SUPPRESSION);
            reading.pages(&sql, suppressions::suppression, Rows::Suppressions).await
        }
        Part::Batches => {
            let sql = format!("SELECT {} FROM batches ORDER BY id", read::BATCH);
            reading.pages(&sql, read::batch_of, Rows::Batches).await
        }
        Part::IdempotencyKeys => {
            let sql =
                "SELECT fingerprint, notification_id, batch_id, tenant, text FROM idempotency ORDER BY key";
            reading.pages(sql, remembered, Rows::IdempotencyKeys).await
        }
        Part::Notifications => {
            let sql = format!("SELECT {} FROM notifications AS n ORDER BY n.tenant, n.id", row::NOTIFICATION);
            reading.pages(&sql, row::notification, Rows::Notifications).await
        }
        Part::Ready => {
            let sql = "SELECT lane, tenant, ready_at, id FROM ready ORDER BY lane, tenant, ready_at, id";
            reading.pages(sql, ready, Rows::Ready).await
        }
        Part::Deferred => {
            let sql = "SELECT due_at, tenant, id FROM deferred ORDER BY due_at, id";
            reading.pages(sql, deferred, Rows::Deferred).await
        }
        Part::Leases => {
            let sql = "SELECT id, worker, claimed_at, until, tenants, ids FROM leases ORDER BY id";
            reading.pages(sql, held, Rows::Leases).await
        }
        Part::Events => {
            let (columns, tables) = (row::EVENT, row::EVENT_TABLES);
            let sql = format!("SELECT {columns}, e.position FROM {tables} ORDER BY e.position");
            let event = |row: &Row| Ok((Position(get(row, row::EVENT_COLUMNS)?), row::event(row)?));
            reading.pages(&sql, event, Rows::Events).await
        }
    }
}

/// The reading of a part.
struct Reading<'r> {
    session: &'r Session<'r>,
    skip: u64,
    pages: Sender<Rows>,
}

impl Reading<'_> {
    /// Sends the rows of a query in pages.
    async fn pages<T>(
        &self,
        sql: &str,
        read: impl Fn(&Row) -> Run<T>,
        page_of: impl Fn(Vec<T>) -> Rows,
    ) -> Run<()> {
        let skip = i64::try_from(self.skip).unwrap_or(i64::MAX);
        let rows = self.session.stream(&format!("{sql} OFFSET $1"), values![skip]).await?;
        let mut rows = std::pin::pin!(rows);
        let (mut page, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.try_next().await? {
            page.push(read(&row)?);
            bytes += row.raw_size_bytes();
            if page.len() == PAGE_ROWS_MAX || bytes >= PAGE_BYTES {
                bytes = 0;
                if self.pages.send(page_of(std::mem::take(&mut page))).await.is_err() {
                    return Ok(());
                }
            }
        }
        if !page.is_empty() {
            // Nobody may want it any more, and then it is the last.
            let _ = self.pages.send(page_of(page)).await;
        }
        Ok(())
    }
}

fn tenant(row: &Row) -> Run<Tenant> {
    Ok(Tenant { id: TenantId(get(row, 0)?), name: row::text(row, 1)?, created_at: row::at(row, 2)? })
}

fn remembered(row: &Row) -> Run<Remembered> {
    let (stands_for, fingerprint) = enqueue::found(row)?;
    let key = IdempotencyKey::from_stored(&row::text(row, 4)?);
    let key = key.ok_or_else(|| row::unreadable(4, "no key"))?;
    Ok(Remembered {
        tenant: TenantId(get(row, 3)?),
        idempotency: Idempotency { key, fingerprint },
        stands_for,
    })
}

fn ready(row: &Row) -> Run<Ready> {
    let lane = usize::try_from(get::<i16>(row, 0)?).ok().and_then(Lane::from_index);
    Ok(Ready {
        lane: lane.ok_or_else(|| row::unreadable(0, "no lane's number"))?,
        tenant: TenantId(get(row, 1)?),
        ready_at: row::at(row, 2)?,
        id: NotificationId(get(row, 3)?),
    })
}

fn deferred(row: &Row) -> Run<Deferred> {
    let (due_at, tenant) = (row::at(row, 0)?, TenantId(get(row, 1)?));
    Ok(Deferred { due_at, tenant, id: NotificationId(get(row, 2)?) })
}

fn held(row: &Row) -> Run<Lease> {
    Ok(Lease {
        id: LeaseId(get(row, 0)?),
        worker: WorkerId(get(row, 1)?),
        claimed_at: row::at(row, 2)?,
        until: row::at(row, 3)?,
        held: lease::keys(row, 4)?,
    })
}
