//! Lists of notifications: keyset-paged, each served by one index.

use std::collections::HashMap;

use angaros_domain::correlation::CorrelationId;
use angaros_domain::event::recipient_key;
use angaros_domain::{Notification, NotificationId, Status, TenantId, Timestamp};
use angaros_store::{NotificationFilter, NotificationPage, PageRequest};
use uuid::Uuid;

use crate::compact::Compact;
use crate::error::Run;
use crate::lease::Key;
use crate::row;
use crate::session::Session;
use crate::text::Text;
use crate::values::{Typed, Value, value, values};
use crate::{claim, lease};

/// Conditions of a query that are asked for, with their values: what is not asked for is not in the text, so that one
/// index serves what remains.
pub(crate) struct Conditions<'v> {
    /// Where notifications come from: alone, or behind the narrow rows `w` that are walked in their place.
    tables: String,
    /// The table whose ids are walked.
    walked: char,
    sql: String,
    values: Vec<Value<'v>>,
}

impl<'v> Conditions<'v> {
    /// On the notifications of a tenant, of one status as they are stored, or of all.
    pub(crate) fn of_status(tenant: TenantId, status: Option<Status>) -> Conditions<'v> {
        let narrow = status.and_then(|status| narrow(status).map(|rows| (rows, status)));
        let mut conditions = Conditions {
            tables: "notifications AS n".into(),
            walked: 'n',
            sql: "n.tenant = $1".into(),
            values: values![tenant.0],
        };
        if let Some((rows, _)) = narrow {
            conditions.walked = 'w';
            conditions.tables =
                format!("({rows}) AS w JOIN notifications AS n ON n.tenant = w.tenant AND n.id = w.id");
        }
        if let Some(status) = status {
            conditions.text("n.status = ", status.as_str());
        }
        conditions
    }

    fn add<T: Typed + 'v>(&mut self, sql: &str, one: T) {
        self.values.push(value(one));
        self.sql.push_str(&format!(" AND {sql}${}", self.values.len()));
    }

    /// On a text column.
    pub(crate) fn text(&mut self, sql: &str, value: &'v str) {
        self.add(sql, Text(value));
    }

    /// On the id, with an operator.
    pub(crate) fn id(&mut self, operator: &str, id: Uuid) {
        self.add(&format!("{}.id {operator} ", self.walked), id);
    }

    /// On a column that holds a text that is nearly always an id.
    fn compact(&mut self, sql: &str, value: &'v str) {
        self.add(sql, Compact(value));
    }

    /// On a column that holds an id of something else.
    pub(crate) fn uuid(&mut self, sql: &str, id: Uuid) {
        self.add(sql, id);
    }

    /// On a number.
    pub(crate) fn number(&mut self, sql: &str, value: i64) {
        self.add(sql, value);
    }
}

/// The narrow rows of what has a status as it is stored, if it is not found by the notifications' own: nearly all are
/// `delivered`.
fn narrow(status: Status) -> Option<&'static str> {
    Some(match status {
        Status::Delivered | Status::Processing => return None,
        Status::Pending => "SELECT tenant, id FROM deferred WHERE tenant = $1 AND NOT is_retry",
        Status::Queued => "SELECT tenant, id FROM ready WHERE tenant = $1 AND NOT is_retry",
        Status::Retrying => {
            "SELECT tenant, id FROM ready WHERE tenant = $1 AND is_retry
             UNION ALL SELECT tenant, id FROM deferred WHERE tenant = $1 AND is_retry"
        }
        Status::Sent => "SELECT tenant, id FROM outcomes WHERE tenant = $1 AND status = 'sent'",
        Status::Failed => "SELECT tenant, id FROM outcomes WHERE tenant = $1 AND status = 'failed'",
        Status::Cancelled => "SELECT tenant, id FROM outcomes WHERE tenant = $1 AND status = 'cancelled'",
    })
}

/// The smallest version 7 id of a millisecond: what a bound on `created_at` means to the order of ids.
pub(crate) fn id_floor(at: Timestamp) -> Uuid {
    Uuid::from_u128((at.as_millis() as u128) << 80)
}

