//! `angaros serve`: the whole service in one process.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use angaros_clock::Clock;
use angaros_engine::Engine;
use angaros_http::{Api, Limits, LiveSettings, Server};
use angaros_providers::Registry;
use angaros_service::{Access, Service};
use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Globals;
use crate::config::{Config, Loaded};
use crate::exit::Exit;
use crate::storage;
use crate::telemetry::{self, LogFormat};
use crate::wiring;

const EXAMPLES: &str = "\
Examples:
  angaros serve
  angaros serve --listen 0.0.0.0:8080 --data-dir /var/lib/angaros
  DATABASE_URL=postgres://angaros@db.internal/angaros angaros serve --role worker";

/// Run the service: API, workers and everything else in one process.
///
/// Needs no arguments: data lies in ./angaros-data, the API answers on http://127.0.0.1:8080. Ctrl-C or SIGTERM stops
/// it gracefully; a second one stops it at once, and loses nothing either but events that asked not to wait.
///
/// On PostgreSQL (DATABASE_URL) any number of processes may run, each with a part of the work: --role.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Serve {
    /// Listen on this address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// What this process does. Anything but `all` needs a database that several processes share
    #[arg(long, value_name = "ROLE", value_enum, default_value = "all", env = "ANGAROS_ROLE")]
    role: Role,
    /// How log lines look
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "auto")]
    log_format: LogFormat,
}

/// What a process of the service does. Every one answers `/healthz`, `/readyz` and `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Role {
    /// Everything
    All,
    /// Answers requests; sends nothing
    Api,
    /// Claims, sends and settles; serves no API
    Worker,
    /// Moves what is due, takes over from lost workers, audits counts, feeds webhook endpoints; serves no API
    Reconciler,
}

impl Role {
    /// What it does of the engine's work, if any.
    fn engine(self) -> Option<angaros_engine::Role> {
        match self {
            Role::All => Some(angaros_engine::Role::All),
            Role::Api => None,
            Role::Worker => Some(angaros_engine::Role::Worker),
            Role::Reconciler => Some(angaros_engine::Role::Reconciler),
        }
    }

    fn serves_api(self) -> bool {
        matches!(self, Role::All | Role::Api)
    }
}

impl Serve {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Exit> {
        telemetry::logs(self.log_format, telemetry::USUAL)?;
        let loaded = globals.load(self.listen)?;
        serve(&loaded, self.role, |ready| match self.role {
            _ if globals.json => tell_programs(&loaded, self.role, &ready),
            Role::All | Role::Api => greet(&loaded, &ready),
            Role::Worker | Role::Reconciler => greet_operator(&ready),
        })
        .await
    }
}

/// What is known once the service answers.
pub(super) struct Ready {
    address: SocketAddr,
    /// How to call it from this machine.
    pub(super) url: String,
    asks_key: bool,
    /// Cancelled when it stops; whoever cancels it stops it.
    pub(super) stopping: CancellationToken,
}

/// Runs the service until it is told to stop. `ready` is called once it answers.
pub(super) async fn serve(loaded: &Loaded, role: Role, ready: impl FnOnce(Ready)) -> Result<Exit> {
    let metrics = telemetry::metrics()?;
    let config = &loaded.config;
    if role != Role::All && config.storage.url.file().is_some() {
        bail!(
            "a database in a file belongs to one process, which does everything: leave out --role, or set \
                 DATABASE_URL to a PostgreSQL database"
        );
    }
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let clock = Clock::system();
    let registry = wiring::registry(config, &clock)?;
    let store = storage::open(&config.storage, &clock, storage::Role::Service).await?;
    let service = wiring::service(config, store, wiring::coord(config, &clock)?, clock.clone());
    let listener = listen(loaded, &service).await?;
    let address = listener.local_addr()?;

    let stopping = CancellationToken::new();
    let api = api(config, &metrics, &stopping);
    let engine = match role.engine() {
        Some(role) => {
            let settings = wiring::engine(config, &clock, role);
            Some(Engine::start(Arc::clone(&service), registry, settings).await?)
        }
        None => {
            tokio::spawn(follow_accounts(Arc::clone(&service), registry, stopping.clone()));
            None
        }
    };
    let upkeep = tokio::spawn(telemetry::upkeep(Arc::clone(&service), metrics, stopping.clone()));
    let surface = if role.serves_api() { angaros_http::router } else { angaros_http::operations };
    let router = surface(Arc::clone(&service), api);
    let shutdown = Duration::from_secs(config.delivery.shutdown_seconds);
    let server = Server { shutdown_timeout: shutdown, ..Server::default() };
    let serving = tokio::spawn(angaros_http::serve(listener, router, server, stopping.clone()));
    let asks_key = config.security.require_keys || service.access(None).await? != Access::Open;
    let url = format!("http://{}", reachable(address));
    tracing::info!(%address, "ready");
    ready(Ready { address, url, asks_key, stopping: stopping.clone() });

    let healthy = tokio::select! {
        signalled = stop_signal(&stopping) => signalled.map(|()| true)?,
        () = stopping.cancelled() => true,
        () = failed(engine.as_ref()) => false,
    };
    stopping.cancel();
    // Both have the same time: what is in flight on either side may finish.
    let (served, ()) = tokio::join!(serving, shut_down(engine));
    // No request is under way any more: what waits to be stored now is all there is.
    let lost = service.drain(shutdown).await;
    if lost > 0 {
        tracing::error!(events = lost, "acknowledged with respond-async, but not stored in time: lost");
    }
    let cut = served.context("the server failed")?;
    if cut > 0 {
        tracing::warn!(connections = cut, "connections did not finish in time and were cut");
    }
    upkeep.await.context("the upkeep failed")?;
    // Nothing changes any more: the other processes need not look for what this one may not have told.
    service.coord().leave().await;
    drop(service);
    tracing::info!("stopped");
    // Whoever supervises the process starts it again, and it takes everything back.
    Ok(if healthy { Exit::Done } else { Exit::Failed })
}

