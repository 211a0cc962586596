//! Which source wins, and how each gives values.

use std::path::PathBuf;

use super::*;

#[test]
fn flags_beat_the_environment_which_beats_the_file_which_beats_defaults() {
    let file = "[server]\nlisten = \"127.0.0.1:1\"\n";
    let variables = [("ANGAROS_SERVER__LISTEN", "127.0.0.1:2")];
    let flags = Overrides { listen: Some("127.0.0.1:3".into()), ..Overrides::default() };
    let source = |text, variables, overrides: &Overrides| {
        shown(&load_with(text, variables, overrides).ok().unwrap(), "server.listen")
    };
    let none = Overrides::default();
    assert_eq!(source("", &[], &none), ("127.0.0.1:8080".into(), "default".into()));
    assert_eq!(source(file, &[], &none), ("127.0.0.1:1".into(), "angaros.toml:2".into()));
    assert_eq!(source(file, &variables, &none), ("127.0.0.1:2".into(), "ANGAROS_SERVER__LISTEN".into()));
    assert_eq!(source(file, &variables, &flags), ("127.0.0.1:3".into(), "--listen".into()));
}

#[test]
fn every_type_can_come_from_the_environment() {
    let loaded = good(
        "",
        &[
            ("ANGAROS_SERVER__BODY_BYTES_MAX", "2048"),
            ("ANGAROS_SERVER__TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1"),
            ("ANGAROS_SECURITY__REQUIRE_KEYS", "true"),
            ("ANGAROS_SECURITY__OUTBOUND_ALLOW", "[\"127.0.0.0/8\"]"),
            ("ANGAROS_DELIVERY__RETRY__BASE_SECONDS", "1"),
            ("ANGAROS_DELIVERY__RETRY__FACTOR", "1.5"),
            ("ANGAROS_CHANNELS__SMS__PROVIDERS", "sandbox"),
            ("ANGAROS_CHANNELS__SMS__ON_LOST_WORKER", "fail"),
            ("ANGAROS_CHANNELS__SMS__RETRY__MAX_ATTEMPTS", "9"),
            ("ANGAROS_PROVIDERS__SANDBOX__SUCCESS_RATE", "0.5"),
            ("ANGAROS_PROVIDERS__HOOK__KIND", "webhook"),
            ("ANGAROS_PROVIDERS__HOOK__URL", "https://example.org/in"),
        ],
    );
    let config = &loaded.config;
    assert_eq!(config.server.body_bytes_max, 2048);
    let proxies: Vec<_> = config.server.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(proxies, ["10.0.0.0/8", "192.0.2.1/32"]);
    assert!(config.security.require_keys);
    assert_eq!(config.security.outbound_allow.len(), 1);
    assert_eq!((config.delivery.retry.base_seconds, config.delivery.retry.factor), (1.0, 1.5));
    assert_eq!(config.max_attempts(Channel::Sms), 9);
    assert_eq!(shown(&loaded, "providers.sandbox.success_rate").0, "0.5");
    assert_eq!(
        shown(&loaded, "providers.hook.url"),
        ("(hidden)".into(), "ANGAROS_PROVIDERS__HOOK__URL".into())
    );
}

#[test]
fn text_that_looks_like_a_number_stays_text_where_text_is_wanted() {
    let loaded = good("", &[("DATABASE_URL", "sqlite://1"), ("ANGAROS_REDIS__PREFIX", "5")]);
    assert_eq!(loaded.config.storage.url.file(), Some(Path::new("1")));
    assert_eq!(loaded.config.redis.prefix, "5");
}

#[test]
fn an_empty_list_can_be_given() {
    let loaded =
        good("[server]\ntrusted_proxies = [\"10.0.0.0/8\"]\n", &[("ANGAROS_SERVER__TRUSTED_PROXIES", "")]);
    assert!(loaded.config.server.trusted_proxies.is_empty());
}

#[test]
fn the_store_can_be_named_in_four_ways() {
    let path = |text, variables, overrides: &Overrides| {
        load_with(text, variables, overrides).ok().unwrap().config.storage.url.file().unwrap().to_path_buf()
    };
    let file = "[storage]\nurl = \"sqlite:///var/lib/a.db\"\n";
    let none = Overrides::default();
    let flags = Overrides { data_dir: Some("data".into()), ..Overrides::default() };
    assert_eq!(path(file, &[], &none), PathBuf::from("/var/lib/a.db"));
    assert_eq!(path(file, &[("DATABASE_URL", "sqlite://b.db")], &none), PathBuf::from("b.db"));
    let both = [("DATABASE_URL", "sqlite://b.db"), ("ANGAROS_STORAGE__URL", "sqlite://c.db")];
    assert_eq!(path(file, &both, &none), PathBuf::from("c.db"));
    assert_eq!(path(file, &both, &flags), PathBuf::from("data/angaros.db"));
    let elsewhere = [("DATABASE_URL", "postgres://u:hunter2@h/db")];
    assert_eq!(
        path("", &elsewhere, &flags),
        PathBuf::from("data/angaros.db"),
        "what is overruled cannot stop the start"
    );
}

#[test]
fn a_database_server_is_shown_without_user_and_password() {
    for scheme in ["postgres", "postgresql"] {
        let url = format!("{scheme}://ada:hunter2@db.example.org:6432/angaros?sslmode=require");
        let loaded = good("", &[("DATABASE_URL", &url)]);
        assert_eq!(loaded.config.storage.url.file(), None);
        let line = shown(&loaded, "storage.url");
        assert_eq!(line, ("postgres://db.example.org/angaros".into(), "DATABASE_URL".into()));
        assert!(!format!("{:?}", loaded.config.storage).contains("hunter2"));
    }
}

#[test]
fn a_named_file_is_read_instead_and_must_exist() {
    let directory = tempfile::tempdir().unwrap();
    let other = directory.path().join("other.toml");
    let flags = Overrides { config: Some(other.clone()), ..Overrides::default() };
    let text = "[server]\nlisten = \"127.0.0.1:1\"\n";
    let missing = load_with(text, &[], &flags).err().unwrap().to_string();
    assert!(missing.contains("other.toml: cannot be read"), "{missing}");
    std::fs::write(&other, "[server]\nbody_bytes_max = 2048\n").unwrap();
    let loaded = load_with(text, &[], &flags).ok().unwrap();
    assert_eq!(shown(&loaded, "server.listen").1, "default");
    assert_eq!(shown(&loaded, "server.body_bytes_max").1, format!("{}:2", other.display()));
    assert_eq!(loaded.file, Some(other));
}
