//! The provider accounts: which of them may take a send now, and which takes the next.
//!
//! A channel sends through the first account of its failover order whose breaker is closed. Those before it get a probe
//! now and then. An account whose rate is used up, or that asked for fewer requests, is waited for: it works, and there
//! is a reason why it comes first. While there is no room nothing is claimed, so that what waits costs no attempts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use angaros_domain::attempt::{Class, Outcome};
use angaros_domain::breaker::{BreakerPolicy, BreakerState, CircuitBreaker, Health, Spell};
use angaros_domain::gcra::Gcra;
use angaros_domain::{Channel, Timestamp, metric};
use angaros_providers::{Provider, Registry};
use angaros_service::{AccountState, Service};

/// How long an account is left in peace that said "too many requests" but not for how long, in milliseconds.
const PEACE_MILLIS: i64 = 1_000;
/// The longest that an account is left in peace, whatever it asks for: one wrong answer must not stop a channel for hours.
const PEACE_MILLIS_MAX: i64 = 300_000;

/// Every account of this process.
pub(crate) struct Accounts {
    service: Arc<Service>,
    routes: [Vec<usize>; Channel::ALL.len()],
    accounts: Mutex<Vec<Account>>,
}

struct Account {
    provider: Arc<dyn Provider>,
    /// A provider without an account of its own has none: what one recipient's server does says nothing about others.
    breaker: Option<CircuitBreaker>,
    limit: Option<Gcra>,
    peace_until: Timestamp,
    /// When a send through it last succeeded.
    worked_at: Option<Timestamp>,
}

/// The permission to send once through an account. It goes back with what came of it; dropped before, nothing was sent.
pub(crate) struct Pass {
    accounts: Arc<Accounts>,
    account: usize,
    spell: Option<Spell>,
    provider: Arc<dyn Provider>,
    worked_at: Option<Timestamp>,
}

impl Accounts {
    pub(crate) fn new(registry: &Registry, breaker: BreakerPolicy, service: Arc<Service>) -> Arc<Accounts> {
        let account = |provider| Account::new(registry, provider, breaker);
        let accounts: Vec<Account> = registry.providers().map(account).collect();
        let place = |provider: &Arc<dyn Provider>| {
            accounts.iter().position(|account| account.provider.name() == provider.name())
        };
        let routes = Channel::ALL.map(|channel| registry.route(channel).iter().filter_map(place).collect());
        let accounts = Accounts { service, routes, accounts: Mutex::new(accounts) };
        for account in accounts.lock().iter() {
            accounts.tell(account);
        }
        Arc::new(accounts)
    }

    /// How many sends the accounts that serve any of these channels have room for.
    pub(crate) fn room(&self, channels: impl Iterator<Item = Channel>, now: Timestamp) -> usize {
        let accounts = self.lock();
        let mut serving = vec![false; accounts.len()];
        for place in channels.flat_map(|channel| self.in_use(channel, &accounts)) {
            serving[place] = true;
        }
        let room = accounts.iter().zip(serving).filter(|(_, serving)| *serving);
        room.fold(0, |sum, (account, _)| sum.saturating_add(account.room(now)))
    }

    /// Lets one send pass through the first account of the channel's failover order that has room, or through `only` this
    /// one, wherever it stands in that order. `None` if none has. One that serves the channel no more binds nobody.
    pub(crate) fn admit(
        self: &Arc<Accounts>,
        channel: Channel,
        only: Option<&str>,
        now: Timestamp,
    ) -> Option<Pass> {
        let mut accounts = self.lock();
        let route = &self.routes[channel.index()];
        let bound =
            only.and_then(|name| route.iter().find(|place| accounts[**place].provider.name() == name));
        let place = match bound {
            Some(place) => Some(*place).filter(|place| accounts[*place].room(now) > 0),
            None => self.in_use(channel, &accounts).find(|place| accounts[*place].room(now) > 0),
        }?;
        let account = &mut accounts[place];
        let before = account.state();
        let spell = account.admit(now);
        if account.state() != before {
            self.tell(account);
        }
        let (provider, worked_at) = (Arc::clone(&account.provider), account.worked_at);
        Some(Pass { accounts: Arc::clone(self), account: place, spell, provider, worked_at })
    }

    /// When it is worth asking again for these channels, if only time is in the way of some account.
    pub(crate) fn next_at(&self, channels: &[Channel], now: Timestamp) -> Option<Timestamp> {
        let accounts = self.lock();
        let places = channels.iter().flat_map(|channel| self.in_use(*channel, &accounts));
        places.filter_map(|place| accounts[place].next_at(now)).min()
    }

    /// The accounts of a channel up to the first whose breaker is closed.
    fn in_use<'a>(&'a self, channel: Channel, accounts: &'a [Account]) -> impl Iterator<Item = usize> + 'a {
        let mut closed_before = false;
        self.routes[channel.index()].iter().copied().take_while(move |place| {
            let before = closed_before;
            closed_before |= accounts[*place].is_closed();
            !before
        })
    }

