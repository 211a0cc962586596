//! Settling: results of claimed notifications, fenced by their lease.

use std::collections::HashSet;

use angaros_store::{Result, Settled, SettledItem, Settlement};

use crate::log::Log;
use crate::tail::Session;
use crate::{enqueue, lease, receipts, row, suppressions, webhooks};

pub(crate) fn settle(session: &Session<'_>, settlements: &[Settlement]) -> Result<Vec<Vec<Settled>>> {
    let mut log = Log::new(session)?;
    let outcomes: Result<Vec<Vec<Settled>>> =
        settlements.iter().map(|s| settle_one(session, &mut log, s)).collect();
    let outcomes = outcomes?;
    log.finish()?;
    Ok(outcomes)
}

fn settle_one(session: &Session<'_>, log: &mut Log<'_>, settlement: &Settlement) -> Result<Vec<Settled>> {
    let Some(slots) = lease::slots(session, settlement.lease)? else {
        return Ok(vec![Settled::Stale; settlement.items.len()]);
    };
    let mut held: HashSet<i64> = slots.iter().copied().collect();
    let mut outcomes = Vec::with_capacity(settlement.items.len());
    for item in &settlement.items {
        outcomes.push(if held.remove(&item.slot) { apply(session, log, item)? } else { Settled::Stale });
    }
    let left: Vec<i64> = slots.into_iter().filter(|slot| held.contains(slot)).collect();
    lease::keep(session, settlement.lease, &left)?;
    Ok(outcomes)
}

fn apply(session: &Session<'_>, log: &mut Log<'_>, item: &SettledItem) -> Result<Settled> {
    row::update_notification(session, item.slot, &item.notification)?;
    if item.notification.due_at().is_some() {
        enqueue::wait(session, item.slot, &item.notification)?;
    }
    let position = log.append_all(&item.events)?;
    webhooks::hear(session, log, item)?;
    if let Some(reason) = item.suppress {
        let n = &item.notification;
        suppressions::put_recipient(session, log, n, (reason, None), n.updated_at)?;
    }
    Ok(match receipts::catch_up(session, log, item.slot, &item.notification)? {
        None => Settled::Applied(position),
        Some((notification, position)) => Settled::Overtaken(Box::new(notification), position),
    })
}
