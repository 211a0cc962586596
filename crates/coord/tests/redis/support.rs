//! Processes, as far as coordination goes.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use angaros_clock::Clock;
use angaros_coord::{RedisCoord, RedisSettings};
use angaros_testkit::redis::{Redis, any};
use tokio::time::timeout;

/// How long anything here may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Waits for what must happen.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(LIMIT, what).await.expect("in time")
}

/// A server and a prefix that nobody else uses.
pub(crate) struct Cluster {
    url: String,
    prefix: String,
    workers_min: u32,
    /// The server, if it is this test's own.
    pub(crate) redis: Option<Redis>,
}

impl Cluster {
    /// On any server: it must not be touched.
    pub(crate) async fn on_any() -> Cluster {
        let (url, redis) = any().await;
        Cluster::on(url, redis)
    }

    /// On a server of its own, which may be stopped and wiped.
    pub(crate) async fn of_its_own() -> Cluster {
        let redis = Redis::start().await;
        Cluster::on(redis.url(), Some(redis))
    }

    fn on(url: String, redis: Option<Redis>) -> Cluster {
        let prefix = format!("test-{}", Clock::system().new_uuid());
        Cluster { url, prefix, workers_min: 1, redis }
    }

    pub(crate) fn with_workers_min(self, workers_min: u32) -> Cluster {
        Cluster { workers_min, ..self }
    }

    /// Another process.
    pub(crate) fn process(&self) -> Arc<RedisCoord<u32>> {
        let settings = RedisSettings {
            url: self.url.clone(),
            prefix: self.prefix.clone(),
            workers_min: NonZeroU32::new(self.workers_min).unwrap(),
        };
        RedisCoord::start(settings, Clock::system()).unwrap()
    }

    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }

    /// The server of its own.
    pub(crate) fn redis(&mut self) -> &mut Redis {
        self.redis.as_mut().expect("a server of its own")
    }

    /// Asks the server something over a connection of the test's own.
    pub(crate) async fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> T {
        let client = redis::Client::open(self.url.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        command.query_async(&mut connection).await.unwrap()
    }
}
