//! Templates.

use angaros_domain::{TemplateId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::error::Result;
use crate::page::Page;
use crate::request::Request;

/// A template that is to be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewTemplate {
    /// Its name, unique among yours.
    pub name: String,
    /// The title of an e-mail or push message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The text, with variables in double braces.
    pub body: String,
    /// The HTML alternative of an e-mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
}

/// A stored template.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Template {
    /// Its id.
    pub id: TemplateId,
    /// Its name.
    pub name: String,
    /// The title.
    pub subject: Option<String>,
    /// The text.
    pub body: String,
    /// The HTML alternative.
    pub html: Option<String>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a template makes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Preview {
    /// The title.
    pub subject: Option<String>,
    /// The text.
    pub content: String,
    /// The HTML alternative.
    pub html: Option<String>,
}

impl Client {
    /// Stores a template.
    ///
    /// # Errors
    /// 409 if the name is taken; see [`Error`](crate::Error).
    pub async fn create_template(&self, template: &NewTemplate) -> Result<Template> {
        self.call(Request::post("/templates").json(template)?).await
    }

    /// A page of templates.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn templates(&self, cursor: Option<&str>) -> Result<Page<Template>> {
        self.call(Request::get("/templates").query("limit", 200).maybe("cursor", cursor)).await
    }

    /// One template.
    ///
    /// # Errors
    /// See [`Error`](crate::Error); 404 if there is none.
    pub async fn template(&self, id: TemplateId) -> Result<Template> {
        self.call(Request::get(format!("/templates/{id}"))).await
    }

    /// Replaces a template.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn replace_template(&self, id: TemplateId, template: &NewTemplate) -> Result<Template> {
        self.call(Request::put(format!("/templates/{id}")).json(template)?).await
    }

    /// Removes a template. What was made from it stays as it is.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn delete_template(&self, id: TemplateId) -> Result<()> {
        self.call_silent(Request::delete(format!("/templates/{id}"))).await
    }

    /// What a template makes of these variables.
    ///
    /// # Errors
    /// 422 if one is missing; see [`Error`](crate::Error).
    pub async fn preview_template(&self, id: TemplateId, variables: &Map<String, Value>) -> Result<Preview> {
        let body = json!({ "template_variables": variables });
        self.call(Request::post(format!("/templates/{id}/preview")).json(&body)?.repeatable()).await
    }
}
