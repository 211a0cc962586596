//! A private PostgreSQL: a cluster of its own in a temporary folder, reached through a socket in that folder.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::watchdog::Watchdog;

/// Names the server that tests use: a URL without a database's name, whose user may make databases. Whatever they make
/// there begins with `angaros_test_` and stays behind.
pub const VARIABLE: &str = "ANGAROS_TEST_DATABASE_URL";

/// The one command that installs what is missing.
pub const INSTALL: &str = "apt-get install -y postgresql";

/// Where packages put the programs, beside the folders of `PATH`.
const PACKAGED: &str = "/usr/lib/postgresql";

/// Settings that differ from the defaults. Commits are flushed as everywhere.
const SETTINGS: &str = "listen_addresses = ''\nmax_connections = 300\nlog_min_messages = fatal\n";

/// The user that the server is run by if this process is root, which it refuses.
pub(crate) const USER: &str = "postgres";

/// A server. It stops when this is dropped, and when this process ends.
#[derive(Debug)]
pub struct Postgres {
    url: String,
    folder: PathBuf,
    _watchdog: Watchdog,
}

/// Where a server is, in its parts.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its name, or the folder of its socket.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who connects.
    pub user: String,
    /// With which word, if the server asks for one.
    pub password: Option<String>,
}

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// In order: transactions are undone, clients are told, everything is written down.
    Fast,
    /// As in a power cut; the next start recovers from the write-ahead log.
    Immediate,
}

/// What a server shows to those who connect by TLS, both in PEM.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate, and those that lead to the authority.
    pub chain: String,
    /// Its key.
    pub key: String,
}

impl Postgres {
    /// Starts a server on a fresh cluster.
    ///
    /// # Errors
    /// If there are no programs to start, with the command that installs them; or what they said.
    pub fn start() -> Result<Postgres, String> {
        Postgres::start_with("", &[])
    }

    /// Starts one that can be reached over TCP too, by TLS and not without. Answers its port on 127.0.0.1.
    ///
    /// # Errors
    /// As [`Postgres::start`], or if there is no free port.
    pub fn start_over_tls(certificate: &Certificate) -> Result<(Postgres, u16), String> {
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let port = free.map_err(|error| error.to_string())?.port();
        // The name of the socket bears the port too.
        let settings = format!("listen_addresses = '127.0.0.1'\nport = {port}\nssl = on\n");
        let files = [
            ("server.crt", certificate.chain.as_str()),
            ("server.key", &certificate.key),
            ("pg_hba.conf", "local all all trust\nhostssl all all 127.0.0.1/32 trust\n"),
        ];
        Ok((Postgres::start_with(&settings, &files)?, port))
    }

    /// Starts one with more settings, and with files in its cluster.
    fn start_with(settings: &str, files: &[(&str, &str)]) -> Result<Postgres, String> {
        let programs = programs().ok_or_else(missing)?;
        let folder =
            tempfile::Builder::new().prefix("angaros-pg-").tempdir().map_err(|error| error.to_string())?;
        let (path, cluster) = (folder.path().to_owned(), folder.path().join("cluster"));
        let is_root = is_root()?;
        if is_root {
            output(Command::new("chown").arg(USER).arg(&path))?;
        }
        let run = |program: &str| as_server(is_root, &programs.join(program));
        let initialised = ["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"];
        output(run("initdb").args(initialised).arg(&cluster))?;
        let settings = format!("{SETTINGS}unix_socket_directories = '{}'\n{settings}", path.display());
        for (name, text) in [("postgresql.auto.conf", settings.as_str())].iter().chain(files) {
            let file = cluster.join(name);
            // A key that others could read is refused.
            let mut options = std::fs::OpenOptions::new();
            let written = options.write(true).create(true).truncate(true).mode(0o600).open(&file);
            written
                .and_then(|mut file| file.write_all(text.as_bytes()))
                .map_err(|error| format!("{}: {error}", file.display()))?;
            if is_root {
                output(Command::new("chown").arg(USER).arg(&file))?;
            }
        }

        let stop =
            format!("{} stop -m immediate -D \"$1/cluster\"", shell(is_root, &programs.join("pg_ctl")));
        // From here on the folder is the watchdog's.
        let watchdog = Watchdog::start(&stop, &folder.keep()).map_err(|error| format!("sh: {error}"))?;
        let url = format!("postgresql://{USER}@{}", encoded(&path));
        let server = Postgres { url, folder: path, _watchdog: watchdog };
        server.start_again()?;
        Ok(server)
    }

