//! Claiming: ready rows become one lease.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use angaros_domain::{Address, Lane, Notification, NotificationId, TenantId};
use angaros_store::{Claim, ClaimParams, ClaimedLease, StoreError};
use uuid::Uuid;

use crate::error::Run;
use crate::hints::{Note, Queue, START, Spot};
use crate::lease::{self, Key};
use crate::row::{self, column, get};
use crate::session::Session;
use crate::suppressions;
use crate::values::values;

pub(crate) async fn claim(session: &Session<'_>, params: &ClaimParams) -> Run<Option<ClaimedLease>> {
    let wanted = wanted(params);
    if wanted.is_empty() {
        return Ok(None);
    }
    session.walk_in_order().await?;
    let waiting = waiting(session, params, &wanted).await?;
    let plan = plan(params, &waiting);
    let held = take(session, &plan, &waiting).await?;
    if held.is_empty() {
        return Ok(None);
    }
    lease::insert(session, params.lease, &params.worker, (params.now, params.until), &held).await?;
    let claims = claims(session, &held).await?;
    Ok(Some(ClaimedLease { id: params.lease, claimed_at: params.now, claims }))
}

/// The number of a lane, as rows have it.
fn number(lane: Lane) -> i16 {
    // There are 12.
    lane.index() as i16
}

/// How many at most each lane is asked for; lanes that are not are left out.
fn wanted(params: &ClaimParams) -> BTreeMap<i16, usize> {
    let mut quotas: BTreeMap<i16, (Lane, usize)> = BTreeMap::new();
    for (lane, quota) in &params.lanes {
        let (_, sum) = quotas.entry(number(*lane)).or_insert((*lane, 0));
        *sum = sum.saturating_add(*quota);
    }
    let limited = quotas.into_iter().map(|(number, (lane, sum))| (number, params.allowance.of(lane, sum)));
    limited.filter(|(_, most)| *most > 0).collect()
}

/// What waits in a queue: how many, up to what is wanted of its lane, and before which place there is nothing.
struct Waiting {
    count: usize,
    begin: Spot,
}

/// What waits in the lanes that are asked for, without a look at what was claimed before. Unless that is enough, or if the
/// last full look is long ago, everything is looked at.
async fn waiting(
    session: &Session<'_>,
    params: &ClaimParams,
    wanted: &BTreeMap<i16, usize>,
) -> Run<BTreeMap<Queue, Waiting>> {
    let hints = &session.store.hints;
    let known: Vec<(Queue, Spot)> = wanted.keys().flat_map(|lane| hints.of_lane(*lane)).collect();
    let found = count(session, &known, wanted).await?;
    let is_enough = wanted.iter().all(|(lane, most)| {
        let there: usize = found.range((*lane, i64::MIN)..=(*lane, i64::MAX)).map(|(_, w)| w.count).sum();
        there >= *most
    });
    let now = session.store.clock.now();
    let lanes: Vec<i16> = wanted.keys().copied().collect();
    if !hints.is_look_due(&lanes, now.max(params.now), !is_enough) {
        return Ok(found);
    }
    let looked = look(session, &lanes, wanted).await;
    // One that failed took its time as well: if it was too long for the server, the next would be, and the next.
    hints.note_look(session.store.clock.now().millis_since(now));
    looked
}

/// What waits in lanes, whatever was claimed before.
async fn look(
    session: &Session<'_>,
    lanes: &[i16],
    wanted: &BTreeMap<i16, usize>,
) -> Run<BTreeMap<Queue, Waiting>> {
    let queues = queues(session, lanes).await?;
    session.store.hints.begin_anew(lanes, &queues);
    let everything: Vec<(Queue, Spot)> = queues.into_iter().map(|queue| (queue, START)).collect();
    count(session, &everything, wanted).await
}

/// The queues of lanes that have something: one step along the index for each, however long they are.
async fn queues(session: &Session<'_>, lanes: &[i16]) -> Run<Vec<Queue>> {
    let sql = "SELECT l.lane, q.tenant FROM unnest($1) AS l (lane) CROSS JOIN LATERAL (
            WITH RECURSIVE q AS (
                (SELECT r.tenant FROM ready AS r WHERE r.lane = l.lane ORDER BY r.tenant LIMIT 1)
                UNION ALL
                SELECT (SELECT r.tenant FROM ready AS r WHERE r.lane = l.lane AND r.tenant > q.tenant
                    ORDER BY r.tenant LIMIT 1) FROM q WHERE q.tenant IS NOT NULL)
            SELECT q.tenant FROM q WHERE q.tenant IS NOT NULL) AS q";
    let rows = session.rows(sql, values![lanes.to_vec()]).await?;
    row::all(&rows, |row| Ok((get(row, 0)?, get(row, 1)?)))
}

