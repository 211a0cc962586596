//! Webhook endpoints: keeping them, hearing how they fare, and turning events into deliveries.

use angaros_domain::webhook_endpoint::{Disabled, Edit, EventFilter, SigningSecret, WebhookEndpoint};
use angaros_domain::{TenantId, Timestamp, WebhookEndpointId};
use angaros_store::{FanOut, FannedOut, Position, Result, SettledItem};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::error::SqliteResult;
use crate::log::Log;
use crate::tail::Session;
use crate::{enqueue, feed, row};

pub(crate) const ENDPOINT: &str = "id, tenant, url, event_types, description, secret, former_secret, former_secret_until, \
    disabled_reason, disabled_at, failing_since, follows_after, updated_at";

pub(crate) fn endpoint(row: &Row<'_>) -> rusqlite::Result<WebhookEndpoint> {
    let event_types: Vec<String> = row::json(row, 3)?;
    let secret = |column: usize| -> rusqlite::Result<Option<SigningSecret>> {
        let text: Option<String> = row.get(column)?;
        text.map(|text| SigningSecret::parse(&text).ok_or_else(|| row::unreadable(column, "no secret")))
            .transpose()
    };
    let disabled_at = row::time(row, 9)?;
    Ok(WebhookEndpoint {
        id: WebhookEndpointId(row::uuid(row, 0)?),
        tenant: TenantId(row.get(1)?),
        url: row.get(2)?,
        event_types: event_types.iter().filter_map(|text| EventFilter::parse(text)).collect(),
        description: row.get(4)?,
        secret: secret(5)?.ok_or_else(|| row::unreadable(5, "no secret"))?,
        former_secret: secret(6)?.zip(row::time(row, 7)?),
        disabled: match disabled_at {
            Some(at) => Some(Disabled { reason: row::parsed(row, 8)?, at }),
            None => None,
        },
        failing_since: row::time(row, 10)?,
        follows_after: row.get(11)?,
        updated_at: row::time(row, 12)?.unwrap_or_default(),
    })
}

fn write(connection: &Connection, e: &WebhookEndpoint) -> Result<()> {
    let event_types: Vec<&str> = e.event_types.iter().map(EventFilter::as_str).collect();
    let former = e.former_secret.as_ref();
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO webhook_endpoints
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )
        .stored()?
        .execute(params![
            e.id.0.as_bytes(),
            e.tenant.0,
            e.url,
            row::list_text(&event_types),
            e.description,
            e.secret.reveal(),
            former.map(|(secret, _)| secret.reveal()),
            row::millis(former.map(|(_, until)| *until)),
            e.disabled.map(|disabled| disabled.reason.as_str()),
            row::millis(e.disabled.map(|disabled| disabled.at)),
            row::millis(e.failing_since),
            e.follows_after,
            e.updated_at.as_millis(),
        ])
        .map(drop)
        .stored()
}

pub(crate) fn insert(connection: &Connection, e: &WebhookEndpoint, endpoints_max: usize) -> Result<bool> {
    let sql = "SELECT count(*) FROM webhook_endpoints WHERE tenant = ?1";
    let count: usize =
        connection.prepare_cached(sql).stored()?.query_row([e.tenant.0], |row| row.get(0)).stored()?;
    if count >= endpoints_max {
        return Ok(false);
    }
    let follows_after = begin(connection, e.tenant)?;
    write(connection, &WebhookEndpoint { follows_after, ..e.clone() })?;
    Ok(true)
}

/// Where an endpoint begins that is about to be enabled. If the tenant has no other one, its fan-out begins there too:
/// nobody wants what is between.
fn begin(connection: &Connection, tenant: TenantId) -> Result<i64> {
    let Position(end) = feed::end(connection)?;
    let sql =
        "INSERT INTO webhook_fan_outs VALUES (?1, ?2) ON CONFLICT DO UPDATE SET position = excluded.position
               WHERE NOT EXISTS (SELECT 1 FROM webhook_endpoints WHERE tenant = ?1 AND disabled_at IS NULL)";
    connection.prepare_cached(sql).stored()?.execute(params![tenant.0, end]).stored()?;
    Ok(end)
}

