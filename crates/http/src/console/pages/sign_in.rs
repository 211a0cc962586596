//! `/console/sign-in`: a key opens the console for some hours.

use angaros_service::Access;
use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::header::SET_COOKIE;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;

use crate::AppState;
use crate::auth::{Need, Shown, count_unread, enter_counted};
use crate::console::BASE;
use crate::console::field::Field;
use crate::console::form::{Faults, Form};
use crate::console::link::Link;
use crate::console::page::{page, page_with};
use crate::console::query::Asked;
use crate::console::session::{cookie, cookie_removal};
use crate::console::shell::Shell;
use crate::console::viewer::require_own_page;
use crate::error::Problem;
use crate::problems;

/// The largest form that is read, in bytes: nobody is known yet, and it holds a key and an address.
const BYTES_MAX: usize = 8 * 1024;

/// To sign in: any scope will do, each page asks for its own.
struct AnyScope;

impl Need for AnyScope {
    const ANY_OF: &'static [angaros_domain::api_key::Scope] = &angaros_domain::api_key::Scope::ALL;
}

/// Where to go on to.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInQuery {
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct SignInPage {
    shell: Shell,
    key: Field,
    next: String,
    /// Keys are asked for, and there is none yet.
    has_no_key: bool,
}

/// `GET /console/sign-in`
pub(crate) async fn show(
    State(app): State<AppState>,
    Asked(query): Asked<SignInQuery>,
) -> Result<Response, Problem> {
    let next = local(query.next.as_deref());
    let is_open = app.service.access(None).await? == Access::Open;
    if is_open && !app.api.require_keys {
        return Ok(Redirect::to(&next).into_response());
    }
    page(&SignInPage { shell: Shell::bare(), key: key_field(), next, has_no_key: is_open })
}

/// `POST /console/sign-in`
pub(crate) async fn sign_in(State(app): State<AppState>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    require_own_page(&parts)?;
    count_unread(&app, &parts)?;
    let form = Form::read(Request::from_parts(parts.clone(), body), BYTES_MAX).await?;
    let next = local(form.get("next"));
    let access = match enter_counted::<AnyScope>(&app, &Shown::token(form.get("key"))).await {
        Ok(access) => access,
        Err(problem) if problem.is(problems::UNAUTHORIZED) => {
            let fault = "is not a valid key of this service; it may have been revoked";
            return refused(StatusCode::UNAUTHORIZED, fault, next);
        }
        Err(problem) => return Err(problem),
    };
    let Access::Key(key) = access else { return Ok(redirect(&next, None)) };
    let session = cookie(&key.session(app.service.clock().now()), &app, &parts);
    let Some(home) = Shell::around(Access::Key(key)).home() else {
        let fault = "opens no page of the console: it needs the scope read, send or admin";
        return refused(StatusCode::FORBIDDEN, fault, next);
    };
    // Nobody asked for the overview by name.
    let to = if next == BASE { home.path() } else { next.as_str() };
    Ok(redirect(to, session))
}

/// The form again, with what is wrong with the key. What was entered is not sent back.
fn refused(status: StatusCode, fault: &str, next: String) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    faults.push("key", fault);
    let key = key_field().sent(&Form::default(), &faults);
    page_with(status, &SignInPage { shell: Shell::bare(), key, next, has_no_key: false })
}

/// `POST /console/sign-out`
pub(crate) async fn sign_out(State(app): State<AppState>, parts: Parts) -> Result<Response, Problem> {
    require_own_page(&parts)?;
    Ok(redirect(&Link::to("sign-in").to_string(), cookie_removal(&app, &parts)))
}

fn redirect(to: &str, set_cookie: Option<HeaderValue>) -> Response {
    let mut response = Redirect::to(to).into_response();
    response.headers_mut().extend(set_cookie.map(|cookie| (SET_COOKIE, cookie)));
    response
}

fn key_field() -> Field {
    Field::secret("key", "API key")
        .hint("Begins with ak_. It is not kept: the browser gets a session that ends 12 hours after it was used last.")
        .autocomplete("current-password")
        .required()
}

/// Where to go after signing in: a page of the console, whatever the address says.
fn local(next: Option<&str>) -> String {
    let is_local = |path: &&str| {
        crate::console::is_console(path.split('?').next().unwrap_or_default())
            && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    next.filter(is_local).map_or_else(|| Link::to("").to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        for next in ["/console", "/console?x=1", "/console/notifications?status=failed&cursor=a%20b"] {
            assert_eq!(local(Some(next)), next);
        }
        for next in [
            "",
            "/",
            "//evil.example",
            "https://evil.example/console",
            "/consolex",
            "/api/v1/notifications",
            "/\\evil.example",
            "/console/\\evil.example",
            "/console/\r\nset-cookie: x=y",
            "console",
        ] {
            assert_eq!(local(Some(next)), "/console", "{next}");
        }
        assert_eq!(local(None), "/console");
    }
}