/// How many wait behind places, counted no further than is wanted.
async fn count(
    session: &Session<'_>,
    begins: &[(Queue, Spot)],
    wanted: &BTreeMap<i16, usize>,
) -> Run<BTreeMap<Queue, Waiting>> {
    if begins.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = "SELECT c.n, c.first_at FROM unnest($1, $2, $3, $4, $5) WITH ORDINALITY AS q (lane, tenant, ready_at, id, most, number)
        CROSS JOIN LATERAL (SELECT count(*) AS n, min(seen.ready_at) AS first_at FROM (
            SELECT r.ready_at FROM ready AS r WHERE r.lane = q.lane AND r.tenant = q.tenant
                AND (r.ready_at, r.id) > (q.ready_at, q.id) ORDER BY r.ready_at, r.id LIMIT q.most) AS seen) AS c
        ORDER BY q.number";
    let values = values![
        column(begins, |((lane, _), _)| *lane),
        column(begins, |((_, tenant), _)| *tenant),
        column(begins, |(_, (at, _))| at.as_millis()),
        column(begins, |(_, (_, id))| id.0),
        column(begins, |((lane, _), _)| row::limit(wanted.get(lane).copied().unwrap_or(0))),
    ];
    let rows = session.rows(sql, values).await?;
    let mut waiting = BTreeMap::new();
    for (row, (queue, begin)) in rows.iter().zip(begins) {
        // No more than was wanted.
        let count = row::number(row, 0)? as usize;
        if let Some(first_at) = row::time(row, 1)? {
            // Whoever takes them need not pass over what is dead before them again.
            let begin = (*begin).max((first_at, NotificationId(Uuid::nil())));
            waiting.insert(*queue, Waiting { count, begin });
        }
    }
    Ok(waiting)
}

/// Which queue gives how many, in the order in which they are served. Lanes come in the order asked; tenants with something
/// in the lane share its quota evenly, and what one leaves goes to the next: a tenant that fills a lane cannot keep the
/// others from it.
fn plan(params: &ClaimParams, waiting: &BTreeMap<Queue, Waiting>) -> Vec<(Queue, usize)> {
    let mut left: BTreeMap<Queue, usize> = waiting.iter().map(|(queue, w)| (*queue, w.count)).collect();
    let mut allowance = params.allowance;
    let mut plan = Vec::new();
    for (lane, quota) in &params.lanes {
        let quota = allowance.of(*lane, *quota);
        let number = number(*lane);
        let of_lane = left.range((number, i64::MIN)..=(number, i64::MAX));
        let mut queues: Vec<Queue> =
            of_lane.filter(|(_, count)| **count > 0).map(|(queue, _)| *queue).collect();
        let first = params.first_turn(queues.len());
        queues.rotate_left(first);
        let mut wanted = quota;
        while wanted > 0 && !queues.is_empty() {
            let count = queues.len();
            let mut still_there = Vec::with_capacity(count);
            for (index, queue) in queues.into_iter().enumerate() {
                let share = wanted.div_ceil(count - index).min(wanted);
                let there = left.entry(queue).or_default();
                let given = share.min(*there);
                *there -= given;
                wanted -= given;
                if given > 0 {
                    plan.push((queue, given));
                }
                if *there > 0 {
                    still_there.push(queue);
                }
            }
            queues = still_there;
        }
        allowance.take(*lane, quota - wanted);
    }
    plan
}