    fn record(&self, place: usize, spell: Option<Spell>, outcome: Option<&Outcome>, health: Health) {
        let now = self.service.clock().now();
        let mut accounts = self.lock();
        let account = &mut accounts[place];
        if let Some(outcome) = outcome.filter(|outcome| outcome.class == Class::Throttled) {
            account.leave_in_peace(outcome.retry_after_millis, now);
        }
        if outcome.is_some_and(|outcome| outcome.class == Class::Accepted) {
            account.worked_at = Some(now);
        }
        let breaker = account.breaker.as_mut().zip(spell);
        let Some(state) = breaker.and_then(|(breaker, spell)| breaker.record(spell, health, now)) else {
            if health == Health::Unknown {
                // A probe's place may be free again.
                self.service.coord().work_ready();
            }
            return;
        };
        self.tell(account);
        match (state, account.breaker.as_ref().and_then(CircuitBreaker::tripped)) {
            (BreakerState::Open, Some((_, cause))) => {
                let provider = account.provider.name();
                metrics::counter!(
                    metric::BREAKER_OPENED, "provider" => provider.to_owned(), "cause" => cause.as_str()
                )
                .increment(1);
                tracing::error!(
                    provider,
                    cause = cause.as_str(),
                    "sends through this provider are held back"
                );
            }
            (BreakerState::Closed, _) => {
                tracing::info!(provider = account.provider.name(), "the provider works again");
                self.service.coord().work_ready();
            }
            _ => {}
        }
    }

    /// Lets the world know where an account stands.
    fn tell(&self, account: &Account) {
        let Some(breaker) = &account.breaker else { return };
        let state = breaker.state();
        let provider = account.provider.name().to_owned();
        let level = match state {
            BreakerState::Closed => 0.0,
            BreakerState::HalfOpen => 1.0,
            BreakerState::Open => 2.0,
        };
        metrics::gauge!(metric::BREAKER_STATE, "provider" => provider.clone()).set(level);
        let tripped = breaker.tripped();
        self.service.account_stands(AccountState {
            provider,
            state,
            since: tripped.map(|(since, _)| since),
            cause: tripped.map(|(_, cause)| cause),
        });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    fn new(registry: &Registry, provider: &Arc<dyn Provider>, breaker: BreakerPolicy) -> Account {
        Account {
            breaker: provider.capabilities().account.then(|| CircuitBreaker::new(breaker)),
            limit: registry.rate_per_second(provider.name()).map(Gcra::new),
            provider: Arc::clone(provider),
            peace_until: Timestamp::from_millis(0),
            worked_at: None,
        }
    }

    fn state(&self) -> Option<BreakerState> {
        self.breaker.as_ref().map(CircuitBreaker::state)
    }

    fn is_closed(&self) -> bool {
        self.state().is_none_or(|state| state == BreakerState::Closed)
    }

    /// Whether it asked for peace. After a step back of the clock its wish is forgotten.
    fn is_in_peace(&self, now: Timestamp) -> bool {
        (1..=PEACE_MILLIS_MAX).contains(&self.peace_until.millis_since(now))
    }

    fn room(&self, now: Timestamp) -> usize {
        if self.is_in_peace(now) {
            return 0;
        }
        let breaker = self.breaker.as_ref().map_or(usize::MAX, |breaker| breaker.room(now));
        breaker.min(self.limit.as_ref().map_or(usize::MAX, |limit| limit.available(now)))
    }

    fn admit(&mut self, now: Timestamp) -> Option<Spell> {
        if let Some(limit) = &mut self.limit {
            limit.take(1, now);
        }
        self.breaker.as_mut().map(|breaker| breaker.admit(now))
    }

    fn next_at(&self, now: Timestamp) -> Option<Timestamp> {
        if self.is_in_peace(now) {
            return Some(self.peace_until);
        }
        let opens = self.breaker.as_ref().and_then(|breaker| breaker.next_at(now));
        opens.or_else(|| self.limit.as_ref().and_then(|limit| limit.refilled_at(now)))
    }

    /// One recipient's own server that asks for fewer requests does not slow the others.
    fn leave_in_peace(&mut self, asked_millis: Option<i64>, now: Timestamp) {
        if self.breaker.is_some() {
            let millis = asked_millis.unwrap_or(PEACE_MILLIS).clamp(0, PEACE_MILLIS_MAX);
            let known = if self.is_in_peace(now) { self.peace_until } else { now };
            self.peace_until = known.max(now.plus_millis(millis));
        }
    }
}

impl Pass {
    /// What to send through.
    pub(crate) fn provider(&self) -> &dyn Provider {
        &*self.provider
    }

    /// Whether the account is to blame if it refuses this message now that was last tried at `tried_at`. If others got
    /// through since, it is the message: one that a gateway always refuses must not hold up the others for ever.
    pub(crate) fn blames_account(&self, tried_at: Option<Timestamp>) -> bool {
        let others_got_through =
            tried_at.is_some_and(|tried| self.worked_at.is_some_and(|worked| worked > tried));
        self.provider.capabilities().account && !others_got_through
    }

    /// Says what came of it.
    pub(crate) fn done(mut self, outcome: &Outcome, blames_account: bool) {
        let health = match Health::of(outcome.class) {
            // That says nothing about the account.
            Health::Refuses if !blames_account => Health::Unknown,
            health => health,
        };
        self.accounts.record(self.account, self.spell.take(), Some(outcome), health);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(spell) = self.spell.take() {
            self.accounts.record(self.account, Some(spell), None, Health::Unknown);
        }
    }
}
