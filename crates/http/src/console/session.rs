//! The session that a browser keeps in a cookie: shown with every request, and renewed as long as it is used.

use std::sync::{Arc, OnceLock};

use angaros_domain::session::{SESSION_SECONDS, Session};
use angaros_service::Access;
use http::header::{COOKIE, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use crate::AppState;
use crate::auth::Shown;
use crate::limits::is_https;

/// The name of the cookie that holds the session.
const COOKIE_NAME: &str = "angaros_session";

/// The session that a browser shows.
pub(crate) fn shown(headers: &HeaderMap) -> Shown {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    match pairs.find(|(name, _)| *name == COOKIE_NAME) {
        Some((_, text)) => Session::parse(text).map_or(Shown::Nonsense, Shown::Session),
        None => Shown::Nothing,
    }
}

/// The cookie of a session that goes on, for the outermost layer to send. It goes along with the request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Renewal(Arc<OnceLock<HeaderValue>>);

impl Renewal {
    /// Puts it into the headers of the answer, unless there is none.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        if let Some(cookie) = self.0.get() {
            headers.append(SET_COOKIE, cookie.clone());
        }
    }
}

/// Lets a session that is used last: its holder gets another one once half of its time is over.
pub(crate) fn renew(access: &Access, shown: &Shown, app: &AppState, parts: &Parts) {
    let (Access::Key(key), Shown::Session(session)) = (access, shown) else { return };
    let now = app.service.clock().now();
    let renewed = session.is_half_over(now).then(|| cookie(&key.session(now), app, parts)).flatten();
    if let Some((renewal, cookie)) = parts.extensions.get::<Renewal>().zip(renewed) {
        // Only the first is told, and a page asks once.
        drop(renewal.0.set(cookie));
    }
}

/// The header that makes a browser keep a session. Scripts can not read it, and it goes to the console only: also where a link
/// of another page leads there, since looking changes nothing, but never with a form of another page.
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
        format!("{COOKIE_NAME}={value}; Path=/console; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(text).ok()
}
