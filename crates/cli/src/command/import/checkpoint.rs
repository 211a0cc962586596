//! How far an import has come, beside the file that is imported.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::source::Identity;
use super::tally::Tally;
use crate::command::beside::beside;

/// What the names of checkpoints end with.
const SUFFIX: &str = ".import.json";

/// What is kept. Every row up to here is decided, and no row behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The file that it is about.
    pub(super) of: Identity,
    pub(super) tally: Tally,
    /// How much of the file of rejected rows belongs to it.
    pub(super) rejects_bytes: u64,
}

/// The file in which it is kept.
#[derive(Debug)]
pub(super) struct Checkpoint(PathBuf);

impl Checkpoint {
    /// That of a file.
    pub(super) fn of(file: &Path) -> Checkpoint {
        Checkpoint(beside(file, SUFFIX))
    }

    /// Where an interrupted import of the same file has come.
    ///
    /// # Errors
    /// If the file has changed since: nobody can say which rows of it are done.
    pub(super) fn read(&self, of: &Identity) -> Result<Option<Progress>> {
        let text = match std::fs::read(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| self.name()),
        };
        let progress: Progress = serde_json::from_slice(&text)
            .with_context(|| format!("{} is no checkpoint: begin anew with --restart", self.name()))?;
        ensure!(
            progress.of == *of,
            "{} is about another version of the file, or another format: begin anew with --restart; what is stored \
             already will count as duplicates",
            self.name()
        );
        Ok(Some(progress))
    }

    /// Keeps it. A process that dies meanwhile leaves the old one or the new one.
    pub(super) fn write(&self, progress: &Progress) -> Result<()> {
        let new = beside(&self.0, ".new");
        std::fs::write(&new, serde_json::to_vec(progress)?)
            .and_then(|()| std::fs::rename(&new, &self.0))
            .with_context(|| format!("the checkpoint {} cannot be written", self.name()))
    }

    /// Forgets it.
    pub(super) fn remove(&self) -> Result<()> {
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error).with_context(|| self.name()),
            _ => Ok(()),
        }
    }

    fn name(&self) -> String {
        self.0.display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::Format;
    use super::*;

    #[test]
    fn it_is_kept_until_it_is_removed_and_only_for_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = Checkpoint::of(&folder.path().join("a.csv"));
        let of = Identity { format: Format::Csv, size_bytes: 9, modified_millis: 4 };
        assert_eq!(checkpoint.read(&of).unwrap(), None);
        let progress = Progress { of: of.clone(), tally: Tally::default(), rejects_bytes: 3 };
        checkpoint.write(&progress).unwrap();
        assert_eq!(checkpoint.read(&of).unwrap(), Some(progress));
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);

        for other in [
            Identity { size_bytes: 8, ..of.clone() },
            Identity { modified_millis: 5, ..of.clone() },
            Identity { format: Format::Json, ..of.clone() },
        ] {
            assert!(checkpoint.read(&other).unwrap_err().to_string().contains("--restart"));
        }
        std::fs::write(folder.path().join("a.csv.import.json"), "{").unwrap();
        assert!(checkpoint.read(&of).unwrap_err().to_string().contains("--restart"));
        checkpoint.remove().unwrap();
        checkpoint.remove().unwrap();
        assert_eq!(checkpoint.read(&of).unwrap(), None);
    }
}
