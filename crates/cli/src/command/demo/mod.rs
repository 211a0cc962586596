//! `angaros demo`: the service with believable data, for looking around.
//!
//! Everything that is in it came over the API, as a user's would: the demo is a client of the service that it starts.

mod audience;
mod campaign;
mod history;
mod letters;
mod reactions;
mod report;
mod sink;
mod story;
mod templates;

use std::net::TcpListener;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::json;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use self::story::{Made, Scale};
use super::Globals;
use super::serve::{self, Ready, Role};
use crate::client::{Client, ClientArgs};
use crate::config::{self, Loaded, Overrides};
use crate::exit::Exit;
use crate::progress::{Progress, Unit};
use crate::telemetry::{self, LogFormat};

/// What it runs with.
const SETTINGS: &str = include_str!("angaros.toml");
/// The file of that, beside the data.
const SETTINGS_FILE: &str = "demo.toml";
/// What is logged: nothing of what the demo breaks on purpose.
const LOGGED: &str = "error,angaros_engine::accounts=off";
/// The address, unless that is taken.
const LISTEN: &str = "127.0.0.1:8080";

const EXAMPLES: &str = "\
Examples:
  angaros demo
  angaros demo --count 20000 --rate 10
  angaros demo --data-dir ./demo-data --listen 127.0.0.1:9000";

/// Start the service with believable data, to look around.
///
/// Two campaigns with a past of some days, notifications over four channels, people who open, click and buy while you
/// watch, retries, dead letters, bounces that suppress addresses, a webhook endpoint, and a provider that breaks down from
/// time to time. Nothing leaves this machine: providers only pretend, and all people are invented.
///
/// Ctrl-C ends it, and takes everything away again unless --data-dir says where to keep it. It reads no configuration file
/// and no environment but its own.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Demo {
    /// How many notifications there are at the start
    #[arg(long, value_name = "N", default_value_t = 4_000, value_parser = clap::value_parser!(u64).range(1..=200_000))]
    count: u64,
    /// How many notifications a second there are from then on, 0.1 to 50
    #[arg(long, value_name = "N", default_value_t = 3.0, value_parser = rate)]
    rate: f64,
    /// The same number makes the same people and messages
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Listen on this address and port; port 0 takes a free one [default: 127.0.0.1:8080, or a free port if that is taken]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.1..=50.0).contains(rate));
    rate.ok_or_else(|| "must be a number from 0.1 to 50".into())
}

impl Demo {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Exit> {
        if globals.config.is_some() {
            bail!("the demo has a configuration of its own: leave out --config");
        }
        telemetry::logs(LogFormat::Auto, LOGGED)?;
        // Held until the end, which takes everything away.
        let temporary = match &globals.data_dir {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("angaros-demo-").tempdir()?),
        };
        let folder = globals.data_dir.as_deref().or(temporary.as_ref().map(|folder| folder.path()));
        let loaded = load(folder.context("the demo has no folder")?, self.listen.clone())?;
        let scale = Scale { count: self.count, rate: self.rate, seed: self.seed };
        let (as_json, is_kept) = (globals.json, temporary.is_none());
        let place = loaded.config.storage.url.place();
        let (answers, answering) = oneshot::channel();
        let serving = serve::serve(&loaded, Role::All, |ready| drop(answers.send(ready)));
        let telling = async {
            // A service that did not come up says why itself.
            let Ok(ready) = answering.await else { return Ok(()) };
            tell(ready, scale, place, is_kept, as_json).await
        };
        let (code, told) = tokio::join!(Box::pin(serving), Box::pin(telling));
        told.and(code)
    }
}

/// The demo's settings, written beside its data: nothing of what is set around it may lead anything outside.
fn load(folder: &Path, listen: Option<String>) -> Result<Loaded> {
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let file = folder.join(SETTINGS_FILE);
    std::fs::write(&file, SETTINGS).with_context(|| format!("{} cannot be written", file.display()))?;
    let listen = listen.unwrap_or_else(|| match TcpListener::bind(LISTEN) {
        Ok(_) => LISTEN.into(),
        Err(_) => "127.0.0.1:0".into(),
    });
    let overrides =
        Overrides { config: Some(file), listen: Some(listen), data_dir: Some(folder.to_path_buf()) };
    Ok(config::load(&overrides, &[], Path::new(""))?)
}

/// Fills the service and keeps it busy until it is told to stop. What fails ends the demo.
async fn tell(ready: Ready, scale: Scale, place: String, is_kept: bool, as_json: bool) -> Result<()> {
    let client = Client::new(ClientArgs::to(&ready.url))?;
    if !as_json {
        greet(&ready.url, &place, is_kept);
    }
    let unit = Unit::Things("notifications");
    let progress = if as_json { Progress::hidden() } else { Progress::of(scale.count, unit) };
    let url = ready.url.clone();
    let shown = progress.clone();
    let running = move |made: Made| {
        shown.finish();
        if as_json {
            let Made { notifications, events } = made;
            println!(
                "{}",
                json!({
                    "url": url, "console": format!("{url}/console"), "data": place, "kept": is_kept,
                    "notifications": notifications, "events": events,
                })
            );
        } else {
            explain(&url, made);
        }
    };
    let told =
        told_until(&ready.stopping, story::tell(&client, scale, &progress, &ready.stopping, running)).await;
    progress.finish();
    // Without it there is nothing to look at.
    ready.stopping.cancel();
    told
}

/// The story, as long as nobody stops it; what is cut off then is no failure.
async fn told_until(stop: &CancellationToken, story: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::select! {
        biased;
        () = stop.cancelled() => Ok(()),
        told = story => if stop.is_cancelled() { Ok(()) } else { told },
    }
}

fn greet(url: &str, place: &str, is_kept: bool) {
    let kept = if is_kept { "kept" } else { "removed at the end" };
    println!("angaros {}: a demo", env!("CARGO_PKG_VERSION"));
    println!();
    println!("  Console  {url}/console");
    println!("  API      {url}/api/v1");
    println!("  Docs     {url}/docs");
    println!("  Metrics  {url}/metrics");
    println!("  Data     {place} ({kept})");
    println!();
}

fn explain(url: &str, made: Made) {
    let Made { notifications, events } = made;
    println!("The demo is running: {notifications} notifications, and {events} events of the days before.");
    println!();
    println!("  Campaigns     curl -sS {url}/api/v1/campaigns/newsletter-42/summary");
    println!("  Dead letters  curl -sS '{url}/api/v1/notifications?status=failed&limit=5'");
    println!(
        "  Breakers      curl -sS {url}/api/v1/metrics    (sms-gateway is down for 15 of every 45 seconds)"
    );
    println!("  Live          angaros tail --url {url}");
    println!();
    println!("Nothing leaves this machine. Ctrl-C ends the demo.");
}
