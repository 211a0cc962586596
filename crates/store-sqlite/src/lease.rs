//! Leases: one row for everything that a worker claimed at once.

use angaros_domain::{LeaseId, Timestamp, WorkerId};
use angaros_store::{ClaimedLease, RescueParams, Result, StoreError};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::claim;
use crate::error::SqliteResult;

pub(crate) fn insert(
    connection: &Connection,
    id: LeaseId,
    worker: &str,
    claimed_at: Timestamp,
    until: Timestamp,
    slots: &[i64],
) -> Result<()> {
    let times = (claimed_at.as_millis(), until.as_millis());
    connection
        .prepare_cached("INSERT INTO leases VALUES (?1, ?2, ?3, ?4, ?5)")
        .stored()?
        .execute(params![id.0.as_bytes(), worker, times.0, times.1, encode(slots)])
        .map(drop)
        .stored()
}

/// What a lease still holds; `None` if there is no such lease.
pub(crate) fn slots(connection: &Connection, id: LeaseId) -> Result<Option<Vec<i64>>> {
    let mut statement = connection.prepare_cached("SELECT slots FROM leases WHERE id = ?1").stored()?;
    let found =
        statement.query_row([id.0.as_bytes()], |row| Ok(decode(row.get_ref(0)?.as_blob()?))).optional();
    found.stored()?.transpose()
}

/// Writes what a lease still holds; an empty one ends.
pub(crate) fn keep(connection: &Connection, id: LeaseId, slots: &[i64]) -> Result<()> {
    if slots.is_empty() {
        let mut delete = connection.prepare_cached("DELETE FROM leases WHERE id = ?1").stored()?;
        return delete.execute([id.0.as_bytes()]).map(drop).stored();
    }
    let mut update = connection.prepare_cached("UPDATE leases SET slots = ?2 WHERE id = ?1").stored()?;
    update.execute(params![id.0.as_bytes(), encode(slots)]).map(drop).stored()
}

pub(crate) fn renew(connection: &Connection, worker: &WorkerId, until: Timestamp) -> Result<usize> {
    let sql = "UPDATE leases SET until = ?2 WHERE worker = ?1";
    connection.prepare_cached(sql).stored()?.execute(params![worker.0, until.as_millis()]).stored()
}

pub(crate) fn rescue(connection: &Connection, rescue: &RescueParams) -> Result<Option<ClaimedLease>> {
    let lost = lost(connection, rescue).stored()?;
    let Some(claimed_at) = lost.iter().map(|(_, at, _)| *at).max().map(Timestamp::from_millis) else {
        return Ok(None);
    };
    let mut slots = Vec::new();
    let mut delete = connection.prepare_cached("DELETE FROM leases WHERE id = ?1").stored()?;
    for (id, _, held) in &lost {
        slots.extend(decode(held)?);
        delete.execute([id]).stored()?;
    }
    insert(connection, rescue.lease, &rescue.worker.0, claimed_at, rescue.until, &slots)?;
    Ok(Some(ClaimedLease { id: rescue.lease, claimed_at, claims: claim::claims(connection, &slots)? }))
}

/// A lease as it is stored: its id, the time of its claim, and its slots.
type Stored = (Vec<u8>, i64, Vec<u8>);

/// The leases that a rescue takes over.
fn lost(connection: &Connection, rescue: &RescueParams) -> rusqlite::Result<Vec<Stored>> {
    let columns = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    if let Some(id) = rescue.only {
        let sql = "SELECT id, claimed_at, slots FROM leases WHERE id = ?1";
        return connection.prepare_cached(sql)?.query_map([id.0.as_bytes()], columns)?.collect();
    }
    let sql = "SELECT id, claimed_at, slots FROM leases WHERE (until < ?1 OR ?2) AND worker <> ?4
               ORDER BY until LIMIT ?3";
    let everything = rescue.ended_before == Timestamp::MAX;
    let limit = i64::try_from(rescue.leases_max).unwrap_or(i64::MAX);
    let values = params![rescue.ended_before.as_millis(), everything, limit, rescue.spare.0];
    connection.prepare_cached(sql)?.query_map(values, columns)?.collect()
}

/// Every claimed slot, with the time of its claim. Bounded by what all workers may have in flight.
pub(crate) fn claimed(connection: &Connection) -> Result<std::collections::HashMap<i64, Timestamp>> {
    let mut statement = connection.prepare_cached("SELECT claimed_at, slots FROM leases").stored()?;
    let mut rows = statement.query([]).stored()?;
    let mut claimed = std::collections::HashMap::new();
    while let Some(row) = rows.next().stored()? {
        let at = Timestamp::from_millis(row.get(0).stored()?);
        let blob =
            row.get_ref(1).stored()?.as_blob().map_err(|error| StoreError::Corrupt(error.to_string()))?;
        claimed.extend(decode(blob)?.into_iter().map(|slot| (slot, at)));
    }
    Ok(claimed)
}

fn encode(slots: &[i64]) -> Vec<u8> {
    slots.iter().flat_map(|slot| slot.to_le_bytes()).collect()
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<i64>> {
    let (slots, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(StoreError::Corrupt("a lease's slots are cut".into()));
    }
    Ok(slots.iter().map(|slot| i64::from_le_bytes(*slot)).collect())
}
