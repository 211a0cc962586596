//! Logs and metrics: where they go.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use angaros_domain::lane::{Lane, Priority};
use angaros_domain::metric::{self, Kind};
use angaros_domain::{Outlet, Timestamp};
use angaros_service::{Service, Stats};
use anyhow::{Context as _, Result};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::color;

/// Buckets of durations, in seconds: from a tenth of a millisecond to the longest provider time-out.
const SECONDS: [f64; 13] =
    [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];
/// Buckets of batch sizes.
const ITEMS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 50.0, 100.0, 500.0, 1000.0, 5000.0];
/// How often histograms are folded and gauges of the queue are read.
const UPKEEP: Duration = Duration::from_secs(5);

/// Counters without labels. They are there from the start, at 0: of a series that begins with its first increment,
/// nothing can tell the rate of that one.
const FROM_THE_START: [&str; 7] = [
    metric::CLAIMS,
    metric::CLAIMED,
    metric::SETTLES,
    metric::SETTLED_STALE,
    metric::RESCUED,
    metric::PROMOTED,
    metric::STORE_COMMITS,
];

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people on a terminal, JSON otherwise
    Auto,
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// What is logged unless somebody says otherwise. refinery tells of every migration, wanted or not.
pub(crate) const USUAL: &str = "info,refinery_core=warn";

/// Sends log lines to standard error. `RUST_LOG` chooses which, `otherwise` if it is not set.
pub(crate) fn logs(format: LogFormat, otherwise: &str) -> Result<()> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(directives) => EnvFilter::try_new(directives).context("RUST_LOG cannot be read")?,
        Err(_) => EnvFilter::new(otherwise),
    };
    let json = match format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = if json {
        lines.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    } else {
        lines.with_ansi(color::on_error()).try_init()
    };
    installed.map_err(|error| anyhow::anyhow!("logs cannot be set up: {error}"))
}

/// Collects metrics from here on.
pub(crate) fn metrics() -> Result<PrometheusHandle> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_items".into()), &ITEMS)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).context("metrics cannot be set up")?;
    register();
    Ok(handle)
}

fn register() {
    for metric in metric::ALL {
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, metric.help),
            Kind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            Kind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
        }
    }
    for name in FROM_THE_START {
        metrics::counter!(name).absolute(0);
    }
    metrics::gauge!(metric::BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// Folds histograms and reads the gauges of the queue, until `stopping`.
pub(crate) async fn upkeep(service: Arc<Service>, handle: PrometheusHandle, stopping: CancellationToken) {
    loop {
        handle.run_upkeep();
        match service.stats(None).await {
            Ok(stats) => show(&stats, service.clock().now()),
            Err(error) => tracing::warn!(%error, "the queue's gauges could not be read"),
        }
        match service.oldest_snapshot_seconds().await {
            Ok(oldest) => metrics::gauge!(metric::OLDEST_SNAPSHOT_SECONDS).set(oldest.unwrap_or(0.0)),
            Err(error) => tracing::warn!(%error, "the age of the oldest snapshot could not be read"),
        }
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(UPKEEP) => {}
        }
    }
}

fn show(stats: &Stats, now: Timestamp) {
    for outlet in Outlet::ALL {
        for priority in Priority::ALL {
            let lane = Lane { outlet, priority };
            let depth = stats.depths.iter().find(|d| d.lane == lane).map_or(0, |d| d.depth);
            let labels = [("channel", outlet.as_str()), ("priority", priority.as_str())];
            metrics::gauge!(metric::QUEUE_DEPTH, &labels).set(depth as f64);
        }
    }
    // A clock that was set back makes nothing younger than new.
    let age = stats.oldest_queued.map_or(0, |oldest| now.millis_since(oldest).max(0));
    metrics::gauge!(metric::OLDEST_QUEUED_SECONDS).set(age as f64 / 1000.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_without_labels_begin_at_0() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, register);
        let text = recorder.handle().render();
        for name in FROM_THE_START {
            assert!(text.contains(&format!("\n{name} 0\n")), "{name}: {text}");
        }
    }
}
