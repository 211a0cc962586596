//! `[providers.NAME]`: the accounts that send. What each kind can be told is the providers' own; here is what holds for
//! all, and how they fit the channels.

use std::collections::BTreeMap;

use angaros_domain::Channel;
use angaros_providers::ProviderSettings;
use angaros_providers::settings::{SandboxSettings, SmtpSettings, WebhookSettings};
use secrecy::{ExposeSecret, SecretString};

use super::channels::ChannelsConfig;
use super::delivery::LEASE_SECONDS;
use super::faults::Faults;
use super::secret::HIDDEN;

/// Providers by name.
pub(crate) type Providers = BTreeMap<String, ProviderSettings>;

/// What `kind` can be.
pub(crate) const KINDS: [&str; 3] = ["sandbox", "webhook", "smtp"];

/// The longest name, in characters. Names are labels of metrics and parts of variables' names.
const NAME_MAX: usize = 64;

/// The providers that are there without being configured, by name and kind.
pub(crate) const BUILT_IN: [(&str, &str); 2] = [("sandbox", "sandbox"), ("webhook", "webhook")];

/// The settings of `kind` with every default.
pub(crate) fn fresh(kind: &str) -> Option<ProviderSettings> {
    match kind {
        "sandbox" => Some(ProviderSettings::Sandbox(SandboxSettings::default())),
        "webhook" => Some(ProviderSettings::Webhook(WebhookSettings::default())),
        "smtp" => Some(ProviderSettings::Smtp(SmtpSettings::new(SecretString::default(), String::new()))),
        _ => None,
    }
}

/// The providers of a start without configuration.
pub(crate) fn built_in() -> Providers {
    BUILT_IN.iter().filter_map(|(name, kind)| Some(((*name).to_owned(), fresh(kind)?))).collect()
}

/// The name of the kind.
pub(crate) fn kind(settings: &ProviderSettings) -> &'static str {
    match settings {
        ProviderSettings::Sandbox(_) => "sandbox",
        ProviderSettings::Webhook(_) => "webhook",
        ProviderSettings::Smtp(_) => "smtp",
    }
}

/// Every key of a provider's table besides `kind`, with its value as it may be shown. `None` is not set.
///
/// The patterns name every field, so that a new one cannot be forgotten here.
pub(crate) fn shown(settings: &ProviderSettings) -> Vec<(&'static str, Option<String>)> {
    let secret = |secret: &SecretString| (!secret.expose_secret().is_empty()).then(|| HIDDEN.to_owned());
    match settings {
        ProviderSettings::Sandbox(SandboxSettings {
            success_rate,
            failure,
            latency_ms,
            outage_every_seconds,
            outage_seconds,
            receipts,
            rate_per_second,
        }) => {
            vec![
                ("success_rate", Some(format!("{success_rate:?}"))),
                ("failure", Some(format!("{failure:?}").to_lowercase())),
                ("latency_ms", Some(latency_ms.to_string())),
                ("outage_every_seconds", Some(outage_every_seconds.to_string())),
                ("outage_seconds", Some(outage_seconds.to_string())),
                ("receipts", Some(receipts.to_string())),
                ("rate_per_second", Some(rate_per_second.to_string())),
            ]
        }
        ProviderSettings::Webhook(WebhookSettings { url, secret: key, timeout_seconds, rate_per_second }) => {
            vec![
                ("url", url.as_ref().and_then(secret)),
                ("secret", key.as_ref().and_then(secret)),
                ("timeout_seconds", Some(timeout_seconds.to_string())),
                ("rate_per_second", Some(rate_per_second.to_string())),
            ]
        }
        ProviderSettings::Smtp(SmtpSettings {
            url,
            from,
            timeout_seconds,
            ca_file,
            connections_max,
            rate_per_second,
        }) => {
            vec![
                ("url", secret(url)),
                ("from", Some(from.clone())),
                ("timeout_seconds", Some(timeout_seconds.to_string())),
                ("ca_file", ca_file.as_ref().map(|path| path.display().to_string())),
                ("connections_max", Some(connections_max.to_string())),
                ("rate_per_second", Some(rate_per_second.to_string())),
            ]
        }
    }
}

