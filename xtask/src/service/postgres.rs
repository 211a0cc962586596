//! PostgreSQL, for the tests of its store: the server that the environment names, else a private one.

use angaros_testserver::postgres::{INSTALL, Postgres, VARIABLE, is_installed};
use anyhow::{Result, anyhow};

/// A server.
pub(crate) struct Service {
    url: String,
    _server: Option<Postgres>,
}

impl Service {
    /// Starts it, and installs its programs before if they are missing and this process may.
    pub(crate) fn start() -> Result<Service> {
        if let Ok(url) = std::env::var(VARIABLE)
            && !url.is_empty()
        {
            return Ok(Service { url, _server: None });
        }
        if !is_installed() && super::is_root() {
            super::install(INSTALL)?;
        }
        let server = Postgres::start().map_err(|why| anyhow!(why))?;
        Ok(Service { url: server.url().to_owned(), _server: Some(server) })
    }

    /// Tells tests where it is.
    pub(crate) fn variable(&self) -> (&'static str, String) {
        (VARIABLE, self.url.clone())
    }
}
