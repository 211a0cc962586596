//! Webhook endpoints: keeping them, hearing how they fare, and turning events into deliveries.

use std::collections::{BTreeMap, BTreeSet};

use angaros_domain::event::Event;
use angaros_domain::webhook_endpoint::{Disabled, Edit, EventFilter, SigningSecret, WebhookEndpoint};
use angaros_domain::{Notification, TenantId, Timestamp, WebhookEndpointId};
use angaros_store::{FanOut, FannedOut, Position, SettledItem};
use tokio_postgres::Row;

use crate::error::Run;
use crate::log::Log;
use crate::row::{self, column, get};
use crate::session::Session;
use crate::text::Text;
use crate::values::values;
use crate::{enqueue, feed, locks};

pub(crate) const ENDPOINT: &str = "id, tenant, url, event_types, description, secret, former_secret, former_secret_until, \
    disabled_reason, disabled_at, failing_since, follows_after, updated_at";

pub(crate) fn endpoint(row: &Row) -> Run<WebhookEndpoint> {
    let event_types: Vec<String> = row::json(row, 3)?;
    let secret = |column: usize| -> Run<Option<SigningSecret>> {
        let text: Option<&str> = get(row, column)?;
        text.map(|text| SigningSecret::parse(text).ok_or_else(|| row::unreadable(column, "no secret")))
            .transpose()
    };
    let disabled = match row::time(row, 9)? {
        Some(at) => Some(Disabled { reason: row::parsed(row, 8)?, at }),
        None => None,
    };
    Ok(WebhookEndpoint {
        id: WebhookEndpointId(get(row, 0)?),
        tenant: TenantId(get(row, 1)?),
        url: row::text(row, 2)?,
        event_types: event_types.iter().filter_map(|text| EventFilter::parse(text)).collect(),
        description: row::optional_text(row, 4)?,
        secret: secret(5)?.ok_or_else(|| row::unreadable(5, "no secret"))?,
        former_secret: secret(6)?.zip(row::time(row, 7)?),
        disabled,
        failing_since: row::time(row, 10)?,
        follows_after: get(row, 11)?,
        updated_at: row::at(row, 12)?,
    })
}

pub(crate) async fn write(session: &Session<'_>, e: &WebhookEndpoint) -> Run<()> {
    let sql = "INSERT INTO webhook_endpoints VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        ON CONFLICT (id) DO UPDATE SET (url, event_types, description, secret, former_secret, former_secret_until,
            disabled_reason, disabled_at, failing_since, follows_after, updated_at) = ROW (excluded.url,
            excluded.event_types, excluded.description, excluded.secret, excluded.former_secret,
            excluded.former_secret_until, excluded.disabled_reason, excluded.disabled_at, excluded.failing_since,
            excluded.follows_after, excluded.updated_at)";
    let event_types: Vec<&str> = e.event_types.iter().map(EventFilter::as_str).collect();
    let former = e.former_secret.as_ref();
    let values = values![
        e.id.0,
        e.tenant.0,
        Text(&e.url),
        row::list_text(&event_types),
        e.description.as_deref().map(Text),
        e.secret.reveal(),
        former.map(|(secret, _)| secret.reveal()),
        row::millis(former.map(|(_, until)| *until)),
        e.disabled.map(|disabled| disabled.reason.as_str()),
        row::millis(e.disabled.map(|disabled| disabled.at)),
        row::millis(e.failing_since),
        e.follows_after,
        e.updated_at.as_millis(),
    ];
    session.execute(sql, values).await?;
    Ok(())
}

pub(crate) async fn insert(session: &Session<'_>, e: &WebhookEndpoint, endpoints_max: usize) -> Run<bool> {
    locks::exclusive(session, locks::endpoints(e.tenant.0)).await?;
    let sql = "SELECT count(*) FROM webhook_endpoints WHERE tenant = $1";
    let count = session.row(sql, values![e.tenant.0]).await?.map(|row| row::number(&row, 0)).transpose()?;
    if count.unwrap_or(0) >= endpoints_max as u64 {
        return Ok(false);
    }
    let follows_after = begin(session, e.tenant).await?;
    write(session, &WebhookEndpoint { follows_after, ..e.clone() }).await?;
    Ok(true)
}

/// Where an endpoint begins that is about to be enabled. If the tenant has no other one, its fan-out begins there too:
/// nobody wants what is between.
async fn begin(session: &Session<'_>, tenant: TenantId) -> Run<i64> {
    let Position(end) = feed::end(session).await?;
    let sql = "INSERT INTO webhook_fan_outs VALUES ($1, $2) ON CONFLICT (tenant) DO UPDATE SET position = excluded.position
        WHERE NOT EXISTS (SELECT FROM webhook_endpoints WHERE tenant = $1 AND disabled_at IS NULL)";
    session.execute(sql, values![tenant.0, end]).await?;
    Ok(end)
}

pub(crate) async fn edit(
    session: &Session<'_>,
    (tenant, id): (TenantId, WebhookEndpointId),
    edit: Edit,
    now: Timestamp,
) -> Run<Option<WebhookEndpoint>> {
    locks::exclusive(session, locks::endpoints(tenant.0)).await?;
    let Some(mut endpoint) = locked(session, &[(tenant, id)]).await?.remove(&(tenant, id)) else {
        return Ok(None);
    };
    let was_enabled = endpoint.is_enabled();
    let told = endpoint.edit(edit, now);
    if endpoint.is_enabled() && !was_enabled {
        endpoint.follows_after = begin(session, tenant).await?;
    }
    write(session, &endpoint).await?;
    let mut log = Log::default();
    log.append_all(told);
    log.finish(session).await?;
    Ok(Some(endpoint))
}

