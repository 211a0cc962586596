//! Wiring: from the configuration to running parts.

use std::sync::Arc;
use std::time::Duration;

use angaros_clock::Clock;
use angaros_coord::{LocalCoord, RedisCoord};
use angaros_domain::request::Rules;
use angaros_domain::{Channel, WorkerId};
use angaros_engine::{ChannelSettings, Role};
use angaros_providers::Registry;
use angaros_service::{Service, TransitionCoord};
use angaros_store::Store;
use anyhow::{Context as _, Result};

use crate::config::Config;

/// Opens the front door to a store.
pub(crate) fn service(
    config: &Config,
    store: Arc<dyn Store>,
    coord: Arc<TransitionCoord>,
    clock: Clock,
) -> Arc<Service> {
    let settings = angaros_service::Settings {
        rules: Rules {
            clock_skew_seconds: i64::from(config.limits.clock_skew_seconds),
            outbound: config.outbound_policy(),
        },
        max_attempts: Channel::ALL.map(|channel| config.max_attempts(channel)),
        queue_max: config.limits.ingest_queue_max,
    };
    Service::start(store, coord, clock, settings)
}

/// What this process shares with others: everything if there is a server for it.
pub(crate) fn coord(config: &Config, clock: &Clock) -> Result<Arc<TransitionCoord>> {
    Ok(match config.redis.settings() {
        Some(settings) => RedisCoord::start(settings, clock.clone()).context("redis.url")?,
        None => alone(),
    })
}

/// For a process that does its work and ends.
pub(crate) fn alone() -> Arc<TransitionCoord> {
    Arc::new(LocalCoord::new())
}

/// Builds the providers and routes the channels to them.
pub(crate) fn registry(config: &Config, clock: &Clock) -> Result<Registry> {
    Ok(Registry::build(&config.providers, &config.routes(), clock, &config.outbound_policy())?)
}

/// What the engine is told.
pub(crate) fn engine(config: &Config, clock: &Clock, role: Role) -> angaros_engine::Settings {
    let delivery = &config.delivery;
    angaros_engine::Settings {
        worker: worker_id(clock),
        role,
        concurrency: delivery.concurrency,
        lease_seconds: i64::try_from(delivery.lease_seconds).unwrap_or(i64::MAX),
        shutdown: Duration::from_secs(delivery.shutdown_seconds),
        // The embedded store belongs to one process, a server to any number.
        exclusive: config.storage.url.file().is_some(),
        breaker: config.breaker_policy(),
        channels: Channel::ALL.map(|channel| ChannelSettings {
            retry: config.retry_policy(channel),
            rate_per_second: config.channels.get(channel).rate_per_second,
        }),
    }
}

/// Unique per start, and telling for people: process number and a nonce.
fn worker_id(clock: &Clock) -> WorkerId {
    let nonce: [u8; 4] = clock.random_bytes();
    WorkerId(format!("{}:{:08x}", std::process::id(), u32::from_be_bytes(nonce)))
}
