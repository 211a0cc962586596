//! Claiming: ready rows become one lease.

use angaros_domain::{Address, Notification, WorkerId};
use angaros_store::{Claim, ClaimParams, ClaimedLease, Result};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::SqliteResult;
use crate::{lease, row, suppressions};

pub(crate) fn claim(connection: &Connection, params: &ClaimParams) -> Result<Option<ClaimedLease>> {
    let mut slots = Vec::new();
    let mut left = params.allowance;
    for (lane, quota) in &params.lanes {
        let quota = left.of(*lane, *quota);
        if quota == 0 {
            continue;
        }
        let (number, before) = (lane.index() as i64, slots.len());
        let mut tenants = tenants_in(connection, number)?;
        let first = params.first_turn(tenants.len());
        tenants.rotate_left(first);
        take_from_lane(connection, number, tenants, quota, &mut slots)?;
        left.take(*lane, slots.len() - before);
    }
    if slots.is_empty() {
        return Ok(None);
    }
    let WorkerId(worker) = &params.worker;
    lease::insert(connection, params.lease, worker, params.now, params.until, &slots)?;
    let claims = claims(connection, &slots)?;
    Ok(Some(ClaimedLease { id: params.lease, claimed_at: params.now, claims }))
}

/// The notifications of slots, in their order.
pub(crate) fn load(connection: &Connection, slots: &[i64]) -> Result<Vec<(i64, Notification)>> {
    let columns = row::NOTIFICATION;
    let sql = format!("SELECT {columns} FROM notifications WHERE slot = ?1");
    let mut statement = connection.prepare_cached(&sql).stored()?;
    slots.iter().map(|slot| statement.query_row([slot], row::notification).stored()).collect()
}

/// What a lease gives out of slots, in their order.
pub(crate) fn claims(connection: &Connection, slots: &[i64]) -> Result<Vec<Claim>> {
    let none_suppressed = suppressions::is_empty(connection)?;
    let claim = |(slot, notification): (i64, Notification)| {
        let is_suppressed = !none_suppressed
            && suppressions::holds(connection, notification.tenant, &Address::of(&notification))?;
        Ok(Claim { slot, notification, is_suppressed })
    };
    load(connection, slots)?.into_iter().map(claim).collect()
}

/// Tenants with something in the lane share the quota evenly, and what one leaves goes to the next: a tenant that
/// fills a lane cannot keep the others from it.
fn take_from_lane(
    connection: &Connection,
    lane: i64,
    mut tenants: Vec<i64>,
    quota: usize,
    slots: &mut Vec<i64>,
) -> Result<()> {
    let mut left = quota;
    while left > 0 && !tenants.is_empty() {
        let count = tenants.len();
        let mut still_there = Vec::with_capacity(count);
        for (index, tenant) in tenants.into_iter().enumerate() {
            let share = left.div_ceil(count - index).min(left);
            let taken = take(connection, lane, tenant, share, slots)?;
            left -= taken;
            if taken == share {
                still_there.push(tenant);
            }
        }
        tenants = still_there;
    }
    Ok(())
}

/// The tenants that wait in a lane: one seek each, however long their queues are.
fn tenants_in(connection: &Connection, lane: i64) -> Result<Vec<i64>> {
    let sql = "SELECT tenant FROM ready WHERE lane = ?1 AND tenant > ?2 ORDER BY tenant LIMIT 1";
    let mut statement = connection.prepare_cached(sql).stored()?;
    let mut tenants = Vec::new();
    let mut last = i64::MIN;
    while let Some(tenant) = statement.query_row(params![lane, last], |row| row.get(0)).optional().stored()? {
        tenants.push(tenant);
        last = tenant;
    }
    Ok(tenants)
}

fn take(
    connection: &Connection,
    lane: i64,
    tenant: i64,
    share: usize,
    slots: &mut Vec<i64>,
) -> Result<usize> {
    if share == 0 {
        return Ok(0);
    }
    let sql =
        "SELECT ready_at, slot FROM ready WHERE lane = ?1 AND tenant = ?2 ORDER BY ready_at, slot LIMIT ?3";
    let mut select = connection.prepare_cached(sql).stored()?;
    let found: Vec<(i64, i64)> = select
        .query_map(params![lane, tenant, share as i64], |row| Ok((row.get(0)?, row.get(1)?)))
        .stored()?
        .collect::<rusqlite::Result<_>>()
        .stored()?;
    if let Some((ready_at, slot)) = found.last() {
        // They are the first of their range, so one range delete takes exactly them.
        let sql = "DELETE FROM ready WHERE lane = ?1 AND tenant = ?2 AND (ready_at, slot) <= (?3, ?4)";
        connection.prepare_cached(sql).stored()?.execute(params![lane, tenant, ready_at, slot]).stored()?;
    }
    slots.extend(found.iter().map(|(_, slot)| slot));
    Ok(found.len())
}
