//! Where the provider accounts stand. The engine tells, and whoever asks for numbers hears it.

use std::sync::PoisonError;

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

    /// Every account that has a breaker, by name. Empty where no engine runs.
    pub fn accounts(&self) -> Vec<AccountState> {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.values().cloned().collect()
    }
}
