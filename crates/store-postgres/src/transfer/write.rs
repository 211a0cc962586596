//! Writing what another store held. What is counted or looked up by is made on the way, by the code that makes it for
//! everything else.

use angaros_domain::api_key::ApiKey;
use angaros_domain::event::{Event, PROVIDER_ANGAROS};
use angaros_domain::ingest::EventKey;
use angaros_domain::{Channel, Notification, Suppression, TenantId, Timestamp};
use angaros_store::transfer::{Deferred, Ready, Remembered, Rows, Tenant};
use angaros_store::{Idempotent, ListPlace, Position, Reported, StoreError};
use uuid::Uuid;

use crate::error::Run;
use crate::log::Log;
use crate::row::{self, column};
use crate::session::Session;
use crate::text::Text;
use crate::values::values;
use crate::{append, catalog, enqueue, lease, maintain, webhooks};

pub(super) async fn rows(session: &Session<'_>, rows: &Rows) -> Run<()> {
    match rows {
        Rows::Tenants(tenants) => write_tenants(session, tenants).await,
        Rows::ApiKeys(keys) => write_keys(session, keys).await,
        Rows::Templates(templates) => {
            for template in templates {
                catalog::insert(session, template).await?;
            }
            Ok(())
        }
        Rows::Pauses(pauses) => write_pauses(session, pauses).await,
        Rows::WebhookEndpoints(endpoints) => {
            for endpoint in endpoints {
                webhooks::write(session, endpoint).await?;
            }
            Ok(())
        }
        Rows::FanOuts(fan_outs) => write_fan_outs(session, fan_outs).await,
        Rows::Suppressions(suppressions) => write_suppressions(session, suppressions).await,
        Rows::Batches(batches) => enqueue::insert_batches(session, &column(batches, |batch| batch)).await,
        Rows::IdempotencyKeys(keys) => write_idempotency_keys(session, keys).await,
        Rows::Notifications(notifications) => {
            let all: Vec<&Notification> = notifications.iter().collect();
            row::insert_notifications(session, &all).await?;
            row::count_statuses(session, &all).await
        }
        Rows::Ready(ready) => write_ready(session, ready).await,
        Rows::Deferred(deferred) => write_deferred(session, deferred).await,
        Rows::Leases(leases) => {
            for held in leases {
                let times = (held.claimed_at, held.until);
                lease::insert(session, held.id, &held.worker, times, &held.held).await?;
            }
            Ok(())
        }
        Rows::Events(events) => write_events(session, events).await,
    }
}

async fn write_tenants(session: &Session<'_>, tenants: &[Tenant]) -> Run<()> {
    // The first one is there from the start.
    let sql = "INSERT INTO tenants SELECT * FROM unnest($1, $2, $3) ON CONFLICT (id) DO UPDATE
        SET name = excluded.name, created_at = excluded.created_at";
    let values = values![
        column(tenants, |tenant| tenant.id.0),
        column(tenants, |tenant| Text(&tenant.name)),
        column(tenants, |tenant| tenant.created_at.as_millis()),
    ];
    session.execute(sql, values).await?;
    Ok(())
}

async fn write_keys(session: &Session<'_>, keys: &[ApiKey]) -> Run<()> {
    let values = values![
        column(keys, |key| Text(&key.prefix)),
        column(keys, |key| key.tenant.0),
        column(keys, |key| Text(&key.name)),
        column(keys, |key| row::list_text(&key.scopes).unwrap_or_else(|| "[]".into())),
        column(keys, |key| &key.hash[..]),
        column(keys, |key| key.created_at.as_millis()),
        column(keys, |key| row::millis(key.revoked_at)),
    ];
    session.execute("INSERT INTO api_keys SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)", values).await?;
    Ok(())
}

async fn write_pauses(session: &Session<'_>, pauses: &[(Channel, Timestamp)]) -> Run<()> {
    let values = values![
        column(pauses, |(channel, _)| channel.as_str()),
        column(pauses, |(_, since)| since.as_millis())
    ];
    session.execute("INSERT INTO pauses SELECT * FROM unnest($1, $2)", values).await?;
    Ok(())
}

async fn write_fan_outs(session: &Session<'_>, fan_outs: &[(TenantId, Position)]) -> Run<()> {
    let values = values![column(fan_outs, |(tenant, _)| tenant.0), column(fan_outs, |(_, place)| place.0)];
    session.execute("INSERT INTO webhook_fan_outs SELECT * FROM unnest($1, $2)", values).await?;
    Ok(())
}

