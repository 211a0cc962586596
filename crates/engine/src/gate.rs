//! The gate: how many of each lane may be claimed now.
//!
//! A claim never takes more than there is capacity and rate for, so a limited message is never claimed only to be put
//! back. What a channel may send is split 6:3:1 between its lanes.

use std::num::NonZeroU32;

use angaros_domain::gcra::Gcra;
use angaros_domain::lane::{Lane, share};
use angaros_domain::{Channel, Timestamp};

use crate::ChannelSettings;

/// The rate limits of this process, and whose turn it is.
pub(crate) struct Gate {
    limits: [Option<Gcra>; Channel::ALL.len()],
    turn: usize,
}

impl Gate {
    pub(crate) fn new(channels: &[ChannelSettings; Channel::ALL.len()]) -> Gate {
        Gate { limits: channels.map(|c| NonZeroU32::new(c.rate_per_second).map(Gcra::new)), turn: 0 }
    }

    /// Splits `capacity` between the open channels, each no more than its tokens, and each channel's part between its
    /// lanes. The channel that is served first changes with every call.
    pub(crate) fn quotas(&mut self, open: &[Channel], capacity: usize, now: Timestamp) -> Vec<(Lane, usize)> {
        self.turn = self.turn.wrapping_add(1);
        let mut allowed: Vec<(Channel, usize)> = open.iter().map(|c| (*c, self.tokens(*c, now))).collect();
        allowed.retain(|(_, tokens)| *tokens > 0);
        if allowed.is_empty() {
            return Vec::new();
        }
        let first = self.turn % allowed.len();
        allowed.rotate_left(first);
        // Whoever may take least goes first, so that what it leaves is shared by the others.
        allowed.sort_by_key(|(_, tokens)| *tokens);
        let (mut left, mut channels) = (capacity, allowed.len());
        let mut quotas = Vec::new();
        for (channel, tokens) in allowed {
            let part = left.div_ceil(channels).min(tokens);
            left -= part;
            channels -= 1;
            let lanes = share(part).map(|(priority, quota)| (Lane { channel, priority }, quota));
            quotas.extend(lanes.into_iter().filter(|(_, quota)| *quota > 0));
        }
        quotas
    }

    /// What may still be claimed after lanes came back full: the rest of the capacity goes to them alone.
    pub(crate) fn rest(&self, full: &[Lane], capacity: usize, now: Timestamp) -> Vec<(Lane, usize)> {
        let mut left = capacity;
        let mut quotas = Vec::new();
        for (index, lane) in full.iter().enumerate() {
            let same_channel = full[index..].iter().filter(|other| other.channel == lane.channel).count();
            let taken: usize = quotas
                .iter()
                .filter(|(l, _): &&(Lane, usize)| l.channel == lane.channel)
                .map(|(_, n)| n)
                .sum();
            let tokens = self.tokens(lane.channel, now).saturating_sub(taken);
            let part = left.div_ceil(full.len() - index).min(tokens.div_ceil(same_channel));
            left -= part;
            if part > 0 {
                quotas.push((*lane, part));
            }
        }
        quotas
    }

    /// Takes the tokens of what was claimed.
    pub(crate) fn take(&mut self, channel: Channel, claimed: usize, now: Timestamp) {
        if let Some(limit) = &mut self.limits[channel.index()] {
            limit.take(claimed, now);
        }
    }

    /// When it is worth asking again although tokens ran out: once half a burst is there. `None` if no open channel
    /// lacks tokens.
    pub(crate) fn next_at(&self, open: &[Channel], now: Timestamp) -> Option<Timestamp> {
        let limits = open.iter().filter_map(|channel| self.limits[channel.index()].as_ref());
        limits
            .filter(|limit| limit.available(now) < limit.burst().div_ceil(2))
            .map(|limit| limit.next_at(limit.burst().div_ceil(2), now))
            .min()
    }

    fn tokens(&self, channel: Channel, now: Timestamp) -> usize {
        self.limits[channel.index()].as_ref().map_or(usize::MAX, |limit| limit.available(now))
    }
}

#[cfg(test)]
mod tests {
    use angaros_domain::retry::RetryPolicy;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_000);

    fn gate(rates: [u32; 4]) -> Gate {
        Gate::new(
            &rates.map(|rate_per_second| ChannelSettings { retry: RetryPolicy::default(), rate_per_second }),
        )
    }

    fn total(quotas: &[(Lane, usize)]) -> usize {
        quotas.iter().map(|(_, n)| n).sum()
    }

    #[test]
    fn quotas_add_up_to_the_capacity_and_never_exceed_tokens() {
        let mut gate = gate([100, 0, 0, 0]);
        let quotas = gate.quotas(&Channel::ALL, 256, NOW);
        assert_eq!(total(&quotas), 256);
        let sms: usize = quotas.iter().filter(|(l, _)| l.channel == Channel::Sms).map(|(_, n)| n).sum();
        assert_eq!(sms, 10, "a tenth of a second's tokens");
        gate.take(Channel::Sms, 10, NOW);
        let quotas = gate.quotas(&Channel::ALL, 256, NOW);
        assert!(quotas.iter().all(|(lane, _)| lane.channel != Channel::Sms));
        assert_eq!(total(&quotas), 256);
        assert_eq!(gate.next_at(&[Channel::Sms], NOW), Some(NOW.plus_millis(50)));
        assert_eq!(gate.next_at(&[Channel::Push], NOW), None);
    }

    #[test]
    fn closed_channels_get_nothing() {
        assert_eq!(gate([0; 4]).quotas(&[], 256, NOW), []);
        let quotas = gate([0; 4]).quotas(&[Channel::Push], 10, NOW);
        assert_eq!(quotas.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [6, 3, 1]);
    }

    #[test]
    fn the_rest_goes_to_full_lanes_within_their_tokens() {
        let gate = gate([100, 0, 0, 0]);
        let lane = |channel, index: usize| Lane { channel, priority: angaros_domain::Priority::ALL[index] };
        assert_eq!(gate.rest(&[lane(Channel::Push, 1)], 200, NOW), [(lane(Channel::Push, 1), 200)]);
        let full = [lane(Channel::Sms, 0), lane(Channel::Sms, 1), lane(Channel::Push, 1)];
        let rest = gate.rest(&full, 200, NOW);
        let sms: usize = rest.iter().filter(|(l, _)| l.channel == Channel::Sms).map(|(_, n)| n).sum();
        assert_eq!((sms, total(&rest)), (10, 200));
    }
}
