//! Who calls, and whether they may.
//!
//! A route names what it needs by the type of its first argument: `Authorized<CanSend>`. Because the extractor runs
//! before the body is read, a caller without a key can not make us read one. The one key that comes in a body is that of
//! the console's sign-in: such a call is counted first, and its body is small.

use std::marker::PhantomData;

use angaros_domain::TenantId;
use angaros_domain::api_key::{Scope, Token};
use angaros_domain::correlation::Correlation;
use angaros_domain::session::Session;
use angaros_service::{Access, Caller};
use axum::extract::FromRequestParts;
use http::header::{AUTHORIZATION, HeaderName, SEC_WEBSOCKET_PROTOCOL, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use crate::error::Problem;
use crate::limits::Policy;
use crate::{AppState, dropin, host, origin, problems};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What stands in front of a key that is offered as a WebSocket protocol.
const KEY_PROTOCOL: &str = "angaros.key.";

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
        let shown = Shown::in_headers(&parts.headers);
        let (_, caller) = enter::<N>(app, parts, &shown).await?;
        Ok(Authorized { caller, need: PhantomData })
    }
}

/// What a caller shows to be let in.
#[derive(Debug)]
pub(crate) enum Shown {
    /// Nothing at all.
    Nothing,
    /// Something that can not be a key or a session.
    Nonsense,
    /// A key.
    Token(Token),
    /// A session, in place of the key that it was made with.
    Session(Session),
}

impl Shown {
    fn in_headers(headers: &HeaderMap) -> Shown {
        Shown::token(secret(headers))
    }

    /// A text that should be a key.
    pub(crate) fn token(text: Option<&str>) -> Shown {
        let read = |text| Token::parse(text).map_or(Shown::Nonsense, Shown::Token);
        text.map_or(Shown::Nothing, read)
    }

    /// What it opens.
    pub(crate) async fn access(&self, app: &AppState) -> Result<Access, Problem> {
        Ok(match self {
            Shown::Nothing | Shown::Nonsense => app.service.access(None).await?,
            Shown::Token(token) => app.service.access(Some(token)).await?,
            Shown::Session(session) => app.service.session_access(session).await?,
        })
    }
}

/// Lets a caller in who may do what `N` stands for, and counts the call. Answers what was found of the key, too.
pub(crate) async fn enter<N: Need>(
    app: &AppState,
    parts: &Parts,
    shown: &Shown,
) -> Result<(Access, Caller), Problem> {
    let access = shown.access(app).await?;
    count::<N>(app, &access, parts)?;
    let tenant = admit::<N>(app, &access, shown)?;
    if access == Access::Open {
        require_own(app, parts)?;
    }
    Ok((access, Caller { tenant, correlation: correlation(parts)? }))
}

/// What no key guards must at least not be asked by somebody else's page in the user's browser.
fn require_own(app: &AppState, parts: &Parts) -> Result<(), Problem> {
    host::require_known(parts, &app.api.open_hosts)?;
    origin::require_no_stranger(parts)
}

/// What a key opens that came in a body. The call was counted before that was read, by [`count_unread`].
pub(crate) async fn enter_counted<N: Need>(app: &AppState, token: &Shown) -> Result<Access, Problem> {
    let access = token.access(app).await?;
    admit::<N>(app, &access, token)?;
    Ok(access)
}

/// Counts a call whose key is in its body, which is still to be read: whoever it may be, for its address.
pub(crate) fn count_unread(app: &AppState, parts: &Parts) -> Result<(), Problem> {
    let Some(limiter) = &app.limiter else { return Ok(()) };
    limiter.admit(Policy::Default, None, parts, app.service.clock().now())
}

/// A caller who stays, and may do what `N` stands for as long as its key holds.
pub(crate) struct Staying<N> {
    /// For whom, and what ties the call together.
    pub(crate) caller: Caller,
    shown: Shown,
    /// The public part of the key; `None` if the service runs open.
    key_prefix: Option<String>,
    need: PhantomData<N>,
}

impl<N: Need> Staying<N> {
    /// Lets a caller in who stays.
    pub(crate) async fn enter(app: &AppState, parts: &Parts, shown: Shown) -> Result<Staying<N>, Problem> {
        let (access, caller) = enter::<N>(app, parts, &shown).await?;
        let key_prefix = match access {
            Access::Key(key) => Some(key.prefix),
            Access::Open | Access::Denied => None,
        };
        Ok(Staying { caller, shown, key_prefix, need: PhantomData })
    }

    /// The public part of the caller's key; `None` if the service runs open.
    pub(crate) fn key(&self) -> Option<&str> {
        self.key_prefix.as_deref()
    }

    /// Whether the caller may still do what it does. While nobody can tell, it may.
    pub(crate) async fn may_stay(&self, app: &AppState) -> bool {
        match self.shown.access(app).await {
            Ok(access) => {
                admit::<N>(app, &access, &self.shown).is_ok_and(|tenant| tenant == self.caller.tenant)
            }
            Err(_) => true,
        }
    }
}

impl<N: Need> FromRequestParts<AppState> for Staying<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Staying<N>, Problem> {
        let shown = match Shown::in_headers(&parts.headers) {
            Shown::Nothing => Shown::token(offered(&parts.headers)),
            shown => shown,
        };
        Staying::enter(app, parts, shown).await
    }
}

/// The tenant that a caller may act for.
fn admit<N: Need>(app: &AppState, access: &Access, shown: &Shown) -> Result<TenantId, Problem> {
    match access {
        Access::Open if !app.api.require_keys => Ok(TenantId::DEFAULT),
        Access::Open => Err(unauthorized("This service takes only calls with a key, and none was made yet.")),
        Access::Denied if matches!(shown, Shown::Nothing) => Err(unauthorized("The call carries no key.")),
        Access::Denied => Err(unauthorized("The key is unknown or revoked.")),
        Access::Key(key) if N::ANY_OF.iter().any(|scope| key.allows(*scope)) => Ok(key.tenant),
        Access::Key(_) => Err(forbidden(N::ANY_OF)),
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

fn correlation(parts: &Parts) -> Result<Correlation, Problem> {
    let correlation = parts.extensions.get::<Correlation>().cloned();
    correlation.ok_or_else(|| Problem::internal("a request without correlation"))
}

/// A key among the protocols that a WebSocket client offers: browsers let scripts set no other header there.
fn offered(headers: &HeaderMap) -> Option<&str> {
    let offers = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|offer| offer.to_str().ok());
    offers.flat_map(|offer| offer.split(',')).find_map(|offer| offer.trim().strip_prefix(KEY_PROTOCOL))
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
