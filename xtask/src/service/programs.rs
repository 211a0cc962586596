//! Programs that tests start by themselves: they are installed here if they are missing and this process may. Where it
//! may not, the tests fail and name the command.

use std::path::Path;

use anyhow::Result;

/// A program, and the Debian package that has it.
const NEEDED: [(&str, &str); 2] = [("redis-server", "redis-server"), ("pgbouncer", "pgbouncer")];

/// Installs what is missing.
pub(crate) fn provide() -> Result<()> {
    if !super::is_root() {
        return Ok(());
    }
    for (_, package) in NEEDED.iter().filter(|(program, _)| !is_there(program)) {
        super::install(&format!("apt-get install --yes --no-install-recommends {package}"))?;
    }
    Ok(())
}

/// Whether a program is on this machine.
pub(crate) fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).collect::<Vec<_>>();
    // Servers are not in everyone's path.
    folders.push(Path::new("/usr/sbin").to_path_buf());
    folders.iter().any(|folder| folder.join(program).is_file())
}
