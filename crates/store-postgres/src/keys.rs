//! API keys and the tenants that they belong to.

use angaros_domain::api_key::{ApiKey, Scope};
use angaros_domain::{TenantId, Timestamp};
use angaros_store::StoreError;
use tokio_postgres::Row;

use crate::error::Run;
use crate::row::{self, get};
use crate::session::Session;
use crate::text::Text;
use crate::values::values;

pub(crate) const KEY: &str =
    "k.prefix, k.tenant, t.name, k.name, k.scopes, k.hash, k.created_at, k.revoked_at";
pub(crate) const TABLES: &str = "api_keys AS k JOIN tenants AS t ON t.id = k.tenant";

pub(crate) fn key_of(row: &Row) -> Run<ApiKey> {
    let hash: &[u8] = get(row, 5)?;
    Ok(ApiKey {
        prefix: get(row, 0)?,
        tenant: TenantId(get(row, 1)?),
        tenant_name: row::text(row, 2)?,
        name: row::text(row, 3)?,
        scopes: row::json::<Vec<Scope>>(row, 4)?,
        hash: hash.try_into().map_err(|error| row::unreadable(5, error))?,
        created_at: row::at(row, 6)?,
        revoked_at: row::time(row, 7)?,
    })
}

pub(crate) async fn insert(session: &Session<'_>, key: &ApiKey) -> Run<TenantId> {
    let created_at = key.created_at.as_millis();
    let tenant = tenant(session, &key.tenant_name, created_at).await?;
    let scopes = row::list_text(&key.scopes).unwrap_or_else(|| "[]".into());
    let sql = "INSERT INTO api_keys VALUES ($1, $2, $3, $4, $5, $6, NULL)";
    let hash: &[u8] = &key.hash;
    let values = values![&key.prefix, tenant.0, Text(&key.name), scopes, hash, created_at];
    session.execute(sql, values).await?;
    Ok(tenant)
}

/// The tenant of a name; it is made if there is none. Only then a number is taken: one that nobody gets leaves a gap.
async fn tenant(session: &Session<'_>, name: &str, created_at: i64) -> Run<TenantId> {
    let find = "SELECT id FROM tenants WHERE name = $1";
    if let Some(row) = session.row(find, values![Text(name)]).await? {
        return Ok(TenantId(get(&row, 0)?));
    }
    let sql = "INSERT INTO tenants (name, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    session.execute(sql, values![Text(name), created_at]).await?;
    let row = session.row(find, values![Text(name)]).await?;
    let row = row.ok_or_else(|| StoreError::Internal("a tenant was not made".into()))?;
    Ok(TenantId(get(&row, 0)?))
}

pub(crate) async fn revoke(session: &Session<'_>, prefix: &str, now: Timestamp) -> Run<bool> {
    let sql = "UPDATE api_keys SET revoked_at = $2 WHERE prefix = $1 AND revoked_at IS NULL";
    Ok(session.execute(sql, values![Text(prefix), now.as_millis()]).await? > 0)
}

pub(crate) async fn key(session: &Session<'_>, prefix: &str) -> Run<Option<ApiKey>> {
    let sql = format!("SELECT {KEY} FROM {TABLES} WHERE k.prefix = $1");
    session.row(&sql, values![Text(prefix)]).await?.as_ref().map(key_of).transpose()
}

pub(crate) async fn keys(session: &Session<'_>) -> Run<Vec<ApiKey>> {
    let sql = format!("SELECT {KEY} FROM {TABLES} ORDER BY k.created_at, k.prefix");
    row::all(&session.rows(&sql, values![]).await?, key_of)
}