    /// Stops it; it can be started again.
    ///
    /// # Errors
    /// What the programs said.
    pub fn stop(&self, how: Stop) -> Result<(), String> {
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        self.control(&["stop", "-w", "-s", "-m", mode])
    }

    /// Starts it on what it has, and waits until it answers.
    ///
    /// # Errors
    /// What the programs said.
    pub fn start_again(&self) -> Result<(), String> {
        let log = self.folder.join("log").display().to_string();
        self.control(&["start", "-w", "-s", "-l", &log])
    }

    /// The processes that serve connections. Linux only.
    ///
    /// # Errors
    /// If the server does not run.
    pub fn backends(&self) -> Result<Vec<u32>, String> {
        let read = |path: &Path| {
            std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let file = read(&self.folder.join("cluster/postmaster.pid"))?;
        let main = file.lines().next().unwrap_or_default();
        let children = read(format!("/proc/{main}/task/{main}/children").as_ref())?;
        // What a process does stands in its command line; one that has ended meanwhile has none.
        let serves = |pid: &u32| {
            read(format!("/proc/{pid}/cmdline").as_ref()).is_ok_and(|line| line.contains("[local]"))
        };
        Ok(children.split_whitespace().filter_map(|pid| pid.parse().ok()).filter(serves).collect())
    }

    /// Ends such processes, as `pg_terminate_backend` does: by SIGTERM.
    ///
    /// # Errors
    /// If signals cannot be sent.
    pub fn terminate(&self, backends: &[u32]) -> Result<(), String> {
        for pid in backends {
            // Whether it still was there does not matter.
            let sent = Command::new("kill").arg(pid.to_string()).output();
            sent.map_err(|error| format!("kill: {error}"))?;
        }
        Ok(())
    }

    fn control(&self, arguments: &[&str]) -> Result<(), String> {
        let programs = programs().ok_or_else(missing)?;
        let mut command = as_server(is_root()?, &programs.join("pg_ctl"));
        output(command.args(arguments).arg("-D").arg(self.folder.join("cluster"))).map(drop)
    }

    /// Where it is: a URL without a database's name.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Why there is no server.
fn missing() -> String {
    format!(
        "PostgreSQL is not installed: neither {PACKAGED}/*/bin nor PATH has initdb, pg_ctl and postgres. \
         Install it with `{INSTALL}`, or name a running server in {VARIABLE}"
    )
}

/// Whether a server can be started.
pub fn is_installed() -> bool {
    programs().is_some()
}

/// The folder with the programs, of the newest version that is packaged.
fn programs() -> Option<PathBuf> {
    let packaged = std::fs::read_dir(PACKAGED).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut packaged: Vec<PathBuf> = packaged.map(|version| version.join("bin")).collect();
    let version = |folder: &Path| {
        let name = folder.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        name.and_then(|name| name.parse::<u32>().ok())
    };
    packaged.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has_all =
        |folder: &PathBuf| ["initdb", "pg_ctl", "postgres"].iter().all(|name| folder.join(name).exists());
    packaged.into_iter().chain(std::env::split_paths(&path)).find(has_all)
}

/// Whether this process is root.
pub(crate) fn is_root() -> Result<bool, String> {
    Ok(output(Command::new("id").arg("-u"))?.trim() == "0")
}

/// A program, run by the server's user if this process is root.
pub(crate) fn as_server(is_root: bool, program: &Path) -> Command {
    // Where that user may be: it may not look into every folder of ours.
    let mut command = if is_root { Command::new("setpriv") } else { Command::new(program) };
    if is_root {
        command.args(privileges()).arg("--").arg(program);
    }
    command.current_dir("/");
    command
}

/// The same as a shell writes it.
pub(crate) fn shell(is_root: bool, program: &Path) -> String {
    let program = program.display();
    if is_root {
        format!("cd / && setpriv {} -- {program}", privileges().join(" "))
    } else {
        format!("{program}")
    }
}

fn privileges() -> [String; 3] {
    [format!("--reuid={USER}"), format!("--regid={USER}"), "--init-groups".into()]
}

/// Runs a program to its end, and answers what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)))
}

/// A folder as the host of a URL.
pub(crate) fn encoded(path: &Path) -> String {
    let mut encoded = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => encoded.push(char::from(*byte)),
            // Writing to a text cannot fail.
            other => drop(write!(encoded, "%{other:02X}")),
        }
    }
    encoded
}
