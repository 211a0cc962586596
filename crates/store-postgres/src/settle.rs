//! Settling: results of claimed notifications, fenced by their lease.

use std::collections::{HashMap, HashSet};

use angaros_domain::{LeaseId, Notification};
use angaros_store::{Settled, SettledItem, Settlement};
use futures_util::try_join;

use crate::error::Run;
use crate::lease::{self, Key};
use crate::log::{Log, Place};
use crate::session::Session;
use crate::{enqueue, receipts, row, suppressions, webhooks};

/// What is told of a result: where its own events end, and how a receipt that came before it changed it, if one did.
type Told = (Place, Option<(Notification, Place)>);

pub(crate) async fn settle(session: &Session<'_>, settlements: &[Settlement]) -> Run<Vec<Vec<Settled>>> {
    let mut leases = lease::lock(session, settlements.iter().map(|s| s.lease).collect()).await?;
    let (fates, applied) = fence(settlements, &mut leases);
    let mut log = Log::default();
    let told = store(session, &mut log, &leases, &applied).await?;
    let placed = log.finish(session).await?;
    let mut told = told.into_iter().map(|(end, overtaken)| match overtaken {
        None => Settled::Applied(placed.position(end)),
        Some((notification, place)) => Settled::Overtaken(Box::new(notification), placed.position(place)),
    });
    // Fates are in the order in which results were applied.
    let outcome = |applies| if applies { told.next().unwrap_or(Settled::Stale) } else { Settled::Stale };
    let mut outcome = outcome;
    Ok(fates.into_iter().map(|items| items.into_iter().map(&mut outcome).collect()).collect())
}

/// Whether each result applies, and those that do, in order; what they settle is taken out of its lease.
fn fence<'s>(
    settlements: &'s [Settlement],
    leases: &mut HashMap<LeaseId, Vec<Key>>,
) -> (Vec<Vec<bool>>, Vec<&'s SettledItem>) {
    let mut held: HashMap<LeaseId, HashSet<Key>> =
        leases.iter().map(|(id, keys)| (*id, keys.iter().copied().collect())).collect();
    let mut applied = Vec::new();
    let mut fates = Vec::with_capacity(settlements.len());
    for settlement in settlements {
        let mut of_lease = held.get_mut(&settlement.lease);
        let mut fate = |item: &'s SettledItem| {
            let key = (item.notification.tenant, item.notification.id);
            let applies = of_lease.as_mut().is_some_and(|held| held.remove(&key));
            if applies {
                applied.push(item);
            }
            applies
        };
        fates.push(settlement.items.iter().map(&mut fate).collect());
    }
    // Whatever lost nothing need not be written.
    leases.retain(|id, keys| {
        let left = held.get(id);
        let before = keys.len();
        keys.retain(|key| left.is_some_and(|left| left.contains(key)));
        keys.len() < before
    });
    (fates, applied)
}

/// Stores results, and gathers what is told of each: together, in their order.
async fn store(
    session: &Session<'_>,
    log: &mut Log,
    leases: &HashMap<LeaseId, Vec<Key>>,
    applied: &[&SettledItem],
) -> Run<Vec<Told>> {
    let notifications: Vec<&Notification> = applied.iter().map(|item| &item.notification).collect();
    let waiting: Vec<&Notification> =
        notifications.iter().copied().filter(|n| n.due_at().is_some()).collect();
    receipts::exclude_senders_of(session, &notifications).await?;
    try_join!(
        lease::keep(session, leases),
        row::update_notifications(session, &notifications),
        enqueue::wait(session, &waiting),
    )?;
    let mut health = webhooks::Health::of(session, applied).await?;
    let suppressed = suppressions::put_recipients(session, applied).await?;
    let early = receipts::early(session, &notifications).await?;
    let mut told = Vec::with_capacity(applied.len());
    for (index, item) in applied.iter().enumerate() {
        let n = &item.notification;
        let end = log.append_all(item.events.iter().cloned());
        log.append_all(health.hear(item));
        if let Some(reason) = item.suppress.filter(|_| suppressed.contains(&index)) {
            log.append(n.suppressed_event(reason, n.updated_at));
        }
        let overtaken = match early.get(&index) {
            Some(early) => receipts::catch_up(session, log, n, early).await?,
            None => None,
        };
        told.push((end, overtaken));
    }
    health.write(session).await?;
    Ok(told)
}