/// Notifications under conditions, in the order of their ids: `ASC` or `DESC`.
pub(crate) async fn select(
    session: &Session<'_>,
    conditions: Conditions<'_>,
    order: &str,
    limit: usize,
    lock: &str,
) -> Run<Vec<Notification>> {
    let sql = select_sql(&conditions, order, limit, lock);
    row::all(&session.rows(&sql, conditions.values).await?, row::notification)
}

fn select_sql(conditions: &Conditions<'_>, order: &str, limit: usize, lock: &str) -> String {
    let columns = row::NOTIFICATION;
    let limit = row::limit(limit);
    let Conditions { tables, walked, sql, .. } = conditions;
    format!("SELECT {columns} FROM {tables} WHERE {sql} ORDER BY {walked}.id {order} LIMIT {limit} {lock}")
}

pub(crate) async fn page(
    session: &Session<'_>,
    tenant: TenantId,
    filter: &NotificationFilter,
    page: &PageRequest<NotificationId>,
) -> Run<NotificationPage> {
    if filter.status == Some(Status::Processing) {
        return processing_page(session, tenant, filter, page).await;
    }
    let claimed = lease::claimed(session).await?;
    // What is claimed waits nowhere any more: lists of what waits do not have it.
    let mut items =
        select(session, conditions(tenant, filter, page.after), "DESC", page.limit + 1, "").await?;
    show_claimed(&mut items, &claimed);
    let more = items.len() > page.limit;
    items.truncate(page.limit);
    let next = items.last().filter(|_| more).map(|n| n.id);
    Ok(NotificationPage { items, next })
}

/// `processing` is not stored: it follows from the leases.
fn show_claimed(items: &mut [Notification], claimed: &HashMap<NotificationId, Timestamp>) {
    for n in items.iter_mut().filter(|n| claimed.contains_key(&n.id)) {
        n.status = Status::Processing;
    }
}

/// What a request made: what has its correlation id's key, and what was stored in the time that the id names.
pub(crate) async fn of_request(
    session: &Session<'_>,
    tenant: TenantId,
    id: &CorrelationId,
    limit: usize,
) -> Run<Vec<Notification>> {
    let claimed = lease::claimed(session).await?;
    let mut found = select(session, keyed(tenant, id), "DESC", limit, "").await?;
    if let Some(dated) = dated(tenant, id) {
        found.extend(select(session, dated, "DESC", limit, "").await?);
    }
    found.sort_unstable_by_key(|n| std::cmp::Reverse(n.id));
    found.truncate(limit);
    show_claimed(&mut found, &claimed);
    Ok(found)
}

/// What has the key of a correlation id.
fn keyed(tenant: TenantId, id: &CorrelationId) -> Conditions<'_> {
    let mut conditions = Conditions::of_status(tenant, None);
    conditions.number("n.correlation_key = ", id.key(tenant));
    conditions.compact("n.correlation_id = ", id.as_str());
    conditions
}

/// What was stored in the time that a correlation id names.
fn dated(tenant: TenantId, id: &CorrelationId) -> Option<Conditions<'_>> {
    let span = id.span()?;
    let mut conditions = Conditions::of_status(tenant, None);
    conditions.id(">=", id_floor(span.start));
    conditions.id("<", id_floor(span.end));
    conditions.compact("n.correlation_id = ", id.as_str());
    Some(conditions)
}

/// What is in flight is found through the leases: there are few.
async fn processing_page(
    session: &Session<'_>,
    tenant: TenantId,
    filter: &NotificationFilter,
    page: &PageRequest<NotificationId>,
) -> Run<NotificationPage> {
    let keys: Vec<Key> = lease::claimed(session).await?.into_keys().map(|id| (tenant, id)).collect();
    let found = claim::find(session, &keys, claim::Lock::None).await?;
    let mut items: Vec<Notification> = found
        .into_values()
        .map(|notification| Notification { status: Status::Processing, ..notification })
        .filter(|n| filter.chooses(n) && page.after.is_none_or(|after| n.id < after))
        .collect();
    items.sort_unstable_by_key(|n| std::cmp::Reverse(n.id));
    let more = items.len() > page.limit;
    items.truncate(page.limit);
    let next = items.last().filter(|_| more).map(|n| n.id);
    Ok(NotificationPage { items, next })
}

