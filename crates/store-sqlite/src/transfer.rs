//! Reading everything, at rest, to move it into another store.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use angaros_domain::fingerprint::Fingerprint;
use angaros_domain::idempotency::{Idempotency, IdempotencyKey};
use angaros_domain::lane::Lane;
use angaros_domain::{BatchId, LeaseId, NotificationId, TenantId, Timestamp, WorkerId};
use angaros_store::transfer::{
    Deferred, Export, Lease, PAGE_BYTES, PAGE_ROWS_MAX, Part, Ready, Remembered, Rows, Tenant,
};
use angaros_store::{Idempotent, Position, Result, StoreError};
use async_trait::async_trait;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use tokio::sync::mpsc::Sender;

use crate::error::SqliteResult;
use crate::{catalog, connection, keys, lease, migrate, read, row, suppressions, webhooks};

/// A file that is read as a whole. As long as it is, nobody else may own the file.
pub struct Exporter {
    connection: Arc<Mutex<Connection>>,
    _ownership: File,
}

impl Exporter {
    /// Takes a file that is there.
    ///
    /// # Errors
    /// If another process owns it, if SQLite is too old, or if its schema is not of this program's version.
    pub fn open(path: &Path) -> Result<Exporter> {
        connection::assert_version()?;
        let ownership = connection::own(path)?;
        let mut connection = connection::open_reader(path)?;
        let (found, known) = (migrate::version(&mut connection)?, migrate::known_version());
        if found != known {
            let advice = "bring it up with `angaros migrate up`, or use the program that made it";
            return Err(StoreError::Schema { found, known, advice });
        }
        Ok(Exporter { connection: Arc::new(Mutex::new(connection)), _ownership: ownership })
    }
}

#[async_trait]
impl Export for Exporter {
    async fn export(&self, part: Part, skip: u64, pages: Sender<Rows>) -> Result<()> {
        let connection = Arc::clone(&self.connection);
        let reading = tokio::task::spawn_blocking(move || {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            Reading { connection: &connection, skip, pages }.read(part)
        });
        reading.await.map_err(|error| StoreError::Internal(error.to_string()))?
    }
}

/// The reading of a part.
struct Reading<'c> {
    connection: &'c Connection,
    skip: u64,
    pages: Sender<Rows>,
}

