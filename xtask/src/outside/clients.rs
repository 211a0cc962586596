//! Clients in other languages, made from the OpenAPI document of the built binary and tried against it.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::service::Service;
use super::{Missing, answers, install, passes, python};
use crate::report::Outcome;

/// Makes and tries them all. What could not be tried does not hide what failed.
pub(crate) fn run(root: &Path, target: &Path) -> Result<Outcome> {
    let service = Service::open(target)?;
    let clients = root.join("clients");
    let outcomes = [
        typescript(&clients.join("typescript"), &service)?,
        python(&clients.join("python"), target, &service)?,
    ];
    let mut missing = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(true) => {}
            Ok(false) => return Ok(Outcome::Failed),
            Err(Missing(why)) => missing.push(why),
        }
    }
    Ok(if missing.is_empty() { Outcome::Passed } else { Outcome::NotChecked(missing.join("; ")) })
}

fn typescript(folder: &Path, service: &Service) -> Result<Result<bool, Missing>> {
    if !answers("npm") {
        return Ok(Err(Missing("npm is not there".into())));
    }
    let npm = || {
        let mut command = Command::new("npm");
        command.current_dir(folder).env("ANGAROS_URL", &service.url);
        command
    };
    if let Err(missing) = install(npm().args(["ci", "--silent", "--no-audit", "--no-fund"]))? {
        return Ok(Err(missing));
    }
    passes(npm().args(["test", "--silent"])).map(Ok)
}

fn python(folder: &Path, target: &Path, service: &Service) -> Result<Result<bool, Missing>> {
    let programs = match python::environment(target, "python-client", &folder.join("requirements.txt"))? {
        Ok(programs) => programs,
        Err(missing) => return Ok(Err(missing)),
    };
    let mut test = Command::new("sh");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(programs).chain(std::env::split_paths(&path));
    test.current_dir(folder).arg("test.sh").env("ANGAROS_URL", &service.url);
    passes(test.env("PATH", std::env::join_paths(paths)?)).map(Ok)
}
