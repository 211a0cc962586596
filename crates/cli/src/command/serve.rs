//! `angaros serve`: the whole service in one process.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use angaros_clock::Clock;
use angaros_engine::Engine;
use angaros_http::{Api, Limits, LiveSettings, Server};
use angaros_service::{Access, Service};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Sources;
use crate::config::{Config, Loaded};
use crate::telemetry::{self, LogFormat};
use crate::wiring;

/// Run the service: API, workers and everything else in one process.
///
/// Needs no arguments: data lies in ./angaros-data, the API answers on http://127.0.0.1:8080. Ctrl-C or SIGTERM stops
/// it gracefully; a second one stops it at once, and loses nothing either but events that asked not to wait.
#[derive(Args)]
pub(crate) struct Serve {
    /// Listen on this address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// How log lines look
    #[arg(long, value_enum, default_value = "auto")]
    log_format: LogFormat,
}

impl Serve {
    pub(crate) async fn run(self, sources: &Sources) -> Result<ExitCode> {
        telemetry::logs(self.log_format)?;
        let loaded = sources.load(self.listen)?;
        let metrics = telemetry::metrics()?;
        let config = &loaded.config;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let clock = Clock::system();
        let registry = wiring::registry(config, &clock)?;
        let service = wiring::service(config, wiring::store(config, &clock, true)?, clock.clone());
        let listener = listen(&loaded, &service).await?;
        let address = listener.local_addr()?;

        let stopping = CancellationToken::new();
        let api = api(config, &metrics, &stopping);
        let engine = Engine::start(Arc::clone(&service), registry, wiring::engine(config, &clock)).await?;
        let upkeep = tokio::spawn(telemetry::upkeep(Arc::clone(&service), metrics, stopping.clone()));
        let router = angaros_http::router(Arc::clone(&service), api);
        let shutdown = Duration::from_secs(config.delivery.shutdown_seconds);
        let server = Server { shutdown_timeout: shutdown, ..Server::default() };
        let serving = tokio::spawn(angaros_http::serve(listener, router, server, stopping.clone()));
        let asks_key = config.security.require_keys || service.access(None).await? != Access::Open;
        greet(&loaded, address, asks_key);

        let healthy = tokio::select! {
            signalled = stop_signal(&stopping) => signalled.map(|()| true)?,
            () = engine.failed() => false,
        };
        stopping.cancel();
        // Both have the same time: what is in flight on either side may finish.
        let (served, ()) = tokio::join!(serving, engine.shutdown());
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
        drop(service);
        tracing::info!("stopped");
        // Whoever supervises the process starts it again, and it takes everything back.
        Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
        limits: Limits {
            inbound_per_minute: config.limits.inbound_per_minute,
            metrics_per_minute: config.limits.metrics_per_minute,
            trusted_proxies: config.server.trusted_proxies.clone(),
        },
        live: LiveSettings::default(),
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

/// What the service says once it answers.
fn greet(loaded: &Loaded, address: SocketAddr, asks_key: bool) {
    let config = &loaded.config;
    let url = format!("http://{}", reachable(address));
    println!("angaros {} is ready", env!("CARGO_PKG_VERSION"));
    println!();
    println!("  API      {url}/api/v1");
    println!("  Docs     {url}/docs");
    println!("  Health   {url}/readyz");
    println!("  Metrics  {url}/metrics");
    println!("  Data     {}", config.storage.url.path().display());
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
    if asks_key {
        println!("    -H \"X-API-Key: $ANGAROS_API_KEY\" \\");
    }
    println!(
        "    -d '{{\"channel\":\"sms\",\"recipient\":\"+15550100123\",\"content\":\"Hello from Angaros\"}}'"
    );
    tracing::info!(%address, "ready");
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
        std::process::exit(130);
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
