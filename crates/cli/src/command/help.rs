//! What the help says beside the arguments: the overview, the codes, the variables. Examples stand with each command.

use std::fmt::Write as _;

use clap::CommandFactory as _;

use super::CommandLine;
use crate::exit::Exit;

/// The widest line of any help, in characters.
pub(super) const WIDTH_MAX: usize = 100;

/// The commands by what people want, in the order in which they come to want it.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Begin", &["demo", "serve", "doctor"]),
    ("Send and watch", &["send", "tail", "suppressions", "seed"]),
    ("Move events", &["import", "export"]),
    ("Operate", &["keys", "health", "verify", "migrate", "transfer", "bench"]),
    ("This program", &["openapi", "completions", "man"]),
];

/// Variables beside those that stand at the flags.
const VARIABLES: [(&str, &str); 8] = [
    ("ANGAROS_URL", "the service that commands call, as --url"),
    ("ANGAROS_API_KEY", "the key that they call it with, as --key"),
    ("DATABASE_URL", "the database, as storage.url"),
    ("REDIS_URL", "the Redis server, as redis.url"),
    ("ANGAROS_SECTION__KEY", "any setting of angaros.toml: ANGAROS_SERVER__LISTEN is server.listen"),
    ("RUST_LOG", "which log lines are written, such as info or angaros_engine=debug"),
    ("NO_COLOR", "set to anything: no colours"),
    ("CLICOLOR_FORCE", "set to anything but 0: colours also where there is no terminal"),
];

/// What stands below the help of the program itself.
pub(super) fn after_all() -> String {
    let mut text =
        "Examples:\n  angaros demo\n  angaros serve\n  angaros send --channel sms --to +15550100123 \
                    --text 'Hello' --wait\n\nExit codes:\n"
            .to_owned();
    for exit in Exit::ALL {
        line(&mut text, &exit.code().to_string(), 4, exit.meaning());
    }
    text.push_str("\nEnvironment:\n");
    for (name, meaning) in VARIABLES {
        line(&mut text, name, 21, meaning);
    }
    text.trim_end().to_owned()
}

/// What people see who call the program by its name alone.
pub(super) fn overview() -> String {
    let command = CommandLine::command();
    let mut text = format!("angaros {}: a self-hosted messaging engine\n", env!("CARGO_PKG_VERSION"));
    for (heading, names) in GROUPS {
        let _ = write!(text, "\n{heading}\n");
        for name in names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about);
            line(&mut text, name, 13, &about.map(ToString::to_string).unwrap_or_default());
        }
    }
    text.push_str("\nangaros COMMAND --help says more, with examples. Something to look at: angaros demo\n");
    text
}

fn line(text: &mut String, name: &str, width: usize, meaning: &str) {
    let _ = writeln!(text, "  {name:width$} {meaning}");
}

#[cfg(test)]
mod tests;
