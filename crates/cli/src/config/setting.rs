//! One value as somebody gave it, and where.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use toml::Value;

use super::key::Key;

/// Settings by key: the winners so far. A later source replaces what an earlier one gave for the same key.
pub(crate) type Settings = BTreeMap<Key, Setting>;

/// A value and its origin.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) given: Given,
    pub(crate) origin: Origin,
}

/// A value in the form in which its source gives it. Has no `Debug`: it may be a secret.
#[derive(Clone)]
pub(crate) enum Given {
    /// From a file or a default: it has a type.
    Typed(Value),
    /// From the environment or a flag: text, whose type depends on the key.
    Text(String),
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody gave it.
    Default,
    /// A line, from 1, of a file.
    File(PathBuf, usize),
    /// An environment variable.
    Variable(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path, line) => write!(f, "{}:{line}", path.display()),
            Origin::Variable(name) => f.write_str(name),
            Origin::Flag(name) => f.write_str(name),
        }
    }
}

impl Given {
    /// The value in every type that it could be meant in, the narrowest first. What fits the key is taken.
    ///
    /// A list in text is a TOML or JSON array, or values with commas between; empty text is the empty list.
    pub(crate) fn readings(&self) -> Vec<Value> {
        let text = match self {
            Given::Typed(value) => return vec![value.clone()],
            Given::Text(text) => text,
        };
        let mut readings = Vec::new();
        readings.extend(text.parse().ok().map(Value::Integer));
        readings.extend(text.parse().ok().map(Value::Float));
        readings.extend(text.parse().ok().map(Value::Boolean));
        readings.push(Value::String(text.clone()));
        readings.extend(array(text));
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        readings.push(Value::Array(items.map(|item| Value::String(item.into())).collect()));
        readings
    }
}

fn array(text: &str) -> Option<Value> {
    let table = format!("list = {text}").parse::<toml::Table>().ok()?;
    table.get("list").filter(|value| value.is_array()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(text: &str) -> Vec<String> {
        Given::Text(text.into()).readings().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn text_is_read_in_every_type_it_could_mean() {
        assert_eq!(readings("5"), ["5", "5.0", "\"5\"", "[\"5\"]"]);
        assert_eq!(readings("true"), ["true", "\"true\"", "[\"true\"]"]);
        assert_eq!(readings("a, b,"), ["\"a, b,\"", "[\"a\", \"b\"]"]);
        assert_eq!(readings(""), ["\"\"", "[]"]);
        assert_eq!(readings("[\"a\"]")[1], "[\"a\"]");
    }
}
