//! Rows and the types they stand for.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use angaros_domain::correlation::{Correlation, CorrelationId, TraceParent};
use angaros_domain::event::{Event, recipient_key};
use angaros_domain::idempotency::IdempotencyKey;
use angaros_domain::notification::{Content, Notification};
use angaros_domain::{BatchId, EventId, FailureReason, NotificationId, TemplateId, TenantId, Timestamp};
use angaros_store::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;
use uuid::Uuid;

use crate::bulk::columns;
use crate::compact::{Compact, Expanded};
use crate::error::{Fault, Run};
use crate::lease::Key;
use crate::outcomes::{self, Former};
use crate::session::Session;
use crate::text::{Text, Told};
use crate::values::values;

/// The columns of a notification, of the table `n`, in the order in which [`notification`] reads them.
pub(crate) const NOTIFICATION: &str = "n.tenant, n.id, n.recipient_key, n.scheduled_at, n.expires_at, n.next_retry_at, \
    n.last_attempted_at, n.sent_at, n.delivered_at, n.failed_at, n.cancelled_at, n.updated_at, n.batch_id, \
    n.template_id, n.attempts, n.max_attempts, n.channel, n.priority, n.status, n.recipient, n.recipient_id, n.subject, \
    n.content, n.html, n.campaign_id, n.tags, n.metadata, n.correlation_id, n.trace_parent, n.idempotency_key, \
    n.provider, n.provider_message_id, n.failure_reason, n.failure_detail";

/// The columns of an event in the order in which [`event`] reads them, of the tables [`EVENT_TABLES`].
pub(crate) const EVENT: &str = "e.tenant, e.id, s.provider, e.event_id, s.name, e.recipient_id, e.message_id, \
    nullif(s.campaign_id, ''), nullif(s.channel, ''), e.occurred_at, e.received_at, e.correlation_id, e.tags, e.metadata";

/// Where the columns of [`EVENT`] come from.
pub(crate) const EVENT_TABLES: &str = "events AS e JOIN series AS s ON s.id = e.series";

/// How many columns [`EVENT`] has.
pub(crate) const EVENT_COLUMNS: usize = 14;

/// A notification, from a row that begins with [`NOTIFICATION`].
pub(crate) fn notification(row: &Row) -> Run<Notification> {
    let id = NotificationId(get(row, 1)?);
    Ok(Notification {
        id,
        tenant: TenantId(get(row, 0)?),
        scheduled_at: time(row, 3)?,
        expires_at: time(row, 4)?,
        next_retry_at: time(row, 5)?,
        last_attempted_at: time(row, 6)?,
        sent_at: time(row, 7)?,
        delivered_at: time(row, 8)?,
        failed_at: time(row, 9)?,
        cancelled_at: time(row, 10)?,
        updated_at: Timestamp::from_millis(get(row, 11)?),
        batch_id: get::<Option<Uuid>>(row, 12)?.map(BatchId),
        template_id: get::<Option<Uuid>>(row, 13)?.map(TemplateId),
        attempts: count(row, 14)?,
        max_attempts: count(row, 15)?,
        channel: parsed(row, 16)?,
        priority: parsed(row, 17)?,
        status: parsed(row, 18)?,
        recipient: text(row, 19)?,
        recipient_id: text(row, 20)?,
        content: Content {
            subject: optional_text(row, 21)?,
            text: text(row, 22)?,
            html: optional_text(row, 23)?,
        },
        campaign_id: optional_text(row, 24)?,
        tags: json(row, 25)?,
        metadata: json(row, 26)?,
        correlation: Correlation {
            id: CorrelationId::parse(&expanded(row, 27)?)
                .ok_or_else(|| unreadable(27, "no correlation id"))?,
            trace_parent: get::<Option<&str>>(row, 28)?.and_then(TraceParent::parse),
        },
        idempotency_key: optional_text(row, 29)?.as_deref().and_then(IdempotencyKey::from_stored),
        provider: optional_text(row, 30)?,
        provider_message_id: optional_text(row, 31)?,
        failure_reason: get::<Option<&str>>(row, 32)?
            .map(|text| text.parse().map_err(|error| unreadable(32, error)))
            .transpose()?,
        failure_detail: optional_text(row, 33)?,
        created_at: id.created_at(),
    })
}

/// An event, from a row of [`EVENT`].
pub(crate) fn event(row: &Row) -> Run<Event> {
    Ok(Event {
        tenant: TenantId(get(row, 0)?),
        id: EventId(get(row, 1)?),
        provider: text(row, 2)?,
        event_id: optional_text(row, 3)?,
        name: text(row, 4)?,
        recipient_id: optional_text(row, 5)?,
        message_id: get::<Option<Expanded>>(row, 6)?.map(|text| text.0),
        campaign_id: optional_text(row, 7)?,
        channel: optional_text(row, 8)?,
        occurred_at: Timestamp::from_millis(get(row, 9)?),
        received_at: Timestamp::from_millis(get(row, 10)?),
        correlation_id: get::<Option<Expanded>>(row, 11)?.and_then(|text| CorrelationId::parse(&text.0)),
        tags: json(row, 12)?,
        metadata: json(row, 13)?,
    })
}

