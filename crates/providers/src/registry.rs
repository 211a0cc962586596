//! The providers that are configured, and which of them serve which channel.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use angaros_clock::Clock;
use angaros_domain::Channel;
use angaros_domain::outbound::OutboundPolicy;

use crate::sandbox::Sandbox;
use crate::smtp::Smtp;
use crate::webhook::{Endpoints, Webhook};
use crate::{Provider, ProviderSettings, SettingsFault, install_crypto};

/// Every configured provider, and for each channel those that serve it, in failover order.
pub struct Registry {
    providers: BTreeMap<String, Arc<dyn Provider>>,
    /// The most sends a second, for those that have a limit.
    rates: BTreeMap<String, NonZeroU32>,
    routes: [Vec<Arc<dyn Provider>>; Channel::ALL.len()],
    endpoints: Option<Endpoints>,
}

/// Why the configuration of providers and channels cannot be used. The text names the key and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// A provider's own setting.
    #[error("providers.{provider}.{fault}")]
    Settings {
        /// The provider's name.
        provider: String,
        /// Which of its settings, and what is wrong with it.
        fault: SettingsFault,
    },
    /// A channel without any provider.
    #[error("channels.{channel}.providers is empty: name at least one provider, for example a sandbox")]
    NoProvider {
        /// The channel.
        channel: Channel,
    },
    /// A channel that names a provider which is not there.
    #[error("channels.{channel}.providers names \"{provider}\", which is not configured; there are: {known}")]
    UnknownProvider {
        /// The channel.
        channel: Channel,
        /// The name that is unknown.
        provider: String,
        /// The names that are known, separated by commas.
        known: String,
    },
    /// A channel that names a provider twice.
    #[error("channels.{channel}.providers names \"{provider}\" twice: leave one out")]
    NamedTwice {
        /// The channel.
        channel: Channel,
        /// The provider's name.
        provider: String,
    },
    /// A channel that names a provider which cannot serve it.
    #[error("channels.{channel}.providers names \"{provider}\", but {reason}")]
    Unfit {
        /// The channel.
        channel: Channel,
        /// The provider's name.
        provider: String,
        /// Why not, and what to do.
        reason: &'static str,
    },
}

impl Registry {
    /// Builds every provider, used or not, so that a wrong setting shows at the start, and connects the channels.
    ///
    /// `routes` has the names of each channel's providers in failover order. `policy` judges where webhooks without a
    /// configured URL may go.
    ///
    /// # Errors
    /// The first fault in the settings (by provider name), then in the routes (in the order of [`Channel::ALL`]).
    pub fn build(
        settings: &BTreeMap<String, ProviderSettings>,
        routes: &BTreeMap<Channel, Vec<String>>,
        clock: &Clock,
        policy: &OutboundPolicy,
    ) -> Result<Registry, RegistryError> {
        install_crypto();
        let mut providers = BTreeMap::new();
        for (name, settings) in settings {
            let provider = build(name, settings, clock, policy)
                .map_err(|fault| RegistryError::Settings { provider: name.clone(), fault })?;
            providers.insert(name.clone(), provider);
        }
        let endpoints = Endpoints::new(clock.clone(), policy)
            .map_err(|fault| RegistryError::Settings { provider: "webhook-endpoints".into(), fault })?;
        let (rates, routes_of) = (BTreeMap::new(), Default::default());
        let mut registry = Registry { providers, rates, routes: routes_of, endpoints: Some(endpoints) };
        for (name, settings) in settings {
            registry.limit(name, settings.rate_per_second());
        }
        for channel in Channel::ALL {
            let names = routes.get(&channel).map(Vec::as_slice).unwrap_or_default();
            registry.routes[channel.index()] = registry.connect(channel, names, settings)?;
        }
        Ok(registry)
    }

    /// A registry of ready-made providers, for tests and for embedding. A channel that is not given has no provider, and
    /// nothing is delivered to webhook endpoints.
    pub fn of(routes: impl IntoIterator<Item = (Channel, Vec<Arc<dyn Provider>>)>) -> Registry {
        let mut registry = Registry {
            providers: BTreeMap::new(),
            rates: BTreeMap::new(),
            routes: Default::default(),
            endpoints: None,
        };
        for (channel, providers) in routes {
            for provider in &providers {
                registry.providers.insert(provider.name().to_owned(), Arc::clone(provider));
            }
            registry.routes[channel.index()] = providers;
        }
        registry
    }

