//! Providers, and how channels come to them.

use super::*;

const MAIL: &str =
    "[providers.mail]\nkind = \"smtp\"\nurl = \"smtp://u:hunter2@h\"\nfrom = \"a@example.org\"\n";

#[test]
fn email_goes_to_the_first_mail_server_unless_told_otherwise() {
    let second = MAIL.replace("providers.mail", "providers.a-mail");
    let loaded = good(&format!("{MAIL}{second}"), &[]);
    assert_eq!(loaded.config.channels.email.providers, ["a-mail"]);
    assert_eq!(loaded.config.pretending(), [Channel::Sms, Channel::Push]);
    let told = good(&format!("{MAIL}[channels.email]\nproviders = [\"sandbox\"]\n"), &[]);
    assert_eq!(told.config.channels.email.providers, ["sandbox"]);
}

#[test]
fn secrets_are_never_shown() {
    let hook =
        "[providers.hook]\nkind = \"webhook\"\nurl = \"https://h/hunter2\"\nsecret = \"whsec_hunter2\"\n";
    let loaded = good(&format!("{MAIL}{hook}"), &[]);
    assert!(!format!("{:?} {:?}", loaded.config, loaded.effective()).contains("hunter2"));
    for key in ["providers.mail.url", "providers.hook.url", "providers.hook.secret"] {
        assert_eq!(shown(&loaded, key).0, "(hidden)");
    }
    assert_eq!(shown(&loaded, "providers.mail.from").0, "a@example.org");
    assert_eq!(shown(&loaded, "providers.webhook.url").0, "(not set)");
}

#[test]
fn a_provider_needs_a_kind_and_what_its_kind_needs() {
    for (text, expected) in [
        (
            "[providers.x]\nurl = \"u\"\n",
            "`providers.x.kind` in angaros.toml:2 is missing: it must be one of sandbox, webhook, smtp",
        ),
        (
            "[providers.x]\n",
            "`providers.x.kind` in angaros.toml:1 is missing: it must be one of sandbox, webhook, smtp",
        ),
        (
            "[providers.x]\nkind = \"smpt\"\nurl = \"u\"\n[channels.email]\nproviders = [\"x\"]\n",
            "`providers.x.kind` in angaros.toml:2 must be one of sandbox, webhook, smtp; did you mean \"smtp\"?",
        ),
        ("providers = 1\n", "`providers` in angaros.toml:1 must be a table"),
        ("[providers]\nx = 1\n", "`providers.x` in angaros.toml:2 must be a table"),
        (
            "[providers.\"a b\"]\nkind = \"sandbox\"\n",
            "`providers.a b.kind` in angaros.toml:2 belongs to a name that is not 1 to 64 of a-z, 0-9, _ and -",
        ),
        (
            "[providers.x]\nkind = \"sandbox\"\nurl = \"u\"\n",
            "unknown key `providers.x.url` in angaros.toml:3: [providers.x] has kind, success_rate, failure, latency_ms, \
             outage_every_seconds, outage_seconds, receipts, rate_per_second",
        ),
        (
            "[providers.sandbox]\nfailure = \"permanant\"\n",
            "`providers.sandbox.failure` in angaros.toml:2 must be one of transient, permanent, timeout, throttled; \
             did you mean \"permanent\"?",
        ),
        (
            "[providers.sandbox]\noutage_seconds = 5\n",
            "`providers.sandbox.outage_seconds` in angaros.toml:2 must be 0 to 0, not 5",
        ),
        (
            "[providers.sandbox]\nsuccess_rate = 1.5\n",
            "`providers.sandbox.success_rate` in angaros.toml:2 must be 0 to 1, not 1.5",
        ),
    ] {
        assert_eq!(bad(text, &[]), [expected]);
    }
    let found = bad("[providers.x]\nkind = \"smtp\"\n", &[]);
    let expected = ["url", "from"].map(|field| {
        format!("`providers.x.{field}` in angaros.toml:2 is missing: this kind of provider needs it")
    });
    assert_eq!(found, expected);
}

#[test]
fn a_built_in_provider_can_be_replaced() {
    let loaded = good("[providers.sandbox]\nkind = \"webhook\"\nurl = \"https://example.org\"\n", &[]);
    assert_eq!(loaded.config.pretending(), []);
}

#[test]
fn a_name_with_a_dash_is_found_from_the_environment() {
    let text = MAIL.replace("providers.mail", "providers.mail-eu");
    let loaded = good(&text, &[("ANGAROS_PROVIDERS__MAIL_EU__FROM", "b@example.org")]);
    assert_eq!(shown(&loaded, "providers.mail-eu.from").0, "b@example.org");
}

#[test]
fn channels_name_providers_that_exist_and_can_serve_them() {
    for (text, expected) in [
        ("[channels.sms]\nproviders = []\n".to_owned(), "must name at least one provider"),
        ("[channels.sms]\nproviders = [\"sandbox\", \"sandbox\"]\n".into(), "names \"sandbox\" twice"),
        (
            "[channels.sms]\nproviders = [\"x\"]\n".into(),
            "names \"x\", but there is no such provider; there are sandbox, webhook",
        ),
        (
            "[channels.sms]\nproviders = [\"webhook\"]\n".into(),
            "names \"webhook\", which has no url: only webhook recipients are URLs",
        ),
        (
            format!("[channels.sms]\nproviders = [\"mail\"]\n{MAIL}"),
            "names \"mail\", which sends only e-mail",
        ),
    ] {
        assert_eq!(bad(&text, &[]), [format!("`channels.sms.providers` in angaros.toml:2 {expected}")]);
    }
}

#[test]
fn a_send_is_over_before_its_lease() {
    let short = good(&format!("[delivery]\nlease_seconds = 6\n{MAIL}"), &[]);
    assert_eq!(shown(&short, "providers.mail.timeout_seconds"), ("4".into(), "default".into()));
    assert_eq!(shown(&short, "providers.webhook.timeout_seconds").0, "4");
    assert_eq!(shown(&good(MAIL, &[]), "providers.mail.timeout_seconds").0, "20");
    let expected = "`providers.webhook.timeout_seconds` in angaros.toml:2 must be below delivery.lease_seconds, 30, not 30";
    assert_eq!(bad("[providers.webhook]\ntimeout_seconds = 30\n", &[]), [expected]);
    assert!(bad("[providers.webhook]\ntimeout_seconds = 0\n", &[])[0].ends_with("must be 1 to 300, not 0"));
}

#[test]
fn a_failover_that_would_only_pretend_is_warned_of() {
    let hook = "[providers.hook]\nkind = \"webhook\"\nurl = \"https://example.org\"\n";
    let loaded = good(&format!("{hook}[channels.sms]\nproviders = [\"hook\", \"sandbox\"]\n"), &[]);
    let mixed = "channels.sms.providers mixes \"sandbox\", which only pretends, with real ones";
    assert_eq!(loaded.warnings.last().map(String::as_str), Some(mixed));
    assert!(!loaded.config.pretending().contains(&Channel::Sms));
}
