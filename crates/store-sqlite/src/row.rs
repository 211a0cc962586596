//! Rows and the types they stand for.

use std::fmt::Display;
use std::str::FromStr;

use angaros_domain::correlation::{Correlation, CorrelationId, TraceParent};
use angaros_domain::event::{Event, recipient_key};
use angaros_domain::idempotency::IdempotencyKey;
use angaros_domain::notification::{Content, Notification};
use angaros_domain::{EventId, NotificationId, TenantId, Timestamp};
use angaros_store::Result;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::error::SqliteResult;

/// The columns of a notification in the order in which [`notification`] reads them.
pub(crate) const NOTIFICATION: &str = "slot, tenant, id, channel, priority, status, recipient, recipient_id, subject, \
    content, html, attempts, max_attempts, campaign_id, batch_id, template_id, tags, metadata, correlation_id, \
    trace_parent, idempotency_key, scheduled_at, expires_at, next_retry_at, last_attempted_at, provider, \
    provider_message_id, sent_at, delivered_at, failed_at, cancelled_at, failure_reason, failure_detail, updated_at";

/// The columns of an event in the order in which [`event`] reads them, of the tables [`EVENT_TABLES`].
pub(crate) const EVENT: &str = "e.tenant, e.id, s.provider, e.event_id, s.name, e.recipient_id, e.message_id, \
    nullif(s.campaign_id, ''), nullif(s.channel, ''), e.occurred_at, e.received_at, e.correlation_id, e.tags, e.metadata";

/// Where the columns of [`EVENT`] come from.
pub(crate) const EVENT_TABLES: &str = "events AS e JOIN series AS s ON s.id = e.series";

/// How many columns [`EVENT`] has.
pub(crate) const EVENT_COLUMNS: usize = 14;

/// A notification and its slot, from a row of [`NOTIFICATION`].
pub(crate) fn notification(row: &Row<'_>) -> rusqlite::Result<(i64, Notification)> {
    let id = NotificationId(uuid(row, 2)?);
    let notification = Notification {
        id,
        tenant: TenantId(row.get(1)?),
        channel: parsed(row, 3)?,
        priority: parsed(row, 4)?,
        status: parsed(row, 5)?,
        recipient: row.get(6)?,
        recipient_id: row.get(7)?,
        content: Content { subject: row.get(8)?, text: row.get(9)?, html: row.get(10)? },
        attempts: row.get(11)?,
        max_attempts: row.get(12)?,
        campaign_id: row.get(13)?,
        batch_id: optional_uuid(row, 14)?.map(angaros_domain::BatchId),
        template_id: optional_uuid(row, 15)?.map(angaros_domain::TemplateId),
        tags: json(row, 16)?,
        metadata: json(row, 17)?,
        correlation: Correlation {
            id: correlation_id(row, 18)?.ok_or_else(|| unreadable(18, "no correlation id"))?,
            trace_parent: text(row, 19)?.and_then(TraceParent::parse),
        },
        idempotency_key: text(row, 20)?.and_then(IdempotencyKey::from_stored),
        scheduled_at: time(row, 21)?,
        expires_at: time(row, 22)?,
        next_retry_at: time(row, 23)?,
        last_attempted_at: time(row, 24)?,
        provider: row.get(25)?,
        provider_message_id: row.get(26)?,
        sent_at: time(row, 27)?,
        delivered_at: time(row, 28)?,
        failed_at: time(row, 29)?,
        cancelled_at: time(row, 30)?,
        failure_reason: text(row, 31)?.map(|t| t.parse().map_err(|e| unreadable(31, e))).transpose()?,
        failure_detail: row.get(32)?,
        created_at: id.created_at(),
        updated_at: Timestamp::from_millis(row.get(33)?),
    };
    Ok((row.get(0)?, notification))
}

/// An event, from a row of [`EVENT`].
pub(crate) fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        tenant: TenantId(row.get(0)?),
        id: EventId(uuid(row, 1)?),
        provider: row.get(2)?,
        event_id: row.get(3)?,
        name: row.get(4)?,
        recipient_id: row.get(5)?,
        message_id: row.get(6)?,
        campaign_id: row.get(7)?,
        channel: row.get(8)?,
        occurred_at: Timestamp::from_millis(row.get(9)?),
        received_at: Timestamp::from_millis(row.get(10)?),
        correlation_id: correlation_id(row, 11)?,
        tags: json(row, 12)?,
        metadata: json(row, 13)?,
    })
}

