//! The commands: one file each.
//!
//! What a command answers goes to standard output, everything else to standard error, so that output can be piped. How
//! it ends is in [`Exit`].

mod bench;
mod bench_probe;
mod beside;
mod choice;
mod completions;
mod demo;
mod doctor;
mod export;
mod feed;
mod fiction;
mod follow;
mod globals;
mod health;
mod help;
mod import;
mod interrupt;
mod keys;
mod man;
mod migrate;
mod openapi;
mod seed;
mod send;
mod serve;
mod suppressions;
mod tail;
mod transfer;
mod verify;

use anyhow::{Context as _, Result};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub(crate) use self::globals::Globals;
use crate::color::{self, Color};
use crate::exit::Exit;

/// A self-hosted messaging engine: sends SMS, email, push and webhook notifications and keeps the record of everything
/// that happens to them.
#[derive(Parser)]
#[command(name = "angaros", version, styles = color::HELP, max_term_width = help::WIDTH_MAX)]
#[command(after_long_help = help::after_all(), after_help = "angaros COMMAND --help says more, with examples.")]
pub(crate) struct CommandLine {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The commands. What each is for stands at its arguments, from where the help takes it.
#[derive(Subcommand)]
enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Send(send::Send),
    Seed(seed::Seed),
    Import(import::Import),
    Export(export::Export),
    Tail(tail::Tail),
    Suppressions(suppressions::Suppressions),
    Keys(keys::Keys),
    Migrate(migrate::Migrate),
    Transfer(transfer::Transfer),
    Doctor(doctor::Doctor),
    Health(health::Health),
    Verify(verify::Verify),
    Openapi(openapi::OpenApi),
    Bench(bench::Bench),
    Completions(completions::Completions),
    Man(man::Man),
    #[command(hide = true)]
    BenchProbe(bench_probe::BenchProbe),
}

impl CommandLine {
    /// Reads the arguments of this process.
    pub(crate) fn read(color: Color) -> Result<CommandLine, clap::Error> {
        let matches = CommandLine::command().color(color.choice()).try_get_matches()?;
        CommandLine::from_arg_matches(&matches)
    }

    /// Whether programs read what is printed.
    pub(crate) fn is_for_programs(&self) -> bool {
        self.globals.json
    }

    /// Runs the command that was asked for.
    pub(crate) fn run(self) -> Result<Exit> {
        let globals = self.globals;
        let Some(command) = self.command else {
            print!("{}", help::overview());
            return Ok(Exit::Done);
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("the asynchronous runtime could not start")?;
        runtime.block_on(async {
            match command {
                Command::Serve(serve) => serve.run(&globals).await,
                Command::Demo(demo) => demo.run(&globals).await,
                Command::Send(send) => send.run(&globals).await,
                Command::Seed(seed) => seed.run(&globals).await,
                Command::Import(import) => import.run(&globals).await,
                Command::Export(export) => export.run(&globals).await,
                Command::Tail(tail) => tail.run(&globals).await,
                Command::Suppressions(suppressions) => suppressions.run(&globals).await,
                Command::Keys(keys) => keys.run(&globals).await,
                Command::Migrate(migrate) => migrate.run(&globals).await,
                Command::Transfer(transfer) => transfer.run(&globals).await,
                Command::Doctor(doctor) => doctor.run(&globals).await,
                Command::Health(health) => health.run(&globals).await,
                Command::Verify(verify) => verify.run(&globals).await,
                Command::Openapi(openapi) => openapi.run(),
                Command::Bench(bench) => bench.run(&globals).await,
                Command::Completions(completions) => completions.run(),
                Command::Man(man) => man.run(&globals),
                Command::BenchProbe(probe) => probe.run(&globals).await,
            }
        })
    }
}
