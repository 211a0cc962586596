//! A shared limit: the server says how many tokens there are, and each process leases a few at a time.
//!
//! The limit is the generic cell rate algorithm, as in `angaros_domain::gcra`, in a script: whoever asks gets what is
//! there, at once and exactly. Half of the burst is the server's, the other half is what processes hold unused; so
//! however tokens wander, no window of time sees more than the rate and the burst. What was leased and is not needed goes
//! back. A key that is not there, because it was never used or because the server was wiped, counts as used up.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use angaros_domain::Timestamp;
use angaros_domain::gcra::Gcra;
use redis::{RedisResult, Script};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::{ANSWER_MAX, Hub};

/// A second has so many slices: the server's part of the burst, and what all processes may hold, is one slice's tokens.
const SLICES: u32 = 20;
/// How long tokens may stay unused before they go back.
const UNUSED_MAX: Duration = Duration::from_millis(150);
/// How often a server that is gone is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(200);
/// After the first one sees a server again, everybody goes on alone for so long: until then all have seen it. Otherwise
/// the first would have the whole rate beside the shares of those who come later. The last has just begun to wait for an
/// answer that does not come, rests, asks again, and is answered after a moment.
const RETURN: Duration = ANSWER_MAX.saturating_add(ASK_AGAIN).saturating_add(Duration::from_millis(100));
/// The longest wait for the next token; it may come earlier, when somebody gives some back.
const WAIT_MAX: Duration = Duration::from_millis(250);
/// How long an unused limit is remembered, in milliseconds: longer than it takes to fill up.
const KEPT_MILLIS: u64 = 60_000;

/// Times are in microseconds of the server's clock. KEYS: the limit. ARGV: tokens a second; the burst; how many are
/// wanted, or given back if below 0, or 0 to come back from being alone; how long the key lives; how long all go on alone
/// if whoever comes back finds that nobody was here. Answers how many are granted, after which time one more will be
/// there, and for how long all go on alone.
const GCRA: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval = 1000000 / ARGV[1]
local full = ARGV[2] * interval
local wanted = tonumber(ARGV[3])
local arrival = tonumber(redis.call('GET', KEYS[1]))
if wanted == 0 and (not arrival or arrival + ARGV[5] < now) then
  arrival = now + full + ARGV[5]
end
arrival = math.min(math.max(arrival or now + full, now), now + full + ARGV[5])
local granted = 0
if wanted < 0 then
  arrival = math.max(arrival + wanted * interval, now)
else
  granted = math.max(math.min(wanted, math.floor((now + full - arrival) / interval + 0.001)), 0)
  arrival = arrival + granted * interval
end
redis.call('SET', KEYS[1], string.format('%.3f', arrival), 'PX', ARGV[4])
local wait = math.max(math.ceil(arrival + interval - now - full), 0)
return {granted, wait, math.max(math.ceil(arrival - now - full), 0)}
";

/// This process's part of a shared limit.
#[derive(Debug)]
pub(crate) struct Lease {
    per_second: NonZeroU32,
    state: Mutex<State>,
    /// Something changed that the asking task has to see.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    tokens: usize,
    /// Tokens that were used although they had gone back.
    debt: usize,
    /// Somebody found no tokens, or used some.
    is_wanted: bool,
    /// When they were last asked for or used.
    used_at: Instant,
    /// This process's own limit, while the server is gone.
    alone: Option<Gcra>,
}

impl Lease {
    pub(crate) fn start(hub: &Arc<Hub>, name: &str, per_second: NonZeroU32) -> Arc<Lease> {
        let state = State { tokens: 0, debt: 0, is_wanted: false, used_at: Instant::now(), alone: None };
        let lease = Arc::new(Lease { per_second, state: Mutex::new(state), changed: Notify::new() });
        let key = hub.key(&format!("limit:{name}"));
        let asking =
            Asking { lease: Arc::clone(&lease), script: Script::new(GCRA), key, hub: Arc::clone(hub) };
        hub.spawn(asking.run());
        lease
    }

    pub(crate) fn available(&self, now: Timestamp) -> usize {
        let mut state = self.state();
        state.used_at = Instant::now();
        if let Some(alone) = &state.alone {
            return alone.available(now);
        }
        if state.tokens == 0 && !state.is_wanted {
            state.is_wanted = true;
            self.changed.notify_one();
        }
        state.tokens
    }