impl Reading<'_> {
    fn read(&self, part: Part) -> Result<()> {
        match part {
            Part::Tenants => {
                let sql = "SELECT id, name, created_at FROM tenants ORDER BY id";
                self.pages(sql, tenant, Rows::Tenants)
            }
            Part::ApiKeys => {
                let sql = "FROM api_keys JOIN tenants ON tenants.id = tenant ORDER BY prefix";
                self.pages(&format!("SELECT {} {sql}", keys::KEY), keys::key_of, Rows::ApiKeys)
            }
            Part::Templates => {
                let sql = format!("SELECT {} FROM templates ORDER BY id", catalog::TEMPLATE);
                self.pages(&sql, catalog::template, Rows::Templates)
            }
            Part::Pauses => {
                let pause = |found: &Row<'_>| Ok((row::parsed(found, 0)?, at(found, 1)?));
                self.pages("SELECT channel, since FROM pauses ORDER BY channel", pause, Rows::Pauses)
            }
            Part::WebhookEndpoints => {
                let sql = format!("SELECT {} FROM webhook_endpoints ORDER BY id", webhooks::ENDPOINT);
                self.pages(&sql, webhooks::endpoint, Rows::WebhookEndpoints)
            }
            Part::FanOuts => {
                let sql = "SELECT tenant, position FROM webhook_fan_outs ORDER BY tenant";
                let fan_out = |found: &Row<'_>| Ok((TenantId(found.get(0)?), Position(found.get(1)?)));
                self.pages(sql, fan_out, Rows::FanOuts)
            }
            Part::Suppressions => {
                let sql = format!("SELECT {} FROM suppressions ORDER BY number", suppressions::SUPPRESSION);
                self.pages(&sql, suppressions::suppression, Rows::Suppressions)
            }
            Part::Batches => {
                let sql = format!("SELECT {} FROM batches ORDER BY id", read::BATCH);
                self.pages(&sql, read::batch_of, Rows::Batches)
            }
            Part::IdempotencyKeys => {
                let sql = "SELECT tenant, text, fingerprint, notification_id, batch_id FROM idempotency ORDER BY key";
                self.pages(sql, remembered, Rows::IdempotencyKeys)
            }
            Part::Notifications => {
                let sql = format!("SELECT {} FROM notifications ORDER BY slot", row::NOTIFICATION);
                let notification = |found: &Row<'_>| row::notification(found).map(|(_, n)| n);
                self.pages(&sql, notification, Rows::Notifications)
            }
            Part::Ready => {
                let sql = "SELECT r.lane, r.tenant, r.ready_at, n.id FROM ready AS r
                    JOIN notifications AS n ON n.slot = r.slot ORDER BY r.lane, r.tenant, r.ready_at, r.slot";
                self.pages(sql, ready, Rows::Ready)
            }
            Part::Deferred => {
                let sql = "SELECT d.due_at, d.tenant, n.id FROM deferred AS d
                    JOIN notifications AS n ON n.slot = d.slot ORDER BY d.due_at, d.slot";
                self.pages(sql, deferred, Rows::Deferred)
            }
            Part::Leases => {
                let sql = "SELECT id, worker, claimed_at, until, slots FROM leases ORDER BY id";
                self.pages(sql, |found| self.lease(found), Rows::Leases)
            }
            Part::Events => {
                let (columns, tables) = (row::EVENT, row::EVENT_TABLES);
                let sql = format!("SELECT {columns}, e.position FROM {tables} ORDER BY e.position");
                let event =
                    |found: &Row<'_>| Ok((Position(found.get(row::EVENT_COLUMNS)?), row::event(found)?));
                self.pages(&sql, event, Rows::Events)
            }
        }
    }

    /// Sends the rows of a query in pages.
    fn pages<T>(
        &self,
        sql: &str,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
        page_of: impl Fn(Vec<T>) -> Rows,
    ) -> Result<()> {
        let mut statement = self.connection.prepare(&format!("{sql} LIMIT -1 OFFSET ?1")).stored()?;
        let mut rows = statement.query([i64::try_from(self.skip).unwrap_or(i64::MAX)]).stored()?;
        let (mut page, mut bytes) = (Vec::new(), 0);
        while let Some(found) = rows.next().stored()? {
            page.push(read(found).stored()?);
            bytes += size(found).stored()?;
            if page.len() == PAGE_ROWS_MAX || bytes >= PAGE_BYTES {
                bytes = 0;
                if self.pages.blocking_send(page_of(std::mem::take(&mut page))).is_err() {
                    return Ok(());
                }
            }
        }
        if !page.is_empty() {
            // Nobody may want it any more, and then it is the last.
            let _ = self.pages.blocking_send(page_of(page));
        }
        Ok(())
    }

    fn lease(&self, found: &Row<'_>) -> rusqlite::Result<Lease> {
        let slots = lease::decode(found.get_ref(4)?.as_blob()?).map_err(|error| row::unreadable(4, error))?;
        let mut key =
            self.connection.prepare_cached("SELECT tenant, id FROM notifications WHERE slot = ?1")?;
        let mut key_of = |slot: i64| {
            key.query_row([slot], |found| Ok((TenantId(found.get(0)?), NotificationId(row::uuid(found, 1)?))))
        };
        Ok(Lease {
            id: LeaseId(row::uuid(found, 0)?),
            worker: WorkerId(found.get(1)?),
            claimed_at: at(found, 2)?,
            until: at(found, 3)?,
            held: slots.into_iter().map(&mut key_of).collect::<rusqlite::Result<_>>()?,
        })
    }
}

fn tenant(found: &Row<'_>) -> rusqlite::Result<Tenant> {
    Ok(Tenant { id: TenantId(found.get(0)?), name: found.get(1)?, created_at: at(found, 2)? })
}

fn remembered(found: &Row<'_>) -> rusqlite::Result<Remembered> {
    let text: String = found.get(1)?;
    let key = IdempotencyKey::from_stored(&text).ok_or_else(|| row::unreadable(1, "no key"))?;
    Ok(Remembered {
        tenant: TenantId(found.get(0)?),
        idempotency: Idempotency { key, fingerprint: Fingerprint(found.get(2)?) },
        stands_for: match row::optional_uuid(found, 3)? {
            Some(id) => Idempotent::Notification(NotificationId(id)),
            None => Idempotent::Batch(BatchId(row::uuid(found, 4)?)),
        },
    })
}

fn ready(found: &Row<'_>) -> rusqlite::Result<Ready> {
    let lane = Lane::from_index(found.get(0)?).ok_or_else(|| row::unreadable(0, "no lane's number"))?;
    let (tenant, ready_at) = (TenantId(found.get(1)?), at(found, 2)?);
    Ok(Ready { lane, tenant, ready_at, id: NotificationId(row::uuid(found, 3)?) })
}

fn deferred(found: &Row<'_>) -> rusqlite::Result<Deferred> {
    let (due_at, tenant) = (at(found, 0)?, TenantId(found.get(1)?));
    Ok(Deferred { due_at, tenant, id: NotificationId(row::uuid(found, 2)?) })
}

fn at(found: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    found.get(column).map(Timestamp::from_millis)
}

/// How much of a row may be long, in bytes.
fn size(found: &Row<'_>) -> rusqlite::Result<usize> {
    let mut bytes = 0;
    for column in 0..found.as_ref().column_count() {
        if let ValueRef::Text(long) | ValueRef::Blob(long) = found.get_ref(column)? {
            bytes += long.len();
        }
    }
    Ok(bytes)
}
