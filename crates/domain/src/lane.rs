//! Lanes: where ready notifications wait, and how free capacity is shared between them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::channel::UnknownName;
use crate::outlet::Outlet;

/// How urgent a notification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// One-time codes and the like.
    High,
    /// The default.
    #[default]
    Normal,
    /// Campaigns and digests.
    Low,
}

impl Priority {
    /// Every priority, most urgent first.
    pub const ALL: [Priority; 3] = [Priority::High, Priority::Normal, Priority::Low];

    /// The name in JSON, metrics labels and the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Priority::High => "high",
            Priority::Normal => "normal",
            Priority::Low => "low",
        }
    }

    /// The share of an outlet's capacity while every lane has work: 6:3:1. What waits in an `aged` lane has waited too
    /// long: its weight doubles, but is never more than that of `high`, which so keeps six in fourteen at least.
    pub const fn weight(self, aged: bool) -> usize {
        match (self, aged) {
            (Priority::High, _) | (Priority::Normal, true) => 6,
            (Priority::Normal, false) => 3,
            (Priority::Low, true) => 2,
            (Priority::Low, false) => 1,
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Priority {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Priority, UnknownName> {
        Priority::ALL.into_iter().find(|p| p.as_str() == text).ok_or(UnknownName)
    }
}

/// One queue of ready notifications: an outlet and a priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    /// What they leave through.
    pub outlet: Outlet,
    /// The priority.
    pub priority: Priority,
}

impl Lane {
    /// The number of lanes.
    pub const COUNT: usize = Outlet::ALL.len() * Priority::ALL.len();

    /// A dense number, `0..Lane::COUNT`, as the stores keep it.
    pub const fn index(self) -> usize {
        self.outlet.index() * Priority::ALL.len() + self.priority as usize
    }

    /// The lane of a dense number; `None` beyond [`Lane::COUNT`].
    pub fn from_index(index: usize) -> Option<Lane> {
        let outlet = *Outlet::ALL.get(index / Priority::ALL.len())?;
        let priority = Priority::ALL[index % Priority::ALL.len()];
        Some(Lane { outlet, priority })
    }
}

/// How long something may be ready before its lane counts as aged, in milliseconds.
pub const AGED_MILLIS: i64 = 60_000;

/// Whose turn it is between an outlet's three lanes: smooth weighted round robin, as nginx spreads requests over
/// servers of different weight. What is owed to a lane is remembered, so that the shares are exact over many small
/// splits, and also a capacity of one at a time starves nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Turns {
    owed: [isize; Priority::ALL.len()],
}

impl Turns {
    /// Splits `capacity` between the lanes of priority high, normal and low by their [`Priority::weight`]. What a lane does
    /// not use, whoever claims offers to the others.
    pub fn share(&mut self, capacity: usize, aged: [bool; 3]) -> [(Priority, usize); 3] {
        let weights = Priority::ALL.map(|priority| priority.weight(aged[priority as usize]));
        let total: usize = weights.iter().sum();
        let rounds = capacity / total;
        let mut shares = Priority::ALL.map(|priority| (priority, rounds * weights[priority as usize]));
        for _ in 0..capacity % total {
            shares[self.next(weights, total)].1 += 1;
        }
        shares
    }

    fn next(&mut self, weights: [usize; 3], total: usize) -> usize {
        let mut next = 0;
        for (lane, weight) in weights.into_iter().enumerate() {
            self.owed[lane] += weight as isize;
            if self.owed[lane] > self.owed[next] {
                next = lane;
            }
        }
        self.owed[next] -= total as isize;
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lane_numbers_are_dense_and_invertible() {
        for index in 0..Lane::COUNT {
            assert_eq!(Lane::from_index(index).map(Lane::index), Some(index));
        }
        assert_eq!(Lane::from_index(Lane::COUNT), None);
    }

    const FRESH: [bool; 3] = [false; 3];

    /// What so many splits of one size give each lane in all.
    fn given(splits: usize, size: usize, aged: [bool; 3]) -> [usize; 3] {
        let (mut turns, mut given) = (Turns::default(), [0; 3]);
        for _ in 0..splits {
            for (sum, (_, share)) in given.iter_mut().zip(turns.share(size, aged)) {
                *sum += share;
            }
        }
        given
    }

    #[test]
    fn shares_are_six_three_one_and_add_up() {
        assert_eq!(given(1, 100, FRESH), [60, 30, 10]);
        for capacity in 0..200 {
            assert_eq!(given(1, capacity, FRESH).iter().sum::<usize>(), capacity);
        }
    }

    #[test]
    fn small_shares_add_up_to_the_same() {
        for size in [1, 2, 3, 7] {
            assert_eq!(given(2_100 / size, size, FRESH), [1_260, 630, 210], "in steps of {size}");
        }
    }

    #[test]
    fn turns_are_spread_evenly() {
        let mut turns = Turns::default();
        let order: Vec<Priority> = (0..10)
            .filter_map(|_| turns.share(1, FRESH).into_iter().find(|(_, share)| *share == 1))
            .map(|(priority, _)| priority)
            .collect();
        assert!(order.windows(3).all(|three| three.contains(&Priority::High)), "{order:?}");
    }

    #[test]
    fn what_has_waited_too_long_gets_twice_as_much_but_never_more_than_what_is_urgent() {
        assert_eq!(given(9, 1, [false, false, true]).iter().sum::<usize>(), 9);
        assert_eq!(given(1_100, 1, [false, false, true]), [600, 300, 200]);
        assert_eq!(given(1_400, 1, [true; 3]), [600, 600, 200]);
    }
}
