//! `angaros health`: whether a running service can work, for whoever looks after its process.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use angaros_client::Client;
use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::Globals;
use crate::exit::Exit;

/// The longest wait for the answer. The service itself gives its store two seconds.
const TIMEOUT: Duration = Duration::from_secs(3);

const EXAMPLES: &str = "\
Examples:
  angaros health
  angaros health --url http://10.0.0.7:8080 --json";

/// Ask a running service whether it can work.
///
/// Exits with 0 if it is ready and with 1 if it is not, or does not answer within three seconds.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Health {
    /// The service's address instead of that of `server.listen` on this machine
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

impl Health {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Exit> {
        let url = match self.url {
            Some(url) => url,
            None => format!("http://{}", reachable(globals.load(None)?.config.server.listen)),
        };
        let found = ask(&url).await;
        if globals.json {
            println!("{}", json!({ "url": url, "ready": found.is_ok(), "detail": found.as_ref().err() }));
        } else {
            match &found {
                Ok(()) => println!("{url} is ready"),
                Err(why) => println!("{url} is not ready: {why}"),
            }
        }
        Ok(if found.is_ok() { Exit::Done } else { Exit::Failed })
    }
}

/// The address at which this machine reaches what listens on an address: one that stands for all is no address to call.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// What the service says of itself: why it is not ready, if it is not.
async fn ask(url: &str) -> Result<(), String> {
    let client =
        Client::builder(url).timeout(TIMEOUT).retries(0).build().map_err(|error| error.to_string())?;
    client.ready().await.map_err(|error| match error.problem() {
        Some(problem) if !problem.detail.is_empty() => problem.detail.clone(),
        _ => format!("{:#}", anyhow::Error::from(error)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_everywhere_is_called_on_loopback() {
        for (listen, called) in
            [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80"), ("10.0.0.7:80", "10.0.0.7:80")]
        {
            assert_eq!(reachable(listen.parse().unwrap()), called.parse().unwrap());
        }
    }
}
