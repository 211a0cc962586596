//! Runs the gate.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::report::{Line, Outcome, seconds, summary};
use crate::service::Services;
use crate::steps::{Action, STEPS, Step};
use crate::tidy;

/// Prints the steps and what they run.
pub(crate) fn list() {
    for Step { name, action } in STEPS {
        println!("{name:<12} {}", describe(action));
    }
}

/// Runs the steps named in `only`, all if it is empty, until one fails. Whether all passed.
pub(crate) fn run(root: &Path, only: &[String]) -> anyhow::Result<bool> {
    if let Some(unknown) = only.iter().find(|name| STEPS.iter().all(|step| step.name != *name)) {
        bail!("there is no step {unknown}; `cargo xtask ci --list` shows them");
    }
    let is_chosen = |step: &&Step| only.is_empty() || only.iter().any(|name| name == step.name);
    let chosen: Vec<&Step> = STEPS.iter().filter(is_chosen).collect();

    let clock = Stopwatch::start();
    let mut lines = Vec::new();
    let mut failed = false;
    let mut services = Services::default();
    for (index, step) in chosen.iter().enumerate() {
        if failed {
            lines.push(Line { name: step.name, outcome: Outcome::NotReached, took: Duration::ZERO });
            continue;
        }
        let (number, count) = (index + 1, chosen.len());
        println!(
            "\n==> [{number}/{count}] {} at {}: {}",
            step.name,
            seconds(clock.elapsed()),
            describe(&step.action)
        );
        let watch = Stopwatch::start();
        let outcome = perform(root, &step.action, &mut services)?;
        let took = watch.elapsed();
        failed = outcome == Outcome::Failed;
        println!("<== {}: {outcome}, {}", step.name, seconds(took));
        lines.push(Line { name: step.name, outcome, took });
    }
    print!("\n{}", summary(&lines, clock.elapsed()));
    Ok(!failed)
}

fn describe(action: &Action) -> String {
    match action {
        Action::Tidy => "cargo xtask tidy".into(),
        Action::Cargo { arguments, environment } => {
            let set: String = environment.iter().map(|(name, value)| format!("{name}={value:?} ")).collect();
            format!("{set}cargo {}", arguments.join(" "))
        }
        Action::IfInstalled { program, arguments, .. } => {
            format!("{program} {} (if installed)", arguments.join(" "))
        }
        Action::Outside { about, .. } => format!("{about} (if they can be installed)"),
    }
}

/// Where cargo puts what it builds: `CARGO_TARGET_DIR`, or `target` in the workspace's root.
fn target_directory(root: &Path) -> String {
    let configured = std::env::var_os("CARGO_TARGET_DIR").map(std::path::PathBuf::from);
    root.join(configured.unwrap_or_else(|| "target".into())).display().to_string()
}

fn perform(root: &Path, action: &Action, services: &mut Services) -> anyhow::Result<Outcome> {
    let passed = match action {
        Action::Tidy => tidy::run_and_print(root)?,
        Action::Cargo { arguments, environment } => {
            let target = target_directory(root);
            let set = environment.iter().map(|(name, value)| (name, value.replace("{target}", &target)));
            let servers = if action.is_test() { services.start()? } else { Vec::new() };
            status(cargo(root).args(*arguments).envs(servers).envs(set))?
        }
        Action::IfInstalled { program, probe, arguments, environment, install } => {
            let mut asked = tool(root, program);
            let is_there = asked.args(*probe).stdout(Stdio::null()).stderr(Stdio::null()).status();
            if !is_there.is_ok_and(|status| status.success()) {
                let probe = probe.join(" ");
                return Ok(Outcome::NotChecked(format!(
                    "`{program} {probe}` does not work (install {install})"
                )));
            }
            status(tool(root, program).args(*arguments).envs(environment.iter().copied()))?
        }
        Action::Outside { run, .. } => return run(root, Path::new(&target_directory(root))),
    };
    Ok(if passed { Outcome::Passed } else { Outcome::Failed })
}

fn status(command: &mut Command) -> anyhow::Result<bool> {
    let status = command.status().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    Ok(status.success())
}

/// A program, at the root.
fn tool(root: &Path, program: &str) -> Command {
    if program == "cargo" {
        return cargo(root);
    }
    let mut command = Command::new(program);
    command.current_dir(root);
    command
}

/// The cargo that started this task, at the root.
///
/// What `cargo run` told this process about its own package is taken out: build scripts that watch those variables
/// would build again here, and once more in a run of cargo by hand.
fn cargo(root: &Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(root);
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            command.env_remove(name);
        }
    }
    command
}

/// Measures how long a step takes.
struct Stopwatch(Instant);

impl Stopwatch {
    #[allow(clippy::disallowed_methods, reason = "the product's clock is no business of the gate")]
    fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
