//! The part of the outbound guard that needs a name server: a resolver that gives only permitted addresses.
//!
//! The client connects to the very addresses that this resolver returns, so a name cannot mean one address while it is
//! checked and another while it is used. Hosts that are written as addresses never reach a resolver; those are
//! judged by [`OutboundPolicy::check_url`].

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use angaros_domain::outbound::OutboundPolicy;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A name that leads only to addresses which outbound requests may not reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the host resolves only to private, local or reserved addresses, which outbound requests may not reach"
)]
pub(super) struct Refused;

impl Refused {
    /// Whether this is why a request failed.
    pub(super) fn caused(error: &(dyn std::error::Error + 'static)) -> bool {
        std::iter::successors(Some(error), |e| e.source()).any(|e| e.is::<Refused>())
    }
}

/// The machine's own resolver.
pub(super) struct System;

impl Resolve for System {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(found.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

/// Another resolver's answers, without the addresses that the policy does not permit.
pub(super) struct Guard {
    inner: Arc<dyn Resolve>,
    policy: Arc<OutboundPolicy>,
}

impl Guard {
    pub(super) fn new(inner: Arc<dyn Resolve>, policy: Arc<OutboundPolicy>) -> Guard {
        Guard { inner, policy }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (found, policy) = (self.inner.resolve(name), Arc::clone(&self.policy));
        Box::pin(async move {
            let found: Vec<SocketAddr> = found.await?.collect();
            if found.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the host has no address").into());
            }
            let permitted: Vec<SocketAddr> =
                found.into_iter().filter(|address| policy.permits(address.ip())).collect();
            if permitted.is_empty() {
                return Err(Refused.into());
            }
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A resolver that knows only these addresses.
    pub(crate) struct Fixed(pub(crate) Vec<SocketAddr>);

    impl Resolve for Fixed {
        fn resolve(&self, _: Name) -> Resolving {
            let found = self.0.clone();
            Box::pin(async move { Ok(Box::new(found.into_iter()) as Addrs) })
        }
    }

    async fn resolve(inner: Arc<dyn Resolve>, allow: &[&str]) -> Result<Vec<String>, bool> {
        let policy = OutboundPolicy::allowing(allow.iter().map(|net| net.parse().unwrap()).collect());
        let guard = Guard::new(inner, Arc::new(policy));
        match guard.resolve("localhost".parse().unwrap()).await {
            Ok(found) => Ok(found.map(|a| a.ip().to_string()).collect()),
            Err(error) => Err(Refused::caused(&*error)),
        }
    }

    fn fixed(ips: &[&str]) -> Arc<dyn Resolve> {
        Arc::new(Fixed(ips.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect()))
    }

    #[tokio::test]
    async fn drops_what_the_policy_does_not_permit() {
        let mixed = || fixed(&["10.0.0.1", "1.1.1.1", "::1", "169.254.169.254"]);
        assert_eq!(resolve(mixed(), &[]).await, Ok(vec!["1.1.1.1".into()]));
        assert_eq!(resolve(mixed(), &["10.0.0.0/8"]).await, Ok(vec!["10.0.0.1".into(), "1.1.1.1".into()]));
    }

    #[tokio::test]
    async fn refuses_names_that_lead_only_inside() {
        assert_eq!(resolve(fixed(&["10.0.0.1", "::ffff:127.0.0.1"]), &[]).await, Err(true));
        assert_eq!(resolve(fixed(&[]), &[]).await, Err(false), "no address is a fault of the name server");
    }

    #[tokio::test]
    async fn judges_what_the_machine_resolves() {
        assert_eq!(resolve(Arc::new(System), &[]).await, Err(true));
        let allowed = resolve(Arc::new(System), &["127.0.0.0/8", "::1/128"]).await.unwrap();
        assert!(!allowed.is_empty());
    }
}
