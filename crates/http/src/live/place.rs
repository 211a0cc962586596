//! Places for clients that stay: so many in all, of one tenant, and with one key.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use angaros_domain::{TenantId, metric};

use super::LiveSettings;
use crate::error::Problem;
use crate::problems;

/// Seconds after which another try may find a place.
const RETRY_SECONDS: u16 = 5;

/// The places, taken and free.
pub(crate) struct Places {
    all_max: usize,
    per_tenant_max: usize,
    per_key_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_tenant: HashMap<TenantId, usize>,
    by_key: HashMap<Option<String>, usize>,
}

/// A place. Dropping it frees it.
pub(crate) struct Place {
    places: Arc<Places>,
    tenant: TenantId,
    key: Option<String>,
    transport: &'static str,
}

impl Places {
    pub(crate) fn new(settings: &LiveSettings) -> Arc<Places> {
        Arc::new(Places {
            all_max: settings.connections_max,
            per_tenant_max: settings.connections_per_tenant_max,
            per_key_max: settings.connections_per_key_max,
            taken: Mutex::default(),
        })
    }

    /// Takes a place for a tenant and the holder of a key, told by the key's prefix, or for a caller without one.
    pub(crate) fn take(
        self: &Arc<Places>,
        tenant: TenantId,
        key: Option<&str>,
        transport: &'static str,
    ) -> Result<Place, Problem> {
        let key = key.map(str::to_owned);
        let mut taken = self.taken();
        let with_key = taken.by_key.get(&key).copied().unwrap_or(0);
        let of_tenant = taken.by_tenant.get(&tenant).copied().unwrap_or(0);
        let full = if taken.all >= self.all_max {
            Some("As many clients follow live status as may do so.")
        } else if of_tenant >= self.per_tenant_max {
            Some("As many clients follow live status of this tenant as may do so.")
        } else if with_key >= self.per_key_max {
            Some("As many clients follow live status with this key as may do so.")
        } else {
            None
        };
        if let Some(detail) = full {
            return Err(Problem::new(problems::LIVE_LIMIT, detail).retry_after(RETRY_SECONDS));
        }
        taken.all += 1;
        taken.by_tenant.insert(tenant, of_tenant + 1);
        taken.by_key.insert(key.clone(), with_key + 1);
        metrics::gauge!(metric::LIVE_CONNECTIONS, "transport" => transport).increment(1);
        Ok(Place { places: Arc::clone(self), tenant, key, transport })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= 1;
        give_back(&mut taken.by_tenant, &self.tenant);
        give_back(&mut taken.by_key, &self.key);
        metrics::gauge!(metric::LIVE_CONNECTIONS, "transport" => self.transport).decrement(1);
    }
}

/// Counts one less. Whoever has none left is forgotten.
fn give_back<K: Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
