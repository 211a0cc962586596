//! Python programs, each with an environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Missing, answers, install};

/// The folder of programs of an environment in which everything of the file `requirements` is installed. It is made
/// anew only when that file has changed.
pub(super) fn environment(
    target: &Path,
    name: &str,
    requirements: &Path,
) -> Result<Result<PathBuf, Missing>> {
    if !answers("python3") {
        return Ok(Err(Missing("python3 is not there".into())));
    }
    let folder = target.join("tools").join(name);
    let (programs, stamp) = (folder.join("bin"), folder.join("installed.txt"));
    let wanted = std::fs::read_to_string(requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(Ok(programs));
    }
    let made = install(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    if let Err(missing) = made {
        return Ok(Err(missing));
    }
    let mut pip = Command::new(programs.join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    if let Err(missing) = install(pip.arg(requirements))? {
        return Ok(Err(missing));
    }
    std::fs::write(&stamp, wanted)?;
    Ok(Ok(programs))
}
