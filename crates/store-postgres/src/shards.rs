//! Which rows a transaction counts in.
//!
//! A row that is counted in is locked until the commit. So transactions that run at once get different shards: the rows of
//! one count are as many as can be counted in at the same time, and a read adds them up.

use std::sync::{Mutex, PoisonError};

/// How many rows one count has at most.
const SHARDS: u32 = 16;

/// The shards of a process.
pub(crate) struct Shards {
    /// One bit for each that is taken.
    taken: Mutex<u16>,
    /// Where this process begins to look, so that several processes do not all begin at the same one.
    first: u32,
}

/// A shard, as long as a transaction has it.
pub(crate) struct Shard<'s> {
    shards: &'s Shards,
    number: u32,
}

impl Shards {
    /// The shards of a process that begins at some number.
    pub(crate) fn new(first: u32) -> Shards {
        Shards { taken: Mutex::new(0), first: first % SHARDS }
    }

    /// One that no other transaction of this process has; if there is none left, one that another has too.
    pub(crate) fn take(&self) -> Shard<'_> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let free = |number: &u32| *taken & (1 << number) == 0;
        let number = (0..SHARDS).map(|n| (self.first + n) % SHARDS).find(free).unwrap_or(self.first);
        *taken |= 1 << number;
        Shard { shards: self, number }
    }
}

impl Shard<'_> {
    /// Its number, as rows have it.
    pub(crate) fn number(&self) -> i16 {
        // Below 16.
        self.number as i16
    }
}

impl Drop for Shard<'_> {
    fn drop(&mut self) {
        *self.shards.taken.lock().unwrap_or_else(PoisonError::into_inner) &= !(1 << self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_own_as_long_as_there_are_some() {
        let shards = Shards::new(21);
        let all: Vec<Shard<'_>> = (0..SHARDS).map(|_| shards.take()).collect();
        let mut numbers: Vec<i16> = all.iter().map(Shard::number).collect();
        assert_eq!(numbers[0], 5);
        numbers.sort_unstable();
        assert!(numbers.iter().copied().eq(0..16));
        assert_eq!(shards.take().number(), 5, "more than there are share one");
        drop(all);
        assert_eq!(shards.take().number(), 5);
    }
}
