//! `angaros transfer`: from the embedded store into PostgreSQL.

mod moving;
mod summary;

use std::collections::BTreeMap;

use angaros_clock::Clock;
use angaros_store::transfer::{Begun, Inventory, Part};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};

use self::moving::Moving;
use self::summary::{Moved, Summary};
use super::{Globals, interrupt};
use crate::client::secret;
use crate::config::storage::{StorageConfig, StoreUrl};
use crate::exit::Exit;
use crate::progress::{Progress, Unit};
use crate::storage;

const EXAMPLES: &str = "\
Examples:
  angaros transfer --from sqlite://angaros-data/angaros.db --to postgres://angaros@db/angaros
  angaros transfer --from sqlite://angaros.db --to postgres://angaros@db/angaros --json";

/// Move everything into another database.
///
/// Copies a file of the embedded store into an empty PostgreSQL database: tenants, keys, templates, notifications and
/// where they wait, idempotency keys, suppressions, webhook endpoints, and the log with its ids. No service may run on
/// either. At the end both sides are compared, row by row, and everything that is counted is held against the log.
///
/// The same command goes on where it was interrupted. The file is not changed.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Transfer {
    /// The database that is moved: sqlite://PATH
    #[arg(long, value_name = "URL", value_parser = secret)]
    from: SecretString,
    /// The database that it is moved into: postgres://USER:PASSWORD@HOST/DATABASE. On the command line others may see
    /// the password; in the variable they do not
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL", value_parser = secret)]
    to: SecretString,
}

/// From where to where.
struct Way {
    from: StoreUrl,
    to: StoreUrl,
}

/// Reads a URL. A refusal does not repeat it.
fn url_of(flag: &str, text: &SecretString) -> Result<StoreUrl> {
    text.expose_secret().parse().map_err(|why: String| anyhow!("{flag} {why}"))
}

impl Transfer {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Exit> {
        let way = Way { from: url_of("--from", &self.from)?, to: url_of("--to", &self.to)? };
        let clock = Clock::system();
        let watch = clock.stopwatch();
        let (source, target) = storage::ends(&way.from, &way.to, &clock).await?;
        let rows = Unit::Things("rows");
        let progress = if globals.json { Progress::hidden() } else { Progress::endless(rows) };
        let above = progress.clone();
        let stop = interrupt::token(move || {
            above.tell_above("stopping: the same command goes on here");
        })?;
        let moving = Moving { source: &*source, target: &*target, progress: &progress, stop: &stop };
        let moved = way.carry_out(&moving).await;
        progress.finish();
        let Some(moved) = moved? else { return Ok(Exit::Interrupted) };
        target.finish().await.context("the transfer could not be ended: run it again")?;
        let summary = Summary { from: way.from.place(), to: way.to.place(), moved, took: watch.elapsed() };
        if globals.json {
            println!("{}", summary.json());
        } else {
            println!("{}", summary.text());
        }
        Ok(Exit::Done)
    }
}

impl Way {
    /// Copies, compares and verifies; nothing if it is interrupted.
    async fn carry_out(&self, moving: &Moving<'_>) -> Result<Option<Moved>> {
        moving.progress.say("looking through what is there");
        let Some(inventory) = moving.count(moving.source).await? else { return Ok(None) };
        let done = self.begin(moving, &inventory).await?;
        let (resumed_rows, total) = (done.values().sum(), summary::rows(&inventory));
        if resumed_rows > 0 {
            moving.progress.tell_above(&format!("going on behind {resumed_rows} of {total} rows"));
        }
        moving.progress.expect(total);
        moving.progress.reach(resumed_rows);
        if !moving.copy_all(&done).await? {
            return Ok(None);
        }
        moving.progress.reach(0);
        moving.progress.say("comparing");
        let Some(arrived) = moving.count(moving.target).await? else { return Ok(None) };
        let changed = Part::ALL.into_iter().find(|part| arrived.get(part) != inventory.get(part));
        if let Some(part) = changed {
            bail!("{part} did not arrive as they were: begin again with an empty database");
        }
        let counts = self.verify(moving.progress).await?;
        Ok(Some(Moved { inventory, resumed_rows, counts }))
    }

    /// Begins, or goes on: how many rows of each part are there already.
    async fn begin(&self, moving: &Moving<'_>, inventory: &Inventory) -> Result<BTreeMap<Part, u64>> {
        let (from, to) = (self.from.place(), self.to.place());
        match moving.target.begin(inventory).await.context("the transfer cannot begin")? {
            Begun::Ready(done) => Ok(done),
            Begun::Occupied => bail!("{to} is not empty: move into an empty database"),
            Begun::OfAnother => bail!(
                "a transfer of something else into {to} was begun, or {from} has changed since: begin again with an \
                 empty database"
            ),
        }
    }

    /// Holds everything that is counted on the new side against its log; how much that was.
    async fn verify(&self, progress: &Progress) -> Result<u64> {
        let showing = progress.clone();
        let there = StorageConfig { url: self.to.clone(), ..StorageConfig::default() };
        let audit = storage::audit(&there, move |step| showing.say(step)).await;
        let audit = audit.context("what arrived could not be verified")?;
        ensure!(
            audit.drift == 0,
            "what is counted does not agree with the log, such as {}: begin again with an empty database",
            audit.differences.first().map_or("nothing that can be named", String::as_str)
        );
        Ok(audit.counts)
    }
}
