//! A private PgBouncer: a pooler in front of a PostgreSQL server, reached through a socket in a temporary folder.

use std::path::PathBuf;
use std::process::Command;

use crate::postgres::{Place, USER, as_server, encoded, is_root, output, shell};
use crate::watchdog::Watchdog;

/// The one command that installs what is missing.
pub const INSTALL: &str = "apt-get install -y pgbouncer";

/// Where the package puts the program, beside the folders of `PATH`.
const PACKAGED: &str = "/usr/sbin";

/// A pooler in transaction mode: each transaction may get another connection. Everyone may come in, as on the server. There
/// are fewer connections than clients, so that they do share them.
const SETTINGS: &str = "listen_addr =\nlisten_port = 6432\nauth_type = any\npool_mode = transaction\n\
                        default_pool_size = 10\nmax_client_conn = 500\n";

/// A pooler. It stops when this is dropped, and when this process ends.
#[derive(Debug)]
pub struct PgBouncer {
    folder: PathBuf,
    _watchdog: Watchdog,
}

impl PgBouncer {
    /// Starts one in front of a server. It may not answer yet.
    ///
    /// # Errors
    /// If there is no program to start, with the command that installs it; or what it said.
    pub fn start(server: &Place) -> Result<PgBouncer, String> {
        let program = program().ok_or_else(missing)?;
        let folder =
            tempfile::Builder::new().prefix("angaros-pool-").tempdir().map_err(|error| error.to_string())?;
        let path = folder.path().to_owned();
        let file = path.join("pgbouncer.ini");
        std::fs::write(&file, settings(server, &path.display().to_string()))
            .map_err(|error| format!("{}: {error}", file.display()))?;
        let is_root = is_root()?;
        if is_root {
            output(Command::new("chown").args(["-R", USER]).arg(&path))?;
        }
        let stop = format!("{} \"$(cat \"$1/pid\")\"", shell(is_root, "kill".as_ref()));
        // From here on the folder is the watchdog's.
        let watchdog = Watchdog::start(&stop, &folder.keep()).map_err(|error| format!("sh: {error}"))?;
        output(as_server(is_root, &program).args(["-q", "-d"]).arg(&file))?;
        Ok(PgBouncer { folder: path, _watchdog: watchdog })
    }

    /// A database on the server, by way of this.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://{USER}@{}:6432/{database}", encoded(&self.folder))
    }
}

fn settings(server: &Place, folder: &str) -> String {
    let Place { host, port, user, password } = server;
    let password = password.as_ref().map(|password| format!(" password={password}")).unwrap_or_default();
    format!(
        "[databases]\n* = host={host} port={port} user={user}{password}\n[pgbouncer]\n{SETTINGS}\
         unix_socket_dir = {folder}\nlogfile = {folder}/log\npidfile = {folder}/pid\n"
    )
}

/// Why there is no pooler.
fn missing() -> String {
    format!("PgBouncer is not installed: neither {PACKAGED} nor PATH has it. Install it with `{INSTALL}`")
}

/// Whether a pooler can be started.
pub fn is_installed() -> bool {
    program().is_some()
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PACKAGED.into()]);
    folders.map(|folder| folder.join("pgbouncer")).find(|program| program.exists())
}
