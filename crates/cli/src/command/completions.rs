//! `angaros completions`: what a shell needs to complete commands.

use std::io;

use anyhow::Result;
use clap::{Args, Command, CommandFactory as _};
use clap_complete::Shell;

use super::CommandLine;
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  angaros completions bash > ~/.local/share/bash-completion/completions/angaros
  angaros completions zsh > ~/.zfunc/_angaros
  angaros completions fish > ~/.config/fish/completions/angaros.fish";

/// Print a script that lets a shell complete commands and options
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Completions {
    /// For which shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Result<Exit> {
        // Into memory first: a reader that goes away early is no reason to panic.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut visible(), "angaros", &mut script);
        io::Write::write_all(&mut io::stdout().lock(), &script)?;
        Ok(Exit::Done)
    }
}

/// The program without what is hidden: a shell need not offer that.
fn visible() -> Command {
    let all = CommandLine::command();
    let commands = all.get_subcommands().filter(|command| !command.is_hide_set());
    Command::new("angaros").args(all.get_arguments()).subcommands(commands)
}
