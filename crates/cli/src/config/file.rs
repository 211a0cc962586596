//! Reads a configuration file into settings, each with its line.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::key::Key;
use super::problem::Problem;
use super::setting::{Given, Origin, Setting, Settings};

/// Every value in `text`, the content of `path`.
///
/// A table is a way to values and no value itself; only an empty one counts, so that a misspelt one is noticed.
pub(crate) fn read(path: &Path, text: &str) -> Result<Settings, Problem> {
    let fault = |error: &toml::de::Error| {
        // Not the parser's own report, which quotes the line: it may hold a secret.
        let line = error.span().map_or(1, |span| line_at(text, span.start));
        Problem::File { place: format!("{}:{line}", path.display()), detail: error.message().into() }
    };
    let table: Table = text.parse().map_err(|error| fault(&error))?;
    let spans = DeTable::parse(text).map_err(|error| fault(&error))?;
    let mut lines = BTreeMap::new();
    collect_lines(spans.get_ref(), &Key::new::<String>([]), text, &mut lines);

    let mut settings = Settings::new();
    collect(&table, &Key::new::<String>([]), &mut |key, value| {
        let line = lines.get(&key).copied().unwrap_or(1);
        let origin = Origin::File(path.to_path_buf(), line);
        settings.insert(key, Setting { given: Given::Typed(value.clone()), origin });
    });
    Ok(settings)
}

fn collect(table: &Table, prefix: &Key, found: &mut impl FnMut(Key, &Value)) {
    for (name, value) in table {
        let key = prefix.child(name);
        match value {
            Value::Table(inner) if !inner.is_empty() => collect(inner, &key, found),
            value => found(key, value),
        }
    }
}

fn collect_lines(table: &DeTable<'_>, prefix: &Key, text: &str, lines: &mut BTreeMap<Key, usize>) {
    for (name, value) in table {
        let key = prefix.child(name.get_ref());
        if let DeValue::Table(inner) = Spanned::get_ref(value) {
            collect_lines(inner, &key, text, lines);
        }
        lines.insert(key, line_at(text, name.span().start));
    }
}

/// The line, from 1, that the byte at `offset` lies in.
fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_line() {
        let text = "# a\n[server]\nlisten = \"x\"\n\n[channels]\nsms = { rate_per_second = 5 }\n[empty]\n";
        let settings = read(Path::new("a.toml"), text).ok().unwrap();
        let places: Vec<_> = settings.iter().map(|(key, set)| format!("{key} {}", set.origin)).collect();
        assert_eq!(
            places,
            ["channels.sms.rate_per_second a.toml:6", "empty a.toml:7", "server.listen a.toml:3"]
        );
    }

    #[test]
    fn a_fault_names_the_line_and_never_quotes_it() {
        let problem = read(Path::new("a.toml"), "[redis]\nurl = \"hunter2\n").err().unwrap().to_string();
        assert!(problem.starts_with("a.toml:2: "), "{problem}");
        assert!(!problem.contains("hunter2"), "{problem}");
        let twice = read(Path::new("a.toml"), "[a]\nb = 1\nb = 2\n").err().unwrap().to_string();
        assert!(twice.starts_with("a.toml:3: duplicate key"), "{twice}");
    }
}
