//! What serde says about a request, in words for its sender: where, and what is expected there.
//!
//! The offending value is never repeated. It may be secret, and it may be long.

use angaros_domain::Violation;
use serde_path_to_error::{Path, Segment};

/// The longest key that is shown of a request, in characters.
const KEY_CHARACTERS_MAX: usize = 64;

/// Where a fault is, as segments from the root, and what it is.
pub(super) struct Fault {
    /// From the root to the faulty place.
    pub(super) path: Vec<String>,
    /// In words.
    pub(super) detail: String,
}

impl Fault {
    /// From serde's path and message.
    pub(super) fn new(path: &Path, message: &str) -> Fault {
        let mut path: Vec<String> = path.iter().filter_map(segment).collect();
        // A fault in a struct as a whole names the field in its message.
        let mut named = |start: &str| {
            let name = message.strip_prefix(start)?.split('`').next()?;
            path.push(name.to_owned());
            Some(())
        };
        let detail = if named("missing field `").is_some() {
            "is required".to_owned()
        } else if named("duplicate field `").is_some() {
            super::strict::REPEATED.to_owned()
        } else {
            explain(message)
        };
        Fault { path, detail }
    }

    /// As a violation with a JSON pointer in a URI fragment (RFC 6901 sections 3 and 6).
    pub(super) fn in_body(self) -> Violation {
        let mut pointer = "#".to_owned();
        for segment in &self.path {
            pointer.push('/');
            escape(segment, &mut pointer);
        }
        Violation::new(pointer, self.detail)
    }
}

/// The pointer to a key of a body that is an object.
pub(crate) fn place(key: &str) -> String {
    let mut pointer = "#/".to_owned();
    escape(&shown(key), &mut pointer);
    pointer
}

/// As much of a key as is shown.
fn shown(key: &str) -> String {
    key.chars().take(KEY_CHARACTERS_MAX).collect()
}

fn segment(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(shown(key)),
        // The name of an enum's variant is no place in the document.
        Segment::Enum { .. } | Segment::Unknown => None,
    }
}

fn escape(segment: &str, out: &mut String) {
    for byte in segment.bytes() {
        match byte {
            b'~' => out.push_str("~0"),
            b'/' => out.push_str("~1"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b':' | b'@' | b'$' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

/// Turns serde's messages around: `invalid type: string "x", expected u32` becomes `must be a whole number ...`.
fn explain(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(before, _)| before);
    if message.starts_with("unknown field `") {
        return "is not a known field".to_owned();
    }
    if message.starts_with("UUID parsing failed") {
        return "must be a UUID".to_owned();
    }
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("must be {}", name(expected)),
        None => message.to_owned(),
    }
}

/// Rust's and serde's names of types, as JSON calls them.
fn name(expected: &str) -> String {
    match expected {
        "u32" | "usize" => "a whole number that is not negative".to_owned(),
        "a sequence" => "an array".to_owned(),
        "a map" => "an object".to_owned(),
        "a boolean" => "true or false".to_owned(),
        _ if expected.starts_with("struct ") => "an object".to_owned(),
        _ => expected.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_not_repeated() {
        for (message, detail) in [
            (
                "invalid type: string \"top, expected secret\", expected u32 at line 1 column 9",
                "must be a whole number that is not negative",
            ),
            ("unknown variant `fax`, expected one of `sms`, `email`", "must be one of `sms`, `email`"),
            ("unknown field `x`, expected `a` or `b`", "is not a known field"),
            ("invalid type: integer `5`, expected a string at line 2 column 3", "must be a string"),
            ("UUID parsing failed: invalid length at line 1 column 2", "must be a UUID"),
            ("is given twice at line 1 column 2", "is given twice"),
        ] {
            assert_eq!(explain(message), detail);
        }
    }

    #[test]
    fn pointers_are_escaped() {
        let mut out = String::new();
        escape("a/b~c d\u{e9}\"", &mut out);
        assert_eq!(out, "a~1b~0c%20d%C3%A9%22");
    }
}
