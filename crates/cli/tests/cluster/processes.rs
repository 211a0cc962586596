//! The processes of a cluster, and the run that each proof makes with them.

use std::time::Duration;

use angaros_testkit::api::Api;
use angaros_testkit::launch::Launch;
use angaros_testkit::process::Angaros;
use angaros_testkit::scale::scaled;
use futures_util::future::join_all;
use tokio::sync::{Mutex, MutexGuard};

use crate::balance::Balance;
use crate::keyed_sink::KeyedSink;
use crate::loader::Loader;

/// The lease, in seconds: the shortest that there is, or the default.
pub(crate) const LEASE_SECONDS: (u64, u64) = (5, 30);
/// How long the last of what is under way may take: what a lost worker held, and retries of that.
const IDLE_MAX: Duration = Duration::from_secs(90);

/// Lets one proof after the other have the machine: each measures times.
pub(crate) async fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::const_new(());
    ONE.lock().await
}

/// How long a claim lives without a sign of life.
pub(crate) fn lease() -> Duration {
    Duration::from_secs(scaled(LEASE_SECONDS.0, LEASE_SECONDS.1))
}

/// Processes on a database that send to receivers on this machine, retry within moments, and have no limits.
pub(crate) fn launch(database: &str) -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_angaros"))
        .unlimited()
        .variable("DATABASE_URL", database)
        .set("security.outbound_allow", "127.0.0.0/8")
        .set("delivery.lease_seconds", lease().as_secs().to_string())
        .set("providers.webhook.timeout_seconds", "4")
        .set("delivery.retry.base_seconds", "0.05")
        .set("delivery.retry.cap_seconds", "0.5")
        .set("delivery.retry.max_attempts", "10")
        .set("delivery.breaker.failures", "10000")
}

/// The processes.
pub(crate) struct Cluster {
    pub(crate) apis: Vec<Angaros>,
    pub(crate) workers: Vec<Angaros>,
    reconciler: Angaros,
}

impl Cluster {
    /// Starts all at once; the first of them brings the schema up.
    pub(crate) async fn start(launch: &Launch, apis: usize, workers: usize) -> Cluster {
        let start = |role: &'static str, count: usize| {
            let launch = launch.clone().role(role);
            join_all((0..count).map(move |_| {
                let launch = launch.clone();
                async move { launch.start().await }
            }))
        };
        let (apis, workers, mut reconcilers) =
            tokio::join!(start("api", apis), start("worker", workers), start("reconciler", 1));
        Cluster { apis, workers, reconciler: reconcilers.remove(0) }
    }

    /// A client of one of the APIs.
    pub(crate) fn api(&self, number: usize) -> Api {
        self.apis[number].api()
    }

    /// All of them.
    pub(crate) fn processes(&self) -> impl Iterator<Item = &Angaros> {
        self.apis.iter().chain(&self.workers).chain([&self.reconciler])
    }

    /// Ends the load, waits until nothing is under way, and holds what became of it against the promise.
    pub(crate) async fn settle(&self, loader: Loader, sink: &KeyedSink) -> Balance {
        let accepted = loader.stop().await;
        self.api(0).idle(IDLE_MAX).await;
        let balance = Balance::strike(&self.api(0), &accepted, sink).await;
        println!("{balance}");
        balance.holds();
        balance
    }

    /// Stops every process in order, which each has to be able to.
    pub(crate) async fn stop(self) {
        let processes = self.apis.into_iter().chain(self.workers).chain([self.reconciler]);
        join_all(processes.map(|mut process| async move {
            let (status, took) = process.stop().await;
            assert!(status.success(), "{status} after {took:?}: {}", process.stderr());
        }))
        .await;
    }
}
