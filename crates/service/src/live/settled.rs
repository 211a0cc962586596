//! Up to where everything is published that any process has stored: the place of the log behind which a client may resume.
//!
//! A process that is alone knows it. Of others one only hears, and what they have stored may still be on its way while
//! something behind it in the log has arrived, or not be committed yet. So a place counts as reached once the store says
//! that no transaction before it is open, and as settled some time after that. Whoever is
//! silent for longer than what is stored takes to be heard of is noticed before that, and then everybody resumes.

use std::collections::VecDeque;
use std::time::Duration;

use angaros_store::Position;
use tokio::time::Instant;

use crate::publish::Published;

/// How long after a place was reached everything before it has arrived. Several times as long as after which a silent
/// process counts as gone, since a busy machine notices that late; a resume repeats as much.
const SETTLED_AFTER: Duration = Duration::from_secs(15);
/// How far apart places are that are remembered.
const STEP: Duration = Duration::from_millis(250);

/// The places that were reached lately.
pub(super) struct Settled {
    is_shared: bool,
    /// Oldest first; the first one may be settled.
    reached: VecDeque<(Instant, Position)>,
}

impl Settled {
    pub(super) fn new(is_shared: bool) -> Settled {
        Settled { is_shared, reached: VecDeque::new() }
    }

    /// Takes note of how far the log was published; answers up to where that is settled. In the first moments it is
    /// the first place that was reached at all.
    pub(super) fn reached(&mut self, published: Published, now: Instant) -> Position {
        if !self.is_shared {
            return published.until;
        }
        let until = published.until.min(published.closed);
        let is_step = self.reached.back().is_none_or(|(at, _)| now >= *at + STEP);
        if is_step && until > Position::default() {
            self.reached.push_back((now, until));
        }
        while self.reached.get(1).is_some_and(|(at, _)| *at + SETTLED_AFTER <= now) {
            self.reached.pop_front();
        }
        self.reached.front().map_or(until, |(_, place)| *place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(until: i64, closed: i64) -> Published {
        Published { until: Position(until), closed: Position(closed), is_complete: true }
    }

    #[test]
    fn alone_everything_is_settled_at_once() {
        let mut settled = Settled::new(false);
        assert_eq!(settled.reached(published(7, 0), Instant::now()), Position(7));
    }

    #[test]
    fn what_others_stored_is_settled_later() {
        let (mut settled, start) = (Settled::new(true), Instant::now());
        for second in 0..30 {
            let place =
                settled.reached(published(100 + second, 200), start + Duration::from_secs(second as u64));
            assert_eq!(place, Position(100 + (second - 15).max(0)), "after {second} s");
        }
        let later = start + Duration::from_secs(3600);
        assert_eq!(settled.reached(published(200, 200), later), Position(129), "nothing came in between");
        assert_eq!(settled.reached(published(200, 200), later + SETTLED_AFTER), Position(200));
    }

    #[test]
    fn nothing_is_settled_while_an_older_transaction_is_open() {
        let (mut settled, start) = (Settled::new(true), Instant::now());
        let mut reached =
            |closed, second| settled.reached(published(115, closed), start + Duration::from_secs(second));
        for second in 0..60 {
            assert_eq!(reached(100, second), Position(100), "after {second} s");
        }
        assert_eq!(reached(115, 60), Position(100), "what it stored is on its way");
        assert_eq!(reached(115, 75), Position(115));
    }
}