/// All rows of one kind.
pub(crate) fn all<T>(rows: &[Row], read: impl Fn(&Row) -> Run<T>) -> Run<Vec<T>> {
    rows.iter().map(read).collect()
}

/// Inserts new notifications; they are counted by [`count_statuses`].
pub(crate) async fn insert_notifications(session: &Session<'_>, all: &[&Notification]) -> Run<()> {
    let columns = columns![
        column(all, |n| n.tenant.0),
        column(all, |n| n.id.0),
        column(all, |n| recipient_key(n.tenant, &n.recipient_id)),
        column(all, |n| millis(n.scheduled_at)),
        column(all, |n| millis(n.expires_at)),
        column(all, |n| millis(n.next_retry_at)),
        column(all, |n| millis(n.last_attempted_at)),
        column(all, |n| millis(n.sent_at)),
        column(all, |n| millis(n.delivered_at)),
        column(all, |n| millis(n.failed_at)),
        column(all, |n| millis(n.cancelled_at)),
        column(all, |n| n.updated_at.as_millis()),
        column(all, |n| n.batch_id.map(|id| id.0)),
        column(all, |n| n.template_id.map(|id| id.0)),
        column(all, |n| n.attempts.cast_signed()),
        column(all, |n| n.max_attempts.cast_signed()),
        column(all, |n| n.channel.as_str()),
        column(all, |n| n.priority.as_str()),
        column(all, |n| n.status.as_str()),
        column(all, |n| Text(&n.recipient)),
        column(all, |n| Text(&n.recipient_id)),
        column(all, |n| n.content.subject.as_deref().map(Text)),
        column(all, |n| Text(&n.content.text)),
        column(all, |n| n.content.html.as_deref().map(Text)),
        column(all, |n| n.campaign_id.as_deref().map(Text)),
        column(all, |n| list_text(&n.tags)),
        column(all, |n| object_text(&n.metadata)),
        column(all, |n| Compact(n.correlation.id.as_str())),
        column(all, |n| n.correlation.trace_parent.as_ref().map(TraceParent::as_str)),
        column(all, |n| n.idempotency_key.as_ref().map(|key| Text(key.as_str()))),
        column(all, |n| n.provider.as_deref().map(Text)),
        column(all, |n| n.provider_message_id.as_deref().map(Text)),
        column(all, |n| n.failure_reason.map(FailureReason::as_str)),
        column(all, |n| n.failure_detail.as_deref().map(Text)),
        column(all, |n| n.correlation_key()),
    ];
    let names = NOTIFICATION.replace("n.", "");
    session.put(&format!("notifications ({names}, correlation_key)"), &columns).await?;
    Box::pin(outcomes::begin(session, all)).await
}

/// Writes everything of notifications that a change may touch. Each stands there once.
pub(crate) async fn update_notifications(session: &Session<'_>, all: &[&Notification]) -> Run<()> {
    if all.is_empty() {
        return Ok(());
    }
    // `o` is the row as it was: whoever may change it holds the row by which it waits, its lease, or a lock on it.
    let sql = "UPDATE notifications AS n SET status = u.status, attempts = u.attempts, next_retry_at = u.next_retry_at,
            last_attempted_at = u.last_attempted_at, sent_at = u.sent_at, delivered_at = u.delivered_at,
            failed_at = u.failed_at, cancelled_at = u.cancelled_at, updated_at = u.updated_at, provider = u.provider,
            provider_message_id = u.provider_message_id, failure_reason = u.failure_reason,
            failure_detail = u.failure_detail
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) AS u (tenant, id, status, attempts,
            next_retry_at, last_attempted_at, sent_at, delivered_at, failed_at, cancelled_at, updated_at, provider,
            provider_message_id, failure_reason, failure_detail)
        JOIN notifications AS o ON o.tenant = u.tenant AND o.id = u.id
        WHERE n.tenant = u.tenant AND n.id = u.id
        RETURNING n.tenant, n.id, n.campaign_id, o.status, n.status, o.sent_at, o.provider_message_id";
    let mut sorted: Vec<&Notification> = all.to_vec();
    sorted.sort_unstable_by_key(|n| (n.tenant, n.id));
    let all = &sorted[..];
    let values = values![
        column(all, |n| n.tenant.0),
        column(all, |n| n.id.0),
        column(all, |n| n.status.as_str()),
        column(all, |n| n.attempts.cast_signed()),
        column(all, |n| millis(n.next_retry_at)),
        column(all, |n| millis(n.last_attempted_at)),
        column(all, |n| millis(n.sent_at)),
        column(all, |n| millis(n.delivered_at)),
        column(all, |n| millis(n.failed_at)),
        column(all, |n| millis(n.cancelled_at)),
        column(all, |n| n.updated_at.as_millis()),
        column(all, |n| n.provider.as_deref().map(Text)),
        column(all, |n| n.provider_message_id.as_deref().map(Text)),
        column(all, |n| n.failure_reason.map(FailureReason::as_str)),
        column(all, |n| n.failure_detail.as_deref().map(Text)),
    ];
    let rows = session.rows(sql, values).await?;
    if rows.len() != all.len() {
        return Err(StoreError::Corrupt("a notification that waits or is claimed is not there".into()).into());
    }
    let mut moved = Vec::new();
    let mut former: HashMap<Key, Former> = HashMap::with_capacity(rows.len());
    for row in &rows {
        let (tenant, campaign): (i64, Option<Told>) = (get(row, 0)?, get(row, 2)?);
        let (from, to): (&str, &str) = (get(row, 3)?, get(row, 4)?);
        let was = Former {
            status: parsed(row, 3)?,
            sent_at: time(row, 5)?,
            provider_message_id: optional_text(row, 6)?,
        };
        former.insert((TenantId(tenant), NotificationId(get(row, 1)?)), was);
        if let Some(Told(campaign)) = campaign.filter(|_| from != to) {
            moved.push((tenant, campaign.clone(), from.to_owned(), -1));
            moved.push((tenant, campaign, to.to_owned(), 1));
        }
    }
    Box::pin(outcomes::change(session, all, &former)).await?;
    crate::counts::add_statuses(session, moved).await
}

