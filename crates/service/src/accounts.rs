//! Where the provider accounts stand. The engine tells, or where none runs those of other processes do, and whoever asks for
//! numbers hears it.

use std::sync::PoisonError;

use angaros_coord::Breaker;
use angaros_domain::Timestamp;
use angaros_domain::breaker::{BreakerState, Cause};

use crate::Service;

/// Where the circuit breaker of a provider's account stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountState {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The breaker's state.
    pub state: BreakerState,
    /// Since when it is not closed.
    pub since: Option<Timestamp>,
    /// Why it is not closed.
    pub cause: Option<Cause>,
}

impl Service {
    /// Tells where an account stands now.
    pub fn account_stands(&self, account: AccountState) {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.insert(account.provider.clone(), account);
    }

    /// Takes note of what other processes say of these accounts, for ever: where no engine runs, which would listen itself.
    /// Until something is heard of an account its breaker counts as closed.
    pub async fn follow_accounts(&self, providers: Vec<String>) {
        for provider in &providers {
            self.account_stands(heard(provider.clone(), Breaker::Closed));
        }
        loop {
            let (provider, breaker) = self.coord.breaker_told().await;
            // Another process may have other accounts.
            if providers.contains(&provider) {
                self.account_stands(heard(provider, breaker));
            }
        }
    }

    /// Every account that has a breaker, by name. Empty where no engine runs and nobody follows those of others.
    pub fn accounts(&self) -> Vec<AccountState> {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.values().cloned().collect()
    }
}

/// Where an account stands, as another process says.
fn heard(provider: String, breaker: Breaker) -> AccountState {
    match breaker {
        Breaker::Open { since, cause } => {
            AccountState { provider, state: BreakerState::Open, since: Some(since), cause: Some(cause) }
        }
        Breaker::Closed => AccountState { provider, state: BreakerState::Closed, since: None, cause: None },
    }
}
