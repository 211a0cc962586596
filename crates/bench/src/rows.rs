//! Counting the rows with which a stream is answered, in whatever pieces they come.

use crate::answer::Taken;

/// So much of a row is kept, in bytes: its status stands at its beginning.
const ROW_BYTES: usize = 512;

/// Counts rows.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) taken: Taken,
    pub(crate) errors: u64,
    pub(crate) error: Option<String>,
    /// The row that has not ended yet, as far as it is kept.
    begun: Vec<u8>,
}

impl Rows {
    /// Takes the next piece.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        let mut rows = piece.split_inclusive(|byte| *byte == b'\n');
        if !self.begun.is_empty()
            && let Some(end) = rows.next()
        {
            let mut row = std::mem::take(&mut self.begun);
            row.extend_from_slice(end);
            self.whole_or_begun(&row);
        }
        for row in rows {
            self.whole_or_begun(row);
        }
    }

    fn whole_or_begun(&mut self, row: &[u8]) {
        match row.strip_suffix(b"\n") {
            Some(row) => self.count(row),
            None => self.begun = row[..row.len().min(ROW_BYTES)].to_vec(),
        }
    }

    fn count(&mut self, row: &[u8]) {
        match status(row) {
            Some(b"created") => self.taken.created += 1,
            Some(b"duplicate") => self.taken.duplicates += 1,
            _ => {
                self.errors += 1;
                let row = &row[..row.len().min(ROW_BYTES)];
                self.error.get_or_insert_with(|| {
                    format!("a line was not accepted: {}", String::from_utf8_lossy(row))
                });
            }
        }
    }
}

/// The status that a row begins with.
fn status(row: &[u8]) -> Option<&[u8]> {
    const KEY: &[u8] = b"\"status\":\"";
    let start = row.windows(KEY.len()).take(64).position(|window| window == KEY)? + KEY.len();
    let length = row[start..].iter().position(|byte| *byte == b'"')?;
    Some(&row[start..start + length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_wherever_the_pieces_end() {
        let text = concat!(
            r#"{"line":1,"status":"created","id":"a"}"#,
            "\n",
            r#"{"line":2,"status":"duplicate","id":"a"}"#,
            "\n",
            r#"{"line":3,"status":"invalid","id":null}"#,
            "\n",
        );
        for size in 1..text.len() {
            let mut rows = Rows::default();
            text.as_bytes().chunks(size).for_each(|piece| rows.push(piece));
            assert_eq!(rows.taken, Taken { created: 1, duplicates: 1 }, "{size}");
            assert_eq!(rows.errors, 1);
            assert!(rows.error.unwrap().contains(r#""line":3"#));
        }
    }
}
