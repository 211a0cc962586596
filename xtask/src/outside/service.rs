//! The built binary as a running service, for tools that talk to it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// What keeps a tool's requests from leaving this machine, and from being counted.
const SETTINGS: [(&str, &str); 3] = [
    ("ANGAROS_CHANNELS__WEBHOOK__PROVIDERS", "sandbox"),
    ("ANGAROS_LIMITS__METRICS_PER_MINUTE", "0"),
    ("RUST_LOG", "error"),
];

/// A service on empty data. It ends, and its data goes, when it is dropped.
pub(super) struct Service {
    child: Child,
    data: PathBuf,
    /// Where it answers.
    pub(super) url: String,
    /// A key that may do everything; only of a closed service.
    pub(super) key: Option<String>,
}

impl Service {
    /// Starts one that everybody on this machine may call.
    pub(super) fn open(target: &Path) -> Result<Service> {
        Service::start(target, false)
    }

    /// Starts one that asks for its key.
    pub(super) fn closed(target: &Path) -> Result<Service> {
        Service::start(target, true)
    }

    fn start(target: &Path, is_closed: bool) -> Result<Service> {
        let binary = target.join("release/angaros");
        let data = target.join("tools").join(format!("data-{}", std::process::id()));
        std::fs::remove_dir_all(&data).ok();
        std::fs::create_dir_all(&data)?;
        let key = if is_closed { Some(make_key(&binary, &data)?) } else { None };
        let mut command = angaros(&binary, &data);
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let url = child.stdout.take().and_then(address);
        let service = Service { child, data, url: url.unwrap_or_default(), key };
        ensure!(!service.url.is_empty(), "the service did not come up");
        Ok(service)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_dir_all(&self.data));
    }
}

fn angaros(binary: &Path, data: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ANGAROS_") {
            command.env_remove(name);
        }
    }
    command.env_remove("DATABASE_URL").env_remove("REDIS_URL").envs(SETTINGS);
    command.current_dir(data).arg("--data-dir").arg(data);
    command
}

fn make_key(binary: &Path, data: &Path) -> Result<String> {
    let mut command = angaros(binary, data);
    command.args(["keys", "create", "--name", "gate", "--scopes", "send,ingest,read,admin", "--json"]);
    let output = command.output().with_context(|| format!("cannot start {}", binary.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let key = text.split("\"key\": \"").nth(1).and_then(|rest| rest.split('"').next());
    key.map(str::to_owned).with_context(|| format!("no key could be made: {output:?}"))
}

/// The address in the line that says it is ready. What is printed later is thrown away.
fn address(stdout: impl std::io::Read + Send + 'static) -> Option<String> {
    let mut lines = BufReader::new(stdout).lines();
    let found = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let url = line.trim().strip_prefix("Health ")?.trim().strip_suffix("/readyz")?;
        Some(url.to_owned())
    });
    std::thread::spawn(move || lines.for_each(drop));
    found
}
