//! What is refused, and in which words.

use super::*;

#[test]
fn a_misspelt_key_is_named_with_what_was_meant() {
    for (text, expected) in [
        (
            "[server]\nlistn = 1\n",
            "unknown key `server.listn` in angaros.toml:2: did you mean `server.listen`?",
        ),
        (
            "[sever]\nlisten = 1\n",
            "unknown key `sever.listen` in angaros.toml:2: did you mean `server.listen`?",
        ),
        ("listen = 1\n", "unknown key `listen` in angaros.toml:1: did you mean `server.listen`?"),
        (
            "[channels.sms.retry]\nmax_atempts = 1\n",
            "unknown key `channels.sms.retry.max_atempts` in angaros.toml:2: did you mean `channels.sms.retry.max_attempts`?",
        ),
        (
            "[providers.sandbox]\nsucess_rate = 1\n",
            "unknown key `providers.sandbox.sucess_rate` in angaros.toml:2: did you mean `providers.sandbox.success_rate`?",
        ),
        (
            "[channels.fax]\nproviders = [\"sandbox\"]\n",
            "unknown key `channels.fax.providers` in angaros.toml:2: \"fax\" must be one of sms, email, push, webhook",
        ),
        (
            "[channels.emial]\n",
            "unknown key `channels.emial` in angaros.toml:1: \"emial\" must be one of sms, email, push, webhook; \
             did you mean \"email\"?",
        ),
        (
            "[redis]\ncolour = 1\n",
            "unknown key `redis.colour` in angaros.toml:2: [redis] has prefix, url, workers_min",
        ),
        ("[attic]\n", "unknown key `attic` in angaros.toml:1: angaros.example.toml shows all keys"),
    ] {
        assert_eq!(bad(text, &[]), [expected]);
    }
}

#[test]
fn what_redis_can_not_be_told_is_refused_without_showing_its_password() {
    for (text, expected) in [
        (
            "[redis]\nurl = \"http://:hunter2@h\"\n",
            "`redis.url` in angaros.toml:2 must be redis://HOST:PORT/DATABASE, or rediss:// for TLS",
        ),
        (
            "[redis]\nprefix = \"\"\n",
            "`redis.prefix` in angaros.toml:2 must have 1 to 64 letters, digits, -, _ or :",
        ),
        (
            "[redis]\nprefix = \"a b\"\n",
            "`redis.prefix` in angaros.toml:2 must have 1 to 64 letters, digits, -, _ or :",
        ),
        ("[redis]\nworkers_min = 0\n", "`redis.workers_min` in angaros.toml:2 must be 1 to 10000, not 0"),
    ] {
        assert_eq!(bad(text, &[]), [expected]);
    }
    for url in ["", "redis://h", "rediss://user:password@h:6380/2"] {
        assert_eq!(
            good("", &[("REDIS_URL", url)]).config.redis.settings().is_some(),
            !url.is_empty(),
            "{url}"
        );
    }
}

