//! The console in a real browser: what people do there, how it looks, and whether everybody can use it.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{Missing, answers, install, passes};
use crate::report::Outcome;
use crate::service::programs;

/// The browser, by the names that it goes by; the first is Debian's, and so is its package.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Runs the tests of the folder `browser` with the release build.
pub(crate) fn run(root: &Path, target: &Path) -> Result<Outcome> {
    for program in ["node", "npm"] {
        if !answers(program) {
            return Ok(Outcome::NotChecked(format!("{program} is not there")));
        }
    }
    if !BROWSERS.iter().any(|browser| programs::is_there(browser)) {
        if !crate::service::is_root() {
            return Ok(Outcome::NotChecked("Chromium is not there: apt-get install chromium".into()));
        }
        crate::service::install("apt-get install --yes --no-install-recommends chromium")?;
    }
    let folder = root.join("browser");
    let npm = || {
        let mut command = Command::new("npm");
        command.current_dir(&folder).env("ANGAROS_TEST_BINARY", target.join("release/angaros"));
        command.env("ANGAROS_SCREENSHOTS", target.join("screenshots"));
        command
    };
    if let Err(Missing(why)) = install(npm().args(["ci", "--silent"]))? {
        return Ok(Outcome::NotChecked(why));
    }
    Ok(if passes(npm().args(["test", "--silent"]))? { Outcome::Passed } else { Outcome::Failed })
}
