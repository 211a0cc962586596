//! API keys and the tenants that they belong to.

use angaros_domain::api_key::{ApiKey, Scope};
use angaros_domain::{TenantId, Timestamp};
use angaros_store::Result;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::error::SqliteResult;
use crate::row;

pub(crate) const KEY: &str =
    "prefix, tenant, tenants.name, api_keys.name, scopes, hash, api_keys.created_at, revoked_at";

pub(crate) fn key_of(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    Ok(ApiKey {
        prefix: row.get(0)?,
        tenant: TenantId(row.get(1)?),
        tenant_name: row.get(2)?,
        name: row.get(3)?,
        scopes: row::json::<Vec<Scope>>(row, 4)?,
        hash: row.get(5)?,
        created_at: row::time(row, 6)?.unwrap_or_default(),
        revoked_at: row::time(row, 7)?,
    })
}

pub(crate) fn insert(connection: &Connection, key: &ApiKey) -> Result<TenantId> {
    let created_at = key.created_at.as_millis();
    let sql = "INSERT INTO tenants (name, created_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    connection.prepare_cached(sql).stored()?.execute(params![key.tenant_name, created_at]).stored()?;
    let sql = "SELECT id FROM tenants WHERE name = ?1";
    let tenant: i64 =
        connection.prepare_cached(sql).stored()?.query_row([&key.tenant_name], |row| row.get(0)).stored()?;
    let scopes = row::list_text(&key.scopes).unwrap_or_else(|| "[]".into());
    connection
        .prepare_cached("INSERT INTO api_keys VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL)")
        .stored()?
        .execute(params![key.prefix, tenant, key.name, scopes, key.hash, created_at])
        .stored()?;
    Ok(TenantId(tenant))
}

pub(crate) fn revoke(connection: &Connection, prefix: &str, now: Timestamp) -> Result<bool> {
    let sql = "UPDATE api_keys SET revoked_at = ?2 WHERE prefix = ?1 AND revoked_at IS NULL";
    let revoked =
        connection.prepare_cached(sql).stored()?.execute(params![prefix, now.as_millis()]).stored()?;
    Ok(revoked > 0)
}

pub(crate) fn key(connection: &Connection, prefix: &str) -> Result<Option<ApiKey>> {
    let sql = format!("SELECT {KEY} FROM api_keys JOIN tenants ON tenants.id = tenant WHERE prefix = ?1");
    connection.prepare_cached(&sql).stored()?.query_row([prefix], key_of).optional().stored()
}

pub(crate) fn keys(connection: &Connection) -> Result<Vec<ApiKey>> {
    let sql = format!(
        "SELECT {KEY} FROM api_keys JOIN tenants ON tenants.id = tenant ORDER BY api_keys.created_at, prefix"
    );
    let mut statement = connection.prepare_cached(&sql).stored()?;
    let rows = statement.query_map([], key_of).stored()?;
    rows.collect::<rusqlite::Result<_>>().stored()
}
