//! Leases: one row for everything that a worker claimed at once.

use std::collections::HashMap;

use angaros_domain::{LeaseId, NotificationId, TenantId, Timestamp, WorkerId};
use angaros_store::{ClaimedLease, RescueParams};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::claim;
use crate::error::Run;
use crate::row::{self, column, get};
use crate::session::Session;
use crate::values::values;

/// Whose a notification is, and which: the key of its row.
pub(crate) type Key = (TenantId, NotificationId);

/// Splits keys into columns.
pub(crate) fn columns(keys: &[Key]) -> (Vec<i64>, Vec<Uuid>) {
    keys.iter().map(|(tenant, id)| (tenant.0, id.0)).unzip()
}

/// Reads keys from two columns of lists.
pub(crate) fn keys(row: &Row, tenants: usize) -> Run<Vec<Key>> {
    let (tenants, ids): (Vec<i64>, Vec<Uuid>) = (get(row, tenants)?, get(row, tenants + 1)?);
    Ok(tenants.into_iter().map(TenantId).zip(ids.into_iter().map(NotificationId)).collect())
}

pub(crate) async fn insert(
    session: &Session<'_>,
    id: LeaseId,
    worker: &WorkerId,
    (claimed_at, until): (Timestamp, Timestamp),
    held: &[Key],
) -> Run<()> {
    let (tenants, ids) = columns(held);
    let sql =
        "INSERT INTO leases (id, worker, claimed_at, until, tenants, ids) VALUES ($1, $2, $3, $4, $5, $6)";
    let (claimed_at, until) = (claimed_at.as_millis(), until.as_millis());
    session.execute(sql, values![id.0, &worker.0, claimed_at, until, tenants, ids]).await?;
    Ok(())
}

/// Locks leases, and answers what each still holds. One that is not there is lost.
pub(crate) async fn lock(session: &Session<'_>, mut ids: Vec<LeaseId>) -> Run<HashMap<LeaseId, Vec<Key>>> {
    ids.sort_unstable();
    ids.dedup();
    let sql = "SELECT id, tenants, ids FROM leases WHERE id = ANY($1) ORDER BY id FOR UPDATE";
    let rows = session.rows(sql, values![column(&ids, |id| id.0)]).await?;
    rows.iter().map(|row| Ok((LeaseId(get(row, 0)?), keys(row, 1)?))).collect()
}

/// Writes what locked leases still hold; empty ones end.
pub(crate) async fn keep(session: &Session<'_>, leases: &HashMap<LeaseId, Vec<Key>>) -> Run<()> {
    let ended: Vec<Uuid> = leases.iter().filter(|(_, held)| held.is_empty()).map(|(id, _)| id.0).collect();
    if !ended.is_empty() {
        session.execute("DELETE FROM leases WHERE id = ANY($1)", values![ended]).await?;
    }
    for (id, held) in leases.iter().filter(|(_, held)| !held.is_empty()) {
        let (tenants, ids) = columns(held);
        let sql = "UPDATE leases SET tenants = $2, ids = $3 WHERE id = $1";
        session.execute(sql, values![id.0, tenants, ids]).await?;
    }
    Ok(())
}

pub(crate) async fn renew(session: &Session<'_>, worker: &WorkerId, until: Timestamp) -> Run<usize> {
    // In the order of ids, as everybody locks leases.
    let sql = "WITH own AS (SELECT id FROM leases WHERE worker = $1 ORDER BY id FOR UPDATE)
        UPDATE leases SET until = $2 WHERE id IN (SELECT id FROM own)";
    let renewed = session.execute(sql, values![&worker.0, until.as_millis()]).await?;
    // There are never more than memory holds.
    Ok(renewed as usize)
}

pub(crate) async fn rescue(session: &Session<'_>, rescue: &RescueParams) -> Run<Option<ClaimedLease>> {
    let lost = lost(session, rescue).await?;
    let Some(claimed_at) = lost.iter().map(|(_, at, _)| *at).max() else { return Ok(None) };
    let ids: Vec<Uuid> = lost.iter().map(|(id, ..)| *id).collect();
    session.execute("DELETE FROM leases WHERE id = ANY($1)", values![ids]).await?;
    let held: Vec<Key> = lost.into_iter().flat_map(|(.., held)| held).collect();
    insert(session, rescue.lease, &rescue.worker, (claimed_at, rescue.until), &held).await?;
    Ok(Some(ClaimedLease { id: rescue.lease, claimed_at, claims: claim::claims(session, &held).await? }))
}

/// The leases that a rescue takes over, locked.
async fn lost(session: &Session<'_>, rescue: &RescueParams) -> Run<Vec<(Uuid, Timestamp, Vec<Key>)>> {
    let rows = match rescue.only {
        Some(id) => {
            await_claim(session, id).await?;
            let sql = "SELECT id, claimed_at, tenants, ids FROM leases WHERE id = $1 FOR UPDATE";
            session.rows(sql, values![id.0]).await?
        }
        None => {
            // What another is about to settle or to rescue is not lost: it is left alone.
            let sql =
                "SELECT id, claimed_at, tenants, ids FROM leases WHERE (until < $1 OR $2) AND worker <> $3
                ORDER BY until, id LIMIT $4 FOR UPDATE SKIP LOCKED";
            let everything = rescue.ended_before == Timestamp::MAX;
            let limit = row::limit(rescue.leases_max);
            let ended = rescue.ended_before.as_millis();
            session.rows(sql, values![ended, everything, &rescue.spare.0, limit]).await?
        }
    };
    row::all(&rows, |row| Ok((get(row, 0)?, row::at(row, 1)?, keys(row, 2)?)))
}

/// Waits for the end of a claim that may still be under way, although whoever asked for it heard nothing more: a row with
/// its id, that is gone again at once, has to wait for that claim's own.
async fn await_claim(session: &Session<'_>, id: LeaseId) -> Run<()> {
    let sql = "WITH probe AS (INSERT INTO leases (id, claimed_at, until, worker, tenants, ids)
            VALUES ($1, 0, 0, '', '{}', '{}') ON CONFLICT DO NOTHING RETURNING id)
        SELECT count(*) FROM probe";
    let probe = session.row(sql, values![id.0]).await?;
    if probe.map(|row| get::<i64>(&row, 0)).transpose()? == Some(1) {
        session.execute("DELETE FROM leases WHERE id = $1", values![id.0]).await?;
    }
    Ok(())
}

/// Every claimed notification, with the time of its claim. Bounded by what all workers may have in flight.
pub(crate) async fn claimed(session: &Session<'_>) -> Run<HashMap<NotificationId, Timestamp>> {
    let rows = session.rows("SELECT claimed_at, tenants, ids FROM leases", values![]).await?;
    let mut claimed = HashMap::new();
    for row in &rows {
        let at = row::at(row, 0)?;
        claimed.extend(keys(row, 1)?.into_iter().map(|(_, id)| (id, at)));
    }
    Ok(claimed)
}

/// When those of some notifications were claimed that are.
pub(crate) async fn claimed_among(
    session: &Session<'_>,
    ids: &[NotificationId],
) -> Run<HashMap<NotificationId, Timestamp>> {
    let sql = "SELECT u.id, l.claimed_at FROM leases AS l CROSS JOIN LATERAL unnest(l.ids) AS u (id)
        WHERE l.ids && $1 AND u.id = ANY($1)";
    let rows = session.rows(sql, values![column(ids, |id| id.0)]).await?;
    rows.iter().map(|row| Ok((NotificationId(get(row, 0)?), row::at(row, 1)?))).collect()
}
