//! NDJSON: one event a line.

use std::io::{self, BufRead};

use anyhow::Result;
use serde_json::Value;
use serde_json::value::RawValue;

use super::row::{Fault, ROW_BYTES_MAX, Row, Take};

/// Gives each line that is not blank, whether it is JSON or not.
pub(super) fn read(mut input: impl BufRead, take: &mut Take<'_>) -> Result<()> {
    let mut text = Vec::new();
    let mut number = 0;
    while let Some(is_whole) = next_line(&mut input, &mut text)? {
        number += 1;
        let row = match (is_whole, text.trim_ascii()) {
            (true, []) => continue,
            (true, line) => row(number, line),
            (false, _) => Row::too_long(number),
        };
        if take(row).is_break() {
            break;
        }
    }
    Ok(())
}

fn row(number: u64, line: &[u8]) -> Row {
    let text = String::from_utf8_lossy(line);
    match serde_json::from_slice::<Box<RawValue>>(line) {
        Ok(event) => Row::plain(number, event),
        Err(error) => {
            let fault = Fault::of_row(format!("is not JSON: {}", in_one_line(&error)));
            Row { line: number, event: Err(vec![fault]), written: Some(Value::String(text.into_owned())) }
        }
    }
}

/// An error of a text that has one line only.
fn in_one_line(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}

/// Reads a line without its end; `None` at the end of the input, `false` if the line is too long. What is too long is
/// not held.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    let (mut is_whole, mut is_begun) = (true, false);
    loop {
        let piece = input.fill_buf()?;
        if piece.is_empty() {
            return Ok(is_begun.then_some(is_whole));
        }
        is_begun = true;
        let end = piece.iter().position(|byte| *byte == b'\n');
        let content = &piece[..end.unwrap_or(piece.len())];
        is_whole = is_whole && line.len() + content.len() <= ROW_BYTES_MAX;
        if is_whole {
            line.extend_from_slice(content);
        } else {
            line.clear();
        }
        let used = end.map_or(piece.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(Some(is_whole));
        }
    }
}

/// Gives rows until nobody wants more; for tests of the other formats too.
#[cfg(test)]
pub(super) fn collect(read: impl FnOnce(&mut Take<'_>) -> Result<()>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    read(&mut |row| {
        rows.push(row);
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;
    use std::ops::ControlFlow;

    use super::*;

    fn rows(text: &str) -> Vec<Row> {
        // A small buffer, so that lines are put together from pieces.
        collect(|take| read(BufReader::with_capacity(7, text.as_bytes()), take)).unwrap()
    }

    #[test]
    fn lines_keep_their_numbers_and_their_text() {
        let found = rows("{\"a\": 1e2}\r\n\n  \n[2]\nnonsense\n{}");
        let lines: Vec<u64> = found.iter().map(|row| row.line).collect();
        assert_eq!(lines, [1, 4, 5, 6]);
        assert_eq!(found[0].event.as_ref().unwrap().get(), "{\"a\": 1e2}");
        let faults = found[2].event.as_ref().unwrap_err();
        assert_eq!(faults[0].detail, "is not JSON: expected ident at column 2");
        assert_eq!(found[2].written, Some("nonsense".into()));
        assert!(rows("").is_empty() && rows("\n\n").is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let long = format!("\"{}\"\n{{}}\n", "x".repeat(ROW_BYTES_MAX));
        let found = rows(&long);
        assert_eq!(found.len(), 2);
        assert!(found[0].event.as_ref().unwrap_err()[0].detail.starts_with("is longer than"));
        assert!(found[1].event.is_ok());
    }

    #[test]
    fn reading_ends_when_nobody_wants_more() {
        let mut seen = 0;
        let mut take = |_: Row| {
            seen += 1;
            ControlFlow::Break(())
        };
        read("1\n2\n3\n".as_bytes(), &mut take).unwrap();
        assert_eq!(seen, 1);
    }
}
