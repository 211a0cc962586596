//! The most workers that were seen at once lately.
//!
//! A server that comes back empty knows nobody at first, and whoever asks it then hears of few. If it goes again before the
//! others have told it that they live, shares made of that answer would add up to more than the rate.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How long a number counts: longer than a server takes to go, come back and go again.
const LATELY: Duration = Duration::from_secs(300);

/// Numbers that were seen lately: each is larger than all after it.
#[derive(Debug, Default)]
pub(super) struct Most(VecDeque<(Instant, usize)>);

impl Most {
    /// Takes note of how many there are now.
    pub(super) fn note(&mut self, count: usize, now: Instant) {
        while self.0.back().is_some_and(|(_, earlier)| *earlier <= count) {
            self.0.pop_back();
        }
        self.0.push_back((now, count));
        while self.0.front().is_some_and(|(at, _)| *at + LATELY < now) {
            self.0.pop_front();
        }
    }

    /// The largest number up to [`LATELY`] before the last note: without an answer no number is forgotten. 0 if there was
    /// none.
    pub(super) fn count(&self) -> usize {
        self.0.front().map_or(0, |(_, count)| *count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_does_not_make_shares_larger() {
        let (mut most, start) = (Most::default(), Instant::now());
        let at = |second| start + Duration::from_secs(second);
        assert_eq!(most.count(), 0);
        for (second, count, expected) in
            [(0, 2, 2), (1, 3, 3), (2, 1, 3), (200, 2, 3), (301, 1, 3), (302, 1, 2)]
        {
            most.note(count, at(second));
            assert_eq!(most.count(), expected, "after {second} s");
        }
        most.note(1, at(501));
        assert_eq!(most.count(), 1);
    }
}
