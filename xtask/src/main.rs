//! The gate and the house rules: `cargo xtask ci` and `cargo xtask tidy`.
//!
//! `ci` is everything that must hold before a change goes in, the same on a laptop and on a build server. `tidy` is
//! the part of it that no compiler checks: who may use whom, what a file must have, which licences come in.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this program's product is what it prints")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod ci;
mod outside;
mod report;
mod service;
mod steps;
mod tidy;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The gate and the house rules")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run the whole gate; the first step that fails ends it
    Ci {
        /// Run only these steps, in the gate's order (may be repeated)
        #[arg(long = "only", value_name = "STEP")]
        only: Vec<String>,
        /// List the steps and what they run
        #[arg(long)]
        list: bool,
    },
    /// Hold the house rules against the tree
    Tidy,
}

fn main() -> anyhow::Result<ExitCode> {
    let root = root();
    let passed = match Arguments::parse().task {
        Task::Ci { list: true, .. } => {
            ci::list();
            true
        }
        Task::Ci { only, .. } => ci::run(&root, &only)?,
        Task::Tidy => tidy::run_and_print(&root)?,
    };
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The root of the tree, wherever the task was started from. `cargo run` says where the package lies now; the place it
/// was built at answers for a binary that is started directly.
fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let package = package.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    package.parent().map(Path::to_path_buf).unwrap_or(package)
}
