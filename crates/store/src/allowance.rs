//! How much a claim may take.

use angaros_domain::{Lane, Outlet};

/// The number of sets that outlets can form.
const SETS: usize = 1 << Outlet::ALL.len();

/// A set of outlets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutletSet(usize);

impl OutletSet {
    /// Every set but the empty one.
    pub fn all() -> impl Iterator<Item = OutletSet> {
        (1..SETS).map(OutletSet)
    }

    /// Whether an outlet is in it.
    pub const fn contains(self, outlet: Outlet) -> bool {
        self.0 & (1 << outlet.index()) != 0
    }

    /// Its outlets.
    pub fn outlets(self) -> impl Iterator<Item = Outlet> {
        Outlet::ALL.into_iter().filter(move |outlet| self.contains(*outlet))
    }
}

/// At most so many notifications of every set of outlets.
///
/// A limit for each outlet would not be enough: channels share provider accounts, and an account that has one place
/// left must not be promised to two of them. If every set of outlets gets no more than the accounts that serve any of
/// them have left, there is an account for each notification (P. Hall, "On Representatives of Subsets", 1935).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance([usize; SETS]);

impl Allowance {
    /// At most so many in all.
    pub fn new(max: usize) -> Allowance {
        Allowance([max; SETS])
    }

    /// At most so many of these outlets together.
    pub fn limit(&mut self, set: OutletSet, max: usize) {
        self.0[set.0] = self.0[set.0].min(max);
    }

    /// How many a lane may give at a turn.
    pub fn of(&self, lane: Lane, quota: usize) -> usize {
        self.sets_with(lane).map(|set| self.0[set.0]).fold(quota, usize::min)
    }

    /// Takes note of what a lane gave.
    pub fn take(&mut self, lane: Lane, count: usize) {
        for set in self.sets_with(lane) {
            self.0[set.0] -= count;
        }
    }

    fn sets_with(&self, lane: Lane) -> impl Iterator<Item = OutletSet> + use<> {
        OutletSet::all().filter(move |set| set.contains(lane.outlet))
    }
}

#[cfg(test)]
mod tests {
    use angaros_domain::{Channel, Priority};

    use super::*;

    fn lane(channel: Channel) -> Lane {
        Lane { outlet: channel.into(), priority: Priority::Normal }
    }

    fn set(channels: &[Channel]) -> OutletSet {
        OutletSet::all().find(|set| set.outlets().eq(channels.iter().copied().map(Outlet::from))).unwrap()
    }

    #[test]
    fn every_set_keeps_its_limit() {
        let mut allowance = Allowance::new(10);
        allowance.limit(set(&[Channel::Sms]), 7);
        allowance.limit(set(&[Channel::Sms, Channel::Push]), 8);
        assert_eq!(allowance.of(lane(Channel::Sms), 100), 7);
        allowance.take(lane(Channel::Sms), 6);
        assert_eq!(allowance.of(lane(Channel::Sms), 100), 1);
        assert_eq!(allowance.of(lane(Channel::Push), 100), 2, "what both may have together");
        assert_eq!(allowance.of(lane(Channel::Email), 100), 4, "what all may have together");
        allowance.take(lane(Channel::Email), 4);
        assert_eq!(allowance.of(lane(Channel::Push), 100), 0);
    }
}
