//! The circuit breaker of one provider account, as a pure value.
//!
//! ```text
//!            failures in the window, or a refusal of the account
//!   closed ───────────────────────────────────────────────> open
//!      ^                                                     │  open_millis later
//!      │ the probe succeeds                                  v
//!      └──────────────────────────────────────────────── half-open ── the probe fails ──> open
//! ```
//! Source: M. Nygard, "Release It!", 2nd ed., chapter 5.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::attempt::Class;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerPolicy {
    /// So many failures within the window open it, at least 1.
    pub failures: u32,
    /// So large a share of the window's attempts must have failed, too: 0 to 1. A busy account that loses one send in a
    /// thousand is not down.
    pub failure_ratio: f64,
    /// The sliding window, in milliseconds.
    pub window_millis: i64,
    /// How long it stays open before one send tries again, in milliseconds.
    pub open_millis: i64,
}

impl Default for BreakerPolicy {
    fn default() -> BreakerPolicy {
        BreakerPolicy { failures: 5, failure_ratio: 0.5, window_millis: 10_000, open_millis: 30_000 }
    }
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Sends pass.
    Closed,
    /// One send at a time tries whether the account works again.
    HalfOpen,
    /// Nothing passes.
    Open,
}

impl BreakerState {
    /// The name in JSON, logs and metrics labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::HalfOpen => "half_open",
            BreakerState::Open => "open",
        }
    }
}

/// Why a breaker opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Too many sends failed.
    Failures,
    /// The provider refuses the account: bad credentials, or it is closed. Somebody has to mend it.
    Misconfigured,
}

impl Cause {
    /// The name in JSON, logs and metrics labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Cause::Failures => "failures",
            Cause::Misconfigured => "misconfigured",
        }
    }
}

/// What one send says about the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It works: the provider answered, be it with a refusal of the message.
    Works,
    /// It may be down.
    Fails,
    /// It refuses us.
    Refuses,
    /// Nothing: nothing was sent after all.
    Unknown,
}

impl Health {
    /// What an attempt's class says.
    pub const fn of(class: Class) -> Health {
        match class {
            Class::Accepted | Class::Permanent | Class::Throttled => Health::Works,
            Class::Transient | Class::Ambiguous => Health::Fails,
            Class::Misconfigured => Health::Refuses,
        }
    }
}

/// Which spell of a breaker's life a send was admitted in. What was admitted in a former one says nothing about this
/// one: a send that began before the breaker opened must not close it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spell(u64);

/// A breaker.
#[derive(Debug, Clone)]
pub struct CircuitBreaker {
    policy: BreakerPolicy,
    spell: u64,
    phase: Phase,
}

#[derive(Debug, Clone)]
enum Phase {
    Closed { window: Window },
    Open { since: Timestamp, cause: Cause },
    HalfOpen { since: Timestamp, cause: Cause, probing: bool },
}

impl CircuitBreaker {
    /// A closed one.
    pub fn new(policy: BreakerPolicy) -> CircuitBreaker {
        CircuitBreaker { policy, spell: 0, phase: Phase::Closed { window: Window::default() } }
    }

    /// Where it stands.
    pub fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Since when it is not closed, and why.
    pub fn tripped(&self) -> Option<(Timestamp, Cause)> {
        match self.phase {
            Phase::Closed { .. } => None,
            Phase::Open { since, cause } | Phase::HalfOpen { since, cause, .. } => Some((since, cause)),
        }
    }

    /// How many sends may pass now; [`usize::MAX`] while it is closed.
    pub fn room(&self, now: Timestamp) -> usize {
        match self.phase {
            Phase::Closed { .. } => usize::MAX,
            Phase::Open { .. } => usize::from(self.next_at(now).is_none()),
            Phase::HalfOpen { probing, .. } => usize::from(!probing),
        }
    }

    /// When it will let a send pass, if only time is in the way.
    pub fn next_at(&self, now: Timestamp) -> Option<Timestamp> {
        let Phase::Open { since, .. } = self.phase else { return None };
        let waited = now.millis_since(since);
        // A clock that was set back must not keep it open for the size of the step: then a probe may pass at once.
        let waits = (0..self.policy.open_millis).contains(&waited);
        waits.then(|| now.plus_millis(self.policy.open_millis - waited))
    }

