//! Who called how much of late: a table that forgets, and never grows beyond its bound.
//!
//! Two generations make that cheap: whoever calls is in the recent one, and when that is full it becomes the former
//! one, whose callers are forgotten. So what is forgotten is always what was silent for longest, no call ever searches,
//! and nobody is kept out because the table is full. The price: while more than [`HALF`] callers are active at once, a
//! caller may be forgotten, and have a fresh limit, before its time.

use std::collections::HashMap;
use std::net::IpAddr;

use angaros_domain::gcra::Gcra;

/// Callers of one generation. A full table of two takes about 8 MB.
pub(super) const HALF: usize = 32_768;

/// Whose calls are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// Those with a key, by its prefix.
    Key(String),
    /// Those from an address; of IPv6 from a network of 2^64 addresses, which is what a single customer has at least.
    Address(IpAddr),
}

/// The limiters of those who called of late.
#[derive(Debug, Default)]
pub(super) struct Table {
    recent: HashMap<Subject, Gcra>,
    former: HashMap<Subject, Gcra>,
}

impl Table {
    /// What is remembered of a caller.
    pub(super) fn get(&self, subject: &Subject) -> Option<Gcra> {
        self.recent.get(subject).or_else(|| self.former.get(subject)).copied()
    }

    /// Remembers it.
    pub(super) fn set(&mut self, subject: Subject, limiter: Gcra) {
        if self.recent.len() >= HALF && !self.recent.contains_key(&subject) {
            std::mem::swap(&mut self.recent, &mut self.former);
            self.recent.clear();
        }
        self.recent.insert(subject, limiter);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::num::NonZeroU32;

    use angaros_domain::Timestamp;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_000);

    fn address(number: usize) -> Subject {
        Subject::Address(Ipv4Addr::from(u32::try_from(number).unwrap()).into())
    }

    fn used() -> Gcra {
        let mut limiter = Gcra::per_minute(NonZeroU32::MIN);
        limiter.take(1, NOW);
        limiter
    }

    #[test]
    fn it_forgets_the_longest_silent_and_never_grows_beyond_its_bound() {
        let mut table = Table::default();
        let busy = Subject::Key("busy".into());
        for number in 0..10 * HALF {
            assert_eq!(table.get(&address(number)), None, "a stranger is let in, however full it is");
            table.set(address(number), used());
            if number % (HALF / 2) == 0 {
                assert_eq!(table.get(&busy).is_some(), number > 0);
                table.set(busy.clone(), used());
            }
            assert!(table.recent.len() <= HALF && table.former.len() <= HALF);
        }
        assert_eq!(table.get(&address(0)), None);
        for number in 9 * HALF + 100..10 * HALF {
            assert_eq!(table.get(&address(number)), Some(used()), "{number}");
        }
    }
}
