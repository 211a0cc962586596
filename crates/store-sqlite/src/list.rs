//! Lists of notifications: keyset-paged, each served by one index that the query names.

use angaros_domain::correlation::CorrelationId;
use angaros_domain::event::recipient_key;
use angaros_domain::{Notification, NotificationId, Status, TenantId, Timestamp};
use angaros_store::{NotificationFilter, NotificationPage, PageRequest, Result};
use rusqlite::{Connection, ToSql, params_from_iter};
use uuid::Uuid;

use crate::error::SqliteResult;
use crate::{claim, lease, row};

/// Rows that one page may pass over because they are claimed, before it ends early.
const PASSED_OVER_MAX: usize = 10_000;

/// One condition of a query and its value.
pub(crate) struct Condition {
    sql: &'static str,
    value: Box<dyn ToSql>,
}

impl Condition {
    /// On a text column.
    pub(crate) fn text(sql: &'static str, value: &str) -> Condition {
        Condition { sql, value: Box::new(value.to_owned()) }
    }

    /// On an id column.
    pub(crate) fn id(sql: &'static str, id: Uuid) -> Condition {
        Condition { sql, value: Box::new(*id.as_bytes()) }
    }

    /// On a number.
    pub(crate) fn number(sql: &'static str, value: i64) -> Condition {
        Condition { sql, value: Box::new(value) }
    }
}

/// The smallest version 7 id of a millisecond: what a bound on `created_at` means to the order of ids.
pub(crate) fn id_floor(at: Timestamp) -> Uuid {
    Uuid::from_u128((at.as_millis() as u128) << 80)
}

/// Notifications of a tenant under conditions, in the order of their ids, through an index.
pub(crate) fn select(
    connection: &Connection,
    tenant: TenantId,
    index: &'static str,
    conditions: &[Condition],
    order: &'static str,
    limit: usize,
) -> Result<Vec<(i64, Notification)>> {
    let sql = select_sql(index, conditions, order);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut values: Vec<&dyn ToSql> = vec![&tenant.0];
    values.extend(conditions.iter().map(|condition| &*condition.value));
    values.push(&limit);
    let mut statement = connection.prepare_cached(&sql).stored()?;
    let rows = statement.query_map(params_from_iter(values), row::notification).stored()?;
    rows.collect::<rusqlite::Result<_>>().stored()
}

fn select_sql(index: &str, conditions: &[Condition], order: &str) -> String {
    let columns = row::NOTIFICATION;
    let mut sql = format!("SELECT {columns} FROM notifications INDEXED BY {index} WHERE tenant = ?");
    if index == "notifications_status" {
        // The condition of the partial index, to the letter: else SQLite does not see that the index serves.
        sql.push_str(" AND status <> 'delivered'");
    }
    for condition in conditions {
        sql.push_str(" AND ");
        sql.push_str(condition.sql);
    }
    sql.push_str(&format!(" ORDER BY id {order} LIMIT ?"));
    sql
}

pub(crate) fn page(
    connection: &Connection,
    tenant: TenantId,
    filter: &NotificationFilter,
    page: &PageRequest<NotificationId>,
) -> Result<NotificationPage> {
    if filter.status == Some(Status::Processing) {
        return processing_page(connection, tenant, filter, page);
    }
    let claimed = lease::claimed(connection)?;
    // Claimed rows still say `queued` or `retrying`; lists of those leave them out.
    let hides_claimed = matches!(filter.status, Some(Status::Queued | Status::Retrying));
    let mut items = Vec::with_capacity(page.limit + 1);
    let mut after = page.after;
    let mut passed_over = 0;
    loop {
        let wanted = page.limit + 1 - items.len();
        let rows = select(
            connection,
            tenant,
            index(tenant, filter),
            &conditions(tenant, filter, after),
            "DESC",
            wanted,
        )?;
        let exhausted = rows.len() < wanted;
        for (slot, mut notification) in rows {
            after = Some(notification.id);
            match claimed.contains_key(&slot) {
                true if hides_claimed => passed_over += 1,
                true => {
                    notification.status = Status::Processing;
                    items.push(notification);
                }
                false => items.push(notification),
            }
        }
        if exhausted || items.len() > page.limit {
            let more = items.len() > page.limit;
            items.truncate(page.limit);
            let next = items.last().filter(|_| more).map(|n: &Notification| n.id);
            return Ok(NotificationPage { items, next });
        }
        if passed_over > PASSED_OVER_MAX {
            return Ok(NotificationPage { items, next: after });
        }
    }
}

/// What a request made: what has its correlation id's key, and what was stored in the time that the id names.
pub(crate) fn of_request(
    connection: &Connection,
    tenant: TenantId,
    id: &CorrelationId,
    limit: usize,
) -> Result<Vec<Notification>> {
    let mut found =
        select(connection, tenant, "notifications_correlation", &keyed(tenant, id), "DESC", limit)?;
    if let Some(dated) = dated(id) {
        found.extend(select(connection, tenant, "notifications_id", &dated, "DESC", limit)?);
    }
    found.sort_unstable_by_key(|(_, n)| std::cmp::Reverse(n.id));
    found.truncate(limit);
    let claimed = lease::claimed(connection)?;
    let seen = found.into_iter().map(|(slot, n)| match claimed.contains_key(&slot) {
        true => Notification { status: Status::Processing, ..n },
        false => n,
    });
    Ok(seen.collect())
}

/// On the key of a correlation id.
fn keyed(tenant: TenantId, id: &CorrelationId) -> Vec<Condition> {
    let key = Condition::number("correlation_key = ?", id.key(tenant));
    vec![key, Condition::text("correlation_id = ?", id.as_str())]
}

