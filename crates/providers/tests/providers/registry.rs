//! Providers and channels as they are configured.

use std::collections::BTreeMap;

use angaros_clock::Clock;
use angaros_domain::Channel;
use angaros_domain::outbound::OutboundPolicy;
use angaros_providers::settings::{SandboxSettings, SmtpSettings, WebhookSettings};
use angaros_providers::{ProviderSettings, Registry, RegistryError};

fn settings() -> BTreeMap<String, ProviderSettings> {
    let relay = WebhookSettings { url: Some("http://10.0.0.1/in".into()), ..WebhookSettings::default() };
    let mail = SmtpSettings::new("smtp://127.0.0.1:2525".into(), "a@example.org".into());
    [
        ("sandbox", ProviderSettings::Sandbox(SandboxSettings::default())),
        ("hook", ProviderSettings::Webhook(WebhookSettings::default())),
        ("relay", ProviderSettings::Webhook(relay)),
        ("mail", ProviderSettings::Smtp(mail)),
    ]
    .map(|(name, settings)| (name.to_owned(), settings))
    .into()
}

/// Routes every channel to the sandbox, but one as given.
fn build(channel: Channel, names: &[&str]) -> Result<Registry, RegistryError> {
    let mut routes: BTreeMap<Channel, Vec<String>> =
        Channel::ALL.map(|channel| (channel, vec!["sandbox".to_owned()])).into();
    routes.insert(channel, names.iter().map(|name| (*name).to_owned()).collect());
    Registry::build(&settings(), &routes, &Clock::system(), &OutboundPolicy::default())
}

fn refusal(channel: Channel, names: &[&str]) -> String {
    build(channel, names).err().expect("must be refused").to_string()
}

#[tokio::test]
async fn channels_lead_to_their_providers_in_order() {
    let registry = build(Channel::Email, &["mail", "relay", "sandbox"]).unwrap();
    let names = |channel| registry.route(channel).iter().map(|p| p.name()).collect::<Vec<_>>();
    assert_eq!(names(Channel::Email), ["mail", "relay", "sandbox"]);
    assert_eq!(names(Channel::Sms), ["sandbox"]);
    assert_eq!(registry.pretending_channels(), [Channel::Sms, Channel::Push, Channel::Webhook]);
    assert_eq!(registry.provider("mail").unwrap().name(), "mail");
    assert!(registry.provider("nobody").is_none());
    assert_eq!(registry.providers().count(), 4, "unused ones are built as well");
}

#[tokio::test]
async fn whoever_can_serve_a_channel_may() {
    for channel in Channel::ALL {
        assert!(build(channel, &["sandbox"]).is_ok() && build(channel, &["relay"]).is_ok(), "{channel}");
        assert_eq!(build(channel, &["mail"]).is_ok(), channel == Channel::Email, "{channel}");
        assert_eq!(build(channel, &["hook"]).is_ok(), channel == Channel::Webhook, "{channel}");
    }
}

#[tokio::test]
async fn refusals_say_what_and_where() {
    assert_eq!(
        refusal(Channel::Email, &["hook"]),
        "channels.email.providers names \"hook\", but a webhook without a url posts to the recipient, and an \
         e-mail address is no URL: give it a url, or use an smtp provider"
    );
    assert!(refusal(Channel::Sms, &["mail"]).contains("sends e-mail only"));
    assert_eq!(
        refusal(Channel::Sms, &["sandbox", "twillio"]),
        "channels.sms.providers names \"twillio\", which is not configured; there are: hook, mail, relay, sandbox"
    );
    assert!(refusal(Channel::Push, &["sandbox", "sandbox"]).contains("twice"));
    assert!(refusal(Channel::Push, &[]).starts_with("channels.push.providers is empty"));
}

#[tokio::test]
async fn a_wrong_setting_names_its_key_and_not_its_value() {
    let mut settings = settings();
    let secret = "whsec_hunter2".to_owned();
    let hook = WebhookSettings { secret: Some(secret.into()), ..WebhookSettings::default() };
    settings.insert("hook".into(), ProviderSettings::Webhook(hook));
    let error = Registry::build(&settings, &BTreeMap::new(), &Clock::system(), &OutboundPolicy::default());
    let text = error.err().unwrap().to_string();
    assert!(text.starts_with("providers.hook.secret: ") && !text.contains("hunter2"), "{text}");
}
