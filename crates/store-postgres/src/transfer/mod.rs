//! Taking in everything that another store holds.
//!
//! How far it has come stands in a table that is there only meanwhile, changed in the transactions that write the pages. As
//! long as it is there, nobody opens the database as a store.

mod read;
mod write;

use std::collections::BTreeMap;

use angaros_clock::Clock;
use angaros_domain::{EventId, Timestamp};
use angaros_store::transfer::{Begun, Contents, Export, Import, Inventory, Part, Rows};
use angaros_store::{Result, StoreError};
use async_trait::async_trait;
use tokio::sync::mpsc::Sender;
use uuid::Uuid;

use crate::error::{Fault, Run};
use crate::row::{self, column, get};
use crate::session::{Kind, Session};
use crate::store::{Inner, Options, Target, transaction};
use crate::values::values;
use crate::{locks, migrate};

/// A database that is filled as a whole.
pub struct Importer {
    inner: Inner,
}

impl Importer {
    /// Opens a database, and brings its schema up if it is empty.
    ///
    /// # Errors
    /// If it cannot be reached, or if its schema is not of this program's version.
    pub async fn open(target: &Target, clock: &Clock) -> Result<Importer> {
        let mut connection = migrate::open(target).await?;
        if migrate::version(&mut connection).await? == 0 {
            migrate::up(&mut connection, target).await?;
        }
        let (found, known) = (migrate::version(&mut connection).await?, migrate::known_version());
        if found != known {
            let advice = "move into an empty database, or bring it up with `angaros migrate up`";
            return Err(StoreError::Schema { found, known, advice });
        }
        // However long a page or a part takes: nobody is held up by it.
        let options = Options { connections: 2, statement_millis_max: 0, ..Options::default() };
        Ok(Importer { inner: Inner::new(target, clock, options)? })
    }
}

#[async_trait]
impl Export for Importer {
    async fn export(&self, part: Part, skip: u64, pages: Sender<Rows>) -> Result<()> {
        let reading = async {
            let session = Session::begin(&self.inner, Kind::Read).await?;
            read::part(&session, part, skip, pages).await?;
            session.rollback().await;
            Run::Ok(())
        };
        reading.await.map_err(Fault::into_error)
    }
}

#[async_trait]
impl Import for Importer {
    async fn begin(&self, inventory: &Inventory) -> Result<Begun> {
        transaction!(self.inner, Write, |session| begin(&session, inventory))
    }

    async fn import(&self, before: u64, rows: Rows) -> Result<()> {
        transaction!(self.inner, Write, |session| import(&session, before, &rows))
    }

    async fn finish(&self) -> Result<()> {
        transaction!(self.inner, Write, |session| finish(&session))
    }
}

/// What says that a database is used. A tenant is there from the start.
const IS_OCCUPIED: &str = "SELECT EXISTS (SELECT FROM tenants WHERE id <> 1) OR EXISTS (SELECT FROM api_keys)
    OR EXISTS (SELECT FROM templates) OR EXISTS (SELECT FROM pauses) OR EXISTS (SELECT FROM webhook_endpoints)
    OR EXISTS (SELECT FROM webhook_fan_outs) OR EXISTS (SELECT FROM suppressions) OR EXISTS (SELECT FROM batches)
    OR EXISTS (SELECT FROM idempotency) OR EXISTS (SELECT FROM notifications) OR EXISTS (SELECT FROM events)
    OR EXISTS (SELECT FROM forgotten)";

async fn begin(session: &Session<'_>, inventory: &Inventory) -> Run<Begun> {
    locks::exclusive(session, locks::TRANSFER).await?;
    if says(session, "SELECT to_regclass('transfer') IS NOT NULL").await? {
        return go_on(session, inventory).await;
    }
    if says(session, IS_OCCUPIED).await? {
        return Ok(Begun::Occupied);
    }
    let table = "CREATE TABLE transfer (
        part text PRIMARY KEY, rows bigint NOT NULL, digest uuid NOT NULL, done bigint NOT NULL)";
    session.execute(table, values![]).await?;
    let parts: Vec<(&Part, &Contents)> = inventory.iter().collect();
    let values = values![
        column(&parts, |(part, _)| part.as_str()),
        column(&parts, |(_, contents)| contents.rows.cast_signed()),
        column(&parts, |(_, contents)| Uuid::from_u128(contents.digest)),
    ];
    let sql =
        "INSERT INTO transfer SELECT part, rows, digest, 0 FROM unnest($1, $2, $3) AS u (part, rows, digest)";
    session.execute(sql, values).await?;
    Ok(Begun::Ready(inventory.keys().map(|part| (*part, 0)).collect()))
}

/// How far a transfer has come, if it is of what an inventory lists.
async fn go_on(session: &Session<'_>, inventory: &Inventory) -> Run<Begun> {
    let rows = session.rows("SELECT part, rows, digest, done FROM transfer", values![]).await?;
    let mut done: BTreeMap<Part, u64> = BTreeMap::new();
    for row in &rows {
        let name: &str = get(row, 0)?;
        let contents = Contents { rows: row::number(row, 1)?, digest: get::<Uuid>(row, 2)?.as_u128() };
        let known = inventory.iter().find(|(part, _)| part.as_str() == name);
        let Some((part, _)) = known.filter(|(_, now)| **now == contents) else { return Ok(Begun::OfAnother) };
        done.insert(*part, row::number(row, 3)?);
    }
    Ok(if done.len() == inventory.len() { Begun::Ready(done) } else { Begun::OfAnother })
}

async fn import(session: &Session<'_>, before: u64, rows: &Rows) -> Run<()> {
    let sql = "UPDATE transfer SET done = done + $3 WHERE part = $1 AND done = $2";
    let values = values![rows.part().as_str(), before.cast_signed(), rows.count().cast_signed()];
    if session.execute(sql, values).await? != 1 {
        return Err(StoreError::Unavailable("another process moves the same".into()).into());
    }
    write::rows(session, rows).await
}

async fn finish(session: &Session<'_>) -> Run<()> {
    let last =
        session.row("SELECT position, id FROM events ORDER BY position DESC LIMIT 1", values![]).await?;
    if let Some(last) = last {
        let (position, id): (i64, Uuid) = (get(&last, 0)?, get(&last, 1)?);
        // Ids grow with their places, so that the last one has the latest time.
        let latest: Timestamp = EventId(id).created_at();
        let sql = "SELECT setval('log_positions', $1), setval('log_times', $2)";
        session.rows(sql, values![position, latest.as_millis()]).await?;
    }
    for (table, number) in [("tenants", "id"), ("suppressions", "number")] {
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence('{table}', '{number}'), max({number})) FROM {table} HAVING count(*) > 0"
        );
        session.rows(&sql, values![]).await?;
    }
    session.execute("DROP TABLE transfer", values![]).await?;
    Ok(())
}

/// The answer of a question that is answered by yes or no.
async fn says(session: &Session<'_>, question: &str) -> Run<bool> {
    let row = session.row(question, values![]).await?;
    Ok(row.map(|row| get(&row, 0)).transpose()?.unwrap_or(false))
}
