//! CSV: one event a row, under a row that names the columns.

use std::io::BufRead;

use anyhow::{Context as _, Result};
use csv::{ByteRecord, ReaderBuilder, Terminator};
use serde_json::Value;
use serde_json::value::to_raw_value;

use super::columns::Columns;
use super::row::{Fault, ROW_BYTES_MAX, Row, Take};

/// Gives each row. Line numbers are those of the file, also behind blank lines and cells that hold line ends.
///
/// # Errors
/// If the header is none; that shows before any row is given.
pub(super) fn read(input: impl BufRead, take: &mut Take<'_>) -> Result<()> {
    // Lines end in `\n` only: the library counts a line when it has passed the `\n`, and if it took `\r` for an end it
    // would not have passed it yet.
    let terminator = Terminator::Any(b'\n');
    // The last row may lack its end.
    let input = input.chain(&b"\n"[..]);
    let mut reader = ReaderBuilder::new().flexible(true).terminator(terminator).from_reader(input);
    let columns = Columns::of(reader.headers().context("the first row must name the columns")?.iter())?;
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record)? {
        let within = record.as_slice().iter().filter(|byte| **byte == b'\n').count() as u64;
        let line = reader.position().line() - within - 1;
        let mut cells: Vec<&[u8]> = record.iter().collect();
        if let Some(last) = cells.last_mut() {
            *last = last.strip_suffix(b"\r").unwrap_or(last);
        }
        if cells == [b""] {
            continue;
        }
        if take(row(&columns, line, &cells)).is_break() {
            break;
        }
    }
    Ok(())
}

fn row(columns: &Columns, line: u64, cells: &[&[u8]]) -> Row {
    if cells.iter().map(|cell| cell.len()).sum::<usize>() > ROW_BYTES_MAX {
        return Row::too_long(line);
    }
    let bad = |fault: String| {
        let written = cells.iter().map(|cell| Value::from(String::from_utf8_lossy(cell))).collect();
        Row { line, event: Err(vec![Fault::of_row(fault)]), written: Some(written) }
    };
    if cells.len() != columns.count() {
        return bad(format!("has {} cells under {} columns", cells.len(), columns.count()));
    }
    let texts: Vec<&str> = match cells.iter().map(|cell| str::from_utf8(cell)).collect() {
        Ok(texts) => texts,
        Err(error) => return bad(format!("is not UTF-8: {error}")),
    };
    let event = columns.event(texts.iter().copied()).and_then(|event| {
        to_raw_value(&event).map_err(|error| vec![Fault::of_row(format!("is no event: {error}"))])
    });
    Row { line, event, written: Some(columns.written(texts.into_iter())) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::lines::collect;
    use super::*;

    fn rows(text: &[u8]) -> Vec<Row> {
        collect(|take| read(text, take)).unwrap()
    }

    #[test]
    fn rows_know_where_they_begin_and_how_they_were_written() {
        for (text, lines) in [
            (&b"type,metadata\r\na,\"{\"\"x\"\":\n1}\"\r\n\r\nb,\r\n"[..], [2, 5]),
            (b"type,metadata\n\n\na,\n\nb,", [4, 6]),
            (b"type,metadata\na,\"\n\"\nb,\"\n\"", [2, 4]),
        ] {
            assert_eq!(rows(text).iter().map(|row| row.line).collect::<Vec<_>>(), lines);
        }
        let found = rows(b"type,metadata\r\na,\"{\"\"x\"\":\n1}\"\r\n");
        assert_eq!(found[0].event.as_ref().unwrap().get(), r#"{"metadata":{"x":1},"type":"a"}"#);
        assert_eq!(found[0].written, Some(json!({ "type": "a", "metadata": "{\"x\":\n1}" })));
    }

    #[test]
    fn a_broken_row_does_not_break_the_next() {
        let found = rows(b"type,tags\nshort\na,\xff\nb,[\nc,,\nd,e\n");
        let details: Vec<Option<&str>> = found
            .iter()
            .map(|row| row.event.as_ref().err().map(|faults| faults[0].detail.as_str()))
            .collect();
        assert_eq!(details[0], Some("has 1 cells under 2 columns"));
        assert!(details[1].unwrap().starts_with("is not UTF-8: "));
        assert!(details[2].unwrap().starts_with("is no JSON array"));
        assert_eq!((details[3], details[4]), (Some("has 3 cells under 2 columns"), None));
        assert_eq!(found[0].written, Some(json!(["short"])));
    }

    #[test]
    fn a_table_needs_a_header() {
        for text in ["", "name,when\n1,2\n"] {
            assert!(collect(|take| read(text.as_bytes(), take)).is_err(), "{text}");
        }
    }
}
