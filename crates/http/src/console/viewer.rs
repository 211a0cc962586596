//! Who looks at a page, and whether they may.
//!
//! A page names what it needs by the type of its first argument, as routes of the API do: `Viewer<CanRead>`. Whoever has
//! not signed in is led to the sign-in and back; whoever may not see the page is told so. What changes something is taken
//! only from pages of the console itself: the extractor refuses every other sender, so no page can forget to.

use std::marker::PhantomData;

use angaros_domain::TenantId;
use angaros_domain::session::{SESSION_SECONDS, Session};
use angaros_service::Caller;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Redirect, Response};
use http::header::COOKIE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};

use super::link::Link;
use super::notice::Notice;
use super::shell::{Area, Shell, Who};
use crate::auth::{Need, Shown, enter};
use crate::error::Problem;
use crate::limits::is_https;
use crate::origin::{Sender, sender};
use crate::{AppState, problems};

/// The name of the cookie that holds the session.
const COOKIE_NAME: &str = "angaros_session";

/// Somebody who may see what `N` stands for.
pub(crate) struct Viewer<N> {
    /// For whom, and what ties the call together.
    pub(crate) caller: Caller,
    who: Who,
    notice: Option<Notice>,
    need: PhantomData<N>,
}

impl<N> Viewer<N> {
    /// The tenant that is looked at.
    pub(crate) fn tenant(&self) -> TenantId {
        self.caller.tenant
    }

    /// What surrounds the page.
    pub(crate) fn shell(&self, area: impl Into<Option<Area>>) -> Shell {
        Shell { area: area.into(), who: self.who.clone(), notice: self.notice }
    }
}

impl<N: Need> FromRequestParts<AppState> for Viewer<N> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Viewer<N>, Response> {
        require_own_page(parts).map_err(IntoResponse::into_response)?;
        let shown = shown(&parts.headers);
        match enter::<N>(app, parts, &shown).await {
            Ok((access, caller)) => {
                let notice = parts.uri.query().and_then(Notice::in_query);
                Ok(Viewer { caller, who: access.into(), notice, need: PhantomData })
            }
            Err(problem) if problem.is(problems::UNAUTHORIZED) => Err(to_sign_in(parts)),
            Err(problem) => Err(refusal(problem, &shown, app).await),
        }
    }
}

/// Refuses what changes something unless one of our own pages asks for it.
pub(crate) fn require_own_page(parts: &Parts) -> Result<(), Problem> {
    if matches!(parts.method, Method::GET | Method::HEAD) || sender(parts) == Sender::Own {
        return Ok(());
    }
    Err(Problem::new(problems::FOREIGN_ORIGIN, "The form was not sent by a page of this console."))
}

/// The session that a browser shows.
pub(crate) fn shown(headers: &HeaderMap) -> Shown {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    match pairs.find(|(name, _)| *name == COOKIE_NAME) {
        Some((_, text)) => Session::parse(text).map_or(Shown::Nonsense, Shown::Session),
        None => Shown::Nothing,
    }
}

/// What is refused is told within what the viewer may see: whoever has the wrong key can sign out.
async fn refusal(problem: Problem, shown: &Shown, app: &AppState) -> Response {
    let who = shown.access(app).await.map_or(Who::Nobody, Who::from);
    let mut response = problem.into_response();
    response.extensions_mut().insert(Shell::around(who));
    response
}

/// Who has to sign in is led there, and from there back to the page.
fn to_sign_in(parts: &Parts) -> Response {
    let next = (parts.method == Method::GET).then(|| parts.uri.path_and_query()).flatten();
    Redirect::to(&Link::to("sign-in").with_some("next", next).to_string()).into_response()
}

/// The header that makes a browser keep a session. Scripts can not read it, and it goes to the console only.
pub(crate) fn cookie(session: &Session, app: &AppState, parts: &Parts) -> Option<HeaderValue> {
    write_cookie(&session.reveal(), SESSION_SECONDS, app, parts)
}

/// The header that makes a browser forget its session.
pub(crate) fn cookie_removal(app: &AppState, parts: &Parts) -> Option<HeaderValue> {
    write_cookie("", 0, app, parts)
}

fn write_cookie(value: &str, seconds: i64, app: &AppState, parts: &Parts) -> Option<HeaderValue> {
    let secure = if is_https(parts, &app.api.limits.trusted_proxies) { "; Secure" } else { "" };
    let text =
        format!("{COOKIE_NAME}={value}; Path=/console; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::try_from(text).ok()
}