/// Takes what a plan says, but for what rivals take at the same time; in the order of the plan.
async fn take(
    session: &Session<'_>,
    plan: &[(Queue, usize)],
    waiting: &BTreeMap<Queue, Waiting>,
) -> Run<Vec<Key>> {
    let mut sums: BTreeMap<Queue, usize> = BTreeMap::new();
    for (queue, share) in plan {
        *sums.entry(*queue).or_default() += share;
    }
    if sums.is_empty() {
        return Ok(Vec::new());
    }
    let begins: Vec<(Queue, Spot, usize)> = sums
        .into_iter()
        .map(|(queue, share)| (queue, waiting.get(&queue).map_or(START, |w| w.begin), share))
        .collect();
    // Rows are found by where they lie: nothing moves a ready row.
    let sql = "WITH picked AS MATERIALIZED (
            SELECT r.* FROM unnest($1, $2, $3, $4, $5) AS q (lane, tenant, ready_at, id, share)
            CROSS JOIN LATERAL (
                SELECT r.ctid AS place, r.lane, r.tenant, r.ready_at, r.id FROM ready AS r
                WHERE r.lane = q.lane AND r.tenant = q.tenant AND (r.ready_at, r.id) > (q.ready_at, q.id)
                ORDER BY r.ready_at, r.id LIMIT q.share FOR UPDATE SKIP LOCKED) AS r),
        gone AS (DELETE FROM ready WHERE ctid = ANY (ARRAY(SELECT place FROM picked)))
        SELECT lane, tenant, ready_at, id FROM picked ORDER BY lane, tenant, ready_at, id";
    let values = values![
        column(&begins, |((lane, _), ..)| *lane),
        column(&begins, |((_, tenant), ..)| *tenant),
        column(&begins, |(_, (at, _), _)| at.as_millis()),
        column(&begins, |(_, (_, id), _)| id.0),
        column(&begins, |(.., share)| row::limit(*share)),
    ];
    let rows = session.rows(sql, values).await?;
    let mut taken: BTreeMap<Queue, VecDeque<NotificationId>> = BTreeMap::new();
    for row in &rows {
        let queue: Queue = (get(row, 0)?, get(row, 1)?);
        let spot = (row::at(row, 2)?, NotificationId(get(row, 3)?));
        session.note(Note::Claimed(queue, spot));
        taken.entry(queue).or_default().push_back(spot.1);
    }
    let mut held = Vec::with_capacity(rows.len());
    for (queue, share) in plan {
        let from = taken.entry(*queue).or_default();
        let share = (*share).min(from.len());
        held.extend(from.drain(..share).map(|id| (TenantId(queue.1), id)));
    }
    Ok(held)
}

/// The notifications of keys, in their order. Each must be there.
pub(crate) async fn load(session: &Session<'_>, keys: &[Key]) -> Run<Vec<Notification>> {
    let found = find(session, keys, Lock::None).await?;
    let all: Option<Vec<Notification>> = keys.iter().map(|key| found.get(key).cloned()).collect();
    all.ok_or_else(|| {
        StoreError::Corrupt("a notification that waits or is claimed is not there".into()).into()
    })
}

/// Whether rows are locked while they are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// No.
    None,
    /// Yes, in the order of their keys.
    Update,
}

/// Those notifications of keys that are there.
pub(crate) async fn find(session: &Session<'_>, keys: &[Key], lock: Lock) -> Run<HashMap<Key, Notification>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let (tenants, ids) = lease::columns(keys);
    let columns = row::NOTIFICATION;
    let lock = if lock == Lock::Update { "ORDER BY n.tenant, n.id FOR UPDATE OF n" } else { "" };
    let sql = format!(
        "SELECT {columns} FROM unnest($1, $2) AS u (tenant, id)
         JOIN notifications AS n ON n.tenant = u.tenant AND n.id = u.id {lock}"
    );
    let rows = session.rows(&sql, values![tenants, ids]).await?;
    let found = row::all(&rows, row::notification)?;
    Ok(found.into_iter().map(|n| ((n.tenant, n.id), n)).collect())
}

/// What a lease gives out of what it holds, in its order.
pub(crate) async fn claims(session: &Session<'_>, held: &[Key]) -> Run<Vec<Claim>> {
    let notifications = load(session, held).await?;
    let addresses: Vec<(TenantId, Address)> =
        notifications.iter().map(|n| (n.tenant, Address::of(n))).collect();
    let suppressed: HashSet<usize> = suppressions::among(session, &addresses).await?;
    let claim = |(index, notification): (usize, Notification)| Claim {
        slot: slot_of(notification.id),
        is_suppressed: suppressed.contains(&index),
        notification,
    };
    Ok(notifications.into_iter().enumerate().map(claim).collect())
}

/// The handle of a claimed notification: bits of its id. What fences a result is the id itself, among those that the lease
/// holds.
fn slot_of(id: NotificationId) -> i64 {
    id.0.as_u64_pair().1.cast_signed()
}

#[cfg(test)]
mod tests {
    use angaros_store_test::fixture::NOW;
    use angaros_store_test::steps::claim_params;

    use super::*;
    use crate::plans::Bench;
    use crate::session::Kind;
    use crate::store::Options;

    #[tokio::test]
    async fn a_look_that_fails_is_not_taken_again_at_once() {
        let bench = Bench::with(Options { lock_millis_max: 200, ..Options::default() }).await;
        let rival = bench.session(Kind::Write).await;
        rival.execute("LOCK TABLE ready IN ACCESS EXCLUSIVE MODE", values![]).await.unwrap();
        let session = bench.session(Kind::Write).await;
        let params = claim_params("w", 5, NOW);
        assert!(claim(&session, &params).await.is_err());
        let lanes: Vec<i16> = wanted(&params).into_keys().collect();
        let soon = session.store.clock.now().plus_millis(500);
        assert!(!session.store.hints.is_look_due(&lanes, soon, true), "it took a fifth of a second");
        session.rollback().await;
        rival.rollback().await;
    }
}
