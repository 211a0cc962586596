//! Where measurements are made: the folder, the services in it, and the load on them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use angaros_bench::{Footprint, Load, Measurement, Outcome, Profile, Target, Workload};
use angaros_clock::Clock;
use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum as _;
use secrecy::{ExposeSecret as _, SecretString};
use tempfile::TempDir;

use super::child::Service;
use super::databases::Databases;
use super::{Bench, Scenario};
use crate::progress::{Progress, Unit};

/// Requests for many items need fewer connections to keep a service busy.
const CONNECTIONS_SHARE: u64 = 8;
/// Events for a warm-up: connections, caches and the allocator find their size.
const WARM_UP_MAX: u64 = 2_000;
/// Events are made to have happened up to so long ago: clocks differ a little.
const AGO_SECONDS: i64 = 60;

/// The place of all measurements.
pub(super) struct Bed {
    pub(super) options: Bench,
    pub(super) clock: Clock,
    pub(super) seed: u64,
    /// If it is a PostgreSQL server that is measured.
    pub(super) databases: Option<Databases>,
    folder: TempDir,
    progress: Progress,
}

/// A service to put load on.
pub(super) struct Subject {
    target: Target,
    /// `None` if it is not ours.
    process: Option<Service>,
}

impl Bed {
    pub(super) fn new(mut options: Bench, as_json: bool) -> Result<Bed> {
        let databases = options.database_url.take().map(Databases::on).transpose()?;
        let clock = Clock::system();
        // What a running service already has would count as sent before.
        let other = || if options.url.is_some() { clock.now().as_millis().unsigned_abs() } else { 1 };
        let seed = options.seed.unwrap_or_else(other);
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix("angaros-bench-");
        let folder = match &options.dir {
            Some(dir) => builder.tempdir_in(dir).with_context(|| format!("{} cannot be used", dir.display())),
            None => builder.tempdir().context("no temporary folder can be made"),
        }?;
        let progress = if as_json { Progress::hidden() } else { Progress::endless(Unit::Nothing) };
        Ok(Bed { options, clock, seed, databases, folder, progress })
    }

    /// Says what is going on.
    pub(super) fn say(&self, what: impl Into<String>) {
        self.progress.say(what);
    }

    /// Nothing more is going on.
    pub(super) async fn finish(&self) {
        if let Some(databases) = &self.databases
            && let Err(error) = databases.remove_all().await
        {
            self.say(format!("{error:#}"));
        }
        self.progress.finish();
    }

    /// What so many events of a scenario are like. No two scenarios have the same: they may share a service.
    pub(super) fn profile(&self, scenario: Scenario, total: u64) -> Profile {
        let to = self.clock.now().plus_seconds(-AGO_SECONDS);
        Profile {
            seed: self
                .seed
                .wrapping_mul(Scenario::value_variants().len() as u64)
                .wrapping_add(scenario as u64),
            duplicates: self.options.duplicates,
            recipients: self.options.recipients,
            campaigns: self.options.campaigns,
            from: to.plus_seconds(-86_400 * i64::from(self.options.days)),
            to,
            total,
        }
    }

    /// A path below the temporary folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Lets go of data that are not needed any more; what cannot be removed now goes with the whole folder.
    pub(super) async fn remove(&self, data: &str) {
        let removed = match &self.databases {
            Some(databases) => databases.remove(data).await,
            None => std::fs::remove_dir_all(self.path(data)).map_err(Into::into),
        };
        if let Err(error) = removed {
            self.say(format!("{data}: could not be removed yet: {error:#}"));
        }
    }

    /// The service that is measured: the one that was named, or one of ours on the data of this name.
    pub(super) async fn subject(&self, data: &str) -> Result<Subject> {
        if let Some(url) = &self.options.url {
            let key = self.options.key.as_ref().map(|key| key.expose_secret());
            return Ok(Subject { target: Target::new(url, key)?, process: None });
        }
        let database = match &self.databases {
            Some(databases) => Some(databases.url_of(data).await?),
            None => None,
        };
        self.start("serve", data, database.as_ref()).await
    }

    /// The probe that parses and does not store; none beside a service that is not ours.
    pub(super) async fn parser(&self) -> Result<Option<Subject>> {
        if self.options.url.is_some() {
            return Ok(None);
        }
        self.start("bench-probe", "probe", None).await.map(Some)
    }

    async fn start(&self, command: &str, data: &str, database: Option<&SecretString>) -> Result<Subject> {
        self.say(format!("{data}: starting"));
        let process = Service::start(command, &self.path(data), database).await?;
        Ok(Subject { target: Target::new(&process.url, None)?, process: Some(process) })
    }

    /// Load over as many connections as there should be for requests of so many items.
    pub(super) fn load(&self, subject: &Subject, items_a_request: u64) -> Load {
        let all = self.options.connections;
        let connections = if items_a_request > 1 { all / CONNECTIONS_SHARE } else { all };
        self.load_over(subject, connections)
    }

    /// Load over so many connections.
    pub(super) fn load_over(&self, subject: &Subject, connections: u64) -> Load {
        Load {
            target: subject.target.clone(),
            connections: usize::try_from(connections.max(1)).unwrap_or(usize::MAX),
            limit: Duration::from_secs(self.options.seconds_max),
            clock: self.clock.clone(),
        }
    }

    /// Sends the first events of a profile. Answers the place of the one that follows them.
    pub(super) async fn warm_up(&self, load: &Load, profile: Profile) -> Result<u64> {
        let count = WARM_UP_MAX.min(self.options.events / 10);
        let load = Load { connections: load.connections.min(8), ..load.clone() };
        self.unmeasured(&load, &Arc::new(Workload::events_single(&profile.events(0..count)))).await?;
        Ok(count)
    }

    /// Puts load on a service that must not fail under it, for another reason than to measure that service. Answers the
    /// rate.
    pub(super) async fn unmeasured(&self, load: &Load, workload: &Arc<Workload>) -> Result<f64> {
        let measured = Measurement::new("", &load.closed(workload).await?);
        ensure!(measured.errors == 0, "{}", measured.problem.unwrap_or_default());
        Ok(measured.rate_per_second)
    }

    /// Puts load on a service and measures what came of it, its memory and the bytes written included: those that it wrote
    /// itself, or those of the server's write-ahead log.
    pub(super) async fn measure(
        &self,
        subject: &Subject,
        name: impl Into<String>,
        load: impl Future<Output = angaros_bench::Result<Outcome>>,
    ) -> Result<Measurement> {
        let before = (subject.footprint(), self.log_bytes().await);
        let outcome = load.await?;
        let mut measured = Measurement::new(name, &outcome).counted(&outcome);
        if let (Some(process), Some(now)) = (before.0, subject.footprint()) {
            measured.memory_peak_bytes = Some(now.memory_peak_bytes);
            let (from, to) = match (before.1, self.log_bytes().await) {
                (Some(from), Some(to)) => (from, to),
                _ => (process.written_bytes, now.written_bytes),
            };
            let written = to.saturating_sub(from) as f64;
            measured.written_bytes_per_event =
                (measured.events > 0).then(|| written / measured.events as f64);
        }
        Ok(measured)
    }

    async fn log_bytes(&self) -> Option<u64> {
        match &self.databases {
            Some(databases) => databases.log_bytes().await,
            None => None,
        }
    }
}

impl Subject {
    fn footprint(&self) -> Option<Footprint> {
        self.process.as_ref().and_then(Service::footprint)
    }

    /// Stops it, if it is ours.
    pub(super) async fn stop(self) -> Result<()> {
        match self.process {
            Some(process) => process.stop().await,
            None => Ok(()),
        }
    }
}
