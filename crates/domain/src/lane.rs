//! Lanes: where ready notifications wait, and how free capacity is shared between them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Channel;
use crate::channel::UnknownName;

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

    /// The share of a channel's capacity while every lane has work: 6:3:1.
    pub const fn weight(self) -> u32 {
        match self {
            Priority::High => 6,
            Priority::Normal => 3,
            Priority::Low => 1,
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

/// One queue of ready notifications: a channel and a priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    /// The channel.
    pub channel: Channel,
    /// The priority.
    pub priority: Priority,
}

impl Lane {
    /// The number of lanes.
    pub const COUNT: usize = Channel::ALL.len() * Priority::ALL.len();

    /// A dense number, `0..Lane::COUNT`, as the stores keep it.
    pub const fn index(self) -> usize {
        self.channel as usize * Priority::ALL.len() + self.priority as usize
    }

    /// The lane of a dense number; `None` beyond [`Lane::COUNT`].
    pub fn from_index(index: usize) -> Option<Lane> {
        let channel = *Channel::ALL.get(index / Priority::ALL.len())?;
        let priority = Priority::ALL[index % Priority::ALL.len()];
        Some(Lane { channel, priority })
    }
}

/// The order in which a channel's places go to its lanes: 6 high, 3 normal, 1 low in every ten, spread evenly.
const TURNS: [Priority; 10] = {
    use Priority::{High as H, Low as L, Normal as N};
    [H, N, H, H, N, H, L, H, N, H]
};

/// Splits `capacity` between a channel's three lanes, 6:3:1 (high, normal, low).
///
/// `turn` counts the places that were given out before. Passing it on keeps the shares exact over many small splits, so
/// that also a capacity of one at a time starves no lane. What a lane does not use, whoever claims offers to the others.
pub fn share(capacity: usize, turn: usize) -> [(Priority, usize); 3] {
    let rounds = capacity / TURNS.len();
    let mut shares = Priority::ALL.map(|p| (p, rounds * p.weight() as usize));
    for place in 0..capacity % TURNS.len() {
        let priority = TURNS[(turn + place) % TURNS.len()];
        shares[priority as usize].1 += 1;
    }
    shares
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

    #[test]
    fn the_turns_hold_the_weights() {
        for priority in Priority::ALL {
            let count = TURNS.iter().filter(|turn| **turn == priority).count();
            assert_eq!(count, priority.weight() as usize);
        }
    }

    #[test]
    fn shares_are_six_three_one_and_add_up() {
        assert_eq!(share(100, 7).map(|(_, n)| n), [60, 30, 10]);
        for capacity in 0..200 {
            for turn in 0..10 {
                assert_eq!(share(capacity, turn).iter().map(|(_, n)| n).sum::<usize>(), capacity);
            }
        }
    }

    #[test]
    fn small_shares_add_up_to_the_same() {
        for size in [1, 2, 3, 7] {
            let mut given = [0; 3];
            for turn in (0..2_100 / size).map(|n| n * size) {
                for (sum, (_, n)) in given.iter_mut().zip(share(size, turn)) {
                    *sum += n;
                }
            }
            assert_eq!(given, [1_260, 630, 210], "in steps of {size}");
        }
    }
}
