//! Receipts: reported events that say how a sent notification ended.
//!
//! A receipt may come before the result of the attempt that it is about: then the attempt's settling finds it in the
//! message's timeline, and with it what else was said under the provider's id.

use angaros_domain::event::Event;
use angaros_domain::lifecycle::Change;
use angaros_domain::receipt::Receipt;
use angaros_domain::{Notification, NotificationId, Status, TenantId};
use angaros_store::{PageRequest, Position, Result, TimelineFilter, Transition};
use rusqlite::{Connection, params};

use crate::error::SqliteResult;
use crate::log::Log;
use crate::tail::Session;
use crate::timeline::{Subject, timeline};
use crate::{read, row, suppressions};

/// Events that are looked at for a receipt that came early.
const LOOKED_AT_MAX: usize = 200;

/// Lets an event change the notification that it is a receipt for, if it is one.
pub(crate) fn apply(connection: &Connection, log: &mut Log<'_>, event: &Event) -> Result<Option<Transition>> {
    let (Some(receipt), Some(message_id)) = (Receipt::of(event), &event.message_id) else { return Ok(None) };
    let Some((slot, mut notification)) = named(connection, event.tenant, message_id, Some(Status::Sent))?
    else {
        return Ok(None);
    };
    let Ok(events) =
        notification.apply(change(receipt, event), event.received_at.max(notification.updated_at))
    else {
        return Ok(None);
    };
    row::update_notification(connection, slot, &notification)?;
    let position = log.append_all(&events)?;
    Ok(Some(Transition::of(&notification, position)))
}

/// Lets what came before the result of an attempt that was just settled as sent have its effect now: a receipt changes
/// the notification, and who is not to be sent to any more is suppressed.
pub(crate) fn catch_up(
    session: &Session<'_>,
    log: &mut Log<'_>,
    slot: i64,
    notification: &Notification,
) -> Result<Option<(Notification, Position)>> {
    let told = |id: String, by_own_id: bool| -> Result<Vec<Event>> {
        let Some(since) = Receipt::heard_since(notification, by_own_id) else { return Ok(vec![]) };
        let page = PageRequest { limit: LOOKED_AT_MAX, after: None };
        let subject = Subject::Message(id);
        let told = timeline(session, notification.tenant, &subject, &TimelineFilter::default(), &page)?;
        Ok(told.into_iter().filter(|event| event.received_at >= since).collect())
    };
    let by_own_id = told(notification.id.to_string(), true)?;
    let by_providers_id = match &notification.provider_message_id {
        Some(id) => told(id.clone(), false)?,
        None => vec![],
    };
    let overtaken = overtake(session, log, slot, notification, by_own_id.iter().chain(&by_providers_id))?;
    // By its own id it was known when they came: those were heeded then.
    for event in &by_providers_id {
        suppressions::heed(session, log, event, event.id)?;
    }
    Ok(overtaken)
}

/// Lets the first receipt among events that fits change a notification.
fn overtake<'e>(
    connection: &Connection,
    log: &mut Log<'_>,
    slot: i64,
    notification: &Notification,
    told: impl Iterator<Item = &'e Event>,
) -> Result<Option<(Notification, Position)>> {
    for event in told {
        let Some(receipt) = Receipt::of(event) else { continue };
        let mut notification = notification.clone();
        if let Ok(events) = notification.apply(change(receipt, event), notification.updated_at) {
            row::update_notification(connection, slot, &notification)?;
            return Ok(Some((notification, log.append_all(&events)?)));
        }
    }
    Ok(None)
}

fn change(receipt: Receipt, event: &Event) -> Change {
    Change::Receipt { receipt, provider: event.provider.clone(), at: event.occurred_at }
}

/// The notification that a message id names: its own, or the provider's if that is one's only, among those in a status
/// or among all.
pub(crate) fn named(
    connection: &Connection,
    tenant: TenantId,
    message_id: &str,
    among: Option<Status>,
) -> Result<Option<(i64, Notification)>> {
    if let Ok(id) = message_id.parse::<NotificationId>()
        && let Some(found) = read::stored(connection, tenant, id)?
    {
        return Ok(Some(found));
    }
    let mut statement = connection.prepare_cached(&named_sql(among)).stored()?;
    let found = statement.query_map(params![tenant.0, message_id], row::notification).stored()?;
    let mut found: Vec<(i64, Notification)> = found.collect::<rusqlite::Result<_>>().stored()?;
    Ok(found.pop().filter(|_| found.is_empty()))
}

/// Two are enough to know that there is not only one.
pub(crate) fn named_sql(among: Option<Status>) -> String {
    let columns = row::NOTIFICATION;
    let status = among.map_or_else(String::new, |status| format!(" AND status = '{status}'"));
    format!(
        "SELECT {columns} FROM notifications INDEXED BY notifications_receipt
         WHERE tenant = ?1 AND provider_message_id = ?2{status} LIMIT 2"
    )
}