/// Inserts a new notification and answers its slot.
pub(crate) fn insert_notification(connection: &Connection, n: &Notification) -> Result<i64> {
    // The order is that of the table after `slot`, which SQLite numbers itself.
    let mut statement = connection
        .prepare_cached(
            "INSERT INTO notifications VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
             ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35)",
        )
        .stored()?;
    statement
        .insert(params![
            n.tenant.0,
            n.id.0.as_bytes(),
            n.channel.as_str(),
            n.priority.as_str(),
            n.status.as_str(),
            n.recipient,
            n.recipient_id,
            recipient_key(n.tenant, &n.recipient_id),
            n.content.subject,
            n.content.text,
            n.content.html,
            n.attempts,
            n.max_attempts,
            n.campaign_id,
            n.batch_id.as_ref().map(|id| id.0.as_bytes()),
            n.template_id.as_ref().map(|id| id.0.as_bytes()),
            list_text(&n.tags),
            object_text(&n.metadata),
            n.correlation.id.as_str(),
            n.correlation_key(),
            n.correlation.trace_parent.as_ref().map(TraceParent::as_str),
            n.idempotency_key.as_ref().map(IdempotencyKey::as_str),
            millis(n.scheduled_at),
            millis(n.expires_at),
            millis(n.next_retry_at),
            millis(n.last_attempted_at),
            n.provider,
            n.provider_message_id,
            millis(n.sent_at),
            millis(n.delivered_at),
            millis(n.failed_at),
            millis(n.cancelled_at),
            n.failure_reason.map(angaros_domain::FailureReason::as_str),
            n.failure_detail,
            n.updated_at.as_millis(),
        ])
        .stored()
}

/// Writes everything of a notification that a change may touch.
pub(crate) fn update_notification(connection: &Connection, slot: i64, n: &Notification) -> Result<()> {
    let mut statement = connection
        .prepare_cached(
            "UPDATE notifications SET status = ?2, attempts = ?3, next_retry_at = ?4, last_attempted_at = ?5,
             provider = ?6, provider_message_id = ?7, sent_at = ?8, delivered_at = ?9, failed_at = ?10,
             cancelled_at = ?11, failure_reason = ?12, failure_detail = ?13, updated_at = ?14 WHERE slot = ?1",
        )
        .stored()?;
    statement
        .execute(params![
            slot,
            n.status.as_str(),
            n.attempts,
            millis(n.next_retry_at),
            millis(n.last_attempted_at),
            n.provider,
            n.provider_message_id,
            millis(n.sent_at),
            millis(n.delivered_at),
            millis(n.failed_at),
            millis(n.cancelled_at),
            n.failure_reason.map(angaros_domain::FailureReason::as_str),
            n.failure_detail,
            n.updated_at.as_millis(),
        ])
        .map(drop)
        .stored()
}

/// A version-blind UUID column.
pub(crate) fn uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    optional_uuid(row, column)?.ok_or_else(|| unreadable(column, "no id"))
}

pub(crate) fn optional_uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Uuid>> {
    let bytes = row.get_ref(column)?.as_blob_or_null()?;
    bytes.map(|bytes| Uuid::from_slice(bytes).map_err(|error| unreadable(column, error))).transpose()
}

/// A column that holds one of our names.
pub(crate) fn parsed<T: FromStr<Err: Display>>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    text(row, column)?.unwrap_or_default().parse().map_err(|error| unreadable(column, error))
}

/// An optional point in time.
pub(crate) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis))
}

fn text<'row>(row: &'row Row<'_>, column: usize) -> rusqlite::Result<Option<&'row str>> {
    Ok(row.get_ref(column)?.as_str_or_null()?)
}

pub(crate) fn correlation_id(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<CorrelationId>> {
    Ok(text(row, column)?.and_then(CorrelationId::parse))
}

/// A list or an object; NULL stands for an empty one.
pub(crate) fn json<T: DeserializeOwned + Default>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    match text(row, column)? {
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
    // Lists of texts and maps of JSON values always serialise.
    serde_json::to_string(value).unwrap_or_default()
}

/// What an optional point in time is stored as.
pub(crate) fn millis(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_millis)
}

/// The error of a column that holds what nothing of ours wrote.
pub(crate) fn unreadable(column: usize, error: impl Display) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.to_string().into())
}
