//! Numbers: what waits, what is in flight, what happened lately.

use std::collections::{BTreeMap, HashMap};

use angaros_domain::lane::Lane;
use angaros_domain::{Status, TenantId, Timestamp};
use angaros_store::{Activity, LaneDepth, Result, Stats, StoreError};
use rusqlite::{Connection, params};

use crate::error::SqliteResult;
use crate::{lease, list, row};

/// The width of a slot of activity.
const SLOT_MILLIS: i64 = 10_000;
const MINUTE_SLOTS: i64 = 6;
const HOUR_SLOTS: i64 = 360;

/// The slot that a point in time falls into.
pub(crate) fn slot_of(at: Timestamp) -> i64 {
    at.as_millis() / SLOT_MILLIS
}

/// Adds counts of `(slot, tenant, status)`, and lets go of slots older than an hour.
pub(crate) fn count(connection: &Connection, counts: HashMap<(i64, i64, &'static str), i64>) -> Result<()> {
    let Some(newest) = counts.keys().map(|(slot, ..)| *slot).max() else { return Ok(()) };
    let mut upsert = connection
        .prepare_cached(
            "INSERT INTO activity VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET n = n + excluded.n",
        )
        .stored()?;
    for ((slot, tenant, status), n) in counts {
        upsert.execute(params![slot, tenant, status, n]).stored()?;
    }
    let mut forget = connection.prepare_cached("DELETE FROM activity WHERE slot < ?1").stored()?;
    forget.execute([newest - HOUR_SLOTS - 1]).map(drop).stored()
}

pub(crate) fn stats(connection: &Connection, tenant: Option<TenantId>, now: Timestamp) -> Result<Stats> {
    let claimed = lease::claimed(connection)?;
    let in_flight = match tenant {
        None => claimed.len() as u64,
        Some(tenant) => {
            let sql = "SELECT tenant FROM notifications WHERE slot = ?1";
            let mut statement = connection.prepare_cached(sql).stored()?;
            let mut count = 0;
            for slot in claimed.keys() {
                let of: i64 = statement.query_row([slot], |row| row.get(0)).stored()?;
                count += u64::from(of == tenant.0);
            }
            count
        }
    };
    let (depths, oldest_queued) = depths(connection, tenant)?;
    Ok(Stats {
        depths,
        oldest_queued,
        deferred: deferred(connection, tenant)?,
        in_flight,
        created_last_minute: created_since(connection, tenant, now.plus_seconds(-60))?,
        activity: activity(connection, tenant, now)?,
    })
}

/// How many wait in each lane, and since when the longest does.
fn depths(connection: &Connection, tenant: Option<TenantId>) -> Result<(Vec<LaneDepth>, Option<Timestamp>)> {
    let sql = "SELECT lane, count(*), min(ready_at) FROM ready WHERE ?1 IS NULL OR tenant = ?1 GROUP BY lane ORDER BY lane";
    let mut statement = connection.prepare_cached(sql).stored()?;
    let mut rows = statement.query([tenant.map(|tenant| tenant.0)]).stored()?;
    let (mut depths, mut oldest) = (Vec::new(), None);
    while let Some(row) = rows.next().stored()? {
        let (lane, depth, since): (usize, u64, i64) =
            (row.get(0).stored()?, row.get(1).stored()?, row.get(2).stored()?);
        let lane = Lane::from_index(lane).ok_or_else(|| StoreError::Corrupt("a lane's number".into()))?;
        depths.push(LaneDepth { lane, depth });
        let since = Timestamp::from_millis(since);
        oldest = Some(oldest.map_or(since, |oldest: Timestamp| oldest.min(since)));
    }
    Ok((depths, oldest))
}

fn deferred(connection: &Connection, tenant: Option<TenantId>) -> Result<u64> {
    let sql = "SELECT count(*) FROM deferred WHERE ?1 IS NULL OR tenant = ?1";
    let mut statement = connection.prepare_cached(sql).stored()?;
    statement.query_row([tenant.map(|tenant| tenant.0)], |row| row.get(0)).stored()
}

fn created_since(connection: &Connection, tenant: Option<TenantId>, since: Timestamp) -> Result<u64> {
    let tenants: Vec<i64> = match tenant {
        Some(tenant) => vec![tenant.0],
        None => {
            let mut statement = connection.prepare_cached("SELECT id FROM tenants").stored()?;
            let ids = statement.query_map([], |row| row.get(0)).stored()?;
            ids.collect::<rusqlite::Result<_>>().stored()?
        }
    };
    let sql = "SELECT count(*) FROM notifications INDEXED BY notifications_id WHERE tenant = ?1 AND id > ?2";
    let mut statement = connection.prepare_cached(sql).stored()?;
    let mut count = 0;
    for tenant in tenants {
        let floor = list::id_floor(since);
        count +=
            statement.query_row(params![tenant, floor.as_bytes()], |row| row.get::<_, u64>(0)).stored()?;
    }
    Ok(count)
}

fn activity(connection: &Connection, tenant: Option<TenantId>, now: Timestamp) -> Result<Vec<Activity>> {
    let slot = slot_of(now);
    let sql = "SELECT status, sum(iif(slot > ?2, n, 0)), sum(n) FROM activity
               WHERE slot > ?3 AND (?1 IS NULL OR tenant = ?1) GROUP BY status";
    let mut statement = connection.prepare_cached(sql).stored()?;
    let bounds = params![tenant.map(|tenant| tenant.0), slot - MINUTE_SLOTS, slot - HOUR_SLOTS];
    let mut counts: BTreeMap<Status, Activity> = BTreeMap::new();
    let mut rows = statement.query(bounds).stored()?;
    while let Some(row) = rows.next().stored()? {
        let status = row::parsed(row, 0).stored()?;
        let (last_minute, last_hour) = (row.get(1).stored()?, row.get(2).stored()?);
        counts.insert(status, Activity { status, last_minute, last_hour });
    }
    Ok(counts.into_values().collect())
}