async fn write_suppressions(session: &Session<'_>, all: &[(ListPlace, Suppression)]) -> Run<()> {
    let sql = "INSERT INTO suppressions OVERRIDING SYSTEM VALUE SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)";
    let values = values![
        column(all, |(place, _)| place.0),
        column(all, |(_, s)| s.tenant.0),
        column(all, |(_, s)| s.address.channel().as_str()),
        column(all, |(_, s)| Text(s.address.as_str())),
        column(all, |(_, s)| s.reason.as_str()),
        column(all, |(_, s)| s.notification_id.map(|id| id.0)),
        column(all, |(_, s)| s.event_id.map(|id| id.0)),
        column(all, |(_, s)| s.created_at.as_millis()),
    ];
    session.execute(sql, values).await?;
    Ok(())
}

async fn write_idempotency_keys(session: &Session<'_>, keys: &[Remembered]) -> Run<()> {
    let ids = |one: &Remembered| match one.stands_for {
        Idempotent::Notification(id) => (Some(id.0), None),
        Idempotent::Batch(id) => (None, Some(id.0)),
    };
    let (notifications, batches): (Vec<Option<Uuid>>, Vec<Option<Uuid>>) = keys.iter().map(ids).unzip();
    let values = values![
        column(keys, |one| Uuid::from_bytes(one.idempotency.key.lookup_key(one.tenant))),
        column(keys, |one| Uuid::from_bytes(one.idempotency.fingerprint.0)),
        notifications,
        batches,
        column(keys, |one| one.tenant.0),
        column(keys, |one| Text(one.idempotency.key.as_str())),
    ];
    session.execute("INSERT INTO idempotency SELECT * FROM unnest($1, $2, $3, $4, $5, $6)", values).await?;
    Ok(())
}

/// Whether what waits does so for another attempt; notifications come before the places where they wait.
const IS_RETRY: &str = "EXISTS (SELECT FROM notifications AS n WHERE n.tenant = u.tenant AND n.id = u.id AND n.status = 'retrying')";

async fn write_ready(session: &Session<'_>, all: &[Ready]) -> Run<()> {
    let values = values![
        column(all, |ready| ready.tenant.0),
        column(all, |ready| ready.ready_at.as_millis()),
        column(all, |ready| ready.id.0),
        // There are 12.
        column(all, |ready| ready.lane.index() as i16),
    ];
    let sql = format!(
        "INSERT INTO ready SELECT u.*, {IS_RETRY} FROM unnest($1, $2, $3, $4) AS u (tenant, ready_at, id, lane)"
    );
    session.execute(&sql, values).await?;
    Ok(())
}

async fn write_deferred(session: &Session<'_>, all: &[Deferred]) -> Run<()> {
    let values = values![
        column(all, |deferred| deferred.due_at.as_millis()),
        column(all, |deferred| deferred.tenant.0),
        column(all, |deferred| deferred.id.0),
    ];
    let sql = format!(
        "INSERT INTO deferred SELECT u.*, {IS_RETRY} FROM unnest($1, $2, $3) AS u (due_at, tenant, id)"
    );
    session.execute(&sql, values).await?;
    Ok(())
}

/// Writes a stretch of the log where it stood, under the keys by which repeats of its events are known.
async fn write_events(session: &Session<'_>, events: &[(Position, Event)]) -> Run<()> {
    let Some((first, _)) = events.first() else { return Ok(()) };
    let places = (first.0..).take(events.len());
    if !events.iter().map(|(position, event)| (position.0, event.id.place())).eq(places.map(|at| (at, at))) {
        return Err(StoreError::Corrupt("the places of the log have a gap".into()).into());
    }
    maintain::cover(session, events.iter().map(|(_, event)| event.received_at)).await?;
    let is_reported = |event: &Event| event.provider != PROVIDER_ANGAROS;
    let reported: Vec<Reported> = events
        .iter()
        .filter(|(_, event)| is_reported(event))
        .map(|(_, event)| Reported { key: EventKey::of(event), event: event.clone() })
        .collect();
    let mut keys = append::keys(session, &reported).await?.into_iter();
    let mut log = Log::default();
    for (_, event) in events {
        match is_reported(event).then(|| keys.next()).flatten() {
            Some(key) => log.append_with(event.clone(), key),
            None => log.append(event.clone()),
        };
    }
    log.restore(session, Position(first.0 - 1)).await
}
