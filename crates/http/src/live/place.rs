//! Places for clients that stay: so many in all, and so many with one key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use angaros_domain::metric;

use super::LiveSettings;
use crate::error::Problem;
use crate::problems;

/// Seconds after which another try may find a place.
const RETRY_SECONDS: u16 = 5;

/// The places, taken and free.
pub(crate) struct Places {
    all_max: usize,
    per_key_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_key: HashMap<Option<String>, usize>,
}

/// A place. Dropping it frees it.
pub(crate) struct Place {
    places: Arc<Places>,
    key: Option<String>,
    transport: &'static str,
}

impl Places {
    pub(crate) fn new(settings: &LiveSettings) -> Arc<Places> {
        Arc::new(Places {
            all_max: settings.connections_max,
            per_key_max: settings.connections_per_key_max,
            taken: Mutex::default(),
        })
    }

    /// Takes a place for the holder of a key, told by the key's prefix, or for a caller without one.
    pub(crate) fn take(
        self: &Arc<Places>,
        key: Option<&str>,
        transport: &'static str,
    ) -> Result<Place, Problem> {
        let key = key.map(str::to_owned);
        let mut taken = self.taken();
        let with_key = taken.by_key.get(&key).copied().unwrap_or(0);
        let full = if taken.all >= self.all_max {
            Some("As many clients follow live status as may do so.")
        } else if with_key >= self.per_key_max {
            Some("As many clients follow live status with this key as may do so.")
        } else {
            None
        };
        if let Some(detail) = full {
            return Err(Problem::new(problems::LIVE_LIMIT, detail).retry_after(RETRY_SECONDS));
        }
        taken.all += 1;
        taken.by_key.insert(key.clone(), with_key + 1);
        metrics::gauge!(metric::LIVE_CONNECTIONS, "transport" => transport).increment(1);
        Ok(Place { places: Arc::clone(self), key, transport })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= 1;
        if let Some(count) = taken.by_key.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                taken.by_key.remove(&self.key);
            }
        }
        metrics::gauge!(metric::LIVE_CONNECTIONS, "transport" => self.transport).decrement(1);
    }
}
