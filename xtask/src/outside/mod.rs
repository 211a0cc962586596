//! Checks by tools of other languages. They are installed into the target directory, from the package index of their
//! language; where that is out of reach, or the language itself is missing, the gate says that nobody looked.

pub(crate) mod browser;
pub(crate) mod clients;
mod python;
pub(crate) mod schemathesis;
mod service;

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// Why a tool can not be had here.
pub(crate) struct Missing(pub(crate) String);

/// Whether a program answers when it is asked for its version.
fn answers(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// Runs a command that brings something from a package index.
fn install(command: &mut Command) -> Result<Result<(), Missing>> {
    let output = command.output().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    if output.status.success() {
        return Ok(Ok(()));
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().to_owned();
    let program = command.get_program().to_string_lossy();
    let program = Path::new(&*program).file_name().map_or(program.clone(), |name| name.to_string_lossy());
    Ok(Err(Missing(format!("{program} could not install what is needed: {last}"))))
}

/// Runs a check.
fn passes(command: &mut Command) -> Result<bool> {
    let status = command.status().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    Ok(status.success())
}
