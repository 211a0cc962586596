//! Where exported events go, and how they are written.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::ValueEnum;

use crate::command::beside::beside;
use crate::command::feed::LoggedEvent;
use crate::command::import::columns::TAG_SEPARATOR;

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// One JSON object a line
    Ndjson,
    /// Comma-separated values under a row of column names
    Csv,
}

/// The columns that import takes.
const COLUMNS: [&str; 10] = [
    "provider",
    "event_id",
    "event_name",
    "recipient_id",
    "message_id",
    "campaign_id",
    "channel",
    "occurred_at",
    "tags",
    "metadata",
];
/// What a service gives to an event when it stores it.
const OF_THE_SERVICE: [&str; 3] = ["id", "received_at", "correlation_id"];

/// Takes events.
pub(super) struct Output {
    writer: Writer,
    all_fields: bool,
    count: u64,
    file: Option<Unfinished>,
}

enum Writer {
    Lines(Box<dyn Write>),
    Table(Box<csv::Writer<Box<dyn Write>>>),
}

/// A file under another name until it is complete. Dropped before that, it is removed.
struct Unfinished {
    part: PathBuf,
    path: PathBuf,
}

impl Output {
    /// To a file, or to standard output.
    pub(super) fn open(path: Option<PathBuf>, form: Form, all_fields: bool) -> Result<Output> {
        let file = path.map(|path| Unfinished { part: beside(&path, ".part"), path });
        let sink: Box<dyn Write> = match &file {
            Some(Unfinished { part, .. }) => {
                Box::new(BufWriter::new(File::create(part).with_context(|| part.display().to_string())?))
            }
            None => Box::new(BufWriter::new(io::stdout())),
        };
        let writer = match form {
            Form::Ndjson => Writer::Lines(sink),
            Form::Csv => {
                let mut table = csv::Writer::from_writer(sink);
                let further = if all_fields { &OF_THE_SERVICE[..] } else { &[] };
                table.write_record(COLUMNS.iter().chain(further))?;
                Writer::Table(Box::new(table))
            }
        };
        Ok(Output { writer, all_fields, count: 0, file })
    }

    /// How many events it took.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Writes an event.
    pub(super) fn write(&mut self, mut event: LoggedEvent) -> Result<()> {
        if !self.all_fields {
            (event.id, event.received_at, event.correlation_id) = (None, None, None);
        }
        match &mut self.writer {
            Writer::Lines(out) => {
                serde_json::to_writer(&mut *out, &event)?;
                out.write_all(b"\n")?;
            }
            Writer::Table(table) => {
                let further = if self.all_fields { &OF_THE_SERVICE[..] } else { &[] };
                table.write_record(cells(event).iter().take(COLUMNS.len() + further.len()))?;
            }
        }
        self.count += 1;
        Ok(())
    }

    /// Everything is written: a file gets its name.
    pub(super) fn finish(self) -> Result<()> {
        let mut sink = match self.writer {
            Writer::Lines(out) => out,
            Writer::Table(table) => table.into_inner().map_err(|error| error.into_error())?,
        };
        sink.flush()?;
        if let Some(Unfinished { part, path }) = &self.file {
            std::fs::rename(part, path).with_context(|| path.display().to_string())?;
        }
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Once it is complete there is none.
        drop(std::fs::remove_file(&self.part));
    }
}

/// The cells of all columns. What is absent is empty.
fn cells(event: LoggedEvent) -> [String; COLUMNS.len() + OF_THE_SERVICE.len()] {
    let metadata = serde_json::Value::Object(event.metadata);
    [
        event.provider,
        event.event_id.unwrap_or_default(),
        event.event_name,
        event.recipient_id.unwrap_or_default(),
        event.message_id.unwrap_or_default(),
        event.campaign_id.unwrap_or_default(),
        event.channel.unwrap_or_default(),
        event.occurred_at.to_string(),
        tags(&event.tags),
        if metadata.as_object().is_some_and(serde_json::Map::is_empty) {
            String::new()
        } else {
            metadata.to_string()
        },
        event.id.unwrap_or_default(),
        event.received_at.map(|at| at.to_string()).unwrap_or_default(),
        event.correlation_id.unwrap_or_default(),
    ]
}

/// Tags as import reads them: separated, or an array of JSON if that would not give the same.
fn tags(tags: &[String]) -> String {
    let is_plain = |tag: &String| {
        !tag.is_empty() && tag.trim() == tag && !tag.contains(TAG_SEPARATOR) && !tag.starts_with('[')
    };
    if tags.iter().all(is_plain) {
        return tags.join(&TAG_SEPARATOR.to_string());
    }
    serde_json::Value::from(tags).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_can_be_read_again_whatever_they_hold() {
        let written = |of: &[&str]| tags(&of.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>());
        assert_eq!(written(&[]), "");
        assert_eq!(written(&["a", "b c"]), "a;b c");
        assert_eq!(written(&["a;b"]), r#"["a;b"]"#);
        assert_eq!(written(&["[", "\""]), r#"["[","\""]"#);
        assert_eq!(written(&["a", " b"]), r#"["a"," b"]"#);
    }
}
