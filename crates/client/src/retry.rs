//! When a call is made again.

use std::time::Duration;

use angaros_clock::Clock;

/// The pause before the first repetition; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause that the client chooses itself.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// The longest pause that it lets the service choose; who is asked to wait longer is told instead.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);

/// How often a call that failed is made again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retries {
    pub(crate) max: u32,
}

impl Retries {
    /// How long to wait before the repetition with this number, from 0 on; `None` if there is to be none. `random` is
    /// from 0 to 1: clients that failed together do not come back together.
    pub(crate) fn pause(self, number: u32, asked: Option<Duration>, random: f64) -> Option<Duration> {
        if number >= self.max {
            return None;
        }
        let own = PAUSE_MIN.saturating_mul(1 << number.min(16)).min(PAUSE_MAX).mul_f64(0.5 + random / 2.0);
        match asked {
            Some(asked) if asked > RETRY_AFTER_MAX => None,
            Some(asked) => Some(asked.max(own)),
            None => Some(own),
        }
    }

    /// The same with the machine's chance.
    pub(crate) fn wait(self, number: u32, asked: Option<Duration>, clock: &Clock) -> Option<Duration> {
        self.pause(number, asked, clock.random())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_end_and_listen_to_the_service() {
        let retries = Retries { max: 3 };
        let millis = |number, asked: Option<u64>| {
            retries.pause(number, asked.map(Duration::from_secs), 1.0).map(|pause| pause.as_millis())
        };
        assert_eq!([0, 1, 2, 3].map(|number| millis(number, None)), [Some(100), Some(200), Some(400), None]);
        assert_eq!((millis(0, Some(7)), millis(0, Some(31))), (Some(7_000), None));
        assert_eq!(Retries { max: 40 }.pause(39, None, 0.0), Some(Duration::from_millis(2_500)));
        assert_eq!(Retries { max: 0 }.pause(0, None, 0.0), None);
    }
}
