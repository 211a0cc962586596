//! Storing submissions: each all or nothing, decided inside the transaction.

use std::collections::BTreeMap;

use angaros_domain::batch::Batch;
use angaros_domain::fingerprint::Fingerprint;
use angaros_domain::idempotency::{Idempotency, IdempotencyKey};
use angaros_domain::{BatchId, Notification, NotificationId, Status, TenantId};
use angaros_store::{Idempotent, StoreError, Submission, Submitted};
use futures_util::try_join;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::bulk::columns;
use crate::error::Run;
use crate::hints::{Note, lane_number};
use crate::log::{Log, Place};
use crate::row::{self, column, get};
use crate::session::Session;
use crate::text::Text;
use crate::values::values;

pub(crate) async fn submit(session: &Session<'_>, submissions: &[Submission]) -> Run<Vec<Submitted>> {
    let decisions = decide(session, submissions).await?;
    let mut log = Log::default();
    let mut ends = Vec::with_capacity(submissions.len());
    let mut new: Vec<&Submission> = Vec::new();
    for (submission, decision) in submissions.iter().zip(decisions) {
        ends.push(match decision {
            Some(known) => Err(known),
            None => {
                new.push(submission);
                Ok(log.append_all(submission.notifications.iter().map(Notification::created_event)))
            }
        });
    }
    let notifications: Vec<&Notification> = new.iter().flat_map(|s| &s.notifications).collect();
    let batches: Vec<&Batch> = new.iter().filter_map(|s| s.batch.as_ref()).collect();
    insert_batches(session, &batches).await?;
    let placed = store_all(session, log, &notifications).await?;
    let outcome = |end: Result<Place, Submitted>| match end {
        Ok(place) => Submitted::Stored(placed.position(place)),
        Err(known) => known,
    };
    Ok(ends.into_iter().map(outcome).collect())
}

/// Stores new notifications where they wait, with the log that tells of it.
pub(crate) async fn store_all(
    session: &Session<'_>,
    log: Log,
    notifications: &[&Notification],
) -> Run<crate::log::Placed> {
    if notifications.is_empty() {
        return log.finish(session).await;
    }
    // Places in the log come last: they are not to be held while anything else is written.
    let told = async {
        // Everybody counts statuses before events: two that count in the same rows would wait for each other otherwise.
        row::count_statuses(session, notifications).await?;
        log.finish(session).await
    };
    let ((), (), placed) =
        try_join!(row::insert_notifications(session, notifications), wait(session, notifications), told,)?;
    Ok(placed)
}

pub(crate) async fn insert_batches(session: &Session<'_>, batches: &[&Batch]) -> Run<()> {
    if batches.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO batches (id, tenant, size, campaign_id, metadata, correlation_id)
        SELECT * FROM unnest($1, $2, $3, $4, $5, $6)";
    let values = values![
        column(batches, |b| b.id.0),
        column(batches, |b| b.tenant.0),
        column(batches, |b| b.size as i64),
        column(batches, |b| b.campaign_id.as_deref().map(Text)),
        column(batches, |b| row::object_text(&b.metadata)),
        column(batches, |b| b.correlation_id.as_str()),
    ];
    session.execute(sql, values).await?;
    Ok(())
}

/// Puts notifications where they wait: into their lanes, or among the deferred if they are not due.
pub(crate) async fn wait(session: &Session<'_>, notifications: &[&Notification]) -> Run<()> {
    let (ready, deferred): (Vec<&Notification>, Vec<&Notification>) =
        notifications.iter().copied().partition(|n| n.due_at().is_none());
    try_join!(make_ready(session, &ready), defer(session, &deferred))?;
    Ok(())
}

async fn defer(session: &Session<'_>, all: &[&Notification]) -> Run<()> {
    if all.is_empty() {
        return Ok(());
    }
    let due = column(all, |n| n.due_at().map_or(0, |at| at.as_millis()));
    let columns = columns![due, column(all, |n| n.tenant.0), column(all, |n| n.id.0), column(all, is_retry)];
    session.put("deferred", &columns).await
}

/// Puts notifications into their lanes.
pub(crate) async fn make_ready(session: &Session<'_>, all: &[&Notification]) -> Run<()> {
    debug_assert!(all.iter().all(|n| matches!(n.status, Status::Queued | Status::Retrying)));
    if all.is_empty() {
        return Ok(());
    }
    let columns = columns![
        column(all, |n| n.tenant.0),
        column(all, |n| n.ready_at().as_millis()),
        column(all, |n| n.id.0),
        column(all, |n| lane_number(n)),
        column(all, is_retry),
    ];
    session.put("ready", &columns).await?;
    for n in all {
        session.note(Note::ready(n));
    }
    Ok(())
}

/// Which of the two statuses a notification has that waits, as its row says it.
fn is_retry(n: &&Notification) -> bool {
    n.status == Status::Retrying
}