    /// Lets one send pass. There must be [`room`](CircuitBreaker::room). Each send that passed is to be
    /// [recorded](CircuitBreaker::record).
    pub fn admit(&mut self, now: Timestamp) -> Spell {
        debug_assert!(self.room(now) > 0);
        match &mut self.phase {
            Phase::Closed { .. } => {}
            Phase::HalfOpen { probing, .. } => *probing = true,
            Phase::Open { since, cause } => {
                let (since, cause) = (*since, *cause);
                self.enter(Phase::HalfOpen { since, cause, probing: true });
            }
        }
        Spell(self.spell)
    }

    /// Takes note of what a send said about the account. Answers the new state if it changed.
    pub fn record(&mut self, spell: Spell, health: Health, now: Timestamp) -> Option<BreakerState> {
        if spell != Spell(self.spell) {
            return None;
        }
        let before = self.state();
        match (&mut self.phase, health) {
            (Phase::HalfOpen { probing, .. }, Health::Unknown) => *probing = false,
            (_, Health::Unknown) | (Phase::Open { .. }, _) => {}
            (Phase::HalfOpen { .. }, Health::Works) => {
                self.enter(Phase::Closed { window: Window::default() });
            }
            (Phase::Closed { window }, Health::Works) => window.count(self.policy.window_millis, now, false),
            (_, Health::Refuses) => self.enter(Phase::Open { since: now, cause: Cause::Misconfigured }),
            (Phase::HalfOpen { .. }, Health::Fails) => {
                self.enter(Phase::Open { since: now, cause: Cause::Failures });
            }
            (Phase::Closed { window }, Health::Fails) => {
                window.count(self.policy.window_millis, now, true);
                let (failed, all) = window.sums();
                let share = f64::from(failed) / f64::from(all);
                if failed >= self.policy.failures && share >= self.policy.failure_ratio {
                    self.enter(Phase::Open { since: now, cause: Cause::Failures });
                }
            }
        }
        let after = self.state();
        (after != before).then_some(after)
    }

    /// Opens because another process's did, at the time when it is heard: clocks differ. Answers the new state if it
    /// changed; one that is open already stays so from then on.
    pub fn open_too(&mut self, cause: Cause, now: Timestamp) -> Option<BreakerState> {
        let before = self.state();
        self.enter(Phase::Open { since: now, cause });
        (before != BreakerState::Open).then_some(BreakerState::Open)
    }

    /// Closes because another process's probe succeeded. Answers the new state if it changed.
    pub fn close_too(&mut self) -> Option<BreakerState> {
        if self.state() == BreakerState::Closed {
            return None;
        }
        self.enter(Phase::Closed { window: Window::default() });
        Some(BreakerState::Closed)
    }

    fn enter(&mut self, phase: Phase) {
        self.spell += 1;
        self.phase = phase;
    }
}

/// The parts of the sliding window. What happened within one of them leaves it together.
const PARTS: usize = 10;

/// Attempts of the last moments: ten parts in turn.
#[derive(Debug, Clone, Default)]
struct Window {
    /// The number of the part that is counted into.
    part: i64,
    failed: [u32; PARTS],
    all: [u32; PARTS],
}

impl Window {
    fn count(&mut self, window_millis: i64, now: Timestamp, failed: bool) {
        let part = now.as_millis().div_euclid((window_millis / PARTS as i64).max(1));
        // After a step back of the clock, what is remembered may be of any age: it is forgotten.
        let passed = if part < self.part { PARTS as i64 } else { (part - self.part).min(PARTS as i64) };
        for ahead in 0..passed {
            let place = (part - ahead).rem_euclid(PARTS as i64) as usize;
            (self.failed[place], self.all[place]) = (0, 0);
        }
        self.part = part;
        let place = part.rem_euclid(PARTS as i64) as usize;
        self.failed[place] = self.failed[place].saturating_add(u32::from(failed));
        self.all[place] = self.all[place].saturating_add(1);
    }

    /// How many failed, of how many.
    fn sums(&self) -> (u32, u32) {
        let sum = |parts: &[u32; PARTS]| parts.iter().fold(0u32, |sum, part| sum.saturating_add(*part));
        (sum(&self.failed), sum(&self.all))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_000);

    fn later(millis: i64) -> Timestamp {
        NOW.plus_millis(millis)
    }

    fn send(breaker: &mut CircuitBreaker, health: Health, at: Timestamp) -> Option<BreakerState> {
        let spell = breaker.admit(at);
        breaker.record(spell, health, at)
    }

    fn opened() -> CircuitBreaker {
        let mut breaker = CircuitBreaker::new(BreakerPolicy::default());
        for _ in 0..4 {
            assert_eq!(send(&mut breaker, Health::Fails, NOW), None);
        }
        assert_eq!(send(&mut breaker, Health::Fails, NOW), Some(BreakerState::Open));
        breaker
    }

