//! A day's counts of a series: one number for each quarter of an hour of a UTC day.
//!
//! Quarters, because zones differ from UTC by multiples of them: an hour or a day of any zone is made of whole ones. The
//! numbers stand one after the other as LEB128, without the zeros at the end.

use std::ops::Range;

use angaros_domain::Timestamp;
use angaros_store::{Result, StoreError};

/// A quarter of an hour, in milliseconds.
pub(crate) const QUARTER_MILLIS: i64 = 15 * 60 * 1000;
/// Quarters of a day.
pub(crate) const QUARTERS: i64 = 96;
/// A day, in milliseconds.
pub(crate) const DAY_MILLIS: i64 = QUARTERS * QUARTER_MILLIS;

/// The UTC day that a point in time falls on, counted from 1970.
pub(crate) fn day_of(at: Timestamp) -> i64 {
    at.as_millis() / DAY_MILLIS
}

/// The quarter of its day that a point in time falls into.
pub(crate) fn quarter_of(at: Timestamp) -> usize {
    // Below 96, and never negative: times begin with 1970.
    (at.as_millis() % DAY_MILLIS / QUARTER_MILLIS) as usize
}

/// From where to where a quarter of a day reaches.
pub(crate) fn span(day: i64, quarter: usize) -> Range<Timestamp> {
    let start = Timestamp::from_millis(day * DAY_MILLIS + quarter as i64 * QUARTER_MILLIS);
    start..start.plus_millis(QUARTER_MILLIS)
}

/// The counts of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quarters([u64; QUARTERS as usize]);

impl Default for Quarters {
    fn default() -> Quarters {
        Quarters([0; QUARTERS as usize])
    }
}

impl Quarters {
    /// Counts `n` more in a quarter.
    pub(crate) fn add(&mut self, quarter: usize, n: u64) {
        self.0[quarter] += n;
    }

    /// The quarters in which anything happened, and how often.
    pub(crate) fn counted(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.0.iter().copied().enumerate().filter(|(_, n)| *n > 0)
    }

    /// The count of the whole day.
    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let used = self.0.iter().rposition(|n| *n > 0).map_or(0, |last| last + 1);
        let mut bytes = Vec::with_capacity(used + 16);
        for mut n in self.0[..used].iter().copied() {
            while n > 0x7f {
                bytes.push(0x80 | (n & 0x7f) as u8);
                n >>= 7;
            }
            bytes.push(n as u8);
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Quarters> {
        let mut quarters = Quarters::default();
        let (mut quarter, mut shift) = (0, 0);
        for byte in bytes {
            let slot = quarters.0.get_mut(quarter).filter(|_| shift < 64).ok_or_else(corrupt)?;
            *slot |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                (quarter, shift) = (quarter + 1, 0);
            } else {
                shift += 7;
            }
        }
        if shift == 0 { Ok(quarters) } else { Err(corrupt()) }
    }
}

fn corrupt() -> StoreError {
    StoreError::Corrupt("the counts of a day".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_back() {
        let mut quarters = Quarters::default();
        assert_eq!(quarters.encode(), Vec::<u8>::new());
        for (quarter, n) in [(0, 1), (1, 127), (2, 128), (40, u64::from(u32::MAX)), (95, u64::MAX)] {
            quarters.add(quarter, n);
            assert_eq!(Quarters::decode(&quarters.encode()).unwrap(), quarters);
        }
        assert_eq!(quarters.counted().count(), 5);
    }

    #[test]
    fn what_is_no_count_is_refused() {
        assert!(Quarters::decode(&[0x80]).is_err(), "it breaks off");
        assert!(Quarters::decode(&[0; 97]).is_err(), "there is no such quarter");
        assert!(Quarters::decode(&[0x80; 11]).is_err(), "it is too large");
    }
}
