//! The `angaros` binary: the only place that names concrete stores, providers and roles.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks to people")]

mod client;
mod command;
mod config;
mod telemetry;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = command::CommandLine::parse();
    // Only fails if it is called twice.
    drop(rustls::crypto::ring::default_provider().install_default());
    match command.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
