//! Templates.

use angaros_domain::notification::Content;
use angaros_domain::template::{Source, Template};
use angaros_domain::{TemplateId, Timestamp};
use angaros_service::TemplateDraft;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::extract::StrictMap;

/// A request to store a template. Variables stand in double braces, `{{ name }}`; `{{.name}}` means the same.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TemplateRequest {
    /// Its name, unique among your templates.
    #[schema(min_length = 1, max_length = 128, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    name: String,
    /// The title of an e-mail or push message.
    subject: Option<String>,
    /// The text, at most 256 KiB.
    #[schema(min_length = 1, max_length = 262_144)]
    body: String,
    /// The HTML alternative of an e-mail, in which variables are escaped.
    #[schema(max_length = 262_144)]
    html: Option<String>,
}

impl From<TemplateRequest> for TemplateDraft {
    fn from(request: TemplateRequest) -> TemplateDraft {
        let TemplateRequest { name, subject, body, html } = request;
        TemplateDraft { name, source: Source { subject, body, html } }
    }
}

/// A stored template.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Template)]
pub(crate) struct TemplateBody {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: TemplateId,
    /// Its name.
    name: String,
    /// The title of an e-mail or push message.
    subject: Option<String>,
    /// The text.
    body: String,
    /// The HTML alternative of an e-mail.
    html: Option<String>,
    /// When it was stored.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<Template> for TemplateBody {
    fn from(template: Template) -> TemplateBody {
        let Template { id, name, source: Source { subject, body, html }, created_at, updated_at, .. } =
            template;
        TemplateBody { id, name, subject, body, html, created_at, updated_at }
    }
}

/// What to render a template with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewRequest {
    /// The variables. Every one that the template uses must be there.
    #[schema(value_type = Option<Object>)]
    template_variables: Option<StrictMap>,
}

impl PreviewRequest {
    /// The variables.
    pub(crate) fn variables(self) -> serde_json::Map<String, serde_json::Value> {
        self.template_variables.unwrap_or_default().0
    }
}

/// What a notification from the template would carry.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Preview)]
pub(crate) struct PreviewBody {
    /// The title of an e-mail or push message.
    subject: Option<String>,
    /// The text.
    content: String,
    /// The HTML alternative of an e-mail.
    html: Option<String>,
}

impl From<Content> for PreviewBody {
    fn from(content: Content) -> PreviewBody {
        let Content { subject, text, html } = content;
        PreviewBody { subject, content: text, html }
    }
}
