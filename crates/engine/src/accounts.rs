//! The provider accounts: which of them may take a send now, and which takes the next.
//!
//! A channel sends through the first account of its failover order whose breaker is closed. Those before it get a probe
//! now and then. An account whose rate is used up, or that asked for fewer requests, is waited for: it works, and there
//! is a reason why it comes first. While there is no room nothing is claimed, so that what waits costs no attempts.
//!
//! Each process has breakers of its own, which count its own sends. When one of them opens or closes the others hear of
//! it and do the same, and of all processes one at a time probes.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use angaros_coord::{Breaker, Limit};
use angaros_domain::attempt::{Class, Outcome};
use angaros_domain::breaker::{BreakerPolicy, BreakerState, CircuitBreaker, Health, Spell};
use angaros_domain::{Channel, Timestamp, metric};
use angaros_providers::{Provider, Registry};
use angaros_service::{AccountState, Service, TransitionCoord};

use crate::Shared;

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
    limit: Option<Limit>,
    coord: Arc<TransitionCoord>,
    peace_until: Timestamp,
    /// When a send through it last succeeded.
    worked_at: Option<Timestamp>,
    /// A probe of this process is on its way, whatever was heard of the breaker since it began.
    is_probed: bool,
}

/// The permission to send once through an account. It goes back with what came of it; dropped before, nothing was sent.
pub(crate) struct Pass {
    accounts: Arc<Accounts>,
    account: usize,
    spell: Option<Spell>,
    provider: Arc<dyn Provider>,
    worked_at: Option<Timestamp>,
    is_probe: bool,
}

impl Accounts {
    pub(crate) fn new(registry: &Registry, breaker: BreakerPolicy, service: Arc<Service>) -> Arc<Accounts> {
        let account = |provider| Account::new(registry, provider, breaker, service.coord());
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

    /// A limit that is shared with all who send for the same database.
    pub(crate) fn limit(&self, of: &str, name: &str, per_second: NonZeroU32) -> Limit {
        limit(self.service.coord(), of, name, per_second)
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
        let is_probe = !account.is_closed();
        let spell = account.admit(now);
        if account.state() != before {
            self.tell(account);
        }
        let (provider, worked_at) = (Arc::clone(&account.provider), account.worked_at);
        Some(Pass { accounts: Arc::clone(self), account: place, spell, provider, worked_at, is_probe })
    }

    /// When it is worth asking again for these channels, if only time is in the way of some account.
    pub(crate) fn next_at(
        &self,
        channels: impl Iterator<Item = Channel>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let accounts = self.lock();
        let places = channels.flat_map(|channel| self.in_use(channel, &accounts));
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

    fn record(&self, pass: &mut Pass, outcome: Option<&Outcome>, health: Health) {
        let Pass { account: place, is_probe, .. } = *pass;
        let spell = pass.spell.take();
        let now = self.service.clock().now();
        let mut accounts = self.lock();
        let account = &mut accounts[place];
        if let Some(outcome) = outcome.filter(|outcome| outcome.class == Class::Throttled) {
            account.leave_in_peace(outcome.retry_after_millis, now);
        }
        if outcome.is_some_and(|outcome| outcome.class == Class::Accepted) {
            account.worked_at = Some(now);
        }
        let coord = self.service.coord();
        let breaker = account.breaker.as_mut().zip(spell);
        let changed = breaker.and_then(|(breaker, spell)| breaker.record(spell, health, now));
        if changed.is_some() {
            self.tell(account);
            account.tell_others();
        }
        if is_probe {
            // After the others were told what came of it: else one of them might probe again at once.
            account.is_probed = false;
            coord.probe_ended(account.provider.name());
            // A probe's place may be free again.
            coord.work_ready();
        }
        let Some(state) = changed else { return };
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

    /// Does what the breaker of another process did.
    pub(crate) fn hear(&self, provider: &str, breaker: Breaker) {
        let now = self.service.clock().now();
        let mut accounts = self.lock();
        let heard = accounts.iter_mut().find(|account| account.provider.name() == provider);
        let Some(account) = heard else { return };
        let Some(own) = &mut account.breaker else { return };
        let changed = match breaker {
            Breaker::Open { cause, .. } => own.open_too(cause, now),
            Breaker::Closed => own.close_too(),
        };
        // Whatever this process asked for or was refused belongs to the past. Its own probe is over when that is answered.
        if !account.is_probed {
            self.service.coord().probe_ended(provider);
        }
        if changed.is_some() {
            self.tell(account);
            tracing::info!(provider, ?breaker, "the breaker follows that of another process");
        }
        if breaker == Breaker::Closed {
            self.service.coord().work_ready();
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
    fn new(
        registry: &Registry,
        provider: &Arc<dyn Provider>,
        breaker: BreakerPolicy,
        coord: &Arc<TransitionCoord>,
    ) -> Account {
        let name = provider.name();
        Account {
            breaker: provider.capabilities().account.then(|| CircuitBreaker::new(breaker)),
            limit: registry.rate_per_second(name).map(|rate| limit(coord, "account", name, rate)),
            coord: Arc::clone(coord),
            provider: Arc::clone(provider),
            peace_until: Timestamp::from_millis(0),
            worked_at: None,
            is_probed: false,
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
        // One probe at a time, also if the breaker has opened anew while it was on its way.
        if self.is_in_peace(now) || (self.is_probed && !self.is_closed()) {
            return 0;
        }
        let breaker = self.breaker.as_ref().map_or(usize::MAX, |breaker| breaker.room(now));
        let room = breaker.min(self.limit.as_ref().map_or(usize::MAX, |limit| limit.available(now)));
        // A probe is one for all processes.
        if room > 0 && !self.is_closed() && !self.coord.may_probe(self.provider.name()) {
            return 0;
        }
        room
    }

    fn admit(&mut self, now: Timestamp) -> Option<Spell> {
        if let Some(limit) = &mut self.limit {
            limit.take(1, now);
        }
        if !self.is_closed() {
            self.is_probed = true;
            self.coord.probe_begun(self.provider.name());
        }
        self.breaker.as_mut().map(|breaker| breaker.admit(now))
    }

    /// Tells the other processes that the breaker opened or closed.
    fn tell_others(&self) {
        let Some(breaker) = &self.breaker else { return };
        let breaker = match (breaker.state(), breaker.tripped()) {
            (BreakerState::Open, Some((since, cause))) => Breaker::Open { since, cause },
            (BreakerState::Closed, _) => Breaker::Closed,
            // Who probes is known to all.
            (BreakerState::Open | BreakerState::HalfOpen, _) => return,
        };
        self.coord.breaker_stands(self.provider.name(), breaker);
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

/// A limit under its name for all processes.
fn limit(coord: &Arc<TransitionCoord>, of: &str, name: &str, per_second: NonZeroU32) -> Limit {
    coord.limit(&format!("{of}:{name}"), per_second)
}

/// Listens to what other processes say of the accounts.
pub(crate) async fn listen(shared: Arc<Shared>) {
    loop {
        tokio::select! {
            biased;
            () = shared.stopping.cancelled() => return,
            (provider, breaker) = shared.service.coord().breaker_told() => {
                shared.accounts.hear(&provider, breaker);
            }
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
        self.record(Some(outcome), health);
    }
}

impl Pass {
    fn record(&mut self, outcome: Option<&Outcome>, health: Health) {
        Arc::clone(&self.accounts).record(self, outcome, health);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.spell.is_some() {
            self.record(None, Health::Unknown);
        }
    }
}