/// What an endpoint is found by.
type EndpointKey = (TenantId, WebhookEndpointId);

/// Endpoints that are there, locked in the order of their ids.
async fn locked(session: &Session<'_>, keys: &[EndpointKey]) -> Run<BTreeMap<EndpointKey, WebhookEndpoint>> {
    let sql = format!("SELECT {ENDPOINT} FROM webhook_endpoints WHERE id = ANY($1) ORDER BY id FOR UPDATE");
    let rows = session.rows(&sql, values![column(keys, |(_, id)| id.0)]).await?;
    let found = row::all(&rows, endpoint)?;
    Ok(found.into_iter().map(|e| ((e.tenant, e.id), e)).filter(|(key, _)| keys.contains(key)).collect())
}

/// How the endpoints fare that results are deliveries to.
#[derive(Default)]
pub(crate) struct Health {
    /// One that was deleted meanwhile has none.
    endpoints: BTreeMap<EndpointKey, WebhookEndpoint>,
    changed: BTreeSet<EndpointKey>,
}

impl Health {
    pub(crate) async fn of(session: &Session<'_>, results: &[&SettledItem]) -> Run<Health> {
        let heard = results.iter().filter(|item| item.heard.is_some());
        let keys: BTreeSet<EndpointKey> = heard.filter_map(|item| receiver(&item.notification)).collect();
        if keys.is_empty() {
            return Ok(Health::default());
        }
        let keys: Vec<EndpointKey> = keys.into_iter().collect();
        Ok(Health { endpoints: locked(session, &keys).await?, changed: BTreeSet::new() })
    }

    /// Takes note of what the result of a delivery tells about its endpoint; what is to be told of that.
    pub(crate) fn hear(&mut self, item: &SettledItem) -> Option<Event> {
        let (heard, key) = (item.heard?, receiver(&item.notification)?);
        let endpoint = self.endpoints.get_mut(&key)?;
        let before = endpoint.clone();
        let told = endpoint.hear(heard, &item.notification);
        if *endpoint != before {
            self.changed.insert(key);
        }
        told
    }

    /// Stores what changed.
    pub(crate) async fn write(&self, session: &Session<'_>) -> Run<()> {
        for endpoint in self.changed.iter().filter_map(|key| self.endpoints.get(key)) {
            write(session, endpoint).await?;
        }
        Ok(())
    }
}

/// The endpoint that a notification is a delivery to.
fn receiver(n: &Notification) -> Option<EndpointKey> {
    Some((n.tenant.owner(), n.endpoint()?))
}

pub(crate) async fn delete(session: &Session<'_>, tenant: TenantId, id: WebhookEndpointId) -> Run<bool> {
    let sql = "DELETE FROM webhook_endpoints WHERE id = $1 AND tenant = $2";
    Ok(session.execute(sql, values![id.0, tenant.0]).await? > 0)
}

pub(crate) async fn one(
    session: &Session<'_>,
    tenant: TenantId,
    id: WebhookEndpointId,
) -> Run<Option<WebhookEndpoint>> {
    let sql = format!("SELECT {ENDPOINT} FROM webhook_endpoints WHERE id = $1 AND tenant = $2");
    session.row(&sql, values![id.0, tenant.0]).await?.as_ref().map(endpoint).transpose()
}

pub(crate) async fn all(session: &Session<'_>, tenant: TenantId) -> Run<Vec<WebhookEndpoint>> {
    let sql = format!("SELECT {ENDPOINT} FROM webhook_endpoints WHERE tenant = $1 ORDER BY id DESC");
    row::all(&session.rows(&sql, values![tenant.0]).await?, endpoint)
}

pub(crate) async fn fan_outs(session: &Session<'_>) -> Run<Vec<(TenantId, Position)>> {
    let sql = "SELECT tenant, position FROM webhook_fan_outs AS f WHERE EXISTS
        (SELECT FROM webhook_endpoints AS e WHERE e.tenant = f.tenant AND e.disabled_at IS NULL) ORDER BY tenant";
    let rows = session.rows(sql, values![]).await?;
    row::all(&rows, |row| Ok((TenantId(get(row, 0)?), Position(get(row, 1)?))))
}

pub(crate) async fn fan_out(session: &Session<'_>, steps: &[FanOut]) -> Run<Vec<FannedOut>> {
    let mut log = Log::default();
    let mut outcomes = Vec::with_capacity(steps.len());
    let mut deliveries: Vec<&Notification> = Vec::new();
    for step in steps {
        let sql = "UPDATE webhook_fan_outs SET position = $3 WHERE tenant = $1 AND position = $2";
        let moved = session.execute(sql, values![step.tenant.0, step.from.0, step.to.0]).await?;
        if moved == 0 {
            outcomes.push(FannedOut::Overtaken);
            continue;
        }
        log.append_all(step.deliveries.iter().map(Notification::created_event));
        deliveries.extend(&step.deliveries);
        outcomes.push(FannedOut::Done);
    }
    enqueue::store_all(session, log, &deliveries).await?;
    Ok(outcomes)
}
