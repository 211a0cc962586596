//! Message templates: Jinja-style, strict, bounded, and without access to anything but their variables.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use serde_json::{Map, Value};

use crate::notification::Content;
use crate::{TemplateId, TenantId, Timestamp, Violation};

/// The largest template part, in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 256 * 1024;
/// The longest template name, in characters.
pub const TEMPLATE_NAME_CHARACTERS_MAX: usize = 128;
/// Instructions that one rendering may take: enough for a long mail, an end to `range(1000000000)`.
const FUEL: u64 = 100_000;
/// Nesting that one rendering may reach.
const RECURSION_MAX: usize = 50;

/// A stored template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its id.
    pub id: TemplateId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name, unique per tenant.
    pub name: String,
    /// What it is made of.
    pub source: Source,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The parts of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// E-mail or push title.
    pub subject: Option<String>,
    /// The text.
    pub body: String,
    /// The HTML alternative of an e-mail; variables in it are escaped.
    pub html: Option<String>,
}

static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    engine.set_recursion_limit(RECURSION_MAX);
    engine
});

impl Source {
    /// Everything that is wrong with the template itself.
    pub fn check(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        for (pointer, name, text) in self.parts() {
            if text.len() > TEMPLATE_BYTES_MAX {
                found.push(Violation::new(pointer, format!("must not exceed {TEMPLATE_BYTES_MAX} bytes")));
            } else if let Err(error) = ENGINE.template_from_named_str(name, &without_leading_dots(text)) {
                found.push(Violation::new(pointer, describe(&error)));
            }
        }
        if self.body.is_empty() {
            found.push(Violation::new("#/body", "must not be empty"));
        }
        found
    }

    /// Renders every part. A variable that is used but not given is an error that names it.
    pub fn render(&self, variables: &Map<String, Value>) -> Result<Content, Vec<Violation>> {
        let mut faults = Vec::new();
        let mut part = |name: &str, text: &str| match render(name, text, variables) {
            Ok(rendered) => Some(rendered),
            Err(fault) => {
                faults.extend(fault);
                None
            }
        };
        let subject = self.subject.as_deref().and_then(|text| part("subject.txt", text));
        let text = part("body.txt", &self.body).unwrap_or_default();
        let html = self.html.as_deref().and_then(|text| part("body.html", text));
        faults.sort_by(|a, b| a.pointer.cmp(&b.pointer));
        faults.dedup();
        if faults.is_empty() { Ok(Content { subject, text, html }) } else { Err(faults) }
    }

    fn parts(&self) -> impl Iterator<Item = (&'static str, &'static str, &str)> {
        let subject = self.subject.as_deref().map(|text| ("#/subject", "subject.txt", text));
        let html = self.html.as_deref().map(|text| ("#/html", "body.html", text));
        subject.into_iter().chain([("#/body", "body.txt", self.body.as_str())]).chain(html)
    }
}

/// The file ending decides about escaping: `.html` escapes, `.txt` does not.
fn render(name: &str, text: &str, variables: &Map<String, Value>) -> Result<String, Vec<Violation>> {
    let source = without_leading_dots(text);
    let fault = |error: &minijinja::Error| vec![Violation::new("#/template_variables", describe(error))];
    let template = ENGINE.template_from_named_str(name, &source).map_err(|error| fault(&error))?;
    template.render(minijinja::value::Serde(variables)).map_err(|error| {
        let missing: BTreeSet<String> =
            template.undeclared_variables(false).into_iter().filter(|v| !variables.contains_key(v)).collect();
        if error.kind() == ErrorKind::UndefinedError && !missing.is_empty() {
            let fault = |v: &String| {
                let pointer = format!("#/template_variables/{}", v.replace('~', "~0").replace('/', "~1"));
                Violation::new(pointer, format!("the template uses `{v}`, which is not given"))
            };
            missing.iter().map(fault).collect()
        } else {
            fault(&error)
        }
    })
}

fn describe(error: &minijinja::Error) -> String {
    match (error.kind(), error.detail(), error.line()) {
        (ErrorKind::OutOfFuel, ..) => "the template takes too many steps to render".into(),
        (kind, Some(detail), Some(line)) => format!("{kind} in line {line}: {detail}"),
        (kind, None, Some(line)) => format!("{kind} in line {line}"),
        (kind, Some(detail), None) => format!("{kind}: {detail}"),
        (kind, None, None) => kind.to_string(),
    }
}

