//! Connections: the pool, and single ones beside it. TLS by rustls, with the certificates that the system trusts.

use std::sync::Arc;
use std::time::Duration;

use angaros_store::{Result, StoreError};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::describe;
use crate::target::Target;

/// A pool of at most so many connections. Whoever finds all taken waits for at most so long.
pub(crate) fn pool(
    target: &Target,
    tls: MakeRustlsConnect,
    connections: usize,
    wait: Duration,
) -> Result<Pool> {
    // Whether a connection still works is seen by using it: a probe would cost every transaction a round trip.
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(Config::clone(&target.config), tls, recycling);
    let timeouts = Timeouts { wait: Some(wait), create: Some(wait), recycle: Some(wait) };
    Pool::builder(manager)
        .max_size(connections)
        .timeouts(timeouts)
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| StoreError::Internal(error.to_string()))
}

/// A connection beside the pool; it ends when it is dropped.
pub(crate) async fn connect(target: &Target) -> Result<Client> {
    let (client, connection) = target.config.connect(tls()?).await.map_err(|error| {
        StoreError::Unavailable(format!("no connection to PostgreSQL: {}", describe(&error)))
    })?;
    tokio::spawn(async move {
        // What goes wrong with it, whoever uses it hears.
        let _ = connection.await;
    });
    Ok(client)
}

/// How connections are encrypted, with the certificates that the system trusts now.
pub(crate) fn tls() -> Result<MakeRustlsConnect> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Internal(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
