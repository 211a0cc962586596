//! The gate: what may be claimed now, and from where first.
//!
//! A claim never takes more than there are places, tokens and open accounts for, so a limited message is never claimed
//! only to be put back. The open channels share the places, and each channel's lanes share its part 6:3:1; what somebody
//! leaves, the others get in the same claim. So no place stays empty while anything waits that may be sent.

use std::num::NonZeroU32;
use std::sync::Arc;

use angaros_domain::gcra::Gcra;
use angaros_domain::lane::{AGED_MILLIS, Lane, Priority, Turns};
use angaros_domain::{Channel, Timestamp};
use angaros_service::{Allowance, ChannelSet, Claim};

use crate::ChannelSettings;
use crate::accounts::Accounts;
use crate::places::Places;

/// The channels' rate limits in this process, and whose turn it is.
pub(crate) struct Gate {
    accounts: Arc<Accounts>,
    limits: [Option<Gcra>; Channel::ALL.len()],
    turns: [Turns; Channel::ALL.len()],
    /// The lanes in which something had waited too long when it was last claimed from.
    aged: [[bool; Priority::ALL.len()]; Channel::ALL.len()],
    /// Which channel is served first.
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
        let limits = channels.map(|c| NonZeroU32::new(c.rate_per_second).map(Gcra::new));
        Gate { accounts, limits, turns: Default::default(), aged: Default::default(), first: 0 }
    }

    /// What may be claimed from the open channels for `held` places; `None` if nothing may.
    pub(crate) fn quotas(
        &mut self,
        open: &[Channel],
        places: &Places,
        held: usize,
        now: Timestamp,
    ) -> Option<Quotas> {
        let allowance = self.allowance(open, places, held, now);
        let may = |channel: Channel| allowance.of(Lane { channel, priority: Priority::High }, held);
        let mut channels: Vec<Channel> = open.iter().copied().filter(|channel| may(*channel) > 0).collect();
        if channels.is_empty() {
            return None;
        }
        self.first = self.first.wrapping_add(1);
        let first = self.first % channels.len();
        channels.rotate_left(first);

        let mut lanes = Vec::with_capacity(2 * Lane::COUNT);
        let mut left = held;
        for (index, channel) in channels.iter().copied().enumerate() {
            let part = left.div_ceil(channels.len() - index).min(may(channel));
            left -= part;
            let shares = self.turns[channel.index()].share(part, self.aged[channel.index()]);
            lanes.extend(shares.map(|(priority, quota)| (Lane { channel, priority }, quota)));
        }
        for priority in Priority::ALL {
            lanes.extend(channels.iter().map(|channel| (Lane { channel: *channel, priority }, held)));
        }
        lanes.retain(|(_, quota)| *quota > 0);
        Some(Quotas { lanes, allowance })
    }

    /// Takes the tokens of what was claimed, and remembers what had waited too long.
    pub(crate) fn take(&mut self, claims: &[Claim], now: Timestamp) {
        for channel in Channel::ALL {
            let of_channel = claims.iter().filter(|claim| claim.notification.channel == channel);
            if let Some(limit) = &mut self.limits[channel.index()] {
                limit.take(of_channel.clone().count(), now);
            }
            for priority in Priority::ALL {
                let of_lane = of_channel.clone().filter(|claim| claim.notification.priority == priority);
                if let Some(longest) =
                    of_lane.map(|claim| now.millis_since(claim.notification.ready_at())).max()
                {
                    self.aged[channel.index()][priority as usize] = longest > AGED_MILLIS;
                }
            }
        }
    }

    /// When it is worth asking again although tokens ran out or accounts were closed. `None` if time is not what the open
    /// channels lack.
    pub(crate) fn next_at(&self, open: &[Channel], now: Timestamp) -> Option<Timestamp> {
        let limits = open.iter().filter_map(|channel| self.limits[channel.index()].as_ref());
        limits.filter_map(|limit| limit.refilled_at(now)).chain(self.accounts.next_at(open, now)).min()
    }

    fn allowance(&self, open: &[Channel], places: &Places, held: usize, now: Timestamp) -> Allowance {
        let mut allowance = Allowance::new(held);
        for set in ChannelSet::all() {
            allowance.limit(set, places.open_to(set));
            allowance.limit(set, self.accounts.room(set.channels(), now));
            if let (Some(channel), 1) = (set.channels().next(), set.channels().count()) {
                let is_open = open.contains(&channel);
                allowance.limit(set, if is_open { self.tokens(channel, now) } else { 0 });
            }
        }
        allowance
    }

    fn tokens(&self, channel: Channel, now: Timestamp) -> usize {
        self.limits[channel.index()].as_ref().map_or(usize::MAX, |limit| limit.available(now))
    }
}

#[cfg(test)]
mod tests;
