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

/// Splits `capacity` between a channel's three lanes 6:3:1 (high, normal, low), each at least one while it lasts.
///
/// The rounding rest goes to the most urgent lane. Whoever claims offers what a lane did not use to the others.
pub fn share(capacity: usize) -> [(Priority, usize); 3] {
    let total: usize = Priority::ALL.iter().map(|p| p.weight() as usize).sum();
    let mut left = capacity;
    let mut shares = Priority::ALL.map(|p| (p, 0));
    for (priority, quota) in shares.iter_mut().rev() {
        *quota = (capacity * priority.weight() as usize / total).max(1).min(left);
        left -= *quota;
    }
    shares[0].1 += left;
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
    fn shares_are_six_three_one_and_add_up() {
        assert_eq!(share(100).map(|(_, n)| n), [60, 30, 10]);
        for capacity in 0..500 {
            assert_eq!(share(capacity).iter().map(|(_, n)| n).sum::<usize>(), capacity);
        }
        assert!(share(3).iter().all(|(_, n)| *n == 1), "no lane starves when there is room for each");
    }
}
