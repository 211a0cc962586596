//! `/console/keys`: who may call. A new key is shown once, in the answer to the form that makes it, and never in an
//! address.

use angaros_domain::api_key::{ApiKey, Scope, Token};
use angaros_service::{KeyDraft, ServiceError};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use crate::AppState;
use crate::auth::CanAdminister;
use crate::console::confirm::Confirm;
use crate::console::field::Field;
use crate::console::filters;
use crate::console::form::{Faults, Form};
use crate::console::link::Link;
use crate::console::notice::Notice;
use crate::console::page::{done, page, page_with};
use crate::console::shell::{Area, Shell};
use crate::console::viewer::Viewer;
use crate::error::Problem;
use crate::extract::Id;

#[derive(Template)]
#[template(path = "console/keys.html")]
struct KeysPage {
    shell: Shell,
    keys: Vec<ApiKey>,
    /// Something else was made since the form was shown, perhaps by this very form.
    is_behind: bool,
    name: Field,
    scopes: Vec<ScopeBox>,
    scopes_fault: Option<String>,
}

/// A scope that a new key may get.
struct ScopeBox {
    scope: Scope,
    field: &'static str,
    meaning: &'static str,
    is_checked: bool,
}

#[derive(Template)]
#[template(path = "console/key_made.html")]
struct KeyMadePage {
    shell: Shell,
    key: ApiKey,
    token: Token,
    /// It was the first one: until now everybody could call.
    is_first: bool,
}

/// The field that stands for a scope. A form sends only those that are chosen.
const fn field_of(scope: Scope) -> &'static str {
    match scope {
        Scope::Send => "scope_send",
        Scope::Ingest => "scope_ingest",
        Scope::Read => "scope_read",
        Scope::Admin => "scope_admin",
    }
}

const fn meaning(scope: Scope) -> &'static str {
    match scope {
        Scope::Send => "send, cancel and retry notifications; use templates",
        Scope::Ingest => "record events",
        Scope::Read => "read everything of the tenant",
        Scope::Admin => "everything, keys and webhook endpoints included",
    }
}

/// The prefix of the key that was made last.
fn newest(keys: &[ApiKey]) -> Option<&str> {
    keys.last().map(|key| key.prefix.as_str())
}

/// What a key may do, in one line.
fn scopes_of(key: &ApiKey) -> String {
    key.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ")
}

impl KeysPage {
    /// The page as it is before anything is entered.
    fn fresh(shell: Shell, keys: Vec<ApiKey>) -> KeysPage {
        let is_first = keys.is_empty();
        let name = Field::line("name", "Name")
            .hint("What people call it, such as the program that uses it.")
            .required();
        let scope_box = |scope| ScopeBox {
            scope,
            field: field_of(scope),
            meaning: meaning(scope),
            is_checked: if is_first { scope == Scope::Admin } else { scope != Scope::Admin },
        };
        KeysPage {
            shell,
            keys,
            is_behind: false,
            name,
            scopes: Scope::ALL.map(scope_box).into(),
            scopes_fault: None,
        }
    }

    /// The page with what was entered, and what is wrong with it.
    fn faulty(self, form: &Form, faults: &Faults) -> KeysPage {
        let chosen = |one: ScopeBox| ScopeBox { is_checked: form.get(one.field).is_some(), ..one };
        KeysPage {
            name: self.name.sent(form, faults),
            scopes: self.scopes.into_iter().map(chosen).collect(),
            scopes_fault: faults.of("scopes"),
            ..self
        }
    }

    /// What the form tells, so that a second click, or reloading, makes no second key.
    fn newest(&self) -> &str {
        newest(&self.keys).unwrap_or_default()
    }

    fn has_valid_key(&self) -> bool {
        self.keys.iter().any(|key| key.revoked_at.is_none())
    }
}

/// `GET /console/keys`
pub(crate) async fn list(
    State(app): State<AppState>,
    viewer: Viewer<CanAdminister>,
) -> Result<Response, Problem> {
    let keys = app.service.tenant_keys(viewer.tenant()).await?;
    page(&KeysPage::fresh(viewer.shell(Area::Keys), keys))
}

/// `POST /console/keys`
pub(crate) async fn create(
    State(app): State<AppState>,
    viewer: Viewer<CanAdminister>,
    form: Form,
) -> Result<Response, Problem> {
    let shell = viewer.shell(Area::Keys);
    let _making = app.making.lock().await;
    let keys = app.service.tenant_keys(viewer.tenant()).await?;
    if form.get("newest") != newest(&keys) {
        let page = KeysPage::fresh(shell, keys).faulty(&form, &Faults::default());
        return page_with(StatusCode::CONFLICT, &KeysPage { is_behind: true, ..page });
    }
    let scopes = Scope::ALL.into_iter().filter(|scope| form.get(field_of(*scope)).is_some()).collect();
    let draft = KeyDraft { name: form.text("name").unwrap_or_default(), scopes };
    match app.service.tenant_key_create(viewer.tenant(), draft).await {
        Ok((key, token)) => {
            let made = KeyMadePage { shell, key, token, is_first: keys.is_empty() };
            page_with(StatusCode::CREATED, &made)
        }
        Err(ServiceError::Invalid(found)) => {
            let faulty = KeysPage::fresh(shell, keys).faulty(&form, &Faults::new(found));
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &faulty)
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET /console/keys/{prefix}/revoke`
pub(crate) async fn ask_revoke(
    State(app): State<AppState>,
    viewer: Viewer<CanAdminister>,
    Id(prefix): Id<String>,
) -> Result<Response, Problem> {
    let keys = app.service.tenant_keys(viewer.tenant()).await?;
    let valid: Vec<&ApiKey> = keys.iter().filter(|key| key.revoked_at.is_none()).collect();
    let key = valid.iter().find(|key| key.prefix == prefix).ok_or_else(Problem::not_found)?;
    let others = valid.iter().any(|other| other.prefix != prefix && other.scopes.contains(&Scope::Admin));
    let mut text = vec![
        format!(
            "The key ak_{prefix}, called {}, opens nothing any more from then on. This can not be undone.",
            key.name
        ),
        "Sessions of this console that were opened with it end too.".to_owned(),
    ];
    if key.scopes.contains(&Scope::Admin) && !others {
        text.push(
            "It is the last key with the scope admin. Without one, keys can be made only where the service runs, with \
             angaros keys create."
                .to_owned(),
        );
    }
    page(&Confirm {
        shell: viewer.shell(Area::Keys),
        title: format!("Revoke the key {}?", key.name),
        text,
        action: Link::to("keys").at(&prefix).at("revoke"),
        fields: Vec::new(),
        button: "Revoke it".into(),
        is_danger: true,
        back: Link::to("keys"),
    })
}

/// `POST /console/keys/{prefix}/revoke`
pub(crate) async fn revoke(
    State(app): State<AppState>,
    viewer: Viewer<CanAdminister>,
    Id(prefix): Id<String>,
) -> Result<Response, Problem> {
    app.service.tenant_key_revoke(viewer.tenant(), &prefix).await?;
    Ok(done(Link::to("keys"), Notice::KeyRevoked))
}
