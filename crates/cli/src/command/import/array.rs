//! JSON: one array of events, read element by element.

use std::fmt;
use std::io::BufRead;

use anyhow::{Context as _, Result};
use serde::Deserializer as _;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::row::{Row, Take};

/// Gives each element of the array. It holds one at a time.
///
/// # Errors
/// If the document is no array, or breaks off: behind a fault of syntax nobody knows where the next element begins.
pub(super) fn read(input: impl BufRead, take: &mut Take<'_>) -> Result<()> {
    let mut is_enough = false;
    let mut document = serde_json::Deserializer::from_reader(input);
    let elements = Elements { take, is_enough: &mut is_enough };
    let read = document.deserialize_seq(elements).and_then(|()| document.end());
    if is_enough { Ok(()) } else { read.context("a JSON file must be one array of events") }
}

struct Elements<'a, 'b> {
    take: &'a mut Take<'b>,
    is_enough: &'a mut bool,
}

impl<'de> Visitor<'de> for Elements<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut number = 0;
        while let Some(element) = elements.next_element::<Box<RawValue>>()? {
            number += 1;
            if (self.take)(Row::plain(number, element)).is_break() {
                *self.is_enough = true;
                return Err(A::Error::custom("nobody wants more"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::super::lines::collect;
    use super::*;

    #[test]
    fn elements_are_given_as_they_are_written() {
        let found = collect(|take| read("\n[ {\"a\":\n 1.50}, 2 ,[]]\n".as_bytes(), take)).unwrap();
        let texts: Vec<(u64, &str)> =
            found.iter().map(|row| (row.line, row.event.as_ref().unwrap().get())).collect();
        assert_eq!(texts, [(1, "{\"a\":\n 1.50}"), (2, "2"), (3, "[]")]);
        assert!(collect(|take| read("[]".as_bytes(), take)).unwrap().is_empty());
    }

    #[test]
    fn what_comes_before_a_fault_is_given() {
        for (text, count) in [("{}", 0), ("", 0), ("[1, 2", 2), ("[1] [2]", 1), ("[1,,2]", 1)] {
            let mut seen = 0;
            let mut take = |_: Row| {
                seen += 1;
                ControlFlow::Continue(())
            };
            let error = read(text.as_bytes(), &mut take).unwrap_err();
            assert!(format!("{error:#}").contains("line "), "{error:#}");
            assert_eq!(seen, count, "{text}");
        }
    }

    #[test]
    fn reading_ends_when_nobody_wants_more() {
        assert!(read("[1, nonsense".as_bytes(), &mut |_| ControlFlow::Break(())).is_ok());
    }
}