    #[test]
    fn five_failures_open_it_and_one_probe_closes_it() {
        let mut breaker = opened();
        assert_eq!(breaker.tripped(), Some((NOW, Cause::Failures)));
        assert_eq!((breaker.room(later(29_999)), breaker.next_at(later(9_999))), (0, Some(later(30_000))));
        assert_eq!((breaker.room(later(30_000)), breaker.next_at(later(30_000))), (1, None));
        let probe = breaker.admit(later(30_000));
        assert_eq!((breaker.state(), breaker.room(later(99_000))), (BreakerState::HalfOpen, 0));
        assert_eq!(breaker.record(probe, Health::Works, later(30_100)), Some(BreakerState::Closed));
        assert_eq!((breaker.room(later(30_100)), breaker.tripped()), (usize::MAX, None));
    }

    #[test]
    fn a_failed_probe_opens_it_again_for_as_long() {
        let mut breaker = opened();
        assert_eq!(send(&mut breaker, Health::Fails, later(30_000)), Some(BreakerState::Open));
        assert_eq!(breaker.next_at(later(30_000)), Some(later(60_000)));
    }

    #[test]
    fn a_probe_that_was_not_sent_leaves_its_place_to_another() {
        let mut breaker = opened();
        assert_eq!(send(&mut breaker, Health::Unknown, later(30_000)), None);
        assert_eq!(breaker.room(later(30_000)), 1);
    }

    #[test]
    fn what_was_sent_before_says_nothing_about_now() {
        let mut breaker = CircuitBreaker::new(BreakerPolicy::default());
        let early = breaker.admit(NOW);
        for _ in 0..5 {
            send(&mut breaker, Health::Fails, NOW);
        }
        assert_eq!(breaker.record(early, Health::Works, NOW), None);
        let probe = breaker.admit(later(30_000));
        assert_eq!(breaker.record(early, Health::Works, later(30_001)), None, "not the probe");
        assert_eq!(breaker.record(probe, Health::Fails, later(30_002)), Some(BreakerState::Open));
    }

    #[test]
    fn failures_that_are_far_apart_or_few_among_many_do_not_open_it() {
        let mut breaker = CircuitBreaker::new(BreakerPolicy::default());
        for n in 0..100 {
            assert_eq!(send(&mut breaker, Health::Fails, later(n * 2_600)), None, "four in ten seconds");
        }
        let mut breaker = CircuitBreaker::new(BreakerPolicy::default());
        for n in 0..1_000 {
            let health = if n % 10 == 9 { Health::Fails } else { Health::Works };
            assert_eq!(send(&mut breaker, health, later(n)), None, "one in ten");
        }
    }

    #[test]
    fn a_refused_account_opens_it_at_once() {
        let mut breaker = CircuitBreaker::new(BreakerPolicy::default());
        assert_eq!(send(&mut breaker, Health::of(Class::Misconfigured), NOW), Some(BreakerState::Open));
        assert_eq!(breaker.tripped(), Some((NOW, Cause::Misconfigured)));
    }

    proptest! {
        /// Whatever happens: while it is open nothing passes, half-open one at a time, and it never stays open for
        /// longer than it should, not even if the clock is set back.
        #[test]
        fn it_admits_one_probe_and_always_recovers(steps in proptest::collection::vec((0i64..20_000, 0u8..5, any::<bool>()), 1..300)) {
            let mut breaker = CircuitBreaker::new(BreakerPolicy::default());
            let (mut now, mut probes) = (NOW, Vec::new());
            for (wait, what, back) in steps {
                now = now.plus_millis(if back && what == 0 { -wait } else { wait });
                if breaker.room(now) > 0 && what < 3 {
                    let was = breaker.state();
                    let spell = breaker.admit(now);
                    if was != BreakerState::Closed {
                        prop_assert_eq!(breaker.room(now), 0, "one at a time");
                        probes.push(spell);
                    } else {
                        let health = [Health::Works, Health::Fails, Health::Refuses][what as usize];
                        breaker.record(spell, health, now);
                    }
                } else if let Some(spell) = probes.pop() {
                    let health = if back { Health::Works } else { Health::Fails };
                    breaker.record(spell, health, now);
                }
                if let Some(at) = breaker.next_at(now) {
                    prop_assert!(at.millis_since(now) <= 30_000);
                    prop_assert_eq!(breaker.room(now), 0);
                    prop_assert_eq!(breaker.room(at), 1);
                }
            }
        }
    }
}
