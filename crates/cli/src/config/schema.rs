//! Every key there is, taken from the types themselves.

use serde_json::Value;

use super::Config;
use super::key::Key;
use super::providers;

/// The keys outside `[providers]` with their values as they may be shown; `None` is not set.
pub(crate) fn shown(config: &Config) -> Vec<(Key, Option<String>)> {
    let mut found = Vec::new();
    // Settings are plain data, which always serialises.
    if let Ok(value) = serde_json::to_value(config) {
        collect(&value, &Key::new::<String>([]), &mut found);
    }
    found
}

fn collect(value: &Value, key: &Key, found: &mut Vec<(Key, Option<String>)>) {
    match value {
        Value::Object(table) => {
            for (name, value) in table {
                collect(value, &key.child(name), found);
            }
        }
        Value::Null => found.push((key.clone(), None)),
        Value::String(text) => found.push((key.clone(), Some(text.clone()))),
        value => found.push((key.clone(), Some(value.to_string()))),
    }
}

/// What is known of the keys.
pub(crate) struct Schema {
    /// Outside `[providers]`.
    fixed: Vec<Key>,
}

impl Schema {
    /// The keys of this version.
    pub(crate) fn new() -> Schema {
        Schema { fixed: shown(&Config::default()).into_iter().map(|(key, _)| key).collect() }
    }

    /// The keys outside `[providers]`.
    pub(crate) fn fixed(&self) -> &[Key] {
        &self.fixed
    }

    /// The keys in the table of a provider called `name` of this `kind`.
    pub(crate) fn of_provider(name: &str, kind: &str) -> Vec<Key> {
        let table = Key::new(["providers", name]);
        let fields = providers::fresh(kind).map(|settings| providers::shown(&settings)).unwrap_or_default();
        std::iter::once("kind")
            .chain(fields.into_iter().map(|(field, _)| field))
            .map(|field| table.child(field))
            .collect()
    }

    /// Whether `key` is a table that holds keys, directly or further in.
    pub(crate) fn is_table(&self, key: &Key) -> bool {
        let parts = key.parts();
        self.fixed.iter().any(|known| known.parts().len() > parts.len() && known.parts().starts_with(parts))
            || parts.first().is_some_and(|first| first == "providers") && parts.len() <= 2
    }
}