/// Counts in which statuses new notifications of campaigns stand.
pub(crate) async fn count_statuses(session: &Session<'_>, all: &[&Notification]) -> Run<()> {
    let count = |n: &&Notification| {
        let status = n.status.as_str().to_owned();
        Some((n.tenant.0, n.campaign_id.clone()?, status, 1))
    };
    crate::counts::add_statuses(session, all.iter().filter_map(count).collect()).await
}

/// One value of each item.
pub(crate) fn column<'a, T, V>(all: &'a [T], value: impl Fn(&'a T) -> V) -> Vec<V> {
    all.iter().map(value).collect()
}

/// A column's value.
pub(crate) fn get<'r, T: FromSql<'r>>(row: &'r Row, column: usize) -> Run<T> {
    row.try_get(column).map_err(|error| unreadable(column, error))
}

/// A text.
pub(crate) fn text(row: &Row, column: usize) -> Run<String> {
    Ok(get::<Told>(row, column)?.0)
}

/// A text that is nearly always an id.
fn expanded(row: &Row, column: usize) -> Run<String> {
    Ok(get::<Expanded>(row, column)?.0)
}

/// A text, if there is one.
pub(crate) fn optional_text(row: &Row, column: usize) -> Run<Option<String>> {
    Ok(get::<Option<Told>>(row, column)?.map(|told| told.0))
}

/// A small number that is never negative.
pub(crate) fn count(row: &Row, column: usize) -> Run<u32> {
    u32::try_from(get::<i32>(row, column)?).map_err(|error| unreadable(column, error))
}

/// A number that is never negative.
pub(crate) fn number(row: &Row, column: usize) -> Run<u64> {
    u64::try_from(get::<i64>(row, column)?).map_err(|error| unreadable(column, error))
}

/// A column that holds one of our names.
pub(crate) fn parsed<T: FromStr<Err: Display>>(row: &Row, column: usize) -> Run<T> {
    get::<&str>(row, column)?.parse().map_err(|error| unreadable(column, error))
}

/// An optional point in time.
pub(crate) fn time(row: &Row, column: usize) -> Run<Option<Timestamp>> {
    Ok(get::<Option<i64>>(row, column)?.map(Timestamp::from_millis))
}

/// A point in time.
pub(crate) fn at(row: &Row, column: usize) -> Run<Timestamp> {
    get(row, column).map(Timestamp::from_millis)
}

/// A list or an object; NULL stands for an empty one.
pub(crate) fn json<T: DeserializeOwned + Default>(row: &Row, column: usize) -> Run<T> {
    match get::<Option<&str>>(row, column)? {
        None => Ok(T::default()),
        Some(text) => serde_json::from_str(text).map_err(|error| unreadable(column, error)),
    }
}

/// An object's text; an empty one is NULL.
pub(crate) fn object_text(map: &serde_json::Map<String, serde_json::Value>) -> Option<String> {
    (!map.is_empty()).then(|| json_text(map))
}

/// A list's text; an empty one is NULL.
pub(crate) fn list_text<T: Serialize>(list: &[T]) -> Option<String> {
    (!list.is_empty()).then(|| json_text(list))
}

fn json_text(value: &(impl Serialize + ?Sized)) -> String {
    // Lists of texts and maps of JSON values always serialise. JSON writes U+0000 and U+0001 as escapes.
    serde_json::to_string(value).unwrap_or_default()
}

/// What an optional point in time is stored as.
pub(crate) fn millis(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_millis)
}

/// How many rows at most.
pub(crate) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The error of a column that holds what nothing of ours wrote.
pub(crate) fn unreadable(column: usize, error: impl Display) -> Fault {
    StoreError::Corrupt(format!("column {column}: {error}")).into()
}
