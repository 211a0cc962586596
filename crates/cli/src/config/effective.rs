//! What holds, and why, for people who wonder.

use super::Config;
use super::key::Key;
use super::providers;
use super::schema;
use super::setting::Settings;

/// A key, its value and where that comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effective {
    /// The dotted key.
    pub(crate) key: String,
    /// The value; `(hidden)` for a secret, `(not set)` for none.
    pub(crate) value: String,
    /// `default`, a file with its line, a variable or a flag.
    pub(crate) source: String,
}

/// Every key of `config`, by table.
pub(crate) fn of(config: &Config, settings: &Settings) -> Vec<Effective> {
    let mut shown = schema::shown(config);
    for (name, provider) in &config.providers {
        let table = Key::new(["providers", name]);
        shown.push((table.child("kind"), Some(providers::kind(provider).into())));
        shown
            .extend(providers::shown(provider).into_iter().map(|(field, value)| (table.child(field), value)));
    }
    let line = |(key, value): (Key, Option<String>)| Effective {
        source: settings.get(&key).map_or_else(|| "default".into(), |setting| setting.origin.to_string()),
        key: key.to_string(),
        value: value.unwrap_or_else(|| "(not set)".into()),
    };
    shown.into_iter().map(line).collect()
}