    /// Lets at most so many sends a second through a provider; 0 is no limit.
    pub fn limit(&mut self, provider: &str, rate_per_second: u32) {
        match NonZeroU32::new(rate_per_second) {
            Some(rate) => self.rates.insert(provider.to_owned(), rate),
            None => self.rates.remove(provider),
        };
    }

    /// The most sends a second through a provider; `None` is no limit.
    pub fn rate_per_second(&self, provider: &str) -> Option<NonZeroU32> {
        self.rates.get(provider).copied()
    }

    fn connect(
        &self,
        channel: Channel,
        names: &[String],
        settings: &BTreeMap<String, ProviderSettings>,
    ) -> Result<Vec<Arc<dyn Provider>>, RegistryError> {
        if names.is_empty() {
            return Err(RegistryError::NoProvider { channel });
        }
        let mut route = Vec::with_capacity(names.len());
        for (at, name) in names.iter().enumerate() {
            let (Some(settings), Some(provider)) = (settings.get(name), self.providers.get(name)) else {
                let known = self.providers.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                return Err(RegistryError::UnknownProvider { channel, provider: name.clone(), known });
            };
            if names[..at].contains(name) {
                return Err(RegistryError::NamedTwice { channel, provider: name.clone() });
            }
            if let Some(reason) = unfit(settings, channel) {
                return Err(RegistryError::Unfit { channel, provider: name.clone(), reason });
            }
            route.push(Arc::clone(provider));
        }
        Ok(route)
    }

    /// The providers of a channel in failover order.
    pub fn route(&self, channel: Channel) -> &[Arc<dyn Provider>] {
        &self.routes[channel.index()]
    }

    /// What delivers to webhook endpoints.
    pub fn endpoints(&self) -> Option<&Endpoints> {
        self.endpoints.as_ref()
    }

    /// The provider of this name.
    pub fn provider(&self, name: &str) -> Option<&Arc<dyn Provider>> {
        self.providers.get(name)
    }

    /// Every provider, by name.
    pub fn providers(&self) -> impl Iterator<Item = &Arc<dyn Provider>> {
        self.providers.values()
    }

    /// The channels on which nothing is really sent, because their first provider only pretends.
    pub fn pretending_channels(&self) -> Vec<Channel> {
        let pretends = |channel: &Channel| {
            self.route(*channel).first().is_some_and(|provider| provider.capabilities().pretends)
        };
        Channel::ALL.into_iter().filter(pretends).collect()
    }
}

fn build(
    name: &str,
    settings: &ProviderSettings,
    clock: &Clock,
    policy: &OutboundPolicy,
) -> Result<Arc<dyn Provider>, SettingsFault> {
    let clock = clock.clone();
    Ok(match settings {
        ProviderSettings::Sandbox(settings) => Arc::new(Sandbox::new(name, settings, clock)?),
        ProviderSettings::Webhook(settings) => Arc::new(Webhook::new(name, settings, clock, policy)?),
        ProviderSettings::Smtp(settings) => Arc::new(Smtp::new(name, settings, clock)?),
    })
}

/// Why a provider cannot serve a channel.
fn unfit(settings: &ProviderSettings, channel: Channel) -> Option<&'static str> {
    match (settings, channel) {
        (ProviderSettings::Sandbox(_), _) => None,
        (ProviderSettings::Smtp(_), Channel::Email) => None,
        (ProviderSettings::Smtp(_), _) => {
            Some("a mail server sends e-mail only: route the email channel to it")
        }
        (ProviderSettings::Webhook(settings), _) if settings.url.is_some() => None,
        (ProviderSettings::Webhook(_), Channel::Webhook) => None,
        (ProviderSettings::Webhook(_), Channel::Email) => Some(
            "a webhook without a url posts to the recipient, and an e-mail address is no URL: \
             give it a url, or use an smtp provider",
        ),
        (ProviderSettings::Webhook(_), Channel::Sms) => Some(
            "a webhook without a url posts to the recipient, and a telephone number is no URL: give it a url",
        ),
        (ProviderSettings::Webhook(_), Channel::Push) => Some(
            "a webhook without a url posts to the recipient, and a device token is no URL: give it a url",
        ),
    }
}
