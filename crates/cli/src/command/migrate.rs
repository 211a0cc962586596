//! `angaros migrate`: the schema, up and down.

use anyhow::{Result, bail, ensure};
use clap::{Args, Subcommand};
use serde_json::json;

use super::Globals;
use crate::exit::Exit;
use crate::progress::{Progress, Unit};
use crate::storage::Schema;

const UP_EXAMPLES: &str = "\
Examples:
  angaros migrate up
  DATABASE_URL=postgres://angaros@db/angaros angaros migrate up";
const DOWN_EXAMPLES: &str = "\
Examples:
  angaros migrate down --yes";
const TO_EXAMPLES: &str = "\
Examples:
  angaros migrate to 1 --yes";
const STATUS_EXAMPLES: &str = "\
Examples:
  angaros migrate status
  angaros migrate status --json";
const EXAMPLES: &str = "\
Examples:
  angaros migrate status
  angaros migrate up";

/// Bring the database's schema up or down. `serve` brings it up by itself.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Migrate {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Go to the newest version
    #[command(after_long_help = UP_EXAMPLES)]
    Up,
    /// Go one version back; what that version brought is dropped with its data
    #[command(after_long_help = DOWN_EXAMPLES)]
    Down {
        /// Yes, drop the data
        #[arg(long)]
        yes: bool,
    },
    /// Go to a version, up or down
    #[command(after_long_help = TO_EXAMPLES)]
    To {
        /// The version
        version: u32,
        /// Yes, drop the data that only later versions have
        #[arg(long)]
        yes: bool,
    },
    /// Show every version and whether the database has it
    #[command(after_long_help = STATUS_EXAMPLES)]
    Status,
}

impl Migrate {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Exit> {
        let loaded = globals.load(None)?;
        let storage = &loaded.config.storage;
        let mut looked_at = Schema::look(storage).await?;
        if matches!(self.action, Action::Status) {
            if let Some(path) = storage.url.file().filter(|path| !path.exists()) {
                eprintln!("there is no database yet: {} comes with the first start", path.display());
            }
            return show(&mut looked_at, globals.json).await;
        }
        let known = looked_at.known_version();
        if let Action::To { version, .. } = self.action {
            ensure!(version <= known, "there is no version {version}; this program knows {known}");
        }
        drop(looked_at);
        let mut schema = Schema::open(storage).await?;
        let found = schema.version().await?;
        let (target, yes) = match self.action {
            Action::Up => (known, true),
            Action::Down { yes } => (found.saturating_sub(1), yes),
            Action::To { version, yes } => (version, yes),
            Action::Status => return show(&mut schema, globals.json).await,
        };
        if target < found && !yes {
            bail!("going from version {found} to {target} drops data: say --yes, and have a backup");
        }
        let progress = if globals.json { Progress::hidden() } else { Progress::endless(Unit::Nothing) };
        progress.say(format!("from version {found} to {target}"));
        let moved = schema.to(target).await;
        progress.finish();
        moved?;
        show(&mut schema, globals.json).await
    }
}

async fn show(schema: &mut Schema, as_json: bool) -> Result<Exit> {
    let steps = schema.steps().await?;
    if as_json {
        let steps: Vec<_> = steps
            .iter()
            .map(|step| json!({ "version": step.version, "name": step.name, "applied": step.applied }))
            .collect();
        println!("{}", json!({ "version": schema.version().await?, "steps": steps }));
    } else {
        for step in steps {
            println!("{:4} {:24} {}", step.version, step.name, if step.applied { "applied" } else { "-" });
        }
    }
    Ok(Exit::Done)
}
