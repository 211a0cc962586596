//! The rows that were not stored, with the reason of each, in a file of their own.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::row::{Fault, Row};
use super::sending::Verdict;
use super::tally::Status;

/// One line of the file.
#[derive(Serialize)]
struct Reject<'a> {
    line: u64,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<&'a [String]>,
    row: Option<Box<RawValue>>,
}

/// The file. It is made with the first row that is rejected.
#[derive(Debug)]
pub(super) struct Rejects {
    path: PathBuf,
    file: Option<File>,
    /// Its length so far.
    pub(super) bytes: u64,
}

impl Rejects {
    /// Begins anew: what an import before this one left is gone.
    pub(super) fn fresh(path: PathBuf) -> Result<Rejects> {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| path.display().to_string())
            }
            _ => Ok(Rejects { path, file: None, bytes: 0 }),
        }
    }

    /// Goes on behind the first `bytes`: what stands behind them will be rejected again.
    pub(super) fn resumed(path: PathBuf, bytes: u64) -> Result<Rejects> {
        if bytes == 0 {
            return Rejects::fresh(path);
        }
        let context = || path.display().to_string();
        let file = OpenOptions::new().append(true).open(&path).with_context(context)?;
        ensure!(
            file.metadata().with_context(context)?.len() >= bytes,
            "{} has lost rows since the import was interrupted: begin anew with --restart",
            path.display()
        );
        file.set_len(bytes).with_context(context)?;
        Ok(Rejects { path, file: Some(file), bytes })
    }

    /// Where it is, if there is one.
    pub(super) fn path(&self) -> Option<&Path> {
        self.file.is_some().then_some(self.path.as_path())
    }

    /// Adds rows that were rejected.
    pub(super) fn add(&mut self, lines: &[u8]) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let context = || self.path.display().to_string();
        let file = match &mut self.file {
            Some(file) => file,
            none => none
                .insert(OpenOptions::new().create(true).append(true).open(&self.path).with_context(context)?),
        };
        file.write_all(lines).with_context(context)?;
        self.bytes += lines.len() as u64;
        Ok(())
    }
}

/// The line of a row that was found wrong before it was sent.
pub(super) fn unsent(row: &Row, faults: &[Fault]) -> Result<Vec<u8>> {
    let errors = Some(to_raw_value(faults)?);
    line(&Reject { line: row.line, status: Status::Invalid, errors, fields: None, row: written(row)? })
}

/// The line of a row that the service rejected.
pub(super) fn refused(row: &Row, verdict: &Verdict) -> Result<Vec<u8>> {
    let errors = (!verdict.errors.is_empty()).then(|| to_raw_value(&verdict.errors)).transpose()?;
    let fields = (!verdict.fields.is_empty()).then_some(&*verdict.fields);
    line(&Reject { line: row.line, status: verdict.status, errors, fields, row: written(row)? })
}

/// The row as it was written, in one line: the only line ends in JSON are between its parts.
fn written(row: &Row) -> Result<Option<Box<RawValue>>> {
    if let Some(written) = &row.written {
        return Ok(Some(to_raw_value(written)?));
    }
    let Ok(event) = &row.event else { return Ok(None) };
    Ok(Some(RawValue::from_string(event.get().replace(['\r', '\n'], " "))?))
}

fn line(reject: &Reject<'_>) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(reject)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn row(event: &str) -> Row {
        Row::plain(7, RawValue::from_string(event.into()).unwrap())
    }

    #[test]
    fn a_line_says_where_what_and_why() {
        let verdict = Verdict { status: Status::Conflict, fields: vec!["channel".into()], errors: vec![] };
        let text = String::from_utf8(refused(&row("{\n\"a\": \"\\n\"\n}"), &verdict).unwrap()).unwrap();
        assert_eq!(
            text,
            "{\"line\":7,\"status\":\"conflict\",\"fields\":[\"channel\"],\"row\":{ \"a\": \"\\n\" }}\n"
        );
        let too_long: Value =
            serde_json::from_slice(&unsent(&Row::too_long(3), &[Fault::of_field("a/b", "is bad")]).unwrap())
                .unwrap();
        let errors = json!([{ "pointer": "#/a~1b", "detail": "is bad" }]);
        assert_eq!(too_long, json!({ "line": 3, "status": "invalid", "errors": errors, "row": null }));
    }

    #[test]
    fn what_was_written_after_the_checkpoint_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejects");
        let mut rejects = Rejects::fresh(path.clone()).unwrap();
        assert!(rejects.path().is_none());
        rejects.add(b"one\n").unwrap();
        rejects.add(b"two\n").unwrap();
        let mut resumed = Rejects::resumed(path.clone(), 4).unwrap();
        resumed.add(b"2\n").unwrap();
        assert_eq!((std::fs::read(&path).unwrap(), resumed.bytes), (b"one\n2\n".to_vec(), 6));
        assert!(Rejects::resumed(path.clone(), 7).unwrap_err().to_string().contains("--restart"));
        Rejects::resumed(path.clone(), 0).unwrap();
        assert!(!path.exists());
    }
}