    pub(crate) fn take(&self, tokens: usize, now: Timestamp) {
        if tokens == 0 {
            return;
        }
        let mut state = self.state();
        state.used_at = Instant::now();
        let paid = match &mut state.alone {
            Some(alone) => {
                let paid = tokens.min(alone.available(now));
                alone.take(paid, now);
                paid
            }
            None => {
                let paid = tokens.min(state.tokens);
                state.tokens -= paid;
                paid
            }
        };
        state.debt += tokens - paid;
        state.is_wanted = true;
        self.changed.notify_one();
    }

    pub(crate) fn refilled_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.state().alone.as_ref().and_then(|alone| alone.refilled_at(now))
    }

    /// How many to ask for; `None` if nothing is wanted. A server that was gone is asked for nothing, to see it.
    fn wanted(&self, workers: NonZeroU32) -> Option<usize> {
        let state = self.state();
        if state.alone.is_some() {
            return Some(0);
        }
        let slice = (self.slice().div_ceil(workers.get())) as usize;
        let wanted = slice.saturating_sub(state.tokens) + state.debt;
        (state.is_wanted && wanted > 0).then_some(wanted)
    }

    /// The tokens of a slice of time, at least one.
    fn slice(&self) -> u32 {
        (self.per_second.get() / SLICES).max(1)
    }

    /// Takes what was granted; whether there is something to use now.
    fn grant(&self, granted: usize) -> bool {
        let mut state = self.state();
        state.alone = None;
        let paid = granted.min(state.debt);
        state.debt -= paid;
        state.tokens += granted - paid;
        if granted > paid {
            state.is_wanted = state.debt > 0;
        }
        granted > paid
    }

    /// Goes on without the server, at this process's share of the rate.
    fn go_alone(&self, workers: NonZeroU32, now: Timestamp) {
        let mut state = self.state();
        state.tokens = 0;
        if state.alone.is_none() {
            let mut alone = Gcra::share(self.per_second, workers);
            alone.take(alone.available(now), now);
            state.alone = Some(alone);
        }
    }

    /// Takes out what nobody has used for long.
    fn take_unused(&self) -> usize {
        let mut state = self.state();
        if state.used_at.elapsed() < UNUSED_MAX {
            return 0;
        }
        std::mem::take(&mut state.tokens)
    }

    fn has_tokens(&self) -> bool {
        self.state().tokens > 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the server says.
struct Answer {
    granted: usize,
    /// Until there is one more.
    wait: Duration,
    /// Until everybody is back from being alone.
    alone_for: Duration,
}

/// The task that talks to the server.
struct Asking {
    lease: Arc<Lease>,
    script: Script,
    key: String,
    hub: Arc<Hub>,
}

impl Asking {
    async fn run(self) {
        loop {
            let Some(wanted) = self.lease.wanted(self.hub.worker_count()) else {
                self.rest().await;
                continue;
            };
            match self.ask(wanted as i64).await {
                Ok(Answer { alone_for, .. }) if !alone_for.is_zero() && wanted == 0 => sleep(alone_for).await,
                Ok(Answer { granted, wait, .. }) => {
                    if self.lease.grant(granted) {
                        self.hub.work.notify_one();
                    } else {
                        sleep(wait.min(WAIT_MAX)).await;
                    }
                }
                Err(_) => {
                    self.lease.go_alone(self.hub.worker_count(), self.hub.clock.now());
                    // Whoever waits for tokens of the server has to look at the clock from now on.
                    self.hub.work.notify_one();
                    sleep(ASK_AGAIN).await;
                }
            }
        }
    }

    /// Waits until tokens are wanted, and gives back those that are not.
    async fn rest(&self) {
        if !self.lease.has_tokens() {
            return self.lease.changed.notified().await;
        }
        if timeout(UNUSED_MAX, self.lease.changed.notified()).await.is_err() {
            let unused = self.lease.take_unused();
            if unused > 0 {
                // If that fails they are lost, and the rate is a little lower for a moment.
                drop(self.ask(-(unused as i64)).await);
            }
        }
    }

    async fn ask(&self, wanted: i64) -> RedisResult<Answer> {
        let mut call = self.script.key(&self.key);
        call.arg(self.lease.per_second.get()).arg(self.lease.slice()).arg(wanted).arg(KEPT_MILLIS);
        call.arg(RETURN.as_micros() as u64);
        let (granted, wait, alone_for) = call.invoke_async(&mut self.hub.connection.clone()).await?;
        let (wait, alone_for) = (Duration::from_micros(wait), Duration::from_micros(alone_for));
        Ok(Answer { granted, wait, alone_for })
    }
}
