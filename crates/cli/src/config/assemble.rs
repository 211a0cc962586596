//! Makes a configuration out of settings, and says of every setting that does not fit why it does not.
//!
//! Each setting is tried on its own first. That way every fault is found, not only the first, and each belongs to one
//! key and one place.

use std::collections::BTreeMap;

use angaros_domain::Channel;
use angaros_providers::ProviderSettings;
use toml::{Table, Value};

use super::Config;
use super::expected::{in_words, is_own, missing_field};
use super::key::Key;
use super::problem::Problem;
use super::providers::{self, KINDS, Providers};
use super::schema::Schema;
use super::setting::{Given, Origin, Setting, Settings};
use super::suggest::{nearest, nearest_key};

/// The configuration that `settings` make. What does not fit is reported and left out.
pub(crate) fn assemble(settings: &Settings, problems: &mut Vec<Problem>) -> Config {
    let schema = Schema::new();
    let kinds = kinds(settings, problems);
    let mut tree = Table::new();
    for (key, setting) in settings {
        let known = match key.provider() {
            // The provider itself is at fault, and reported already.
            Some(name) if !kinds.contains_key(name) => continue,
            Some(name) => Schema::of_provider(name, &kinds[name]),
            None => schema.fixed().to_vec(),
        };
        if known.contains(key) {
            let kind = key.provider().map(|name| kinds[name].as_str());
            match typed(key, setting, kind) {
                Ok(value) => insert(&mut tree, key, value),
                Err(detail) => {
                    let origin = setting.origin.clone();
                    problems.push(Problem::Invalid { key: key.clone(), origin, detail });
                }
            }
        } else if schema.is_table(key) {
            if !matches!(&setting.given, Given::Typed(Value::Table(_))) {
                let (key, origin) = (key.clone(), setting.origin.clone());
                problems.push(Problem::Invalid { key, origin, detail: "must be a table".into() });
            }
        } else {
            let hint = hint(key, &setting.origin, &known);
            problems.push(Problem::UnknownKey { key: key.clone(), origin: setting.origin.clone(), hint });
        }
    }
    let mut config = build(tree, settings, problems);
    derive_defaults(&mut config, settings);
    config
}

/// The kind of every provider that has a proper name and kind.
fn kinds(settings: &Settings, problems: &mut Vec<Problem>) -> BTreeMap<String, String> {
    let mut first_origins = BTreeMap::new();
    for (key, setting) in settings {
        let empty_table = matches!(&setting.given, Given::Typed(Value::Table(_)));
        let name = match key.parts() {
            [first, name] if first == "providers" && empty_table => Some(name.as_str()),
            _ => key.provider(),
        };
        if let Some(name) = name {
            first_origins.entry(name.to_owned()).or_insert(setting.origin.clone());
        }
    }
    let mut kinds = BTreeMap::new();
    for (name, first_origin) in first_origins {
        let key = Key::new(["providers", name.as_str(), "kind"]);
        let mut refuse = |origin: &Origin, detail: String| {
            problems.push(Problem::Invalid { key: key.clone(), origin: origin.clone(), detail });
        };
        let Some(setting) = settings.get(&key) else {
            refuse(&first_origin, format!("is missing: it must be one of {}", KINDS.join(", ")));
            continue;
        };
        let given = setting.given.readings().into_iter().find_map(|value| value.as_str().map(str::to_owned));
        let kind = given.unwrap_or_default();
        if !providers::is_name(&name) {
            refuse(&setting.origin, "belongs to a name that is not 1 to 64 of a-z, 0-9, _ and -".into());
        } else if KINDS.contains(&kind.as_str()) {
            kinds.insert(name, kind);
        } else {
            let meant = nearest(&kind, KINDS).map(|name| format!("; did you mean {name:?}?"));
            refuse(
                &setting.origin,
                format!("must be one of {}{}", KINDS.join(", "), meant.unwrap_or_default()),
            );
        }
    }
    kinds
}

/// The value in the type that the key has.
fn typed(key: &Key, setting: &Setting, kind: Option<&str>) -> Result<Value, String> {
    let mut details = Vec::new();
    for value in setting.given.readings() {
        let mut tree = Table::new();
        if let Some(kind) = kind {
            insert(&mut tree, &key.table().child("kind"), kind.into());
        }
        insert(&mut tree, key, value.clone());
        match Value::Table(tree).try_into::<Config>() {
            Ok(_) => return Ok(value),
            // Only this one key is there, so that others are missing is no fault of it.
            Err(error) if missing_field(error.message()).is_some() => return Ok(value),
            // Several readings, several complaints: our own types say best what they want.
            Err(error) if is_own(error.message()) => details.insert(0, in_words(error.message())),
            Err(error) => details.push(in_words(error.message())),
        }
    }
    Err(details.into_iter().next().unwrap_or_default())
}

