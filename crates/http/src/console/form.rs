//! What a form sends, and what is wrong with it, beside the fields that it is wrong in.

use std::collections::HashMap;

use angaros_domain::Violation;
use axum::extract::{FromRequest, Request};
use http::header::CONTENT_TYPE;
use url::form_urlencoded;

use crate::AppState;
use crate::error::Problem;
use crate::extract::{body, unsupported};

/// The media type of forms.
const URLENCODED: &str = "application/x-www-form-urlencoded";

/// The most fields that a form may send; far more than any has.
const FIELDS_MAX: usize = 64;

/// What a form sent. Lines end with a line feed, as everywhere but in forms.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form(HashMap<String, String>);

impl Form {
    /// A form that was filled in for the user.
    pub(crate) fn of(fields: impl IntoIterator<Item = (&'static str, String)>) -> Form {
        Form(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// What a field holds; `None` if it is empty or was not sent. Spaces around it are not part of it.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The same as its owner.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// What a field holds as it was written, spaces included; `None` if there is nothing in it.
    pub(crate) fn verbatim(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }
}

impl FromRequest<AppState> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &AppState) -> Result<Form, Problem> {
        Form::read(request, app.api.body_bytes_max).await
    }
}

impl Form {
    /// Reads what a form sent, at most `bytes_max` of it.
    pub(crate) async fn read(request: Request, bytes_max: usize) -> Result<Form, Problem> {
        let sent =
            request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = sent.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case(URLENCODED) {
            return Err(unsupported(URLENCODED));
        }
        let bytes = body::read(request, bytes_max).await?;
        let fields = form_urlencoded::parse(&bytes).take(FIELDS_MAX);
        let unix = |value: &str| value.replace("\r\n", "\n");
        Ok(Form(fields.map(|(name, value)| (name.into_owned(), unix(&value))).collect()))
    }
}

/// What is wrong with a form.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Vec<Violation>);

impl Faults {
    /// From what the service found.
    pub(crate) fn new(found: Vec<Violation>) -> Faults {
        Faults(found)
    }

    /// With one more, at a field.
    pub(crate) fn push(&mut self, field: &str, detail: impl Into<String>) {
        self.0.push(Violation::new(format!("#/{field}"), detail));
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong with a field, or with something in it.
    pub(crate) fn of(&self, field: &str) -> Option<String> {
        let found: Vec<&str> = self
            .0
            .iter()
            .filter(|fault| field_of(&fault.pointer) == field)
            .map(|fault| fault.detail.as_str())
            .collect();
        (!found.is_empty()).then(|| found.join("; "))
    }

    /// What is wrong elsewhere than in these fields: `recipient must be ...`.
    pub(crate) fn elsewhere(&self, fields: &[&str]) -> Vec<String> {
        let elsewhere = self.0.iter().filter(|fault| !fields.contains(&field_of(&fault.pointer)));
        elsewhere.map(|fault| format!("{} {}", field_of(&fault.pointer), fault.detail)).collect()
    }
}

/// The field that a pointer such as `#/tags/3` leads into.
fn field_of(pointer: &str) -> &str {
    let path = pointer.trim_start_matches("#/");
    path.split('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_stand_beside_their_fields() {
        let mut faults = Faults::new(vec![
            Violation::new("#/tags/3", "is long"),
            Violation::new("#/tags", "are many"),
            Violation::new("#/other", "is odd"),
        ]);
        faults.push("recipient", "is required");
        assert_eq!(faults.of("tags").as_deref(), Some("is long; are many"));
        assert_eq!(faults.of("recipient").as_deref(), Some("is required"));
        assert_eq!(faults.of("content"), None);
        assert_eq!(faults.elsewhere(&["tags", "recipient"]), ["other is odd"]);
    }
}
