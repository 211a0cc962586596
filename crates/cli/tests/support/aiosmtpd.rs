//! Python's aiosmtpd as a mail server: from the machine, or from the package index into a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// How long making the environment may take; without a network it fails long before.
const INSTALL_MAX: Duration = Duration::from_secs(60);
/// How long the server may take to come up, and a mail to arrive.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Serves on a free port. Says the port, then each mail, as one JSON object a line.
const SCRIPT: &str = r#"
import asyncio, base64, json
import aiosmtpd
from aiosmtpd.smtp import SMTP

def say(**what):
    print(json.dumps(what), flush=True)

class Handler:
    async def handle_DATA(self, server, session, envelope):
        content = base64.b64encode(envelope.original_content).decode()
        say(**{"from": envelope.mail_from, "to": ",".join(envelope.rcpt_tos), "content": content})
        return "250 2.0.0 kept"

async def main():
    factory = lambda: SMTP(Handler(), hostname="localhost")
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
    say(port=server.sockets[0].getsockname()[1], version=aiosmtpd.__version__)
    await asyncio.Event().wait()

asyncio.run(main())
"#;

/// A running aiosmtpd. It is killed when dropped.
pub(crate) struct Aiosmtpd {
    pub(crate) port: u16,
    pub(crate) version: String,
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
    _environment: Option<TempDir>,
}

impl Aiosmtpd {
    /// Starts it, or says why it can not be had here.
    pub(crate) async fn start() -> Result<Aiosmtpd, String> {
        let (python, environment) = python().await?;
        let mut child = Command::new(&python)
            .args(["-c", SCRIPT])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = next(&mut lines).await;
        let port = ready["port"].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap();
        let version = ready["version"].as_str().unwrap().to_owned();
        Ok(Aiosmtpd { port, version, lines, _child: child, _environment: environment })
    }

    /// Waits for the next mail: `from`, `to` and `content`.
    pub(crate) async fn received(&mut self) -> Value {
        next(&mut self.lines).await
    }

    /// The message itself.
    pub(crate) fn content(&self, received: &Value) -> Vec<u8> {
        STANDARD.decode(received["content"].as_str().unwrap()).unwrap()
    }
}

async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> Value {
    let line = timeout(ANSWER_MAX, lines.next_line()).await.expect("aiosmtpd speaks in time").unwrap();
    serde_json::from_str(&line.expect("aiosmtpd goes on")).unwrap()
}

/// A Python that has aiosmtpd, and the folder it lives in if it was made for this.
async fn python() -> Result<(PathBuf, Option<TempDir>), String> {
    let system = PathBuf::from("python3");
    if run(&system, &["-c", "import aiosmtpd"]).await.is_ok() {
        return Ok((system, None));
    }
    let folder = TempDir::new().map_err(|error| error.to_string())?;
    let path = folder.path().to_string_lossy().into_owned();
    run(&system, &["-m", "venv", &path]).await?;
    let python = folder.path().join("bin/python");
    run(
        &python,
        &["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", "aiosmtpd"],
    )
    .await?;
    Ok((python, Some(folder)))
}

async fn run(program: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(INSTALL_MAX, output)
        .await
        .map_err(|_| format!("{} {} took too long", program.display(), arguments.join(" ")))?
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    let last = stderr.trim().lines().next_back().unwrap_or_default();
    if output.status.success() { Ok(()) } else { Err(last.to_owned()) }
}
