//! The form of a template, and what it would send: shared by the pages that make, change and try one.

use angaros_domain::TemplateId;
use angaros_domain::notification::Content;
use angaros_domain::template::{Source, Template as Stored};
use angaros_service::{Service, ServiceError, TemplateDraft};
use askama::Template;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value};

use super::field::Field;
use super::form::{Faults, Form};
use super::link::Link;
use super::page::{page_with, page_with_frame};
use super::shell::Shell;
use crate::error::Problem;

/// Where a template says which variables it was not given.
const VARIABLES: &str = "template_variables";

/// The page of a template.
#[derive(Template)]
#[template(path = "console/template.html")]
pub(crate) struct TemplatePage {
    shell: Shell,
    /// `None` for one that is not stored yet.
    id: Option<TemplateId>,
    /// Where the form is sent.
    action: Link,
    fields: Vec<Field>,
    variables: Field,
    preview: Preview,
    /// What is in the frame at first.
    frame: Option<Link>,
}

/// What the template would send.
enum Preview {
    /// There is no template yet.
    None,
    /// This.
    Content(Content),
    /// Nothing: something is wrong with it, or with the variables.
    Faults(Vec<String>),
}

/// What a form says of a template.
pub(crate) fn draft_of(form: &Form) -> TemplateDraft {
    TemplateDraft {
        name: form.text("name").unwrap_or_default(),
        source: Source {
            subject: form.verbatim("subject"),
            body: form.verbatim("body").unwrap_or_default(),
            html: form.verbatim("html"),
        },
    }
}

/// The variables that a form gives, or what is wrong with them. None are no variables.
pub(crate) fn variables_of(form: &Form) -> Result<Map<String, Value>, String> {
    let Some(text) = form.get("variables") else { return Ok(Map::new()) };
    serde_json::from_str(text).map_err(|error| format!("must be a JSON object: {error}"))
}

impl TemplatePage {
    /// The page as an answer. Who may not try a template has no frame to try it in.
    pub(crate) fn answer(&self, status: StatusCode) -> Result<Response, Problem> {
        if self.shell.may_send() { page_with_frame(status, self) } else { page_with(status, self) }
    }

    /// For a new one.
    pub(crate) fn blank(shell: Shell) -> TemplatePage {
        let variables = variables_field().value(Some("{\n  \"name\": \"Ada\"\n}"));
        let [name, subject, body, html] = fields();
        let fields = vec![name, subject, body.value(Some("Hello {{ name }}!")), html];
        let (action, preview) = (Link::to("templates"), Preview::None);
        TemplatePage { shell, id: None, action, fields, variables, preview, frame: None }
    }

    /// For one that is stored, tried with variables of its own names.
    pub(crate) fn of(shell: Shell, service: &Service, template: Stored) -> TemplatePage {
        let Stored { id, name, source, .. } = template;
        let variables = sample(&source);
        let [name_field, subject, body, html] = fields();
        let fields = vec![
            name_field.value(Some(&name)),
            subject.value(source.subject.as_ref()),
            body.value(Some(&source.body)),
            html.value(source.html.as_ref()),
        ];
        let shown = serde_json::to_string_pretty(&variables).unwrap_or_default();
        let frame = source.html.is_some().then(|| Link::to("templates").at(id).at("html"));
        let preview = preview(service, &TemplateDraft { name, source }, Ok(variables));
        let action = Link::to("templates").at(id);
        TemplatePage {
            shell,
            id: Some(id),
            action,
            fields,
            variables: variables_field().value(Some(shown)),
            preview,
            frame,
        }
    }

    /// What was sent, what is wrong with it, and what it would send.
    pub(crate) fn sent(
        shell: Shell,
        service: &Service,
        id: Option<TemplateId>,
        form: &Form,
        faults: &Faults,
    ) -> TemplatePage {
        let action = id.map_or_else(|| Link::to("templates"), |id| Link::to("templates").at(id));
        TemplatePage {
            shell,
            id,
            action,
            fields: fields().into_iter().map(|field| field.sent(form, faults)).collect(),
            variables: variables_field().sent(form, faults),
            preview: preview(service, &draft_of(form), variables_of(form)),
            frame: None,
        }
    }
}

fn fields() -> [Field; 4] {
    [
        Field::line("name", "Name").required(),
        Field::line("subject", "Subject").hint("Of e-mails; the title of push messages."),
        Field::lines("body", "Text", 8)
            .hint("Variables stand in double braces: {{ name }} or {{.name}}. One that is not given is an error.")
            .required(),
        Field::lines("html", "HTML of e-mails", 8).hint("Variables in it are escaped."),
    ]
}

fn variables_field() -> Field {
    Field::lines("variables", "Variables to try it with", 6).hint("A JSON object. Nothing of it is stored.")
}

fn preview(
    service: &Service,
    draft: &TemplateDraft,
    variables: Result<Map<String, Value>, String>,
) -> Preview {
    let variables = match variables {
        Ok(variables) => variables,
        Err(fault) => return Preview::Faults(vec![format!("variables {fault}")]),
    };
    // A name is not needed to try it.
    let draft = TemplateDraft { name: "preview".into(), source: draft.source.clone() };
    match service.template_try(&draft, &variables) {
        Ok(content) => Preview::Content(content),
        Err(ServiceError::Invalid(found) | ServiceError::Unprocessable(found)) => {
            Preview::Faults(found.iter().map(|fault| in_words(&fault.pointer, &fault.detail)).collect())
        }
        Err(error) => Preview::Faults(vec![error.to_string()]),
    }
}

/// `body must not be empty`; what is said of variables names them itself.
fn in_words(pointer: &str, detail: &str) -> String {
    let field = pointer.trim_start_matches("#/").split('/').next().unwrap_or_default();
    if field == VARIABLES { detail.to_owned() } else { format!("{field} {detail}") }
}

/// A value for each variable that a template asks for: its own name.
pub(crate) fn sample(source: &Source) -> Map<String, Value> {
    let Err(missing) = source.render(&Map::new()) else { return Map::new() };
    let name = |pointer: &str| {
        let name = pointer.strip_prefix("#/")?.strip_prefix(VARIABLES)?.strip_prefix('/')?;
        Some(name.replace("~1", "/").replace("~0", "~"))
    };
    let names = missing.iter().filter_map(|fault| name(&fault.pointer));
    names.map(|name| (name.clone(), Value::String(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(subject: Option<&str>, body: &str) -> Source {
        Source { subject: subject.map(str::to_owned), body: body.into(), html: None }
    }

    #[test]
    fn a_template_is_tried_with_the_names_of_its_variables() {
        let found = sample(&source(Some("Hi {{ name }}"), "{{.Code}} for {{ name }}"));
        assert_eq!(Value::Object(found), serde_json::json!({"name": "name", "Code": "Code"}));
        assert!(sample(&source(None, "nothing to fill in")).is_empty());
        assert!(sample(&source(None, "{{ broken")).is_empty());
    }

    #[test]
    fn faults_name_what_they_are_about() {
        assert_eq!(in_words("#/body", "must not be empty"), "body must not be empty");
        assert_eq!(in_words("#/template_variables/x", "the template uses `x`"), "the template uses `x`");
    }
}