/// Without an engine of its own a process shows the breakers of the others.
async fn follow_accounts(service: Arc<Service>, registry: Registry, stopping: CancellationToken) {
    let with_account = registry.providers().filter(|provider| provider.capabilities().account);
    let names = with_account.map(|provider| provider.name().to_owned()).collect();
    tokio::select! {
        () = stopping.cancelled() => {}
        () = service.follow_accounts(names) => {}
    }
}

pub(super) fn api(
    config: &Config,
    metrics: &metrics_exporter_prometheus::PrometheusHandle,
    stopping: &CancellationToken,
) -> Api {
    let metrics = metrics.clone();
    Api {
        body_bytes_max: config.server.body_bytes_max,
        request_timeout: Duration::from_secs(config.server.request_timeout_seconds),
        require_keys: config.security.require_keys,
        open_hosts: config.security.open_hosts.clone(),
        limits: Limits {
            inbound_per_minute: config.limits.inbound_per_minute,
            metrics_per_minute: config.limits.metrics_per_minute,
            trusted_proxies: config.server.trusted_proxies.clone(),
        },
        live: LiveSettings::default(),
        pretending: config.pretending(),
        metrics_text: Arc::new(move || metrics.render()),
        stopping: stopping.clone(),
    }
}

/// Opens the port, unless that would let strangers in: without a key everyone who can connect may do everything.
pub(super) async fn listen(loaded: &Loaded, service: &Service) -> Result<TcpListener> {
    let config = &loaded.config;
    let address = config.server.listen;
    let are_keys = service.access(None).await? != Access::Open;
    if !config.security.may_listen(address, are_keys) {
        bail!(
            "without any API key the service answers everyone who can connect, so it does not listen on {address}: \
             make a key (angaros keys create --name ops --scopes admin), listen on 127.0.0.1, or set \
             security.allow_open = true if something else keeps strangers out"
        );
    }
    TcpListener::bind(address).await.map_err(|error| {
        let advice =
            format!("cannot be used: {address}: {error}; choose another with --listen, or stop what uses it");
        anyhow::anyhow!("{}", loaded.problem("server.listen", advice))
    })
}

/// Waits until a part of the engine has failed, if there is one.
async fn failed(engine: Option<&Engine>) {
    match engine {
        Some(engine) => engine.failed().await,
        None => std::future::pending().await,
    }
}

async fn shut_down(engine: Option<Engine>) {
    if let Some(engine) = engine {
        engine.shutdown().await;
    }
}

/// What programs are told.
fn tell_programs(loaded: &Loaded, role: Role, ready: &Ready) {
    let url = &ready.url;
    let api = role.serves_api().then(|| format!("{url}/api/v1"));
    println!(
        "{}",
        serde_json::json!({
            "url": url, "api": api, "listen": ready.address, "asks_key": ready.asks_key,
            "data": loaded.config.storage.url.place(), "version": env!("CARGO_PKG_VERSION"),
        })
    );
}

/// What a process says that serves no API.
fn greet_operator(ready: &Ready) {
    let url = &ready.url;
    println!("angaros {} is ready", env!("CARGO_PKG_VERSION"));
    println!();
    println!("  Health   {url}/readyz");
    println!("  Metrics  {url}/metrics");
}

/// What the service says once it answers.
fn greet(loaded: &Loaded, ready: &Ready) {
    let config = &loaded.config;
    let Ready { address, url, asks_key, .. } = ready;
    println!("angaros {} is ready", env!("CARGO_PKG_VERSION"));
    println!();
    println!("  API      {url}/api/v1");
    println!("  Console  {url}/console");
    println!("  Docs     {url}/docs");
    println!("  Health   {url}/readyz");
    println!("  Metrics  {url}/metrics");
    println!("  Data     {}", config.storage.url.place());
    if address.ip().is_unspecified() {
        println!("  Listens  on {address}: every network of this machine");
    }
    let pretending: Vec<&str> =
        config.pretending().into_iter().map(angaros_domain::Channel::as_str).collect();
    if !pretending.is_empty() {
        println!();
        println!(
            "  These channels only pretend to send: {} (angaros doctor says more)",
            pretending.join(", ")
        );
        tracing::warn!(channels = pretending.join(","), "these channels only pretend to send");
    }
    println!();
    println!("Try it:");
    println!("  curl -sS {url}/api/v1/notifications -H 'Content-Type: application/json' \\");
    if *asks_key {
        println!("    -H \"X-API-Key: $ANGAROS_API_KEY\" \\");
    }
    println!(
        "    -d '{{\"channel\":\"sms\",\"recipient\":\"+15550100123\",\"content\":\"Hello from Angaros\"}}'"
    );
}

/// An address to call from this machine: one that stands for all networks cannot be called everywhere.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Waits for the signal to stop, and lets a second one end the process at once.
pub(super) async fn stop_signal(stopping: &CancellationToken) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping; a second signal stops at once");
    stopping.cancel();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::warn!(
            "stopped at once; what was in flight is taken back at the next start, events that waited to be stored are lost"
        );
        std::process::exit(Exit::Interrupted.code().into());
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_can_be_called() {
        for (listens, called) in
            [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80"), ("192.0.2.1:80", "192.0.2.1:80")]
        {
            assert_eq!(reachable(listens.parse().unwrap()).to_string(), called);
        }
    }
}
