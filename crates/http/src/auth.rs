//! Who calls, and whether they may.
//!
//! A route names what it needs by the type of its first argument: `Authorized<CanSend>`. Because the extractor runs
//! before the body is read, a caller without a key can not make us read one.

use std::marker::PhantomData;

use angaros_domain::TenantId;
use angaros_domain::api_key::{Scope, Token};
use angaros_domain::correlation::Correlation;
use angaros_service::{Access, Caller};
use axum::extract::FromRequestParts;
use http::header::{AUTHORIZATION, HeaderName, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use crate::error::Problem;
use crate::limits::Policy;
use crate::{AppState, dropin, problems};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What a route asks of a key: one of these scopes.
pub(crate) trait Need {
    /// Any one of them is enough; `admin` always is.
    const ANY_OF: &'static [Scope];

    /// What a call with this query string counts for; `None` if it is not limited.
    fn policy(_query: Option<&str>) -> Option<Policy> {
        Some(Policy::Default)
    }
}

/// To send, take back, send again, and change templates.
pub(crate) struct CanSend;
/// To record events.
pub(crate) struct CanIngest;
/// To see everything of the tenant.
pub(crate) struct CanRead;
/// To count everything of the tenant, under the limit of metrics queries.
pub(crate) struct CanCount;
/// To see the process's own numbers without a limit, and otherwise as [`CanCount`].
pub(crate) struct CanScrape;
/// To see what a sender made: notifications, batches and templates.
pub(crate) struct CanFollow;
/// To run the cluster.
pub(crate) struct CanAdminister;

impl Need for CanSend {
    const ANY_OF: &'static [Scope] = &[Scope::Send];
}
impl Need for CanIngest {
    const ANY_OF: &'static [Scope] = &[Scope::Ingest];
}
impl Need for CanRead {
    const ANY_OF: &'static [Scope] = &[Scope::Read];
}
impl Need for CanCount {
    const ANY_OF: &'static [Scope] = CanRead::ANY_OF;

    fn policy(_query: Option<&str>) -> Option<Policy> {
        Some(Policy::Metrics)
    }
}
impl Need for CanScrape {
    const ANY_OF: &'static [Scope] = CanRead::ANY_OF;

    fn policy(query: Option<&str>) -> Option<Policy> {
        dropin::asks_for_events(query?).then_some(Policy::Metrics)
    }
}
impl Need for CanFollow {
    const ANY_OF: &'static [Scope] = &[Scope::Read, Scope::Send];
}
impl Need for CanAdminister {
    const ANY_OF: &'static [Scope] = &[Scope::Admin];
}

/// A caller who may do what `N` stands for.
pub(crate) struct Authorized<N> {
    /// For whom, and what ties the call together.
    pub(crate) caller: Caller,
    need: PhantomData<N>,
}

impl<N> Authorized<N> {
    /// The tenant that the call is for.
    pub(crate) fn tenant(&self) -> TenantId {
        self.caller.tenant
    }
}

impl<N: Need> FromRequestParts<AppState> for Authorized<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Authorized<N>, Problem> {
        let secret = secret(&parts.headers);
        let token = secret.and_then(Token::parse);
        let access = app.service.access(token.as_ref()).await?;
        count::<N>(app, &access, parts)?;
        let tenant = match access {
            Access::Open if !app.api.require_keys => TenantId::DEFAULT,
            Access::Open => {
                return Err(unauthorized("This service takes only calls with a key, and none was made yet."));
            }
            Access::Denied if secret.is_none() => {
                return Err(unauthorized("The call carries no key."));
            }
            Access::Denied => return Err(unauthorized("The key is unknown or revoked.")),
            Access::Key(key) if N::ANY_OF.iter().any(|scope| key.allows(*scope)) => key.tenant,
            Access::Key(_) => return Err(forbidden(N::ANY_OF)),
        };
        let correlation = parts.extensions.get::<Correlation>().cloned();
        let correlation = correlation.ok_or_else(|| Problem::internal("a request without correlation"))?;
        Ok(Authorized { caller: Caller { tenant, correlation }, need: PhantomData })
    }
}

/// Counts the call for its key. Calls without one count for their address, and so do those with a wrong one: those for
/// the limit of all calls, so that whoever guesses keys is slowed down on whatever they are tried. Calls with a valid
/// key from the same address do not suffer from it.
fn count<N: Need>(app: &AppState, access: &Access, parts: &Parts) -> Result<(), Problem> {
    let Some(limiter) = &app.limiter else { return Ok(()) };
    let (policy, key_prefix) = match access {
        Access::Key(key) => (N::policy(parts.uri.query()), Some(key.prefix.as_str())),
        Access::Open => (N::policy(parts.uri.query()), None),
        Access::Denied => (Some(Policy::Default), None),
    };
    policy.map_or(Ok(()), |policy| limiter.admit(policy, key_prefix, parts, app.service.clock().now()))
}

/// The text that should be a token. `X-API-Key` goes first: whoever sends both may have the other from a proxy.
fn secret(headers: &HeaderMap) -> Option<&str> {
    if let Some(key) = headers.get(API_KEY) {
        return key.to_str().ok();
    }
    let (scheme, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim())
}

fn unauthorized(detail: &'static str) -> Problem {
    let challenge = HeaderValue::from_static("Bearer realm=\"angaros\"");
    Problem::new(problems::UNAUTHORIZED, detail).with_header(WWW_AUTHENTICATE, challenge)
}

fn forbidden(any_of: &[Scope]) -> Problem {
    let names: Vec<&str> = any_of.iter().map(|scope| scope.as_str()).collect();
    let problem = Problem::new(
        problems::FORBIDDEN,
        format!("The call needs a key with the scope {}.", names.join(" or ")),
    );
    let challenge = format!("Bearer realm=\"angaros\", error=\"insufficient_scope\", scope=\"{}\"", names[0]);
    match HeaderValue::try_from(challenge) {
        Ok(challenge) => problem.with_header(WWW_AUTHENTICATE, challenge),
        Err(_) => problem,
    }
}