/// Reads `{{.Name}}` as `{{Name}}`, so that templates written for Go's text/template find their variables.
///
/// A dot is dropped inside `{{ }}` and `{% %}` where it begins a name; `user.name`, `"a.b"` and `1.5` keep theirs.
fn without_leading_dots(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains('.') {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let (mut inside, mut quote, mut before) = (false, None, ' ');
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let next = characters.peek().copied();
        match (inside, quote) {
            (false, _) => inside = c == '{' && matches!(next, Some('{' | '%')),
            (true, Some(q)) => {
                if c == q && before != '\\' {
                    quote = None;
                }
            }
            (true, None) => match c {
                '"' | '\'' => quote = Some(c),
                '}' if matches!(before, '}' | '%') => inside = false,
                '.' if begins_name(before, next) => {
                    before = c;
                    continue;
                }
                _ => {}
            },
        }
        out.push(c);
        before = c;
    }
    out.into()
}

fn begins_name(before: char, next: Option<char>) -> bool {
    let ends_value = before.is_alphanumeric() || matches!(before, '_' | ')' | ']' | '}' | '"' | '\'' | '.');
    !ends_value && next.is_some_and(|c| c.is_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(text: &str) -> Source {
        Source { subject: None, body: text.into(), html: None }
    }

    fn rendered(text: &str, variables: Value) -> Result<String, Vec<Violation>> {
        let Value::Object(map) = variables else { panic!("not an object") };
        body(text).render(&map).map(|content| content.text)
    }

    #[test]
    fn both_ways_of_naming_a_variable_mean_the_same() {
        for text in [
            "Hi {{name}}",
            "Hi {{ name }}",
            "Hi {{.name}}",
            "Hi {{ .name }}",
            "Hi {%if .name%}{{.name}}{%endif%}",
        ] {
            assert_eq!(rendered(text, json!({"name": "Ada"})).unwrap(), "Hi Ada", "{text}");
        }
    }

    #[test]
    fn other_dots_stay() {
        let variables = json!({"user": {"name": "Ada"}, "x": 2});
        assert_eq!(
            rendered("a .b {{ user.name }} {{ .user.name }}.", variables.clone()).unwrap(),
            "a .b Ada Ada."
        );
        assert_eq!(rendered("{{ \" .x \" }}{{ 1.5 }}{{ (.x) }}", variables).unwrap(), " .x 1.52");
    }

    #[test]
    fn a_missing_variable_is_named() {
        let faults = rendered("{{ code }} {{ .Name }}", json!({"code": 1})).unwrap_err();
        assert_eq!(faults[0].pointer, "#/template_variables/Name");
        assert!(faults[0].detail.contains("`Name`"));
        assert!(rendered("{{ code|default('-') }}", json!({})).is_ok());
    }

    #[test]
    fn html_escapes_and_text_does_not() {
        let source =
            Source { subject: Some("{{x}}".into()), body: "{{x}}".into(), html: Some("<p>{{x}}</p>".into()) };
        let content = source.render(&Map::from_iter([("x".into(), json!("<b>&"))])).unwrap();
        assert_eq!(content.subject.as_deref(), Some("<b>&"));
        assert_eq!(content.text, "<b>&");
        assert_eq!(content.html.as_deref(), Some("<p>&lt;b&gt;&amp;</p>"));
    }

    #[test]
    fn syntax_faults_are_found_when_the_template_is_stored() {
        assert!(body("{{ ok }}").check().is_empty());
        for bad in ["{{ open", "{% if x %}", "{{ a b }}", ""] {
            assert_eq!(body(bad).check().len(), 1, "{bad}");
        }
    }

    #[test]
    fn hostile_templates_run_out_of_fuel() {
        let loops = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        assert!(rendered(loops, json!({})).unwrap_err()[0].detail.contains("too many steps"));
        for outside in ["{% include 'x' %}", "{% import '/etc/passwd' as p %}{{ p }}"] {
            assert!(rendered(outside, json!({})).is_err(), "{outside}");
        }
    }
}
