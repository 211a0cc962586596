//! The registry: which workers live. Each gives a sign of life every second, and is forgotten when it has not for five.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use angaros_domain::{WorkerId, metric};
use redis::{AsyncCommands as _, RedisResult, Script};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{BEAT, Hub};
use crate::LocalCoord;

/// How long a sign of life counts, in milliseconds.
const LIFE_MILLIS: u64 = 5_000;
/// How long the list lives without any, in milliseconds.
const LIST_MILLIS: u64 = 60_000;
/// The most workers that are looked at: a bound on what an answer may hold.
const WORKERS_MAX: usize = 10_000;

/// By the server's clock, so that those of the processes need not agree. KEYS: the list. ARGV: the worker, or nothing;
/// how long its sign counts; how long the list lives; how many are answered.
const REGISTER: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[1] ~= '' then
  redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
return redis.call('ZRANGE', KEYS[1], 0, ARGV[4] - 1)
";

/// Gives signs of life until the coordination ends, then takes this worker off the list.
pub(super) async fn run<T: Clone>(hub: Arc<Hub>, local: Arc<LocalCoord<T>>) {
    let register = Script::new(REGISTER);
    let mut beats = interval(BEAT.min(Duration::from_millis(LIFE_MILLIS / 5)));
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = hub.ended.cancelled() => break,
            () = local.joining() => {}
            _ = beats.tick() => {}
        }
        let own = local.joined().map(|worker| worker.0).unwrap_or_default();
        let mut call = register.key(hub.key("workers"));
        call.arg(own).arg(LIFE_MILLIS).arg(LIST_MILLIS).arg(WORKERS_MAX);
        let found: RedisResult<Vec<String>> = call.invoke_async(&mut hub.connection.clone()).await;
        // Without an answer those are counted on that were there last.
        if let Ok(mut found) = found {
            found.sort();
            metrics::gauge!(metric::WORKERS).set(found.len() as f64);
            hub.most_workers.lock().unwrap_or_else(PoisonError::into_inner).note(found.len(), Instant::now());
            *hub.workers.lock().unwrap_or_else(PoisonError::into_inner) =
                found.into_iter().map(WorkerId).collect();
        }
    }
    if let Some(worker) = local.joined() {
        // If it fails, the list forgets it by itself.
        let left: RedisResult<()> = hub.connection.clone().zrem(hub.key("workers"), worker.0).await;
        drop(left);
    }
}
