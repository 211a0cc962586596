//! Settling: results of claimed notifications, fenced by their lease.

use std::collections::{BTreeMap, HashMap, HashSet};

use angaros_domain::event::Event;
use angaros_domain::{LeaseId, Notification};
use angaros_store::{Settled, SettledItem, Settlement};
use futures_util::try_join;

use crate::error::Run;
use crate::lease::{self, Key};
use crate::log::{Log, Place};
use crate::receipts::{Named, Told};
use crate::session::Session;
use crate::suppressions::{Heed, Heeded, Listed};
use crate::{enqueue, receipts, row, webhooks};

/// What is told of a result: where its own events end, and how a receipt that came before it changed it, if one did.
type Outcome = (Place, Option<(Notification, Place)>);

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
) -> Run<Vec<Outcome>> {
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
    let mut effects = effects(session, applied, &notifications).await?;
    let mut told = Vec::with_capacity(applied.len());
    for (index, item) in applied.iter().enumerate() {
        let end = log.append_all(item.events.iter().cloned());
        log.append_all(health.hear(item));
        told.push((end, effects.tell(log, index)));
    }
    health.write(session).await?;
    Ok(told)
}

/// What follows from results beside themselves: what came before them changes them, and addresses are suppressed.
struct Effects {
    /// By the number of each result: as it is overtaken by a receipt, and what is told of that.
    overtaken: BTreeMap<usize, (Notification, Vec<Event>)>,
    /// Of each result, who is not to be sent to any more: what itself says comes first.
    own: BTreeMap<usize, Heed>,
    early: BTreeMap<usize, Vec<Heed>>,
    listed: Listed,
}

/// Stores what follows from results.
async fn effects(
    session: &Session<'_>,
    applied: &[&SettledItem],
    notifications: &[&Notification],
) -> Run<Effects> {
    let early = receipts::early(session, notifications).await?;
    let overtake = |(index, told): (&usize, &Told)| Some((*index, told.overtake(notifications[*index])?));
    let overtaken: BTreeMap<usize, (Notification, Vec<Event>)> = early.iter().filter_map(overtake).collect();
    row::update_notifications(session, &overtaken.values().map(|(n, _)| n).collect::<Vec<_>>()).await?;

    let unheeded: Vec<&Event> = early.values().flat_map(Told::unheeded).collect();
    let named = Named::of(session, &unheeded).await?;
    let mut heeded = Heeded::default();
    let own =
        applied.iter().enumerate().filter_map(|(index, item)| Some((index, heeded.result(item)?))).collect();
    let mut heed = |told: &Told| {
        told.unheeded().iter().filter_map(|event| heeded.event(&named, event, Some(event.id))).collect()
    };
    let early = early.iter().map(|(index, told)| (*index, heed(told))).collect();
    Ok(Effects { overtaken, own, early, listed: heeded.add(session).await? })
}

impl Effects {
    /// Tells of what follows from a result; how a receipt that came before it changed it, if one did.
    fn tell(&mut self, log: &mut Log, index: usize) -> Option<(Notification, Place)> {
        if let Some(heed) = self.own.get(&index) {
            self.listed.tell(log, *heed);
        }
        let overtaken = self.overtaken.remove(&index).map(|(n, events)| (n, log.append_all(events)));
        for heed in self.early.remove(&index).unwrap_or_default() {
            self.listed.tell(log, heed);
        }
        overtaken
    }
}
