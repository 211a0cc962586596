//! What notifications are found by that changes: their end while they wait, and what became of them. It stands in tables of
//! its own, so that no index of `notifications` is touched by a result (see the schema).

use std::collections::HashMap;

use angaros_domain::event::message_key;
use angaros_domain::{Notification, NotificationId, Status, TenantId, Timestamp};
use futures_util::try_join;

use crate::bulk::columns;
use crate::error::Run;
use crate::lease::Key;
use crate::row::{column, millis};
use crate::session::Session;
use crate::values::values;

/// What a notification was before a change, as far as it is found by it.
pub(crate) struct Former {
    pub(crate) status: Status,
    pub(crate) sent_at: Option<Timestamp>,
    pub(crate) provider_message_id: Option<String>,
}

/// A row of `outcomes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outcome {
    tenant: TenantId,
    id: NotificationId,
    sent_at: Option<Timestamp>,
    receipt_key: Option<i64>,
    status: Option<&'static str>,
}

impl Outcome {
    /// That of a notification with these; `None` if there is none yet.
    fn of(
        (tenant, id): Key,
        status: Status,
        sent_at: Option<Timestamp>,
        provider_message_id: Option<&str>,
    ) -> Option<Outcome> {
        let status = Some(status).filter(|s| matches!(s, Status::Sent | Status::Failed | Status::Cancelled));
        let receipt_key = provider_message_id.map(|id| message_key(tenant, id));
        let is_there = sent_at.is_some() || status.is_some();
        is_there.then_some(Outcome { tenant, id, sent_at, receipt_key, status: status.map(Status::as_str) })
    }

    fn now(n: &Notification) -> Option<Outcome> {
        Outcome::of((n.tenant, n.id), n.status, n.sent_at, n.provider_message_id.as_deref())
    }
}

/// Whether a notification of a status is one whose end may come. What is claimed still says that it waits.
fn waits(status: Status) -> bool {
    matches!(status, Status::Pending | Status::Queued | Status::Retrying)
}

/// Of notifications that are new here.
pub(crate) async fn begin(session: &Session<'_>, all: &[&Notification]) -> Run<()> {
    let waiting: Vec<&Notification> = all.iter().copied().filter(|n| waits(n.status)).collect();
    let outcomes: Vec<Outcome> = all.iter().filter_map(|n| Outcome::now(n)).collect();
    try_join!(add_ends(session, &waiting), add(session, &outcomes))?;
    Ok(())
}

/// Of notifications that have changed; what each was before.
pub(crate) async fn change(
    session: &Session<'_>,
    all: &[&Notification],
    former: &HashMap<Key, Former>,
) -> Run<()> {
    let (mut left, mut back): (Vec<&Notification>, Vec<&Notification>) = (vec![], vec![]);
    let (mut gone, mut new): (Vec<Outcome>, Vec<Outcome>) = (vec![], vec![]);
    for n in all {
        let key = (n.tenant, n.id);
        let Some(was) = former.get(&key) else { continue };
        match (waits(was.status), waits(n.status)) {
            (true, false) => left.push(n),
            (false, true) => back.push(n),
            _ => {}
        }
        let before = Outcome::of(key, was.status, was.sent_at, was.provider_message_id.as_deref());
        let after = Outcome::now(n);
        if before != after {
            gone.extend(before);
            new.extend(after);
        }
    }
    // One after the other: what is taken away and what is put there may be the same row's.
    remove(session, &gone).await?;
    try_join!(remove_ends(session, &left), add_ends(session, &back), add(session, &new))?;
    Ok(())
}

async fn add_ends(session: &Session<'_>, all: &[&Notification]) -> Run<()> {
    let all = with_end(all);
    if all.is_empty() {
        return Ok(());
    }
    session.execute("INSERT INTO ends SELECT * FROM unnest($1, $2, $3)", ends(&all)).await?;
    Ok(())
}

async fn remove_ends(session: &Session<'_>, all: &[&Notification]) -> Run<()> {
    let all = with_end(all);
    if all.is_empty() {
        return Ok(());
    }
    let sql = "DELETE FROM ends AS e USING unnest($1, $2, $3) AS u (expires_at, tenant, id)
        WHERE e.expires_at = u.expires_at AND e.id = u.id AND e.tenant = u.tenant";
    session.execute(sql, ends(&all)).await?;
    Ok(())
}

fn with_end<'n>(all: &[&'n Notification]) -> Vec<(Timestamp, &'n Notification)> {
    all.iter().filter_map(|n| Some((n.expires_at?, *n))).collect()
}

fn ends(all: &[(Timestamp, &Notification)]) -> Vec<crate::values::Value<'static>> {
    values![
        column(all, |(end, _)| end.as_millis()),
        column(all, |(_, n)| n.tenant.0),
        column(all, |(_, n)| n.id.0),
    ]
}

async fn add(session: &Session<'_>, all: &[Outcome]) -> Run<()> {
    if all.is_empty() {
        return Ok(());
    }
    let columns = columns![
        column(all, |o| o.tenant.0),
        column(all, |o| o.id.0),
        column(all, |o| millis(o.sent_at)),
        column(all, |o| o.receipt_key),
        column(all, |o| o.status),
    ];
    session.put("outcomes", &columns).await
}

/// Each is found by the index that has it.
async fn remove(session: &Session<'_>, all: &[Outcome]) -> Run<()> {
    let sent: Vec<(Timestamp, &Outcome)> = all.iter().filter_map(|o| Some((o.sent_at?, o))).collect();
    if !sent.is_empty() {
        let sql = "DELETE FROM outcomes AS o USING unnest($1, $2, $3) AS u (tenant, sent_at, id)
            WHERE o.tenant = u.tenant AND o.sent_at = u.sent_at AND o.id = u.id";
        let values = values![
            column(&sent, |(_, o)| o.tenant.0),
            column(&sent, |(at, _)| at.as_millis()),
            column(&sent, |(_, o)| o.id.0),
        ];
        session.execute(sql, values).await?;
    }
    let unsent: Vec<(&str, &Outcome)> =
        all.iter().filter(|o| o.sent_at.is_none()).filter_map(|o| Some((o.status?, o))).collect();
    if !unsent.is_empty() {
        let sql = "DELETE FROM outcomes AS o USING unnest($1, $2, $3) AS u (tenant, status, id)
            WHERE o.tenant = u.tenant AND o.status = u.status AND o.id = u.id AND o.sent_at IS NULL";
        let values = values![
            column(&unsent, |(_, o)| o.tenant.0),
            column(&unsent, |(status, _)| *status),
            column(&unsent, |(_, o)| o.id.0),
        ];
        session.execute(sql, values).await?;
    }
    Ok(())
}
