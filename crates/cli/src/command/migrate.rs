//! `angaros migrate`: the schema, up and down.

use std::process::ExitCode;

use angaros_store_sqlite::migrate;
use anyhow::{Result, bail, ensure};
use clap::{Args, Subcommand};
use serde_json::json;

use super::Sources;

/// Bring the database's schema up or down. `serve` brings it up by itself.
#[derive(Args)]
pub(crate) struct Migrate {
    #[command(subcommand)]
    action: Action,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Action {
    /// Go to the newest version
    Up,
    /// Go one version back; what that version brought is dropped with its data
    Down {
        /// Yes, drop the data
        #[arg(long)]
        yes: bool,
    },
    /// Go to a version, up or down
    To {
        /// The version
        version: u32,
        /// Yes, drop the data that only later versions have
        #[arg(long)]
        yes: bool,
    },
    /// Show every version and whether the database has it
    Status,
}

impl Migrate {
    pub(crate) fn run(self, sources: &Sources) -> Result<ExitCode> {
        let loaded = sources.load(None)?;
        let path = loaded.config.storage.url.path();
        if matches!(self.action, Action::Status) {
            if !path.exists() {
                eprintln!("there is no database yet: {} comes with the first start", path.display());
            }
            return self.show(&mut migrate::look(path)?);
        }
        if let Action::To { version, .. } = self.action {
            let known = migrate::known_version();
            ensure!(version <= known, "there is no version {version}; this program knows {known}");
        }
        let (mut connection, _ownership) = migrate::open(path)?;
        let found = migrate::version(&mut connection)?;
        let (target, yes) = match self.action {
            Action::Up => (migrate::known_version(), true),
            Action::Down { yes } => (found.saturating_sub(1), yes),
            Action::To { version, yes } => (version, yes),
            Action::Status => return self.show(&mut connection),
        };
        if target < found && !yes {
            bail!("going from version {found} to {target} drops data: say --yes, and have a backup");
        }
        migrate::to(&mut connection, target)?;
        self.show(&mut connection)
    }

    fn show(&self, connection: &mut migrate::Connection) -> Result<ExitCode> {
        let steps = migrate::steps(connection)?;
        if self.json {
            let steps: Vec<_> = steps
                .iter()
                .map(|step| json!({ "version": step.version, "name": step.name, "applied": step.applied }))
                .collect();
            println!("{}", json!({ "version": migrate::version(connection)?, "steps": steps }));
        } else {
            for step in steps {
                println!(
                    "{:4} {:24} {}",
                    step.version,
                    step.name,
                    if step.applied { "applied" } else { "-" }
                );
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
