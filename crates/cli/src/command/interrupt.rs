//! Ctrl-C and SIGTERM, for commands that run until they are told to stop.

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;

/// Is cancelled by the first signal, after `told` was called. A second signal ends the process at once.
pub(super) fn token(told: impl FnOnce() + Send + 'static) -> Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    let mut next = async move || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    tokio::spawn(async move {
        next().await;
        cancelled.cancel();
        told();
        next().await;
        std::process::exit(Exit::Interrupted.code().into());
    });
    Ok(stop)
}
