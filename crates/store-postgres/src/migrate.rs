//! The schema: forward by refinery, backward by the matching file in `rollbacks/`.

use angaros_store::{Result, SchemaStep, StoreError};
use refinery::{Migration, Runner, Target as Goal};
use tokio_postgres::Client;

use crate::connection;
use crate::error::{Fault, describe};
use crate::locks;
use crate::target::Target;

#[allow(missing_docs, reason = "generated")]
mod embedded {
    refinery::embed_migrations!("migrations");
}

/// How to undo each migration, by version. A test holds this against the migrations.
const ROLLBACKS: &[(u32, &str)] = &[(1, include_str!("../rollbacks/V1__house.sql"))];

/// A connection to a database whose schema is looked at or changed.
pub struct Connection(Box<Client>);

fn runner() -> Runner {
    embedded::migrations::runner().set_grouped(true)
}

/// The newest version that this program knows.
pub fn known_version() -> u32 {
    runner().get_migrations().iter().map(version_of).max().unwrap_or(0)
}

fn version_of(migration: &Migration) -> u32 {
    // refinery counts in i32 or i64 depending on its features; ours are small and positive.
    u32::try_from(migration.version()).unwrap_or(0)
}

#[allow(clippy::needless_pass_by_value, reason = "the form that map_err hands it over in")]
fn failed(error: refinery::Error) -> StoreError {
    StoreError::Unavailable(format!("a migration failed: {error}"))
}

fn refused(error: tokio_postgres::Error) -> StoreError {
    Fault::from(error).into_error()
}

/// Opens a database to look at its schema or to change it.
pub async fn open(target: &Target) -> Result<Connection> {
    Ok(Connection(Box::new(connection::connect(target).await?)))
}

/// The version of a database; 0 if it is empty.
pub async fn version(connection: &mut Connection) -> Result<u32> {
    let sql = "SELECT to_regclass('refinery_schema_history') IS NOT NULL";
    let exists = connection.0.query_typed(sql, &[]).await.map_err(refused)?;
    if !exists.iter().any(|row| row.try_get(0).unwrap_or(false)) {
        return Ok(0);
    }
    let sql = "SELECT coalesce(max(version), 0)::bigint FROM refinery_schema_history";
    let rows = connection.0.query_typed(sql, &[]).await.map_err(refused)?;
    let version: Option<i64> = rows.first().and_then(|row| row.try_get(0).ok());
    version
        .and_then(|version| u32::try_from(version).ok())
        .ok_or_else(|| StoreError::Corrupt("the version of the schema".into()))
}

/// Whether a transfer into a database has begun and not ended.
pub(crate) async fn is_receiving(connection: &mut Connection) -> Result<bool> {
    let sql = "SELECT to_regclass('transfer') IS NOT NULL";
    let rows = connection.0.query_typed(sql, &[]).await.map_err(refused)?;
    Ok(rows.iter().any(|row| row.try_get(0).unwrap_or(false)))
}

/// Brings a database up to the version of this program. Does nothing if it is there.
pub async fn up(connection: &mut Connection, target: &Target) -> Result<()> {
    if version(connection).await? == known_version() {
        return Ok(());
    }
    to(connection, target, known_version()).await
}

/// Moves a database to a version, up or down, one process at a time. Going down drops what the later versions brought, with
/// its data.
pub async fn to(connection: &mut Connection, target: &Target, goal: u32) -> Result<()> {
    // Held by a transaction of another connection: refinery commits those of this one.
    let guard = connection::connect(target).await?;
    let lock = format!("BEGIN; SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock({})", locks::SCHEMA);
    guard.batch_execute(&lock).await.map_err(refused)?;
    let moved = locked(connection, goal).await;
    // Whether it is told or not, it ends with its connection.
    if let Err(error) = guard.batch_execute("COMMIT").await {
        tracing::debug!(error = describe(&error), "the lock of the schema was gone already");
    }
    moved
}

async fn locked(connection: &mut Connection, goal: u32) -> Result<()> {
    let (found, known) = (version(connection).await?, known_version());
    if found > known {
        let advice = "start the program that made it, or a newer one";
        return Err(StoreError::Schema { found, known, advice });
    }
    if goal > known {
        return Err(StoreError::Internal(format!("there is no version {goal}; this program knows {known}")));
    }
    if goal > found {
        let goal = Goal::Version(i32::try_from(goal).unwrap_or(i32::MAX));
        runner().set_target(goal).run_async(&mut *connection.0).await.map_err(failed)?;
    }
    for (version, sql) in ROLLBACKS.iter().rev().filter(|(version, _)| (goal + 1..=found).contains(version)) {
        let forget = format!("DELETE FROM refinery_schema_history WHERE version = {version}");
        connection.0.batch_execute(&format!("BEGIN; {sql} {forget}; COMMIT")).await.map_err(refused)?;
    }
    Ok(())
}

/// Every step that this program knows, and whether a database has it.
pub async fn steps(connection: &mut Connection) -> Result<Vec<SchemaStep>> {
    let found = version(connection).await?;
    let mut steps: Vec<SchemaStep> = runner()
        .get_migrations()
        .iter()
        .map(|m| SchemaStep {
            version: version_of(m),
            name: m.name().to_owned(),
            applied: version_of(m) <= found,
        })
        .collect();
    steps.sort_by_key(|step| step.version);
    Ok(steps)
}
