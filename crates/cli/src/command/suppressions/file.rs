//! A CSV file of addresses, read in batches as large as one request may be.

use std::fs::File;
use std::io::{Chain, Read as _};
use std::path::Path;

use angaros_domain::{Address, Channel, SuppressionReason};
use angaros_service::SUPPRESSIONS_MAX;
use anyhow::{Context as _, Result, bail};
use csv::{Reader, ReaderBuilder, StringRecord, Terminator};
use serde_json::{Value, json};

/// What rows say that do not say it themselves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Defaults {
    pub(super) channel: Option<Channel>,
    pub(super) reason: SuppressionReason,
}

/// Addresses for one request.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) suppressions: Vec<Value>,
    pub(super) first_line: u64,
}

/// The rows of a file, each checked as it is read: a wrong one ends the reading, named by its line.
pub(super) struct Rows {
    reader: Reader<Chain<File, &'static [u8]>>,
    size_bytes: u64,
    columns: usize,
    defaults: Defaults,
    address: usize,
    channel: Option<usize>,
    reason: Option<usize>,
}

impl Rows {
    /// Opens a file and reads which columns it has.
    pub(super) fn open(path: &Path, defaults: Defaults) -> Result<Rows> {
        let file = File::open(path).with_context(|| format!("{} can not be read", path.display()))?;
        let size_bytes = file.metadata()?.len();
        // Lines end in `\n` only, for the library counts a line when it has passed the `\n`; the last may lack its end.
        let terminator = Terminator::Any(b'\n');
        let mut reader =
            ReaderBuilder::new().flexible(true).terminator(terminator).from_reader(file.chain(&b"\n"[..]));
        let header = reader.headers().context("the first row must name the columns")?.clone();
        let names: Vec<&str> = header.iter().map(str::trim).collect();
        let column = |name: &str| names.iter().position(|found| found.eq_ignore_ascii_case(name));
        for name in &names {
            if !["address", "channel", "reason"].iter().any(|known| name.eq_ignore_ascii_case(known)) {
                bail!("the column {name:?} is not known: there are address, channel and reason");
            }
        }
        let Some(address) = column("address") else { bail!("the first row must name the column address") };
        let (channel, reason) = (column("channel"), column("reason"));
        if channel.is_none() && defaults.channel.is_none() {
            bail!("the first row must name the column channel, unless --channel says it for all");
        }
        Ok(Rows { reader, size_bytes, columns: names.len(), defaults, address, channel, reason })
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// How much of the file is read.
    pub(super) fn read_bytes(&self) -> u64 {
        self.reader.position().byte().min(self.size_bytes)
    }

    /// The next batch; `None` at the end.
    pub(super) fn next_batch(&mut self) -> Result<Option<Batch>> {
        let mut batch = Batch { suppressions: Vec::new(), first_line: 0 };
        let mut record = StringRecord::new();
        while batch.suppressions.len() < SUPPRESSIONS_MAX && self.reader.read_record(&mut record)? {
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            let within = record.as_slice().bytes().filter(|byte| *byte == b'\n').count() as u64;
            let line = self.reader.position().line() - within - 1;
            let suppression = self.suppression(&record).with_context(|| format!("line {line}"))?;
            if batch.suppressions.is_empty() {
                batch.first_line = line;
            }
            batch.suppressions.push(suppression);
        }
        Ok((!batch.suppressions.is_empty()).then_some(batch))
    }

    fn suppression(&self, record: &StringRecord) -> Result<Value> {
        if record.len() != self.columns {
            bail!("{} cells under {} columns", record.len(), self.columns);
        }
        let cell = |column: Option<usize>| {
            column.and_then(|column| record.get(column)).map(str::trim).filter(|text| !text.is_empty())
        };
        let channel = match cell(self.channel) {
            Some(name) => name.parse().ok().context("channel must be sms, email, push or webhook")?,
            None => self.defaults.channel.context("channel is missing")?,
        };
        let reason = match cell(self.reason) {
            Some(name) => name.parse().ok().with_context(|| {
                let names = SuppressionReason::ALL.map(SuppressionReason::as_str);
                format!("reason must be one of {}", names.join(", "))
            })?,
            None => self.defaults.reason,
        };
        let address = cell(Some(self.address)).context("address is missing")?;
        if let Err(fault) = Address::parse(channel, address) {
            bail!("address {fault}");
        }
        Ok(json!({ "channel": channel, "address": address, "reason": reason }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, channel: Option<Channel>) -> Result<Vec<Batch>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, text).unwrap();
        let mut rows = Rows::open(&path, Defaults { channel, reason: SuppressionReason::Manual })?;
        let mut batches = Vec::new();
        while let Some(batch) = rows.next_batch()? {
            batches.push(batch);
        }
        assert_eq!(rows.read_bytes(), rows.size_bytes());
        Ok(batches)
    }

    #[test]
    fn rows_say_what_differs_and_the_flags_the_rest() {
        let batches =
            read("Address, reason\r\na@b.org,bounced\r\n\r\nc@d.org,\n", Some(Channel::Email)).unwrap();
        assert_eq!(batches.len(), 1);
        assert_eq!(batches[0].first_line, 2);
        assert_eq!(
            batches[0].suppressions,
            [
                json!({ "channel": "email", "address": "a@b.org", "reason": "bounced" }),
                json!({ "channel": "email", "address": "c@d.org", "reason": "manual" }),
            ]
        );
    }

    #[test]
    fn a_batch_is_as_large_as_a_request_may_be() {
        let rows: String = (0..=SUPPRESSIONS_MAX).map(|n| format!("push,token-{n}\n")).collect();
        let batches = read(&format!("channel,address\n{rows}"), None).unwrap();
        let sizes: Vec<usize> = batches.iter().map(|batch| batch.suppressions.len()).collect();
        assert_eq!((sizes, batches[1].first_line), (vec![SUPPRESSIONS_MAX, 1], 1002));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_line() {
        for (text, told) in [
            ("channel,address\nsms,+4915112345678\nsms,0151\n", "line 3: address must be an E.164 number"),
            ("channel,address\nfax,1\n", "line 2: channel must be"),
            ("channel,address\n,1\n", "line 2: channel is missing"),
            ("channel,address\nsms,\n", "line 2: address is missing"),
            ("channel,address\r\n\r\n\nsms", "line 4: 1 cells under 2 columns"),
            ("channel,address,reason\nsms,+4915112345678,why\n", "line 2: reason must be one of bounced,"),
            ("address\n+4915112345678\n", "the first row must name the column channel"),
            ("channel,number\n", "the column \"number\" is not known"),
            ("channel\n", "the first row must name the column address"),
        ] {
            let error = format!("{:#}", read(text, None).unwrap_err());
            assert!(error.starts_with(told), "{error}");
        }
    }
}
