//! The commands: one file each.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted. What a command answers goes to standard output,
//! everything else to standard error, so that output can be piped.

mod bench;
mod bench_probe;
mod beside;
mod choice;
mod doctor;
mod export;
mod feed;
mod follow;
mod import;
mod interrupt;
mod keys;
mod migrate;
mod seed;
mod send;
mod serve;
mod suppressions;
mod tail;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use crate::config::{self, Loaded, Overrides};

/// A self-hosted messaging engine: sends SMS, email, push and webhook notifications and keeps the record of everything
/// that happens to them.
#[derive(Parser)]
#[command(name = "angaros", version, arg_required_else_help = true)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    sources: Sources,
    #[command(subcommand)]
    command: Command,
}

/// Where the configuration comes from, besides the environment.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Sources {
    /// Read this file instead of ./angaros.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Keep the data in this folder
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// The commands. What each is for stands at its arguments, from where the help takes it.
#[derive(Subcommand)]
enum Command {
    Serve(serve::Serve),
    Send(send::Send),
    Seed(seed::Seed),
    Import(import::Import),
    Export(export::Export),
    Tail(tail::Tail),
    Suppressions(suppressions::Suppressions),
    Keys(keys::Keys),
    Migrate(migrate::Migrate),
    Doctor(doctor::Doctor),
    Verify(verify::Verify),
    Bench(bench::Bench),
    #[command(hide = true)]
    BenchProbe(bench_probe::BenchProbe),
}

impl CommandLine {
    /// Runs the command that was asked for.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("the asynchronous runtime could not start")?;
        let sources = self.sources;
        runtime.block_on(async {
            match self.command {
                Command::Serve(serve) => serve.run(&sources).await,
                Command::Send(send) => send.run().await,
                Command::Seed(seed) => seed.run().await,
                Command::Import(import) => import.run().await,
                Command::Export(export) => export.run().await,
                Command::Tail(tail) => tail.run().await,
                Command::Suppressions(suppressions) => suppressions.run().await,
                Command::Keys(keys) => keys.run(&sources).await,
                Command::Migrate(migrate) => migrate.run(&sources),
                Command::Doctor(doctor) => doctor.run(&sources).await,
                Command::Verify(verify) => verify.run(&sources).await,
                Command::Bench(bench) => bench.run().await,
                Command::BenchProbe(probe) => probe.run(&sources).await,
            }
        })
    }
}

impl Sources {
    /// Loads the configuration; `listen` is the flag of the one command that has it.
    fn load(&self, listen: Option<String>) -> Result<Loaded> {
        let overrides = Overrides { config: self.config.clone(), listen, data_dir: self.data_dir.clone() };
        Ok(config::load_here(&overrides)?)
    }
}