/// How long a send may take, in seconds, for those that can be told.
pub(crate) fn timeout_seconds_mut(settings: &mut ProviderSettings) -> Option<&mut u64> {
    match settings {
        ProviderSettings::Sandbox(_) => None,
        ProviderSettings::Webhook(settings) => Some(&mut settings.timeout_seconds),
        ProviderSettings::Smtp(settings) => Some(&mut settings.timeout_seconds),
    }
}

/// Checks names, bounds and that every send is over before its lease is.
pub(crate) fn check(providers: &Providers, lease_seconds: u64, faults: &mut Faults) {
    for (name, settings) in providers {
        let key = |field: &str| format!("providers.{name}.{field}");
        let mut timeout = |seconds: u64| {
            faults.within(&key("timeout_seconds"), seconds, 1..=300);
            // A lease that is refused itself is no measure.
            if seconds >= lease_seconds && LEASE_SECONDS.contains(&lease_seconds) {
                let detail = format!("must be below delivery.lease_seconds, {lease_seconds}, not {seconds}");
                faults.add(&key("timeout_seconds"), detail);
            }
        };
        match settings {
            ProviderSettings::Sandbox(sandbox) => {
                faults.within(&key("success_rate"), sandbox.success_rate, 0.0..=1.0);
                faults.within(&key("latency_ms"), sandbox.latency_ms, 0..=600_000);
                faults.within(&key("outage_every_seconds"), sandbox.outage_every_seconds, 0..=86_400);
                faults.within(
                    &key("outage_seconds"),
                    sandbox.outage_seconds,
                    0..=sandbox.outage_every_seconds,
                );
            }
            ProviderSettings::Webhook(webhook) => timeout(webhook.timeout_seconds),
            ProviderSettings::Smtp(smtp) => {
                timeout(smtp.timeout_seconds);
                faults.within(&key("connections_max"), smtp.connections_max, 1..=1000);
            }
        }
    }
}

/// Whether `name` can be the name of a provider.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=NAME_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
}

/// Checks that channels name providers that exist and can serve them. Those `refused` for faults of their own count as
/// existing.
pub(crate) fn check_routes(
    channels: &ChannelsConfig,
    providers: &Providers,
    refused: &[&str],
    faults: &mut Faults,
) {
    for channel in Channel::ALL {
        let key = format!("channels.{channel}.providers");
        for name in &channels.get(channel).providers {
            if refused.contains(&name.as_str()) {
                continue;
            }
            let Some(settings) = providers.get(name) else {
                let known: Vec<_> = providers.keys().map(String::as_str).collect();
                faults.add(
                    &key,
                    format!("names {name:?}, but there is no such provider; there are {}", known.join(", ")),
                );
                continue;
            };
            match settings {
                ProviderSettings::Smtp(_) if channel != Channel::Email => {
                    faults.add(&key, format!("names {name:?}, which sends only e-mail"));
                }
                ProviderSettings::Webhook(WebhookSettings { url: None, .. })
                    if channel != Channel::Webhook =>
                {
                    let detail =
                        format!("names {name:?}, which has no url: only webhook recipients are URLs");
                    faults.add(&key, detail);
                }
                _ => {}
            }
        }
    }
}

/// The first smtp provider by name.
pub(crate) fn first_smtp(providers: &Providers) -> Option<&str> {
    let mut named = providers.iter();
    named.find(|(_, settings)| matches!(settings, ProviderSettings::Smtp(_))).map(|(name, _)| name.as_str())
}

/// The channels that only pretend to send: all their providers are sandboxes.
pub(crate) fn pretending(channels: &ChannelsConfig, providers: &Providers) -> Vec<Channel> {
    let is_sandbox = |name: &String| matches!(providers.get(name), Some(ProviderSettings::Sandbox(_)));
    Channel::ALL
        .into_iter()
        .filter(|channel| channels.get(*channel).providers.iter().all(is_sandbox))
        .collect()
}

/// Warns where a channel would fall over from a provider that sends to one that only pretends to.
pub(crate) fn warn_routes(channels: &ChannelsConfig, providers: &Providers, warnings: &mut Vec<String>) {
    for channel in Channel::ALL {
        let names = &channels.get(channel).providers;
        let pretends = |name: &&String| matches!(providers.get(*name), Some(ProviderSettings::Sandbox(_)));
        if let Some(name) = names.iter().find(pretends)
            && !names.iter().all(|name| pretends(&name))
        {
            warnings.push(format!(
                "channels.{channel}.providers mixes {name:?}, which only pretends, with real ones"
            ));
        }
    }
}