#[test]
fn a_misspelt_variable_is_named_with_what_was_meant() {
    for (name, expected) in [
        (
            "ANGAROS_SERVER__LISTN",
            "unknown variable ANGAROS_SERVER__LISTN (key `server.listn`): did you mean ANGAROS_SERVER__LISTEN?",
        ),
        (
            "ANGAROS_LISTEN",
            "unknown variable ANGAROS_LISTEN (key `listen`): did you mean ANGAROS_SERVER__LISTEN?",
        ),
        ("ANGAROS_X", "unknown variable ANGAROS_X (key `x`): angaros.example.toml shows all keys"),
    ] {
        assert_eq!(bad("", &[(name, "1")]), [expected]);
    }
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_the_right_one() {
    for (text, expected) in [
        ("[server]\nlisten = 8080\n", "`server.listen` in angaros.toml:2 must be text"),
        (
            "[server]\nlisten = \":8080\"\n",
            "`server.listen` in angaros.toml:2 must be an address and a port, such as 127.0.0.1:8080 or [::1]:8080, not \":8080\"",
        ),
        (
            "[server]\nbody_bytes_max = \"1 MB\"\n",
            "`server.body_bytes_max` in angaros.toml:2 must be a whole number, 0 or more",
        ),
        ("[security]\nrequire_keys = 1\n", "`security.require_keys` in angaros.toml:2 must be true or false"),
        (
            "[security]\nopen_hosts = [\"angaros.lan\", \"http://angaros.lan:8080\"]\n",
            "`security.open_hosts` in angaros.toml:2 must list names of hosts such as \"angaros.lan\"; \"http://angaros.lan:8080\" is none",
        ),
        (
            "[security]\noutbound_allow = [\"10.0.0.0/33\"]\n",
            "`security.outbound_allow` in angaros.toml:2 must list networks such as \"10.0.0.0/8\"; \"10.0.0.0/33\" is none",
        ),
        (
            "[server]\ntrusted_proxies = [\"10.0.0.0/8\", \"proxy\"]\n",
            "`server.trusted_proxies` in angaros.toml:2 must list networks such as \"10.0.0.0/8\"; \"proxy\" is none",
        ),
        (
            "[channels.sms]\nproviders = \"sandbox\"\n",
            "`channels.sms.providers` in angaros.toml:2 must be a list",
        ),
        (
            "[channels.sms]\non_lost_worker = \"retri\"\n",
            "`channels.sms.on_lost_worker` in angaros.toml:2 must be one of retry, fail; did you mean \"retry\"?",
        ),
        ("server = 1\n", "`server` in angaros.toml:1 must be a table"),
        ("[[channels]]\n", "`channels` in angaros.toml:1 must be a table"),
        ("[redis]\nurl = 5\n", "`redis.url` in angaros.toml:2 must be text"),
    ] {
        assert_eq!(bad(text, &[]), [expected]);
    }
    for (name, value, expected) in [
        (
            "ANGAROS_SERVER__BODY_BYTES_MAX",
            "-1",
            "`server.body_bytes_max` in ANGAROS_SERVER__BODY_BYTES_MAX must be a whole number, 0 or more",
        ),
        (
            "ANGAROS_SERVER__LISTEN",
            "8080",
            "`server.listen` in ANGAROS_SERVER__LISTEN must be an address and a port, such as 127.0.0.1:8080 or [::1]:8080, not \"8080\"",
        ),
        (
            "ANGAROS_DELIVERY__RETRY__FACTOR",
            "two",
            "`delivery.retry.factor` in ANGAROS_DELIVERY__RETRY__FACTOR must be a number",
        ),
    ] {
        assert_eq!(bad("", &[(name, value)]), [expected]);
    }
}

#[test]
fn values_out_of_bounds_are_named_with_the_bounds() {
    for (text, expected) in [
        (
            "[server]\nbody_bytes_max = 1\n",
            "`server.body_bytes_max` in angaros.toml:2 must be 1024 to 1073741824, not 1",
        ),
        ("[server]\nrequest_timeout_seconds = 0\n", "must be 1 to 3600, not 0"),
        ("[limits]\ninbound_per_minute = 10000001\n", "must be 0 to 10000000, not 10000001"),
        ("[limits]\nmetrics_per_minute = 10000001\n", "must be 0 to 10000000, not 10000001"),
        ("[limits]\nclock_skew_seconds = 86401\n", "must be 0 to 86400, not 86401"),
        ("[limits]\ningest_queue_max = 0\n", "must be 1 to 10000000, not 0"),
        ("[delivery]\nconcurrency = 0\n", "must be 1 to 100000, not 0"),
        ("[delivery]\nlease_seconds = 4\n", "must be 5 to 3600, not 4"),
        ("[delivery]\nshutdown_seconds = 3601\n", "must be 0 to 3600, not 3601"),
        ("[delivery.retry]\nbase_seconds = 0\n", "must be 0.001 to 604800, not 0"),
        ("[delivery.retry]\nfactor = 0.9\n", "must be 1 to 100, not 0.9"),
        ("[delivery.retry]\nfactor = nan\n", "must be 1 to 100, not NaN"),
        ("[delivery.retry]\ncap_seconds = 5\n", "must be at least delivery.retry.base_seconds, 30"),
        ("[delivery.retry]\nmax_attempts = 11\n", "must be 1 to 10, not 11"),
        ("[delivery.breaker]\nfailures = 0\n", "must be 1 to 10000, not 0"),
        ("[delivery.breaker]\nopen_seconds = 0\n", "must be 1 to 3600, not 0"),
        ("[channels.sms]\nrate_per_second = 1000001\n", "must be 0 to 1000000, not 1000001"),
        ("[channels.sms.retry]\nfactor = 0.5\n", "must be 1 to 100, not 0.5"),
        ("[channels.sms.retry]\nmax_attempts = 0\n", "must be 1 to 10, not 0"),
        ("[channels.sms.retry]\ncap_seconds = 1\n", "must be at least the first delay, 30"),
        ("[channels.sms.retry]\nbase_seconds = 7200\n", "must be at most the longest delay, 3600"),
    ] {
        let found = bad(text, &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(" in angaros.toml:2 ") && found[0].ends_with(expected), "{found:?}");
    }
}

#[test]
fn a_store_that_cannot_be_is_refused_without_showing_its_password() {
    for (rest, why) in [
        ("u:hunter2@h/db?sslmode=hunter2", "is no URL of a PostgreSQL database"),
        ("u:hunter2@/db", "names no host"),
        ("u:hunter2@h/db?options=-c%20a%3Db", "must not have `options`: poolers refuse them"),
    ] {
        let found = bad("", &[("DATABASE_URL", &format!("postgres://{rest}"))]);
        let expected = format!(
            "`storage.url` in DATABASE_URL must be postgres://USER:PASSWORD@HOST:PORT/DATABASE, but {why}"
        );
        assert_eq!(found, [expected]);
    }
    for url in ["mysql://u:hunter2@h/db", "hunter2", "sqlite://", "sqlite://dir/", "sqlite://a.db?hunter2"] {
        let found = bad("", &[("ANGAROS_STORAGE__URL", url)]);
        assert!(found.len() == 1 && found[0].contains("must be sqlite://"), "{found:?}");
        assert!(!found[0].contains("hunter2"), "{found:?}");
    }
}

#[test]
fn everything_wrong_is_reported_at_once() {
    let text = "[server]\nlisten = 1\nbody_bytes_max = \"x\"\ncolour = 1\n[delivery]\nlease_seconds = 1\n";
    let problems = load_with(text, &[("ANGAROS_X__Y", "1")], &Overrides::default()).err().unwrap();
    assert_eq!(problems.0.len(), 5, "{problems}");
    let report = problems.to_string();
    assert!(report.starts_with("the configuration has 5 errors:\n  - "), "{report}");
    let one = load_with("x = 1\n", &[], &Overrides::default()).err().unwrap().to_string();
    assert!(one.starts_with("the configuration has an error: unknown key `x`"), "{one}");
}

#[test]
fn a_file_that_does_not_parse_does_not_hide_the_environment() {
    let found = bad("[server\n", &[("ANGAROS_X", "1")]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("angaros.toml:1: "), "{found:?}");
}

#[test]
fn later_faults_are_told_in_the_same_words() {
    let loaded = good("[server]\nlisten = \"127.0.0.1:80\"\n", &[]);
    let problem = loaded.problem("server.listen", "cannot be bound: permission denied");
    assert_eq!(problem.to_string(), "`server.listen` in angaros.toml:2 cannot be bound: permission denied");
}