/// What is known of each submission already: `None` if it is new.
async fn decide(session: &Session<'_>, submissions: &[Submission]) -> Run<Vec<Option<Submitted>>> {
    // Of two with one key in the same call the first decides.
    let mut first: BTreeMap<Uuid, (&Submission, &Idempotency)> = BTreeMap::new();
    for submission in submissions {
        if let Some(idempotency) = &submission.idempotency {
            first.entry(key_of(submission.tenant, idempotency)).or_insert((submission, idempotency));
        }
    }
    let stored = remember_keys(session, &first).await?;
    let mut met: BTreeMap<Uuid, ()> = BTreeMap::new();
    let decision = |submission: &Submission| {
        let Some(idempotency) = &submission.idempotency else { return Ok(None) };
        let key = key_of(submission.tenant, idempotency);
        let is_repeat = met.insert(key, ()).is_some();
        let (stood_for, fingerprint) = match (stored.get(&key), first.get(&key)) {
            (Some((stood_for, fingerprint)), _) => (*stood_for, *fingerprint),
            (None, Some((first, idempotency))) if is_repeat => (stands_for(first)?, idempotency.fingerprint),
            _ => return Ok(None),
        };
        let is_same = fingerprint == idempotency.fingerprint;
        Ok(Some(if is_same { Submitted::Replayed(stood_for) } else { Submitted::Conflict }))
    };
    submissions.iter().map(decision).collect()
}

fn key_of(tenant: TenantId, idempotency: &Idempotency) -> Uuid {
    Uuid::from_bytes(idempotency.key.lookup_key(tenant))
}

/// What a submission's key stands for, if it is stored.
fn stands_for(submission: &Submission) -> Run<Idempotent> {
    match (&submission.batch, submission.notifications.first()) {
        (Some(batch), _) => Ok(Idempotent::Batch(batch.id)),
        (None, Some(n)) => Ok(Idempotent::Notification(n.id)),
        (None, None) => Err(StoreError::Internal("a key that stands for nothing".into()).into()),
    }
}

/// Stores keys that are new, and answers what the others stand for. A rival that is about to store one is waited for.
async fn remember_keys(
    session: &Session<'_>,
    first: &BTreeMap<Uuid, (&Submission, &Idempotency)>,
) -> Run<BTreeMap<Uuid, (Idempotent, Fingerprint)>> {
    if first.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (mut notifications, mut batches) = (Vec::new(), Vec::new());
    for (submission, _) in first.values() {
        let (notification, batch) = match stands_for(submission)? {
            Idempotent::Notification(id) => (Some(id.0), None),
            Idempotent::Batch(id) => (None, Some(id.0)),
        };
        notifications.push(notification);
        batches.push(batch);
    }
    let pairs: Vec<&(&Submission, &Idempotency)> = first.values().collect();
    let keys: Vec<Uuid> = first.keys().copied().collect();
    let values = values![
        &keys,
        column(&pairs, |(_, idempotency)| Uuid::from_bytes(idempotency.fingerprint.0)),
        notifications,
        batches,
        column(&pairs, |(submission, _)| submission.tenant.0),
        column(&pairs, |(_, idempotency)| Text(idempotency.key.as_str())),
    ];
    let sql = "INSERT INTO idempotency SELECT * FROM unnest($1, $2, $3, $4, $5, $6)
        ON CONFLICT DO NOTHING RETURNING key";
    let new = session.rows(sql, values).await?;
    if new.len() == first.len() {
        return Ok(BTreeMap::new());
    }
    let new: Vec<Uuid> = row::all(&new, |row| get(row, 0))?;
    let known: Vec<Uuid> = keys.into_iter().filter(|key| !new.contains(key)).collect();
    // In a statement of its own, which sees what a rival has stored meanwhile.
    let sql = "SELECT fingerprint, notification_id, batch_id, key FROM idempotency WHERE key = ANY($1)";
    let rows = session.rows(sql, values![known]).await?;
    rows.iter().map(|row| Ok((get(row, 3)?, found(row)?))).collect()
}

pub(crate) fn found(row: &Row) -> Run<(Idempotent, Fingerprint)> {
    let fingerprint = Fingerprint(get::<Uuid>(row, 0)?.into_bytes());
    let stood_for = match get::<Option<Uuid>>(row, 1)? {
        Some(id) => Idempotent::Notification(NotificationId(id)),
        None => Idempotent::Batch(BatchId(get(row, 2)?)),
    };
    Ok((stood_for, fingerprint))
}

/// What a key stands for, and the fingerprint of the request that it came with. The hash finds the row; the text and
/// the tenant decide.
pub(crate) async fn find_key(
    session: &Session<'_>,
    tenant: TenantId,
    key: &IdempotencyKey,
) -> Run<Option<(Idempotent, Fingerprint)>> {
    let sql = "SELECT fingerprint, notification_id, batch_id FROM idempotency
        WHERE key = $1 AND tenant = $2 AND text = $3";
    let values = values![Uuid::from_bytes(key.lookup_key(tenant)), tenant.0, Text(key.as_str())];
    session.row(sql, values).await?.as_ref().map(found).transpose()
}
