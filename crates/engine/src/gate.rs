//! The gate: what may be claimed now, and from where first.
//!
//! A claim never takes more than there are places, tokens and open accounts for, so a limited message is never claimed
//! only to be put back. The open outlets share the places, and each outlet's lanes share its part 6:3:1; what somebody
//! leaves, the others get in the same claim. So no place stays empty while anything waits that may be sent.

use std::num::NonZeroU32;
use std::sync::Arc;

use angaros_coord::Limit;
use angaros_domain::lane::{AGED_MILLIS, Lane, Priority, Turns};
use angaros_domain::{Channel, Outlet, Timestamp};
use angaros_service::{Allowance, Claim, OutletSet};

use crate::ChannelSettings;
use crate::accounts::Accounts;
use crate::places::Places;

/// The channels' rate limits, and whose turn it is in this process. Endpoints have no limit: they belong to many.
pub(crate) struct Gate {
    accounts: Arc<Accounts>,
    limits: [Option<Limit>; Outlet::ALL.len()],
    turns: [Turns; Outlet::ALL.len()],
    /// The lanes in which something had waited too long when it was last claimed from.
    aged: [[bool; Priority::ALL.len()]; Outlet::ALL.len()],
    /// Which outlet is served first.
    first: usize,
}

/// What one claim asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quotas {
    /// Every lane with its share, and then every lane with all that is left, the most urgent first.
    pub(crate) lanes: Vec<(Lane, usize)>,
    /// How much it may take.
    pub(crate) allowance: Allowance,
}

impl Gate {
    pub(crate) fn new(channels: &[ChannelSettings; Channel::ALL.len()], accounts: Arc<Accounts>) -> Gate {
        let limits = Outlet::ALL.map(|outlet| {
            let channel = outlet.routed()?;
            let rate = NonZeroU32::new(channels[channel.index()].rate_per_second)?;
            Some(accounts.limit("channel", channel.as_str(), rate))
        });
        Gate { accounts, limits, turns: Default::default(), aged: Default::default(), first: 0 }
    }

    /// What may be claimed from the open outlets for `held` places; `None` if nothing may.
    pub(crate) fn quotas(
        &mut self,
        open: &[Outlet],
        places: &Places,
        held: usize,
        now: Timestamp,
    ) -> Option<Quotas> {
        let allowance = self.allowance(open, places, held, now);
        let may = |outlet: Outlet| allowance.of(Lane { outlet, priority: Priority::High }, held);
        let mut outlets: Vec<Outlet> = open.iter().copied().filter(|outlet| may(*outlet) > 0).collect();
        if outlets.is_empty() {
            return None;
        }
        self.first = self.first.wrapping_add(1);
        let first = self.first % outlets.len();
        outlets.rotate_left(first);

        let mut lanes = Vec::with_capacity(2 * Lane::COUNT);
        let mut left = held;
        for (index, outlet) in outlets.iter().copied().enumerate() {
            let part = left.div_ceil(outlets.len() - index).min(may(outlet));
            left -= part;
            let shares = self.turns[outlet.index()].share(part, self.aged[outlet.index()]);
            lanes.extend(shares.map(|(priority, quota)| (Lane { outlet, priority }, quota)));
        }
        for priority in Priority::ALL {
            lanes.extend(outlets.iter().map(|outlet| (Lane { outlet: *outlet, priority }, held)));
        }
        lanes.retain(|(_, quota)| *quota > 0);
        Some(Quotas { lanes, allowance })
    }

    /// Takes the tokens of what was claimed, and remembers what had waited too long.
    pub(crate) fn take(&mut self, claims: &[Claim], now: Timestamp) {
        for outlet in Outlet::ALL {
            let of_outlet = claims.iter().filter(|claim| claim.notification.lane().outlet == outlet);
            if let Some(limit) = &mut self.limits[outlet.index()] {
                limit.take(of_outlet.clone().count(), now);
            }
            for priority in Priority::ALL {
                let of_lane = of_outlet.clone().filter(|claim| claim.notification.priority == priority);
                if let Some(longest) =
                    of_lane.map(|claim| now.millis_since(claim.notification.ready_at())).max()
                {
                    self.aged[outlet.index()][priority as usize] = longest > AGED_MILLIS;
                }
            }
        }
    }

    /// When it is worth asking again although tokens ran out or accounts were closed. `None` if time is not what the open
    /// outlets lack.
    pub(crate) fn next_at(&self, open: &[Outlet], now: Timestamp) -> Option<Timestamp> {
        let limits = open.iter().filter_map(|outlet| self.limits[outlet.index()].as_ref());
        let accounts = self.accounts.next_at(open.iter().filter_map(|outlet| outlet.routed()), now);
        limits.filter_map(|limit| limit.refilled_at(now)).chain(accounts).min()
    }

    fn allowance(&self, open: &[Outlet], places: &Places, held: usize, now: Timestamp) -> Allowance {
        let mut allowance = Allowance::new(held);
        for set in OutletSet::all() {
            allowance.limit(set, places.open_to(set));
            if !set.contains(Outlet::Endpoints) {
                allowance.limit(set, self.accounts.room(set.outlets().filter_map(Outlet::routed), now));
            }
            if let (Some(outlet), 1) = (set.outlets().next(), set.outlets().count()) {
                let is_open = open.contains(&outlet);
                allowance.limit(set, if is_open { self.tokens(outlet, now) } else { 0 });
            }
        }
        allowance
    }

    fn tokens(&self, outlet: Outlet, now: Timestamp) -> usize {
        self.limits[outlet.index()].as_ref().map_or(usize::MAX, |limit| limit.available(now))
    }
}

#[cfg(test)]
mod tests;
