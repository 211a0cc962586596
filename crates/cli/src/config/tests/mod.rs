//! Tests of the configuration as a whole: files, variables and flags in, values or problems out.

use std::path::Path;

use super::*;

mod precedence;
mod problems;
mod providers;

/// Loads a file with `text`, if there is any, and these variables and flags.
pub(super) fn load_with(
    text: &str,
    variables: &[(&str, &str)],
    overrides: &Overrides,
) -> Result<Loaded, Problems> {
    let directory = tempfile::tempdir().unwrap();
    if !text.is_empty() {
        std::fs::write(directory.path().join(FILE), text).unwrap();
    }
    let variables: Vec<_> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    load(overrides, &variables, directory.path())
}

/// Loads what has to be right.
pub(super) fn good(text: &str, variables: &[(&str, &str)]) -> Loaded {
    load_with(text, variables, &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The problems of what has to be wrong, one line each.
pub(super) fn bad(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let Err(problems) = load_with(text, variables, &Overrides::default()) else { panic!("loads: {text}") };
    problems.0.iter().map(ToString::to_string).collect()
}

/// The value and the source of a key, as `angaros doctor` shows them.
pub(super) fn shown(loaded: &Loaded, key: &str) -> (String, String) {
    let found = loaded.effective().into_iter().find(|line| line.key == key);
    found.map(|line| (line.value, line.source)).unwrap_or_else(|| panic!("{key} is not shown"))
}

#[test]
fn a_fresh_start_needs_nothing() {
    let loaded = good("", &[]);
    let config = &loaded.config;
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.storage.url.file(), Some(Path::new("angaros-data/angaros.db")));
    assert_eq!((config.delivery.concurrency, config.delivery.lease_seconds), (256, 30));
    assert_eq!(config.retry_policy(Channel::Sms), RetryPolicy::default());
    assert_eq!(config.max_attempts(Channel::Push), 5);
    assert_eq!(config.pretending(), [Channel::Sms, Channel::Email, Channel::Push]);
    assert_eq!(config.routes()[&Channel::Webhook], ["webhook"]);
    assert!(!config.outbound_policy().permits([127, 0, 0, 1].into()));
    assert_eq!((loaded.warnings.len(), loaded.file.is_none()), (0, true));
}

#[test]
fn what_is_loaded_from_nothing_is_the_default_of_the_types() {
    let plain = |config: &Config| schema::shown(config);
    assert_eq!(plain(&good("", &[]).config), plain(&Config::default()));
}

#[test]
fn channels_retry_as_the_general_rule_says_unless_they_say_otherwise() {
    let loaded = good(
        "[delivery.retry]\nbase_seconds = 0.5\nmax_attempts = 7\n\
         [channels.sms]\non_lost_worker = \"fail\"\n[channels.sms.retry]\nfactor = 3\nmax_attempts = 2\n",
        &[],
    );
    let sms = loaded.config.retry_policy(Channel::Sms);
    assert_eq!((sms.base_seconds, sms.factor, sms.cap_seconds), (0.5, 3.0, 3600.0));
    assert_eq!(sms.on_lost_worker, angaros_domain::retry::OnLostWorker::Fail);
    assert_eq!((loaded.config.max_attempts(Channel::Sms), loaded.config.max_attempts(Channel::Push)), (2, 7));
}

#[test]
fn the_breaker_is_told_in_milliseconds() {
    let loaded = good("[delivery.breaker]\nfailures = 9\nfailure_ratio = 0.25\nwindow_seconds = 60\n", &[]);
    let expected =
        BreakerPolicy { failures: 9, failure_ratio: 0.25, window_millis: 60_000, open_millis: 30_000 };
    assert_eq!(loaded.config.breaker_policy(), expected);
    assert_eq!(Config::default().breaker_policy(), BreakerPolicy::default());
}

#[test]
fn what_is_not_used_yet_is_said() {
    let secret = "redis://:hunter2@h";
    let loaded = good("", &[("REDIS_URL", secret), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:4318")]);
    assert_eq!(loaded.warnings.len(), 1, "{:?}", loaded.warnings);
    assert!(loaded.warnings[0].starts_with("OTEL_"));
    assert_eq!(shown(&loaded, "redis.url"), ("(hidden)".into(), "REDIS_URL".into()));
    assert!(!format!("{:?} {:?}", loaded.config, loaded.warnings).contains("hunter2"));
}
