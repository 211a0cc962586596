//! A provider's account with a temper, and what it saw.

use std::sync::{Arc, Mutex, OnceLock};

use angaros_clock::Clock;
use angaros_domain::attempt::{Class, Outcome};
use angaros_domain::breaker::BreakerState;
use angaros_domain::{Channel, NotificationId, Timestamp};
use angaros_providers::{Capabilities, Outgoing, Provider};
use angaros_service::Service;
use async_trait::async_trait;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::plan::{Temper, Trouble};
use crate::world::START;

/// One send as an account saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Send {
    pub(crate) account: usize,
    pub(crate) id: NotificationId,
    pub(crate) channel: Channel,
    pub(crate) at: Timestamp,
    /// `None`: it never answered.
    pub(crate) class: Option<Class>,
}

/// What all accounts saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) sends: Vec<Send>,
    pub(crate) broken: Vec<String>,
    pub(crate) probes: usize,
}

pub(crate) struct Account {
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) temper: Temper,
    pub(crate) clock: Clock,
    pub(crate) service: Arc<OnceLock<Arc<Service>>>,
    pub(crate) seen: Arc<Mutex<Seen>>,
    random: Mutex<StdRng>,
    /// Since when the probe is under way.
    probe: Mutex<Option<Timestamp>>,
}

impl Account {
    pub(crate) fn new(
        index: usize,
        temper: Temper,
        seed: u64,
        clock: Clock,
        service: Arc<OnceLock<Arc<Service>>>,
        seen: Arc<Mutex<Seen>>,
    ) -> Account {
        let random = Mutex::new(StdRng::seed_from_u64(seed ^ (index as u64 + 1) << 32));
        let (name, probe) = (name(index), Mutex::default());
        Account { index, name, temper, clock, service, seen, random, probe }
    }

    /// A process ended, and with it all that it did.
    pub(crate) fn forget_probe(&self) {
        *self.probe.lock().unwrap() = None;
    }

    /// An open breaker lets nothing pass, a half-open one a single send.
    fn watch_breaker(&self, now: Timestamp) -> bool {
        let accounts = self.service.get().unwrap().accounts();
        let Some(stands) = accounts.into_iter().find(|account| account.provider == self.name) else {
            return false;
        };
        let mut seen = self.seen.lock().unwrap();
        match stands.state {
            BreakerState::Closed => false,
            BreakerState::Open => {
                // What was admitted in the very moment in which it opened was on its way.
                if stands.since != Some(now) {
                    seen.broken.push(format!("{}: a send at {now} through an open breaker", self.name));
                }
                false
            }
            BreakerState::HalfOpen => {
                seen.probes += 1;
                if let Some(since) = self.probe.lock().unwrap().replace(now) {
                    seen.broken.push(format!("{}: a probe at {now} beside that of {since}", self.name));
                }
                true
            }
        }
    }
}

pub(crate) fn name(index: usize) -> String {
    format!("account-{index}")
}

#[async_trait]
impl Provider for Account {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { receipts: false, idempotent: self.temper.idempotent, pretends: true, account: true }
    }

    async fn send(&self, outgoing: Outgoing<'_>) -> Outcome {
        let (notification, now) = (outgoing.notification, self.clock.now());
        let is_probe = self.watch_breaker(now);
        let (trouble, latency) = {
            let mut random = self.random.lock().unwrap();
            let latency = random.random_range(0..=self.temper.latency_millis_max);
            (self.temper.trouble(now.millis_since(START), &mut random), latency as i64)
        };
        let place = {
            let mut seen = self.seen.lock().unwrap();
            let (id, channel) = (notification.id, notification.channel);
            seen.sends.push(Send { account: self.index, id, channel, at: now, class: None });
            seen.sends.len() - 1
        };
        if trouble == Some(Trouble::Hangs) {
            // The engine gives up on it; a probe that hangs ends with its lease.
            self.clock.sleep_until(now.plus_seconds(29)).await;
        } else {
            self.clock.sleep_until(now.plus_millis(latency)).await;
        }
        if is_probe {
            self.forget_probe();
        }
        assert_ne!(trouble, Some(Trouble::Panics), "as planned");
        let outcome = match trouble {
            None => Outcome::new(Class::Accepted, "thank you"),
            Some(Trouble::Permanent) => Outcome::new(Class::Permanent, "no such number"),
            Some(Trouble::Misconfigured) => Outcome::new(Class::Misconfigured, "who are you?"),
            Some(Trouble::Throttled) => {
                Outcome::new(Class::Throttled, "slow down").with_retry_after(Some(5_000))
            }
            Some(Trouble::Hangs | Trouble::Panics) => Outcome::new(Class::Ambiguous, "no answer"),
            Some(Trouble::Transient) => Outcome::new(Class::Transient, "try again"),
        };
        self.seen.lock().unwrap().sends[place].class = Some(outcome.class);
        outcome
    }
}
