//! Where the database is: a URL, read once and never shown.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a server may stay silent that owes an answer before the connection is given up or asked whether it lives.
const SILENT: Duration = Duration::from_secs(10);

/// A database, and how to reach it. Only its servers and its name are ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    pub(crate) config: Arc<Config>,
}

impl Target {
    /// Reads `postgres://` or `postgresql://` and what libpq takes behind it. Of the TLS modes `verify-ca` and
    /// `verify-full` mean `require`: a certificate is always checked, for the name that was asked for.
    ///
    /// # Errors
    /// What is wrong, in words that hold nothing of the URL.
    pub fn parse(url: &str) -> Result<Target, &'static str> {
        let url = url
            .replace("sslmode=verify-full", "sslmode=require")
            .replace("sslmode=verify-ca", "sslmode=require");
        // The parser's own words may repeat what it could not read.
        let mut config: Config = url.parse().map_err(|_| "is no URL of a PostgreSQL database")?;
        if config.get_hosts().is_empty() {
            return Err("names no host");
        }
        if config.get_options().is_some() {
            return Err("must not have `options`: poolers refuse them");
        }
        if config.get_application_name().is_none() {
            config.application_name("angaros");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        // A server that vanishes without a word would be waited for as long as the system resends: a quarter of an hour.
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENT);
        }
        if !url.contains("keepalives") {
            config.keepalives_idle(SILENT);
            config.keepalives_interval(SILENT / 3);
            config.keepalives_retries(3);
        }
        Ok(Target { config: Arc::new(config) })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<String> = self.config.get_hosts().iter().map(shown).collect();
        let name = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        write!(f, "postgres://{}/{name}", hosts.join(","))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn shown(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_holds_no_password() {
        let target =
            Target::parse("postgresql://ada:s3cret@db.example.org:6432/angaros?sslmode=verify-full").unwrap();
        assert_eq!(target.to_string(), "postgres://db.example.org/angaros");
        assert_eq!(format!("{target:?}"), target.to_string());
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_repeating_it() {
        for url in
            ["postgres://", "postgres://h/db?s3cret=1", "postgres://h/db?options=-c%20s3cret", "s3cret"]
        {
            let refused = Target::parse(url).unwrap_err();
            assert!(!refused.contains("s3cret"), "{refused}");
        }
    }
}
