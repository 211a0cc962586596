//! The gate: what may be claimed now, and from where first.
//!
//! A claim never takes more than there is capacity and rate for, so a limited message is never claimed only to be put
//! back. The open channels share the capacity, and each channel's lanes share its part 6:3:1; what somebody leaves, the
//! others get in the same claim. So no place stays empty while anything waits that may be sent.

use std::num::NonZeroU32;

use angaros_domain::gcra::Gcra;
use angaros_domain::lane::{Lane, Priority, share};
use angaros_domain::{Channel, Timestamp};

use crate::ChannelSettings;

/// The rate limits of this process, and whose turn it is.
pub(crate) struct Gate {
    limits: [Option<Gcra>; Channel::ALL.len()],
    /// Places given to each channel's lanes so far.
    turns: [usize; Channel::ALL.len()],
    /// Which channel is served first.
    first: usize,
}

/// What one claim asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quotas {
    /// Every lane with its share, and then every lane with all that is left, the most urgent first.
    pub(crate) lanes: Vec<(Lane, usize)>,
    /// The tokens of each channel; none for a closed one.
    pub(crate) channel_max: [usize; Channel::ALL.len()],
}

impl Gate {
    pub(crate) fn new(channels: &[ChannelSettings; Channel::ALL.len()]) -> Gate {
        let limits = channels.map(|c| NonZeroU32::new(c.rate_per_second).map(Gcra::new));
        Gate { limits, turns: [0; Channel::ALL.len()], first: 0 }
    }

    /// What may be claimed from the open channels for `capacity` places; `None` if none of them has a token.
    pub(crate) fn quotas(&mut self, open: &[Channel], capacity: usize, now: Timestamp) -> Option<Quotas> {
        let mut channel_max = [0; Channel::ALL.len()];
        for channel in open {
            channel_max[channel.index()] = self.tokens(*channel, now);
        }
        let mut channels: Vec<Channel> =
            open.iter().copied().filter(|c| channel_max[c.index()] > 0).collect();
        if channels.is_empty() {
            return None;
        }
        self.first = self.first.wrapping_add(1);
        let first = self.first % channels.len();
        channels.rotate_left(first);

        let mut lanes = Vec::with_capacity(2 * Lane::COUNT);
        let mut left = capacity;
        for (index, channel) in channels.iter().enumerate() {
            let part = left.div_ceil(channels.len() - index).min(channel_max[channel.index()]);
            left -= part;
            let turn = &mut self.turns[channel.index()];
            lanes.extend(
                share(part, *turn).map(|(priority, quota)| (Lane { channel: *channel, priority }, quota)),
            );
            *turn = turn.wrapping_add(part);
        }
        for priority in Priority::ALL {
            lanes.extend(channels.iter().map(|channel| (Lane { channel: *channel, priority }, capacity)));
        }
        lanes.retain(|(_, quota)| *quota > 0);
        Some(Quotas { lanes, channel_max })
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

    /// The shares, without what is offered again.
    fn shares(quotas: &Quotas) -> Vec<(Lane, usize)> {
        let mut seen = std::collections::HashSet::new();
        quotas.lanes.iter().copied().take_while(|(lane, _)| seen.insert(*lane)).collect()
    }

    #[test]
    fn shares_add_up_to_the_capacity_and_never_exceed_tokens() {
        let mut gate = gate([100, 0, 0, 0]);
        let quotas = gate.quotas(&Channel::ALL, 256, NOW).unwrap();
        let sms: usize =
            shares(&quotas).iter().filter(|(l, _)| l.channel == Channel::Sms).map(|(_, n)| n).sum();
        assert_eq!((sms, quotas.channel_max[0]), (10, 10), "a tenth of a second's tokens");
        gate.take(Channel::Sms, 10, NOW);
        let quotas = gate.quotas(&Channel::ALL, 256, NOW).unwrap();
        assert!(quotas.lanes.iter().all(|(lane, _)| lane.channel != Channel::Sms));
        assert_eq!(gate.next_at(&[Channel::Sms], NOW), Some(NOW.plus_millis(50)));
        assert_eq!(gate.next_at(&[Channel::Push], NOW), None);
        assert_eq!(gate.quotas(&[Channel::Sms], 256, NOW), None);
    }

    #[test]
    fn closed_channels_get_nothing() {
        assert_eq!(gate([0; 4]).quotas(&[], 256, NOW), None);
        let quotas = gate([0; 4]).quotas(&[Channel::Push], 10, NOW).unwrap();
        assert_eq!(shares(&quotas).iter().map(|(_, n)| *n).collect::<Vec<_>>(), [6, 3, 1]);
        assert_eq!(quotas.channel_max, [0, 0, usize::MAX, 0]);
    }

    /// One place at a time: each channel and each lane gets its turn, and whatever waits is offered the place.
    #[test]
    fn one_place_at_a_time_starves_nobody() {
        let mut gate = gate([0; 4]);
        let mut first: std::collections::HashMap<Lane, usize> = std::collections::HashMap::new();
        for _ in 0..400 {
            let quotas = gate.quotas(&Channel::ALL, 1, NOW).unwrap();
            *first.entry(quotas.lanes[0].0).or_default() += 1;
            let offered: std::collections::HashSet<Lane> =
                quotas.lanes.iter().map(|(lane, _)| *lane).collect();
            assert_eq!(offered.len(), Lane::COUNT);
        }
        for (lane, count) in first {
            assert_eq!(count, 10 * lane.priority.weight() as usize, "{lane:?}");
        }
    }
}
