//! Schemathesis: thousands of requests made from the OpenAPI document, good and bad ones, and every answer held against
//! it. How it is run, and what is left out for which reason, is in `tools/schemathesis`.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::service::Service;
use super::{Missing, passes, python};
use crate::report::Outcome;

/// Runs everything with a key, and a little of it again without one.
pub(crate) fn run(root: &Path, target: &Path) -> Result<Outcome> {
    let folder = root.join("tools/schemathesis");
    let programs = match python::environment(target, "schemathesis", &folder.join("requirements.txt"))? {
        Ok(programs) => programs,
        Err(Missing(why)) => return Ok(Outcome::NotChecked(why)),
    };
    let closed = Service::closed(target)?;
    let mut validator = Command::new(programs.join("openapi-spec-validator"));
    let document = target.join("tools/openapi.json");
    std::fs::write(&document, written(target)?)?;
    if !passes(validator.arg(&document))? || !check(&folder, &programs, &closed, &[])? {
        return Ok(Outcome::Failed);
    }
    drop(closed);
    let open = Service::open(target)?;
    // Nobody is turned away there, so there is nothing to ignore.
    let little = ["--phases", "examples,fuzzing", "--max-examples", "4", "--exclude-checks", "ignored_auth"];
    let passed = check(&folder, &programs, &open, &little)?;
    Ok(if passed { Outcome::Passed } else { Outcome::Failed })
}

/// The document, as the binary writes it.
fn written(target: &Path) -> Result<Vec<u8>> {
    Ok(Command::new(target.join("release/angaros")).arg("openapi").output()?.stdout)
}

fn check(folder: &Path, programs: &Path, service: &Service, arguments: &[&str]) -> Result<bool> {
    let mut command = Command::new(programs.join("schemathesis"));
    command.current_dir(folder).args(["run", "--no-color"]);
    if let Some(key) = &service.key {
        command.args(["--header", &format!("X-API-Key: {key}")]);
    }
    passes(command.args(arguments).arg(format!("{}/openapi.json", service.url)))
}
