//! How the binary is started: with which settings, on which data.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

use crate::postgres::Database;
use crate::process::Angaros;
use crate::running::Running;

/// Names another binary than the one that was built with the tests, such as a release build to be measured: a path,
/// relative to the workspace's root.
pub const BINARY_VARIABLE: &str = "ANGAROS_TEST_BINARY";

/// Names where the tests of the binary keep what they store: `embedded`, the default, or `postgres`, a database for each
/// launch. Those that say themselves which storage they are about are not touched.
pub const STORAGE_VARIABLE: &str = "ANGAROS_TEST_STORAGE";

/// Variables beside `ANGAROS_*` that the binary reads, and those that would lead its HTTP requests elsewhere.
const READ: [&str; 8] = [
    "DATABASE_URL",
    "REDIS_URL",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "RUST_LOG",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// The longest that a command which is to end by itself may take.
const RUN_MAX: Duration = Duration::from_secs(60);

/// A folder with data, and the settings of the processes that work on it.
#[derive(Debug, Clone)]
pub struct Launch {
    binary: PathBuf,
    folder: Arc<TempDir>,
    settings: Vec<(String, String)>,
    listen: String,
}

impl Launch {
    /// In a new folder. `built` is the binary of this build: `env!("CARGO_BIN_EXE_angaros")`.
    ///
    /// # Panics
    /// If [`STORAGE_VARIABLE`] asks for a storage that there is not.
    pub fn new(built: &str) -> Launch {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let binary = std::env::var_os(BINARY_VARIABLE).map_or_else(|| built.into(), |path| root.join(path));
        let folder = Arc::new(tempfile::Builder::new().prefix("angaros-test-").tempdir().unwrap());
        let launch = Launch { binary, folder, settings: Vec::new(), listen: "127.0.0.1:0".into() };
        match std::env::var(STORAGE_VARIABLE).as_deref() {
            Err(_) | Ok("" | "embedded") => launch,
            Ok("postgres") => launch.variable("DATABASE_URL", Database::new_blocking().url()),
            Ok(other) => panic!("{STORAGE_VARIABLE} is `{other}`: neither `embedded` nor `postgres`"),
        }
    }

    /// With a setting, named as in `angaros.toml`: `channels.sms.rate_per_second`. It is passed on by the environment.
    #[must_use]
    pub fn set(self, key: &str, value: impl Into<String>) -> Launch {
        let name = format!("ANGAROS_{}", key.to_uppercase().replace('.', "__"));
        self.variable(&name, value)
    }

    /// With an environment variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Launch {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// With another address than a free port on loopback.
    #[must_use]
    pub fn listen(mut self, address: &str) -> Launch {
        self.listen = address.into();
        self
    }

    /// With a part of the work only: `api`, `worker` or `reconciler`.
    #[must_use]
    pub fn role(self, role: &str) -> Launch {
        self.variable("ANGAROS_ROLE", role)
    }

    /// With no limit on how fast any channel sends, nor on how often metrics are asked for.
    #[must_use]
    pub fn unlimited(self) -> Launch {
        ["sms", "email", "push", "webhook"]
            .into_iter()
            .fold(self.set("limits.metrics_per_minute", "0"), |launch, channel| {
                launch.set(&format!("channels.{channel}.rate_per_second"), "0")
            })
    }

    /// Where every process of this launch works; its data lies in `angaros-data` below it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The binary.
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// The binary with these arguments, in the folder, with the settings and no others. It dies with its handle.
    pub fn command(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments);
        self.prepare(&mut command);
        command
    }

    /// Gives any command the folder, the settings, and nothing of what is set around the tests.
    pub fn prepare(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ANGAROS_") {
                command.env_remove(name);
            }
        }
        for name in READ {
            command.env_remove(name);
        }
        command
            .envs(self.settings.iter().cloned())
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
    }

    /// Runs a command that ends by itself.
    ///
    /// # Panics
    /// If it does not end within a minute.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        let ended = timeout(RUN_MAX, self.command(arguments).output()).await;
        ended.unwrap_or_else(|_| panic!("{arguments:?} did not end within {RUN_MAX:?}")).unwrap()
    }

    /// Starts a command that runs until it is told to stop.
    pub fn spawn(&self, arguments: &[&str]) -> Running {
        Running::start(self, arguments)
    }

    /// The arguments that start the service.
    pub fn serve(&self) -> [&str; 3] {
        ["serve", "--listen", &self.listen]
    }

    /// Starts the service and waits until it is ready.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn start(&self) -> Angaros {
        Angaros::start(self.clone()).await
    }
}
