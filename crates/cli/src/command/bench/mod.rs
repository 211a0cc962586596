//! `angaros bench`: how fast it is on this machine, next to what this machine could do at most.

mod bed;
mod child;
mod console;
mod databases;
mod growth;
mod ingest;
mod limit;
mod notify;

use std::path::{Path, PathBuf};

use angaros_bench::{Measurement, table};
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use secrecy::SecretString;
use serde::Serialize;

use super::{Globals, interrupt};
use bed::Bed;

use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  angaros bench --only events-bulk --events 1000000
  angaros bench --only events-single,events-bulk --report report.json
  angaros bench --database-url postgres://localhost/postgres --only events-bulk
  angaros bench --url http://127.0.0.1:8080 --only notifications-batch --json";

/// Measure how fast it is on this machine, next to what this machine could do at most.
///
/// Starts a service of its own on a temporary folder, with rate limits off, puts load on it over HTTP, and removes
/// everything again. With --url it measures a running service instead, which keeps what was sent to it.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Bench {
    /// Measure only these; everything by default
    #[arg(long, value_enum, value_delimiter = ',', value_name = "SCENARIO")]
    only: Vec<Scenario>,
    /// Events of each scenario
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(100..=100_000_000))]
    events: u64,
    /// Notifications of each scenario
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    notifications: u64,
    /// Connections for single requests; requests that carry many go over an eighth of them
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    connections: u64,
    /// Events of one bulk request
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    bulk_size: u64,
    /// The share of events that were sent before, from 0 to 1
    #[arg(long, value_name = "N", default_value_t = 0.0, value_parser = share)]
    duplicates: f64,
    /// How many recipients there are
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..))]
    recipients: u64,
    /// How many campaigns there are
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    campaigns: u64,
    /// The days over which events happened, in order
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u32).range(0..=3_650))]
    days: u32,
    /// Sizes of the log, in events, at which growth is measured
    #[arg(
        long,
        value_delimiter = ',',
        default_values_t = [100_000, 1_000_000, 5_000_000],
        value_name = "EVENTS",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000_000)
    )]
    sizes: Vec<u64>,
    /// How often each question is asked
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    samples: u64,
    /// The length of the stream whose memory is measured, in bytes
    #[arg(long, default_value_t = 2_000_000_000, value_name = "BYTES")]
    stream_bytes: u64,
    /// No load goes on for longer than this
    #[arg(long, default_value_t = 600, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    seconds_max: u64,
    /// The same number makes the same events; 1 by default, and another one each time for a running service
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Also write the report to this file, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Where the temporary folder is made: the disk that is measured
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    dir: Option<PathBuf>,
    /// Measure on this PostgreSQL server: in databases of their own, which are made beside the one that is named, and removed
    #[arg(
        long,
        env = "ANGAROS_BENCH_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL",
        conflicts_with = "url"
    )]
    database_url: Option<SecretString>,
    /// Measure the service that runs here; without memory, bytes written and limits
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// An API key for it
    #[arg(long, env = "ANGAROS_API_KEY", hide_env_values = true, value_name = "KEY", requires = "url")]
    key: Option<SecretString>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Each event by itself: the highest rate, then the latency at half of it
    EventsSingle,
    /// Many events a request
    EventsBulk,
    /// One long request of lines
    EventsNdjson,
    /// Each notification by itself
    NotificationsSingle,
    /// Many notifications a request
    NotificationsBatch,
    /// Recording and reading while the log grows
    Growth,
    /// Every page of the console that shows what was recorded
    Console,
    /// Memory under one very long request
    Memory,
}

/// A number from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "is no number")?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("must lie between 0 and 1".into()) }
}

/// What was measured, and under which conditions.
#[derive(Serialize)]
struct Report {
    version: &'static str,
    cpus: usize,
    seed: u64,
    connections: u64,
    bulk_size: u64,
    duplicates: f64,
    measurements: Vec<Measurement>,
}

impl Bench {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Exit> {
        let bed = Bed::new(self, globals.json)?;
        let stop = interrupt::token(|| ())?;
        let measured = tokio::select! {
            measured = Box::pin(measure(&bed)) => Some(measured),
            () = stop.cancelled() => None,
        };
        bed.finish().await;
        let Some(measured) = measured else { return Ok(Exit::Interrupted) };
        let options = &bed.options;
        let report = Report {
            version: env!("CARGO_PKG_VERSION"),
            cpus: std::thread::available_parallelism().map_or(0, Into::into),
            seed: bed.seed,
            connections: options.connections,
            bulk_size: options.bulk_size,
            duplicates: options.duplicates,
            measurements: measured?,
        };
        report.show(options.report.as_deref(), globals.json)?;
        let failed = report.measurements.iter().any(|measured| measured.errors > 0);
        Ok(if failed { Exit::Failed } else { Exit::Done })
    }
}

async fn measure(bed: &Bed) -> Result<Vec<Measurement>> {
    let wanted = &bed.options.only;
    let mut measured = Vec::new();
    for scenario in Scenario::value_variants() {
        if wanted.is_empty() || wanted.contains(scenario) {
            measured.extend(match scenario {
                Scenario::EventsSingle => ingest::single(bed).await?,
                Scenario::EventsBulk => ingest::bulk(bed).await?,
                Scenario::EventsNdjson => ingest::lines(bed).await?,
                Scenario::NotificationsSingle => notify::single(bed).await?,
                Scenario::NotificationsBatch => notify::batch(bed).await?,
                Scenario::Growth => growth::growth(bed).await?,
                Scenario::Console => console::pages(bed).await?,
                Scenario::Memory => ingest::memory(bed).await?,
            });
        }
    }
    Ok(measured)
}

impl Report {
    fn show(&self, file: Option<&Path>, as_json: bool) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        if as_json {
            println!("{text}");
        } else {
            print!("{}", table(&self.measurements));
        }
        match file {
            Some(file) => std::fs::write(file, text + "\n")
                .with_context(|| format!("{} cannot be written", file.display())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn a_share_lies_between_0_and_1() {
        assert_eq!((share("0"), share("0.25"), share("1.0")), (Ok(0.0), Ok(0.25), Ok(1.0)));
        for text in ["", "x", "-0.1", "1.1", "NaN"] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