fn conditions<'v>(
    tenant: TenantId,
    filter: &'v NotificationFilter,
    after: Option<NotificationId>,
) -> Conditions<'v> {
    // What was given up for a reason has an index for that.
    let narrow = filter.status.filter(|_| filter.failure_reason.is_none());
    let mut conditions = Conditions::of_status(tenant, narrow);
    if let (None, Some(status)) = (narrow, filter.status) {
        conditions.text("n.status = ", status.as_str());
    }
    filter.channel.iter().for_each(|channel| conditions.text("n.channel = ", channel.as_str()));
    filter.batch_id.iter().for_each(|id| conditions.uuid("n.batch_id = ", id.0));
    filter.campaign_id.iter().for_each(|id| conditions.text("n.campaign_id = ", id));
    if let Some(id) = &filter.recipient_id {
        conditions.number("n.recipient_key = ", recipient_key(tenant, id));
        conditions.text("n.recipient_id = ", id);
    }
    filter.created_after.iter().for_each(|at| conditions.id(">=", id_floor(*at)));
    filter.created_before.iter().for_each(|at| conditions.id("<", id_floor(*at)));
    filter.failure_reason.iter().for_each(|reason| conditions.text("n.failure_reason = ", reason.as_str()));
    after.iter().for_each(|id| conditions.id("<", id.0));
    conditions
}

#[cfg(test)]
mod tests {
    use angaros_domain::{BatchId, Channel, FailureReason};

    use super::*;
    use crate::plans::Bench;

    /// Every list walks one index in its order.
    #[tokio::test]
    async fn every_filter_is_served_by_one_index() {
        let bench = Bench::new().await;
        let id = Uuid::from_u128(7);
        let none = NotificationFilter::default;
        let of = |status| NotificationFilter { status: Some(status), ..none() };
        for (index, filter) in [
            ("notifications_pkey", none()),
            ("deferred_status", of(Status::Pending)),
            ("ready_status", of(Status::Queued)),
            ("ready_status", of(Status::Retrying)),
            ("deferred_status", of(Status::Retrying)),
            ("outcomes_status", of(Status::Sent)),
            ("outcomes_status", of(Status::Failed)),
            ("outcomes_status", of(Status::Cancelled)),
            ("notifications_pkey", of(Status::Delivered)),
            ("notifications_channel", NotificationFilter { channel: Some(Channel::Sms), ..none() }),
            ("notifications_batch", NotificationFilter { batch_id: Some(BatchId(id)), ..none() }),
            ("notifications_campaign", NotificationFilter { campaign_id: Some("c".into()), ..none() }),
            ("notifications_recipient", NotificationFilter { recipient_id: Some("r".into()), ..none() }),
            (
                "notifications_failure",
                NotificationFilter { failure_reason: Some(FailureReason::Bounced), ..none() },
            ),
            ("notifications_pkey", NotificationFilter { created_after: Some(Timestamp::MIN), ..none() }),
        ] {
            let conditions = conditions(TenantId::DEFAULT, &filter, Some(NotificationId(id)));
            let sql = select_sql(&conditions, "DESC", 50, "");
            bench.walks(index, &sql, conditions.values).await;
        }
    }

    /// What a request made is found in two places, each with an index of its own.
    #[tokio::test]
    async fn requests_are_found_by_their_key_and_by_their_time() {
        let bench = Bench::new().await;
        let id = CorrelationId::parse("019c1c3a-5407-7abc-8def-0123456789ab").unwrap();
        let (keyed, dated) = (keyed(TenantId::DEFAULT, &id), dated(TenantId::DEFAULT, &id).unwrap());
        for (index, conditions) in [("notifications_correlation", keyed), ("notifications_pkey", dated)] {
            let sql = select_sql(&conditions, "DESC", 50, "");
            bench.walks(index, &sql, conditions.values).await;
        }
    }
}
