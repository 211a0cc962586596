//! A Redis server of a test's own.

use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::eventually::eventually;

/// Names a server that runs already; tests that stop theirs start their own all the same.
pub const URL_VARIABLE: &str = "ANGAROS_TEST_REDIS_URL";
/// How long a start may take.
const START_MAX: Duration = Duration::from_secs(30);
/// The program, and how it gets onto a machine.
const PROGRAM: &str = "redis-server";
const INSTALL: &str = "apt-get install redis-server";

/// A private server: without persistence, on a free port, in a temporary folder. Dropped, it is killed.
pub struct Redis {
    port: u16,
    folder: TempDir,
    child: Option<Child>,
}

impl Redis {
    /// Starts one and waits until it answers.
    ///
    /// # Panics
    /// If it is not installed, or does not come up.
    pub async fn start() -> Redis {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let mut redis = Redis { port, folder: tempfile::tempdir().unwrap(), child: None };
        redis.start_again().await;
        redis
    }

    /// Starts it again, empty, on the same port.
    ///
    /// # Panics
    /// As [`Redis::start`].
    pub async fn start_again(&mut self) {
        let port = self.port.to_string();
        let started = Command::new(PROGRAM)
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let child = started.unwrap_or_else(|error| panic!("{PROGRAM} is needed: {INSTALL} ({error})"));
        self.child = Some(child);
        eventually("Redis answers", START_MAX, async || {
            let pong = self.ask("PING").await.map_err(|error| error.to_string())?;
            if pong.starts_with("+PONG") { Ok(()) } else { Err(pong) }
        })
        .await;
    }

    /// Kills it without warning. What it knew is lost.
    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.unwrap();
        }
    }

    /// Deletes everything that it knows.
    pub async fn wipe(&self) {
        self.ask("FLUSHALL").await.unwrap();
    }

    /// Cuts every connection to it.
    pub async fn cut(&self) {
        for kind in ["normal", "pubsub"] {
            self.ask(&format!("CLIENT KILL TYPE {kind} SKIPME yes")).await.unwrap();
        }
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Sends one command in the inline form of the protocol; the answer as it comes, if it fits into one read.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn ask(&self, command: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.write_all(format!("{command}\r\n").as_bytes()).await?;
        let mut answer = vec![0; 64 * 1024];
        let length = stream.read(&mut answer).await?;
        answer.truncate(length);
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

/// The URL of a server that only has to be there: the one that runs already, or a private one, which lives as long as it
/// is held. Whoever uses it takes a prefix of its own.
pub async fn any() -> (String, Option<Redis>) {
    match std::env::var(URL_VARIABLE) {
        Ok(url) if !url.is_empty() => (url, None),
        _ => {
            let redis = Redis::start().await;
            (redis.url(), Some(redis))
        }
    }
}
