//! The `angaros` binary: the only place that names concrete stores, providers and roles.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks to people")]

mod client;
mod color;
mod command;
mod complaint;
mod config;
mod exit;
mod progress;
mod storage;
mod telemetry;
mod wiring;

use std::process::ExitCode;

use color::Color;
use command::CommandLine;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = match CommandLine::read(Color::decide()) {
        Ok(command) => command,
        Err(error) => return complaint::about_usage(&error).into(),
    };
    // Only fails if it is called twice.
    drop(rustls::crypto::ring::default_provider().install_default());
    let is_for_programs = command.is_for_programs();
    match command.run() {
        Ok(exit) => exit.into(),
        Err(error) => complaint::about(&error, is_for_programs).into(),
    }
}
