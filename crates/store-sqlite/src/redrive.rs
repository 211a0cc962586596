//! Redriving: dead letters go back to the queue with fresh attempts. Chosen by conditions in a read, sent back by id in
//! a write.

use angaros_domain::lifecycle::Change;
use angaros_domain::{Notification, NotificationId, Status};
use angaros_store::{RedriveParams, Redriven, Result};
use rusqlite::Connection;

use crate::list::Condition;
use crate::log::Log;
use crate::tail::Session;
use crate::{enqueue, lease, list, read, row};

pub(crate) fn redrive(session: &Session<'_>, params: &RedriveParams) -> Result<Redriven> {
    let connection = session.connection;
    let mut redriven = Redriven::default();
    let chosen = choose_by_id(connection, params, &mut redriven)?;
    let mut log = Log::new(session)?;
    for (slot, mut notification) in chosen {
        let events = notification.apply(Change::Redrive, params.now)?;
        row::update_notification(connection, slot, &notification)?;
        enqueue::make_ready(connection, slot, &notification)?;
        let position = log.append_all(&events)?;
        redriven.done.push((notification, position));
    }
    log.finish()?;
    Ok(redriven)
}

fn choose_by_id(
    connection: &Connection,
    params: &RedriveParams,
    redriven: &mut Redriven,
) -> Result<Vec<(i64, Notification)>> {
    let claimed = lease::claimed(connection)?;
    let mut chosen: Vec<(i64, Notification)> = Vec::new();
    let mut ids = params.filter.ids.clone().unwrap_or_default();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        match read::stored(connection, params.tenant, id)? {
            None => redriven.unknown.push(id),
            Some((slot, notification)) if notification.status != Status::Failed => {
                let status =
                    if claimed.contains_key(&slot) { Status::Processing } else { notification.status };
                redriven.refused.push((id, status));
            }
            Some(found) if chosen.len() < params.limit && params.chooses(&found.1) => {
                chosen.push(found);
            }
            Some(_) => {}
        }
    }
    Ok(chosen)
}

/// The dead letters that the conditions choose, oldest first.
pub(crate) fn choose(connection: &Connection, params: &RedriveParams) -> Result<Vec<NotificationId>> {
    let filter = &params.filter;
    let mut conditions = vec![
        Condition::text("status = ?", Status::Failed.as_str()),
        Condition::number("failed_at <= ?", params.failed_until.as_millis()),
    ];
    conditions.extend(filter.channel.map(|channel| Condition::text("channel = ?", channel.as_str())));
    conditions.extend(filter.campaign_id.as_ref().map(|id| Condition::text("campaign_id = ?", id)));
    conditions.extend(filter.batch_id.map(|id| Condition::id("batch_id = ?", id.0)));
    conditions
        .extend(filter.failure_reason.map(|reason| Condition::text("failure_reason = ?", reason.as_str())));
    conditions.extend(filter.created_after.map(|at| Condition::id("id >= ?", list::id_floor(at))));
    conditions.extend(filter.created_before.map(|at| Condition::id("id < ?", list::id_floor(at))));
    let index = match filter.failure_reason {
        Some(_) => "notifications_failure",
        None => "notifications_status",
    };
    let chosen = list::select(connection, params.tenant, index, &conditions, "ASC", params.limit)?;
    Ok(chosen.into_iter().map(|(_, notification)| notification.id).collect())
}