fn insert(tree: &mut Table, key: &Key, value: Value) {
    let mut table = tree;
    for part in key.table().parts() {
        let entry = table.entry(part.clone()).or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(inner) = entry else { return };
        table = inner;
    }
    table.insert(key.name().into(), value);
}

/// Deserialises what fits. Providers go one by one: each may lack something.
fn build(mut tree: Table, settings: &Settings, problems: &mut Vec<Problem>) -> Config {
    let mut built = Providers::new();
    if let Some(Value::Table(tables)) = tree.remove("providers") {
        for (name, table) in tables {
            let Value::Table(table) = table else { continue };
            built.extend(provider(&name, table, settings, problems).map(|settings| (name, settings)));
        }
    }
    let mut config = match Value::Table(tree).try_into::<Config>() {
        Ok(config) => config,
        Err(error) => {
            // Every part was tried before; should the whole not fit even so, the start must stop all the same.
            problems.push(Problem::File { place: "configuration".into(), detail: in_words(error.message()) });
            Config::default()
        }
    };
    config.providers = built;
    config
}

fn provider(
    name: &str,
    mut table: Table,
    settings: &Settings,
    problems: &mut Vec<Problem>,
) -> Option<ProviderSettings> {
    loop {
        let error = match Value::Table(table.clone()).try_into::<ProviderSettings>() {
            Ok(settings) => return Some(settings),
            Err(error) => error,
        };
        let kind = Key::new(["providers", name, "kind"]);
        let origin = settings.get(&kind).map_or(Origin::Default, |setting| setting.origin.clone());
        let Some(field) = missing_field(error.message()).filter(|field| !table.contains_key(*field)) else {
            problems.push(Problem::Invalid { key: kind, origin, detail: in_words(error.message()) });
            return None;
        };
        let key = Key::new(["providers", name, field]);
        if !problems.iter().any(|problem| problem.concerns(&key)) {
            problems.push(Problem::Invalid {
                key,
                origin,
                detail: "is missing: this kind of provider needs it".into(),
            });
        }
        table.insert(field.to_owned(), Value::String(String::new()));
    }
}

/// Defaults that depend on other settings.
fn derive_defaults(config: &mut Config, settings: &Settings) {
    let is_default = |key: &Key| settings.get(key).is_none_or(|setting| setting.origin == Origin::Default);
    if is_default(&Key::dotted("channels.email.providers"))
        && let Some(name) = providers::first_smtp(&config.providers)
    {
        config.channels.email.providers = vec![name.to_owned()];
    }
    // Who shortens the lease should not have to shorten every time-out as well.
    let longest = (config.delivery.lease_seconds.saturating_mul(2) / 3).max(1);
    for (name, provider) in &mut config.providers {
        if is_default(&Key::new(["providers", name, "timeout_seconds"]))
            && let Some(seconds) = providers::timeout_seconds_mut(provider)
        {
            *seconds = longest.min(*seconds);
        }
    }
}

/// What may have been meant, as the end of a sentence.
fn hint(key: &Key, origin: &Origin, known: &[Key]) -> String {
    let channels = Channel::ALL.map(Channel::as_str);
    if let [first, name, ..] = key.parts()
        && first == "channels"
        && !channels.contains(&name.as_str())
    {
        let meant = nearest(name, channels).map(|near| format!("; did you mean {near:?}?"));
        return format!(": {name:?} must be one of {}{}", channels.join(", "), meant.unwrap_or_default());
    }
    let names: Vec<String> = known.iter().map(Key::to_string).collect();
    if let Some(near) = nearest_key(&key.to_string(), &names) {
        return match origin {
            Origin::Variable(_) => format!(": did you mean {}?", Key::dotted(near).variable()),
            _ => format!(": did you mean `{near}`?"),
        };
    }
    let table = key.table();
    let siblings: Vec<&str> = known.iter().filter(|known| known.table() == table).map(Key::name).collect();
    match siblings.as_slice() {
        [] => ": angaros.example.toml shows all keys".into(),
        siblings => format!(": [{table}] has {}", siblings.join(", ")),
    }
}
