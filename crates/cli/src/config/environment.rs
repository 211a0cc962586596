//! Reads settings from environment variables.

use super::key::Key;
use super::setting::{Given, Origin, Setting, Settings};

/// Begins the name of every variable that is a setting.
const PREFIX: &str = "ANGAROS_";

/// Variables with the prefix that are no settings: flags of commands that may be given this way.
const FLAGS: [&str; 3] = ["ANGAROS_URL", "ANGAROS_API_KEY", "ANGAROS_ROLE"];

/// Names that other programs know as well. `ANGAROS_STORAGE__URL` and `ANGAROS_REDIS__URL` win over them, being meant
/// for this program alone.
const COMMON_NAMES: [(&str, &str); 2] = [("DATABASE_URL", "storage.url"), ("REDIS_URL", "redis.url")];

/// The variable that names the collector of traces.
pub(crate) const OTLP_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// The variables of this process. A value that is not UTF-8 is passed on with replacement characters, to be refused.
pub(crate) fn of_this_process() -> Vec<(String, String)> {
    let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value))).collect()
}

/// The settings among `variables`. An empty common name is as good as none.
///
/// `providers` are the names of the providers known so far: a `-` in a name cannot stand in a variable's, so `_` there
/// means either.
pub(crate) fn read(variables: &[(String, String)], providers: &[String]) -> Settings {
    let mut settings = Settings::new();
    let mut set = |key: Key, name: &str, value: &str| {
        let origin = Origin::Variable(name.into());
        settings.insert(key, Setting { given: Given::Text(value.into()), origin });
    };
    for (name, value) in variables {
        if let Some((_, key)) = COMMON_NAMES.iter().find(|(common, _)| common == name)
            && !value.is_empty()
        {
            set(Key::dotted(key), name, value);
        }
    }
    for (name, value) in variables {
        if let Some(path) = name.strip_prefix(PREFIX)
            && !FLAGS.contains(&name.as_str())
        {
            set(key(path, providers), name, value);
        }
    }
    settings
}

fn key(path: &str, providers: &[String]) -> Key {
    let mut parts: Vec<String> = path.split("__").map(str::to_lowercase).collect();
    if let [first, name, ..] = parts.as_mut_slice()
        && first == "providers"
        && let Some(known) = providers.iter().find(|known| known.replace('-', "_") == *name)
    {
        name.clone_from(known);
    }
    Key::new(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(variables: &[(&str, &str)]) -> Vec<String> {
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let settings = read(&variables, &["mail-eu".into()]);
        settings.iter().map(|(key, set)| format!("{key} {}", set.origin)).collect()
    }

    #[test]
    fn two_underscores_part_the_levels() {
        assert_eq!(
            keys(&[("ANGAROS_SERVER__BODY_BYTES_MAX", "1")]),
            ["server.body_bytes_max ANGAROS_SERVER__BODY_BYTES_MAX"]
        );
        assert_eq!(
            keys(&[("ANGAROS_PROVIDERS__MAIL_EU__URL", "x")]),
            ["providers.mail-eu.url ANGAROS_PROVIDERS__MAIL_EU__URL"]
        );
    }

    #[test]
    fn common_names_count_unless_empty_or_overruled() {
        assert_eq!(
            keys(&[("DATABASE_URL", "x"), ("REDIS_URL", ""), ("PATH", "x")]),
            ["storage.url DATABASE_URL"]
        );
        for variables in [
            [("DATABASE_URL", "x"), ("ANGAROS_STORAGE__URL", "y")],
            [("ANGAROS_STORAGE__URL", "y"), ("DATABASE_URL", "x")],
        ] {
            assert_eq!(keys(&variables), ["storage.url ANGAROS_STORAGE__URL"]);
        }
    }

    #[test]
    fn what_clients_read_is_no_setting() {
        assert_eq!(keys(&[("ANGAROS_URL", "x"), ("ANGAROS_API_KEY", "x"), ("ANGAROS_ROLE", "x")]), [""; 0]);
        assert_eq!(keys(&[("ANGAROS_LISTEN", "x")]), ["listen ANGAROS_LISTEN"]);
    }
}
