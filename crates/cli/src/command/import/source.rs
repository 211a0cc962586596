//! What is imported: a file, or whatever comes in on standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The argument that stands for standard input.
const STDIN: &str = "-";
/// The bytes read at once.
const BUFFER_BYTES: usize = 256 * 1024;
/// What some editors put in front of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// One JSON object a line
    Ndjson,
    /// One JSON array of objects
    Json,
    /// Comma-separated values under a row of column names
    Csv,
}

impl Format {
    /// The format that a file's name stands for.
    fn of(path: &Path) -> Option<Format> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "ndjson" | "jsonl" => Some(Format::Ndjson),
            "json" => Some(Format::Json),
            "csv" => Some(Format::Csv),
            _ => None,
        }
    }
}

/// By what a file is known again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) format: Format,
    pub(super) size_bytes: u64,
    pub(super) modified_millis: u64,
}

/// Where rows come from.
#[derive(Debug)]
pub(super) struct Source {
    /// `None` is standard input.
    path: Option<PathBuf>,
    pub(super) format: Format,
    /// Only a plain file has one: nothing else can be read a second time.
    pub(super) identity: Option<Identity>,
}

impl Source {
    /// Finds out what is to be read.
    pub(super) fn find(argument: &Path, format: Option<Format>) -> Result<Source> {
        if argument == Path::new(STDIN) {
            return Ok(Source { path: None, format: format.unwrap_or(Format::Ndjson), identity: None });
        }
        let about = std::fs::metadata(argument).with_context(|| argument.display().to_string())?;
        if about.is_dir() {
            bail!("{} is a folder", argument.display());
        }
        let Some(format) = format.or_else(|| Format::of(argument)) else {
            bail!("{}: say what it holds with --format ndjson, json or csv", argument.display());
        };
        let modified = about.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let identity = about.is_file().then(|| Identity {
            format,
            size_bytes: about.len(),
            modified_millis: modified.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0)),
        });
        Ok(Source { path: Some(argument.into()), format, identity })
    }

    /// The plain file, if it is one.
    pub(super) fn file(&self) -> Option<&Path> {
        self.path.as_deref().filter(|_| self.identity.is_some())
    }

    /// What people call it.
    pub(super) fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "standard input".into(), |path| path.display().to_string())
    }

    /// Opens it, behind a byte order mark. `bytes` counts what was read.
    pub(super) fn open(&self, bytes: Arc<AtomicU64>) -> Result<impl BufRead + use<>> {
        let inner: Box<dyn Read + Send> = match &self.path {
            Some(path) => Box::new(File::open(path).with_context(|| path.display().to_string())?),
            None => Box::new(io::stdin()),
        };
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, Counted { inner, bytes });
        if reader.fill_buf().with_context(|| self.name())?.starts_with(BYTE_ORDER_MARK) {
            reader.consume(BYTE_ORDER_MARK.len());
        }
        Ok(reader)
    }
}

/// Counts the bytes that are read through it.
struct Counted<R> {
    inner: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
