//! `angaros bench-probe`: the part of recording that is not storing, for `angaros bench` to measure.

use angaros_clock::Clock;
use angaros_http::Server;
use anyhow::{Context as _, Result};
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::{Globals, serve};
use crate::exit::Exit;
use crate::storage::{self, Role};
use crate::telemetry::{self, LogFormat};
use crate::wiring;

/// Take events, parse and check them, and answer as if they were stored.
#[derive(Args)]
pub(crate) struct BenchProbe {
    /// Listen on this address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
}

impl BenchProbe {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Exit> {
        telemetry::logs(LogFormat::Auto, telemetry::USUAL)?;
        let loaded = globals.load(self.listen)?;
        let metrics = telemetry::metrics()?;
        let clock = Clock::system();
        let store = storage::open(&loaded.config.storage, &clock, Role::Service).await?;
        let service = wiring::service(&loaded.config, store, wiring::alone(), clock);
        let listener = serve::listen(&loaded, &service).await?;
        println!("API http://{}/api/v1", listener.local_addr()?);

        let stopping = CancellationToken::new();
        let router = angaros_http::probe(service, serve::api(&loaded.config, &metrics, &stopping));
        let serving =
            tokio::spawn(angaros_http::serve(listener, router, Server::default(), stopping.clone()));
        serve::stop_signal(&stopping).await?;
        serving.await.context("the server failed")?;
        Ok(Exit::Done)
    }
}
