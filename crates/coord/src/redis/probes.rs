//! Probes: of all processes one at a time tries whether an account works again.
//!
//! Whoever wants to probe asks for a key that only one can have. It is asked for in the background: until the answer has
//! come nobody probes, and then there is work.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{AsyncCommands as _, ExistenceCheck, RedisResult, Script, SetExpiry, SetOptions};
use tokio::time::{Instant, sleep};

use super::Hub;

/// How long a probe may take at most, in milliseconds. Whoever was killed meanwhile holds up the others for so long.
const PROBE_MILLIS: u64 = 60_000;
/// How long the permission may stay unused: whoever has nothing to send must not keep it from others.
const UNUSED_MAX: Duration = Duration::from_secs(3);
/// How long nobody is asked again after a refusal.
const REFUSED_FOR: Duration = Duration::from_millis(500);

/// Gives the key back, if it is still this process's. KEYS: the key. ARGV: this process.
const RELEASE: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/// The probes of this process.
pub(super) struct Probes {
    hub: Arc<Hub>,
    release: Script,
    /// One for each account of the configuration, at most.
    stages: Mutex<HashMap<String, Stage>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    Asked,
    Refused { until: Instant },
    Granted,
    Begun,
}

impl Probes {
    pub(super) fn new(hub: Arc<Hub>) -> Arc<Probes> {
        Arc::new(Probes { hub, release: Script::new(RELEASE), stages: Mutex::default() })
    }

    pub(super) fn may(self: &Arc<Probes>, provider: &str) -> bool {
        let mut stages = self.stages();
        match stages.get(provider) {
            Some(Stage::Granted | Stage::Begun) => true,
            Some(Stage::Asked) => false,
            Some(Stage::Refused { until }) if Instant::now() < *until => false,
            Some(Stage::Refused { .. }) | None => {
                stages.insert(provider.to_owned(), Stage::Asked);
                let (probes, provider) = (Arc::clone(self), provider.to_owned());
                self.hub.spawn(async move { probes.ask(&provider).await });
                false
            }
        }
    }

    pub(super) fn begun(&self, provider: &str) {
        if let Some(stage @ Stage::Granted) = self.stages().get_mut(provider) {
            *stage = Stage::Begun;
        }
    }

    pub(super) fn ended(self: &Arc<Probes>, provider: &str) {
        self.release_if(provider, |_| true);
    }

    /// Forgets a stage, and gives the key back if it was had.
    fn release_if(self: &Arc<Probes>, provider: &str, condition: impl FnOnce(Stage) -> bool) {
        let mut stages = self.stages();
        let Some(stage) = stages.get(provider).copied().filter(|stage| condition(*stage)) else { return };
        stages.remove(provider);
        drop(stages);
        if matches!(stage, Stage::Granted | Stage::Begun) {
            let (probes, provider) = (Arc::clone(self), provider.to_owned());
            self.hub.spawn(async move { probes.give_back(&provider).await });
        }
    }

    async fn ask(self: &Arc<Probes>, provider: &str) {
        let options = SetOptions::default()
            .conditional_set(ExistenceCheck::NX)
            .with_expiration(SetExpiry::PX(PROBE_MILLIS));
        let mut connection = self.hub.connection.clone();
        let set: RedisResult<Option<String>> =
            connection.set_options(self.key(provider), &self.hub.origin, options).await;
        let is_refused = matches!(set, Ok(None));
        let is_wanted = match self.stages().get_mut(provider) {
            Some(stage @ Stage::Asked) if is_refused => {
                *stage = Stage::Refused { until: Instant::now() + REFUSED_FOR };
                true
            }
            // If the server is gone, everybody probes for themselves.
            Some(stage @ Stage::Asked) => {
                *stage = Stage::Granted;
                true
            }
            // It was asked for again, and answered.
            Some(_) => true,
            None => is_refused,
        };
        if !is_wanted {
            return self.give_back(provider).await;
        }
        if is_refused {
            sleep(REFUSED_FOR).await;
            return self.hub.work.notify_one();
        }
        self.hub.work.notify_one();
        sleep(UNUSED_MAX).await;
        self.release_if(provider, |stage| stage == Stage::Granted);
    }

    async fn give_back(&self, provider: &str) {
        let mut call = self.release.key(self.key(provider));
        call.arg(&self.hub.origin);
        // If it fails, the key has its end.
        let released: RedisResult<i64> = call.invoke_async(&mut self.hub.connection.clone()).await;
        drop(released);
    }

    fn key(&self, provider: &str) -> String {
        self.hub.key(&format!("probe:{provider}"))
    }

    fn stages(&self) -> MutexGuard<'_, HashMap<String, Stage>> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
