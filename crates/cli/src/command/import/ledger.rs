//! Keeps account of the batches in the order of the file: counts, rejected rows and the checkpoint.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use super::batch::Batch;
use super::checkpoint::{Checkpoint, Progress};
use super::rejects::{self, Rejects};
use super::sending::Verdict;
use super::source::{Identity, Source};
use super::tally::{Status, Tally};
use crate::command::beside::beside;

/// What the name of the file of rejected rows ends with, unless it is named.
const REJECTS_SUFFIX: &str = ".rejects.ndjson";

/// The account.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) tally: Tally,
    rejects: Option<Rejects>,
    /// Only what can be read again has one.
    checkpoint: Option<(Checkpoint, Identity)>,
}

impl Ledger {
    /// Opens the account where it was left, or a new one if it was not or is to `restart`.
    pub(super) fn open(source: &Source, rejects: Option<PathBuf>, restart: bool) -> Result<Ledger> {
        let rejects = rejects.or_else(|| source.file().map(|file| beside(file, REJECTS_SUFFIX)));
        if let (Some(rejects), Some(file)) = (&rejects, source.file()) {
            ensure_apart(rejects, file)?;
        }
        let checkpoint = source.file().zip(source.identity.clone());
        let checkpoint = checkpoint.map(|(file, identity)| (Checkpoint::of(file), identity));
        let left = match &checkpoint {
            Some((checkpoint, identity)) if !restart => checkpoint.read(identity)?,
            _ => None,
        };
        let (tally, bytes) = left.map_or((Tally::default(), 0), |left| (left.tally, left.rejects_bytes));
        let rejects = rejects.map(|path| Rejects::resumed(path, bytes)).transpose()?;
        if let Some((checkpoint, _)) = checkpoint.as_ref().filter(|_| restart) {
            checkpoint.remove()?;
        }
        Ok(Ledger { tally, rejects, checkpoint })
    }

    /// Enters the next batch of the file. `verdicts` are those on the rows that were sent.
    pub(super) fn enter(&mut self, batch: &Batch, verdicts: Vec<Verdict>) -> Result<()> {
        let mut verdicts = verdicts.into_iter();
        let mut lines = Vec::new();
        for row in &batch.rows {
            let (status, line) = match &row.event {
                Err(faults) => (Status::Invalid, rejects::unsent(row, faults)?),
                Ok(_) => match verdicts.next() {
                    None => bail!("the service did not answer for every row: is it another version?"),
                    Some(Verdict { status: status @ (Status::Created | Status::Duplicate), .. }) => {
                        (status, Vec::new())
                    }
                    Some(verdict) => (verdict.status, rejects::refused(row, &verdict)?),
                },
            };
            self.tally.count(status);
            lines.extend(line);
        }
        if let Some(rejects) = &mut self.rejects {
            rejects.add(&lines)?;
        }
        if let Some((checkpoint, of)) = &self.checkpoint {
            let rejects_bytes = self.rejects.as_ref().map_or(0, |rejects| rejects.bytes);
            checkpoint.write(&Progress { of: of.clone(), tally: self.tally, rejects_bytes })?;
        }
        Ok(())
    }

    /// The whole file is done.
    pub(super) fn close(&self) -> Result<()> {
        self.checkpoint.as_ref().map_or(Ok(()), |(checkpoint, _)| checkpoint.remove())
    }

    /// Whether there is a checkpoint for the same command to go on from.
    pub(super) fn is_kept(&self) -> bool {
        self.checkpoint.is_some() && self.tally.rows() > 0
    }

    /// Where rejected rows are, if there are any.
    pub(super) fn rejects(&self) -> Option<&Path> {
        self.rejects.as_ref()?.path()
    }
}

/// The file of rejected rows is written anew: it must not be the one that is read.
fn ensure_apart(rejects: &Path, file: &Path) -> Result<()> {
    let (Ok(rejects), Ok(file)) = (rejects.canonicalize(), file.canonicalize()) else { return Ok(()) };
    ensure!(rejects != file, "--rejects would overwrite {}", file.display());
    Ok(())
}