/// On the time that a correlation id names.
fn dated(id: &CorrelationId) -> Option<Vec<Condition>> {
    let span = id.span()?;
    let (begin, end) = (id_floor(span.start), id_floor(span.end));
    let is_named = Condition::text("correlation_id = ?", id.as_str());
    Some(vec![Condition::id("id >= ?", begin), Condition::id("id < ?", end), is_named])
}

/// What is in flight is found through the leases: there are few.
fn processing_page(
    connection: &Connection,
    tenant: TenantId,
    filter: &NotificationFilter,
    page: &PageRequest<NotificationId>,
) -> Result<NotificationPage> {
    let slots: Vec<i64> = lease::claimed(connection)?.into_keys().collect();
    let mut items: Vec<Notification> = claim::load(connection, &slots)?
        .into_iter()
        .map(|(_, notification)| Notification { status: Status::Processing, ..notification })
        .filter(|n| n.tenant == tenant && filter.chooses(n) && page.after.is_none_or(|after| n.id < after))
        .collect();
    items.sort_unstable_by_key(|n| std::cmp::Reverse(n.id));
    let more = items.len() > page.limit;
    items.truncate(page.limit);
    let next = items.last().filter(|_| more).map(|n| n.id);
    Ok(NotificationPage { items, next })
}

/// The index of the condition that leaves the least.
fn index(tenant: TenantId, filter: &NotificationFilter) -> &'static str {
    let is_undelivered = filter.status.is_some_and(|status| status != Status::Delivered);
    if filter.batch_id.is_some() {
        "notifications_batch"
    } else if tenant.is_deliveries() && is_undelivered {
        // A webhook endpoint has any number of deliveries, nearly all of them delivered.
        "notifications_status"
    } else if filter.recipient_id.is_some() {
        "notifications_recipient"
    } else if filter.failure_reason.is_some() {
        "notifications_failure"
    } else if is_undelivered {
        "notifications_status"
    } else if filter.campaign_id.is_some() {
        "notifications_campaign"
    } else if filter.channel.is_some() {
        "notifications_channel"
    } else {
        "notifications_id"
    }
}

fn conditions(
    tenant: TenantId,
    filter: &NotificationFilter,
    after: Option<NotificationId>,
) -> Vec<Condition> {
    let mut conditions = Vec::new();
    conditions.extend(filter.status.map(|status| Condition::text("status = ?", status.as_str())));
    conditions.extend(filter.channel.map(|channel| Condition::text("channel = ?", channel.as_str())));
    conditions.extend(filter.batch_id.map(|id| Condition::id("batch_id = ?", id.0)));
    conditions.extend(filter.campaign_id.as_ref().map(|id| Condition::text("campaign_id = ?", id)));
    if let Some(id) = &filter.recipient_id {
        conditions.push(Condition::number("recipient_key = ?", recipient_key(tenant, id)));
        conditions.push(Condition::text("recipient_id = ?", id));
    }
    conditions.extend(filter.created_after.map(|at| Condition::id("id >= ?", id_floor(at))));
    conditions.extend(filter.created_before.map(|at| Condition::id("id < ?", id_floor(at))));
    conditions
        .extend(filter.failure_reason.map(|reason| Condition::text("failure_reason = ?", reason.as_str())));
    conditions.extend(after.map(|id| Condition::id("id < ?", id.0)));
    conditions
}

#[cfg(test)]
mod tests {
    use angaros_domain::{BatchId, Channel, FailureReason};

    use super::*;
    use crate::{connection, migrate};

    /// Every list walks one index in its order: no scan of the table, no sorting.
    #[test]
    fn every_filter_is_served_by_one_index() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = connection::open_writer(&folder.path().join("a.db")).unwrap();
        migrate::up(&mut writer).unwrap();
        let id = Uuid::from_u128(7);
        let filters = [
            NotificationFilter::default(),
            NotificationFilter { status: Some(Status::Failed), ..Default::default() },
            NotificationFilter { status: Some(Status::Delivered), ..Default::default() },
            NotificationFilter { channel: Some(Channel::Sms), ..Default::default() },
            NotificationFilter { batch_id: Some(BatchId(id)), ..Default::default() },
            NotificationFilter { campaign_id: Some("c".into()), ..Default::default() },
            NotificationFilter { recipient_id: Some("r".into()), ..Default::default() },
            NotificationFilter { created_after: Some(Timestamp::MIN), ..Default::default() },
            NotificationFilter {
                status: Some(Status::Failed),
                failure_reason: Some(FailureReason::Bounced),
                ..Default::default()
            },
        ];
        let (tenant, after) = (TenantId::DEFAULT, Some(NotificationId(id)));
        let of_filters =
            filters.iter().map(|filter| (index(tenant, filter), conditions(tenant, filter, after)));
        let request = CorrelationId::parse("019c1c3a-5407-7abc-8def-0123456789ab").unwrap();
        let of_request = [
            ("notifications_correlation", keyed(tenant, &request)),
            ("notifications_id", dated(&request).unwrap()),
        ];
        for (index, conditions) in of_filters.chain(of_request) {
            let sql = select_sql(index, &conditions, "DESC");
            let values = vec![1i64; conditions.len() + 2];
            let mut statement = writer.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let plan: Vec<String> = statement
                .query_map(params_from_iter(values), |row| row.get(3))
                .unwrap()
                .map(std::result::Result::unwrap)
                .collect();
            assert_eq!(plan.len(), 1, "{sql}: {plan:?}");
            assert!(plan[0].starts_with("SEARCH notifications USING INDEX"), "{sql}: {plan:?}");
        }
    }
}
