//! Databases for the time of a measurement, and what the server writes meanwhile.

use angaros_store::{Result, StoreError};
use tokio_postgres::Client;

use crate::connection::connect;
use crate::error::Fault;
use crate::target::Target;

/// Makes an empty database beside the one that a target names.
///
/// # Errors
/// If the server cannot be reached or refuses: its user needs the right to make databases.
pub async fn create(server: &Target, name: &str) -> Result<()> {
    execute(server, &format!("CREATE DATABASE {}", quoted(name))).await
}

/// Removes a database beside the one that a target names, if it is there, and ends whatever is connected to it.
///
/// # Errors
/// If the server cannot be reached or refuses.
pub async fn remove(server: &Target, name: &str) -> Result<()> {
    execute(server, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(name))).await
}

/// How many bytes the server has written into its write-ahead log so far, for all of its databases.
///
/// # Errors
/// If the server cannot be reached or refuses.
pub async fn log_bytes(server: &Target) -> Result<u64> {
    let sql = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint";
    let rows = connect(server).await?.query_typed(sql, &[]).await.map_err(refused)?;
    let bytes: Option<i64> = rows.first().and_then(|row| row.try_get(0).ok());
    bytes.map(i64::unsigned_abs).ok_or_else(|| StoreError::Corrupt("the place in the write-ahead log".into()))
}

async fn execute(server: &Target, sql: &str) -> Result<()> {
    let client: Client = connect(server).await?;
    client.batch_execute(sql).await.map_err(refused)
}

fn refused(error: tokio_postgres::Error) -> StoreError {
    Fault::from(error).into_error()
}

/// A name as SQL takes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
