//! A process of this program, for the time of a measurement.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use angaros_bench::Footprint;
use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// How long a start or a stop may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// No limit stands in the way of load.
const SETTINGS: [(&str, &str); 7] = [
    ("ANGAROS_LIMITS__INBOUND_PER_MINUTE", "0"),
    ("ANGAROS_LIMITS__METRICS_PER_MINUTE", "0"),
    ("ANGAROS_CHANNELS__SMS__RATE_PER_SECOND", "0"),
    ("ANGAROS_CHANNELS__EMAIL__RATE_PER_SECOND", "0"),
    ("ANGAROS_CHANNELS__PUSH__RATE_PER_SECOND", "0"),
    ("ANGAROS_CHANNELS__WEBHOOK__RATE_PER_SECOND", "0"),
    ("RUST_LOG", "warn"),
];

/// Variables without the prefix that the program reads as well.
const OTHERS: [&str; 3] = ["DATABASE_URL", "REDIS_URL", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// A running process that answers over HTTP. Dropped, it is killed.
pub(super) struct Service {
    child: Child,
    pid: u32,
    /// Where it answers.
    pub(super) url: String,
    /// Held, because a process whose output nobody takes cannot write any more.
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl Service {
    /// Starts `angaros COMMAND` on the data in a folder, or on a database, on a free port, with nothing of what is set around
    /// it.
    pub(super) async fn start(
        command: &str,
        folder: &Path,
        database: Option<&SecretString>,
    ) -> Result<Service> {
        std::fs::create_dir_all(folder)?;
        let log = folder.join("log");
        let mut process = Command::new(std::env::current_exe()?);
        process.args([command, "--listen", "127.0.0.1:0"]);
        if database.is_none() {
            process.arg("--data-dir").arg(folder);
        }
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ANGAROS_") || OTHERS.iter().any(|other| name == *other) {
                process.env_remove(name);
            }
        }
        process
            .envs(SETTINGS)
            .envs(database.map(|url| ("DATABASE_URL", url.expose_secret())))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .kill_on_drop(true);
        let mut child = process.spawn().context("the service to measure could not be started")?;
        let (Some(pid), Some(stdout)) = (child.id(), child.stdout.take()) else {
            bail!("the service to measure ended at once: {}", said(&log));
        };
        let mut lines = BufReader::new(stdout).lines();
        match timeout(PATIENCE, address(&mut lines)).await {
            Ok(Ok(Some(url))) => Ok(Service { child, pid, url, _stdout: lines }),
            _ => bail!("the service to measure did not come up: {}", said(&log)),
        }
    }

    /// What it has used so far, if the system tells.
    pub(super) fn footprint(&self) -> Option<Footprint> {
        Footprint::of(self.pid)
    }

    /// Stops it gracefully.
    pub(super) async fn stop(mut self) -> Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).context("a process has no number")?;
        kill_process(pid, Signal::TERM)?;
        let ended = timeout(PATIENCE, self.child.wait()).await;
        let status = ended.context("the measured service does not stop")??;
        ensure!(status.success(), "the measured service ended with {status}");
        Ok(())
    }
}

/// The address in what the service prints once it answers.
async fn address(lines: &mut Lines<BufReader<ChildStdout>>) -> std::io::Result<Option<String>> {
    while let Some(line) = lines.next_line().await? {
        let url = line.trim().strip_prefix("API ").map(str::trim);
        if let Some(url) = url.and_then(|url| url.strip_suffix("/api/v1")) {
            return Ok(Some(url.to_owned()));
        }
    }
    Ok(None)
}

/// What a process logged.
fn said(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default().trim_end().to_owned()
}
