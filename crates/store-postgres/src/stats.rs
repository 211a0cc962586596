//! Numbers: what waits, what is in flight, what happened lately.

use std::collections::BTreeMap;

use angaros_domain::lane::Lane;
use angaros_domain::{Status, TenantId, Timestamp};
use angaros_store::{Activity, LaneDepth, Stats};

use crate::error::Run;
use crate::list;
use crate::row::{self, get};
use crate::session::Session;
use crate::values::values;

/// The width of a slot of activity.
const SLOT_MILLIS: i64 = 10_000;
const MINUTE_SLOTS: i64 = 6;
/// Slots of an hour: what is older tells nothing any more.
const HOUR_SLOTS: i64 = 360;

/// The slot that a point in time falls into.
pub(crate) fn slot_of(at: Timestamp) -> i64 {
    at.as_millis() / SLOT_MILLIS
}

/// Whether a slot still tells anything.
pub(crate) fn is_recent(slot: i64, now: Timestamp) -> bool {
    slot > slot_of(now) - HOUR_SLOTS
}

/// Adds counts of `(slot, tenant, status)`, in the order of that key.
pub(crate) async fn count(session: &Session<'_>, counts: BTreeMap<(i64, i64, &'static str), i64>) -> Run<()> {
    if counts.is_empty() {
        return Ok(());
    }
    let (mut slots, mut tenants, mut statuses, mut n) = (vec![], vec![], vec![], vec![]);
    for ((slot, tenant, status), count) in counts {
        slots.push(slot);
        tenants.push(tenant);
        statuses.push(status);
        n.push(count);
    }
    let sql = "INSERT INTO activity AS a (slot, tenant, n, shard, status)
        SELECT u.slot, u.tenant, u.n, $5, u.status FROM unnest($1, $2, $3, $4) AS u (slot, tenant, status, n)
        ON CONFLICT (slot, tenant, status, shard) DO UPDATE SET n = a.n + excluded.n";
    session.execute(sql, values![slots, tenants, statuses, n, session.shard.number()]).await?;
    Ok(())
}

/// Lets go of slots that are older than an hour, counted from the newest.
pub(crate) async fn forget(session: &Session<'_>) -> Run<()> {
    let sql = "DELETE FROM activity WHERE slot < (SELECT max(slot) FROM activity) - $1";
    session.execute(sql, values![HOUR_SLOTS + 1]).await?;
    Ok(())
}

pub(crate) async fn stats(session: &Session<'_>, tenant: Option<TenantId>, now: Timestamp) -> Run<Stats> {
    let (depths, oldest_queued) = depths(session, tenant).await?;
    let number = tenant.map(|tenant| tenant.0);
    Ok(Stats {
        depths,
        oldest_queued,
        deferred: scalar(
            session,
            "SELECT count(*) FROM deferred WHERE $1::bigint IS NULL OR tenant = $1",
            number,
        )
        .await?,
        in_flight: scalar(
            session,
            "SELECT count(*) FROM leases AS l CROSS JOIN LATERAL unnest(l.tenants) AS u (tenant)
                WHERE $1::bigint IS NULL OR u.tenant = $1",
            number,
        )
        .await?,
        created_last_minute: created_since(session, tenant, now.plus_seconds(-60)).await?,
        activity: activity(session, tenant, now).await?,
    })
}

/// Since when the oldest transaction is open whose snapshot keeps dead rows from being removed. Those of other users are seen
/// with the rights of `pg_read_all_stats` only. Vacuum itself is in nobody's way.
pub(crate) async fn oldest_snapshot_seconds(session: &Session<'_>) -> Run<Option<f64>> {
    let sql = "SELECT extract(epoch FROM clock_timestamp() - min(since))::float8 FROM (
            SELECT xact_start AS since FROM pg_stat_activity
            WHERE (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) AND backend_type <> 'autovacuum worker'
                AND pid <> pg_backend_pid()
            UNION ALL SELECT prepared FROM pg_prepared_xacts) AS open";
    let row = session.row(sql, values![]).await?;
    Ok(row.map(|row| get::<Option<f64>>(&row, 0)).transpose()?.flatten())
}

async fn scalar(session: &Session<'_>, sql: &str, tenant: Option<i64>) -> Run<u64> {
    let row = session.row(sql, values![tenant]).await?;
    Ok(row.map(|row| row::number(&row, 0)).transpose()?.unwrap_or(0))
}

/// How many wait in each lane, and since when the longest does.
async fn depths(session: &Session<'_>, tenant: Option<TenantId>) -> Run<(Vec<LaneDepth>, Option<Timestamp>)> {
    let sql = "SELECT lane, count(*), min(ready_at) FROM ready WHERE $1::bigint IS NULL OR tenant = $1
        GROUP BY lane ORDER BY lane";
    let rows = session.rows(sql, values![tenant.map(|tenant| tenant.0)]).await?;
    let (mut depths, mut oldest) = (Vec::new(), None);
    for row in &rows {
        let lane = usize::try_from(get::<i16>(row, 0)?).ok().and_then(Lane::from_index);
        let lane = lane.ok_or_else(|| row::unreadable(0, "no lane's number"))?;
        depths.push(LaneDepth { lane, depth: row::number(row, 1)? });
        let since = row::at(row, 2)?;
        oldest = Some(oldest.map_or(since, |oldest: Timestamp| oldest.min(since)));
    }
    Ok((depths, oldest))
}

async fn created_since(session: &Session<'_>, tenant: Option<TenantId>, since: Timestamp) -> Run<u64> {
    let sql = "SELECT count(*) FROM tenants AS t JOIN notifications AS n ON n.tenant = t.id AND n.id > $2
        WHERE $1::bigint IS NULL OR t.id = $1";
    let row = session.row(sql, values![tenant.map(|tenant| tenant.0), list::id_floor(since)]).await?;
    Ok(row.map(|row| row::number(&row, 0)).transpose()?.unwrap_or(0))
}

async fn activity(session: &Session<'_>, tenant: Option<TenantId>, now: Timestamp) -> Run<Vec<Activity>> {
    let slot = slot_of(now);
    let sql = "SELECT status, (sum(n) FILTER (WHERE slot > $2))::bigint, sum(n)::bigint FROM activity
        WHERE slot > $3 AND ($1::bigint IS NULL OR tenant = $1) GROUP BY status";
    let values = values![tenant.map(|tenant| tenant.0), slot - MINUTE_SLOTS, slot - HOUR_SLOTS];
    let mut counts: BTreeMap<Status, Activity> = BTreeMap::new();
    for row in &session.rows(sql, values).await? {
        let status = row::parsed(row, 0)?;
        let last_minute = get::<Option<i64>>(row, 1)?.unwrap_or(0).unsigned_abs();
        counts.insert(status, Activity { status, last_minute, last_hour: row::number(row, 2)? });
    }
    Ok(counts.into_values().collect())
}
