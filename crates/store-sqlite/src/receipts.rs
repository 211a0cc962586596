//! Receipts: reported events that say how a sent notification ended.
//!
//! A receipt may come before the result of the attempt that it is about: then the attempt's settling finds it in the
//! message's timeline.

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
use crate::{read, row};

/// Events that are looked at for a receipt that came early.
const LOOKED_AT_MAX: usize = 200;

/// Lets an event change the notification that it is a receipt for, if it is one.
pub(crate) fn apply(connection: &Connection, log: &mut Log<'_>, event: &Event) -> Result<Option<Transition>> {
    let (Some(receipt), Some(message_id)) = (Receipt::of(event), &event.message_id) else { return Ok(None) };
    let Some((slot, mut notification)) = sent(connection, event.tenant, message_id)? else { return Ok(None) };
    let Ok(events) =
        notification.apply(change(receipt, event), event.received_at.max(notification.updated_at))
    else {
        return Ok(None);
    };
    row::update_notification(connection, slot, &notification)?;
    let position = log.append_all(&events)?;
    Ok(Some(Transition::of(&notification, position)))
}

/// Lets a receipt that came before the result change a notification that was just settled as sent.
pub(crate) fn catch_up(
    session: &Session<'_>,
    log: &mut Log<'_>,
    slot: i64,
    notification: &Notification,
) -> Result<Option<(Notification, Position)>> {
    let since = match (notification.status, notification.last_attempted_at) {
        (Status::Sent, Some(attempted_at)) => attempted_at,
        _ => return Ok(None),
    };
    let ids = [Some(notification.id.to_string()), notification.provider_message_id.clone()];
    for id in ids.into_iter().flatten() {
        let page = PageRequest { limit: LOOKED_AT_MAX, after: None };
        let told =
            timeline(session, notification.tenant, &Subject::Message(id), &TimelineFilter::default(), &page)?;
        for event in told.iter().filter(|event| event.received_at >= since) {
            let Some(receipt) = Receipt::of(event) else { continue };
            let mut notification = notification.clone();
            if let Ok(events) = notification.apply(change(receipt, event), notification.updated_at) {
                row::update_notification(session, slot, &notification)?;
                return Ok(Some((notification, log.append_all(&events)?)));
            }
        }
    }
    Ok(None)
}

fn change(receipt: Receipt, event: &Event) -> Change {
    Change::Receipt { receipt, provider: event.provider.clone(), at: event.occurred_at }
}

/// The sent notification that a message id names: its own, or the provider's if that is one's only.
fn sent(connection: &Connection, tenant: TenantId, message_id: &str) -> Result<Option<(i64, Notification)>> {
    if let Ok(id) = message_id.parse::<NotificationId>()
        && let Some(found) = read::stored(connection, tenant, id)?
    {
        return Ok(Some(found));
    }
    let columns = row::NOTIFICATION;
    let sql = format!(
        "SELECT {columns} FROM notifications INDEXED BY notifications_receipt
         WHERE tenant = ?1 AND provider_message_id = ?2 AND status = 'sent' LIMIT 2"
    );
    let mut statement = connection.prepare_cached(&sql).stored()?;
    let found = statement.query_map(params![tenant.0, message_id], row::notification).stored()?;
    let mut found: Vec<(i64, Notification)> = found.collect::<rusqlite::Result<_>>().stored()?;
    Ok(found.pop().filter(|_| found.is_empty()))
}
