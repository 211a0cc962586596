//! `angaros man`: the manual, one page for each command.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man as Page;
use serde_json::json;

use super::{CommandLine, Globals};
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  angaros man | man -l -
  angaros man --dir /usr/local/share/man/man1";

/// Print the manual, or write a page for each command into a folder
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Man {
    /// Write angaros.1, angaros-send.1 and so on into this folder; without it the first page is printed
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(self, globals: &Globals) -> Result<Exit> {
        let mut command = CommandLine::command();
        command.build();
        let Some(folder) = &self.dir else {
            io::stdout().lock().write_all(&page(&command)?)?;
            return Ok(Exit::Done);
        };
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let mut written = Vec::new();
        write_all(&command, folder, &mut written)?;
        if globals.json {
            println!("{}", json!({ "dir": folder, "pages": written }));
        } else {
            println!("{} pages are in {}", written.len(), folder.display());
        }
        Ok(Exit::Done)
    }
}

/// Writes the page of a command and of all below it.
fn write_all(command: &Command, folder: &Path, written: &mut Vec<String>) -> Result<()> {
    let name = format!("{}.1", command.get_display_name().unwrap_or(command.get_name()));
    let path = folder.join(&name);
    std::fs::write(&path, page(command)?).with_context(|| format!("{} cannot be written", path.display()))?;
    written.push(name);
    let below = command.get_subcommands();
    below
        .filter(|inner| !inner.is_hide_set() && inner.get_name() != "help")
        .try_for_each(|inner| write_all(inner, folder, written))
}

fn page(command: &Command) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    // Options that are the same everywhere are explained on every page, as a reader of one page expects it.
    Page::new(command.clone()).render(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_every_option_of_its_command() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = CommandLine::command();
        command.build();
        let mut written = Vec::new();
        write_all(&command, folder.path(), &mut written).unwrap();
        assert!(written.contains(&"angaros-keys-create.1".to_owned()), "{written:?}");
        assert!(!written.iter().any(|name| name.contains("probe")), "{written:?}");
        check(&command, folder.path());
    }

    fn check(command: &Command, folder: &Path) {
        let name = format!("{}.1", command.get_display_name().unwrap_or(command.get_name()));
        let text = std::fs::read_to_string(folder.join(&name)).unwrap().replace("\\-", "-");
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            if let Some(long) = argument.get_long() {
                assert!(text.contains(&format!("--{long}")), "{name} has no --{long}");
            }
        }
        let below = command.get_subcommands().filter(|one| !one.is_hide_set() && one.get_name() != "help");
        below.for_each(|inner| check(inner, folder));
    }
}