pub(crate) fn edit(
    session: &Session<'_>,
    tenant: TenantId,
    id: WebhookEndpointId,
    edit: Edit,
    now: Timestamp,
) -> Result<Option<WebhookEndpoint>> {
    let Some(mut endpoint) = one(session, tenant, id)? else { return Ok(None) };
    let was_enabled = endpoint.is_enabled();
    let told = endpoint.edit(edit, now);
    if endpoint.is_enabled() && !was_enabled {
        endpoint.follows_after = begin(session, tenant)?;
    }
    write(session, &endpoint)?;
    if let Some(event) = told {
        let mut log = Log::new(session)?;
        log.append(&event)?;
        log.finish()?;
    }
    Ok(Some(endpoint))
}

/// Takes note of what the result of a delivery tells about its endpoint.
pub(crate) fn hear(connection: &Connection, log: &mut Log<'_>, item: &SettledItem) -> Result<()> {
    let (Some(heard), Some(id)) = (item.heard, item.notification.endpoint()) else { return Ok(()) };
    // One that was deleted meanwhile has no health.
    let Some(before) = one(connection, item.notification.tenant.owner(), id)? else { return Ok(()) };
    let mut endpoint = before.clone();
    let told = endpoint.hear(heard, &item.notification);
    if endpoint != before {
        write(connection, &endpoint)?;
    }
    if let Some(event) = told {
        log.append(&event)?;
    }
    Ok(())
}

pub(crate) fn delete(connection: &Connection, tenant: TenantId, id: WebhookEndpointId) -> Result<bool> {
    let sql = "DELETE FROM webhook_endpoints WHERE id = ?1 AND tenant = ?2";
    let deleted = connection.prepare_cached(sql).stored()?.execute(params![id.0.as_bytes(), tenant.0]);
    Ok(deleted.stored()? > 0)
}

pub(crate) fn one(
    connection: &Connection,
    tenant: TenantId,
    id: WebhookEndpointId,
) -> Result<Option<WebhookEndpoint>> {
    let sql = format!("SELECT {ENDPOINT} FROM webhook_endpoints WHERE id = ?1 AND tenant = ?2");
    let mut statement = connection.prepare_cached(&sql).stored()?;
    statement.query_row(params![id.0.as_bytes(), tenant.0], endpoint).optional().stored()
}

pub(crate) fn all(connection: &Connection, tenant: TenantId) -> Result<Vec<WebhookEndpoint>> {
    let sql = format!(
        "SELECT {ENDPOINT} FROM webhook_endpoints INDEXED BY webhook_endpoints_newest
         WHERE tenant = ?1 ORDER BY id DESC"
    );
    let mut statement = connection.prepare_cached(&sql).stored()?;
    let rows = statement.query_map([tenant.0], endpoint).stored()?;
    rows.collect::<rusqlite::Result<_>>().stored()
}

pub(crate) fn fan_outs(connection: &Connection) -> Result<Vec<(TenantId, Position)>> {
    let sql = "SELECT tenant, position FROM webhook_fan_outs AS f WHERE EXISTS
               (SELECT 1 FROM webhook_endpoints AS e WHERE e.tenant = f.tenant AND e.disabled_at IS NULL)
               ORDER BY tenant";
    let mut statement = connection.prepare_cached(sql).stored()?;
    let rows = statement.query_map([], |row| Ok((TenantId(row.get(0)?), Position(row.get(1)?)))).stored()?;
    rows.collect::<rusqlite::Result<_>>().stored()
}

pub(crate) fn fan_out(session: &Session<'_>, steps: &[FanOut]) -> Result<Vec<FannedOut>> {
    let mut log = Log::new(session)?;
    let mut outcomes = Vec::with_capacity(steps.len());
    for step in steps {
        let sql = "UPDATE webhook_fan_outs SET position = ?3 WHERE tenant = ?1 AND position = ?2";
        let mut update = session.prepare_cached(sql).stored()?;
        let moved = update.execute(params![step.tenant.0, step.from.0, step.to.0]).stored()?;
        if moved == 0 {
            outcomes.push(FannedOut::Overtaken);
            continue;
        }
        enqueue::store_all(session, &mut log, &step.deliveries)?;
        outcomes.push(FannedOut::Done);
    }
    log.finish()?;
    Ok(outcomes)
}
