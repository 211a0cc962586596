//! Message templates: Jinja-style, strict, bounded, and without access to anything but their variables.

mod engine;
mod rules;
mod scan;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeSet;

use minijinja::{Error, ErrorKind};
use serde_json::{Map, Value};

use crate::notification::Content;
use crate::{TemplateId, TenantId, Timestamp, Violation};

use engine::{Bounded, ENGINE, NESTED_FAULT, OUTPUT_BYTES_MAX, RANGE_FAULT};

/// The largest template part, in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 256 * 1024;
/// The longest template name, in characters.
pub const TEMPLATE_NAME_CHARACTERS_MAX: usize = 128;
/// The most values that the variables of one rendering may hold, those inside lists and objects counted.
const VALUES_MAX: usize = 2_000;
const VARIABLES: &str = "#/template_variables";

/// A stored template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Source {
    /// E-mail or push title.
    pub subject: Option<String>,
    /// The text.
    pub body: String,
    /// The HTML alternative of an e-mail; variables in it are escaped.
    pub html: Option<String>,
}

/// One part of a template.
struct Part<'s> {
    /// What it is called, and where a template holds it.
    name: &'static str,
    /// Its name for the engine: the ending decides about escaping.
    file: &'static str,
    /// Its text as the engine reads it.
    source: Cow<'s, str>,
}

impl Source {
    /// Everything that is wrong with the template itself.
    pub fn check(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        for part in self.parts() {
            if let Err(fault) = part.check() {
                found.push(Violation::new(format!("#/{}", part.name), fault));
            }
        }
        if self.body.is_empty() {
            found.push(Violation::new("#/body", "must not be empty"));
        }
        found
    }

    /// Renders every part. A variable that is used but not given is an error that names it.
    pub fn render(&self, variables: &Map<String, Value>) -> Result<Content, Vec<Violation>> {
        if variables.values().map(values).sum::<usize>() > VALUES_MAX {
            let fault = format!("must not hold more than {VALUES_MAX} values");
            return Err(vec![Violation::new(VARIABLES, fault)]);
        }
        let mut content = Content { subject: None, text: String::new(), html: None };
        let mut faults = Vec::new();
        for part in self.parts() {
            match (part.render(variables), part.name) {
                (Ok(text), "subject") => content.subject = Some(text),
                (Ok(text), "html") => content.html = Some(text),
                (Ok(text), _) => content.text = text,
                (Err(fault), _) => faults.extend(fault),
            }
        }
        faults.sort_by(|a, b| a.pointer.cmp(&b.pointer));
        faults.dedup();
        if faults.is_empty() { Ok(content) } else { Err(faults) }
    }

    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let part = |name, file, text| Part { name, file, source: scan::without_leading_dots(text) };
        let subject = self.subject.as_deref().map(|text| part("subject", "subject.txt", text));
        let html = self.html.as_deref().map(|text| part("html", "body.html", text));
        subject.into_iter().chain([part("body", "body.txt", &self.body)]).chain(html)
    }
}

impl Part<'_> {
    /// What is wrong whatever the variables are. What it would do at length without any is tried.
    fn check(&self) -> Result<(), String> {
        if self.source.len() > TEMPLATE_BYTES_MAX {
            return Err(format!("must not exceed {TEMPLATE_BYTES_MAX} bytes"));
        }
        rules::check(&self.source)?;
        match self.run(&Map::new()) {
            Err(error) if error.kind() == ErrorKind::SyntaxError || is_limit(&error) => Err(describe(&error)),
            _ => Ok(()),
        }
    }

    fn run(&self, variables: &Map<String, Value>) -> Result<String, Error> {
        let template = ENGINE.template_from_named_str(self.file, &self.source)?;
        let mut out = Bounded::default();
        template.render_captured_to(minijinja::value::Serde(variables), &mut out)?;
        String::from_utf8(out.0).map_err(|error| Error::new(ErrorKind::WriteFailure, error.to_string()))
    }

    fn render(&self, variables: &Map<String, Value>) -> Result<String, Vec<Violation>> {
        let whole =
            |fault: &str| vec![Violation::new(VARIABLES, format!("{} of the template: {fault}", self.name))];
        // A template may be older than a rule.
        rules::check(&self.source).map_err(|fault| whole(&fault))?;
        self.run(variables).map_err(|error| {
            let missing = self.missing(variables);
            if error.kind() == ErrorKind::UndefinedError && !missing.is_empty() {
                let fault = |v: &String| {
                    let pointer = format!("{VARIABLES}/{}", v.replace('~', "~0").replace('/', "~1"));
                    Violation::new(pointer, format!("the template uses `{v}`, which is not given"))
                };
                missing.iter().map(fault).collect()
            } else if error.detail() == Some(NESTED_FAULT) {
                let printed = self.printed_whole(error.line(), variables);
                whole(
                    &printed
                        .map_or_else(|| describe(&error), |name| format!("`{name}`: {}", describe(&error))),
                )
            } else {
                whole(&describe(&error))
            }
        })
    }

    /// The variables that the part uses and that are not given.
    fn missing(&self, variables: &Map<String, Value>) -> BTreeSet<String> {
        let Ok(template) = ENGINE.template_from_named_str(self.file, &self.source) else {
            return BTreeSet::new();
        };
        let used = template.undeclared_variables(false);
        used.into_iter().filter(|name| name != "range" && !variables.contains_key(name)).collect()
    }

    /// The name, such as `user.tags`, of a list or an object that is printed in this line.
    fn printed_whole(&self, line: Option<usize>, variables: &Map<String, Value>) -> Option<String> {
        let here = |tag: &scan::Tag<'_>| !tag.is_statement && Some(scan::line(&self.source, tag.at)) == line;
        scan::tags(&self.source).into_iter().filter(here).find_map(|tag| {
            let path: Vec<&str> = tag.tokens.iter().map(|t| t.text).take_while(|text| *text != "|").collect();
            let name = path.concat();
            let mut steps = name.split('.');
            let root = variables.get(steps.next()?);
            let value = root.and_then(|root| steps.try_fold(root, |value, step| value.get(step)));
            // A name that is not given is one of a loop.
            let nested = value.map_or(root.is_none(), |value| value.is_array() || value.is_object());
            let is_path = tag.tokens.first().is_some_and(|first| first.kind == scan::Kind::Name);
            (nested && is_path).then_some(name)
        })
    }
}

/// How many values a value holds, itself counted.
fn values(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(values).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(values).sum::<usize>(),
        _ => 1,
    }
}

fn is_limit(error: &Error) -> bool {
    let kinds = [ErrorKind::OutOfFuel, ErrorKind::WriteFailure];
    kinds.contains(&error.kind()) || error.detail() == Some(RANGE_FAULT)
}

fn describe(error: &Error) -> String {
    match (error.kind(), error.detail(), error.line()) {
        (ErrorKind::OutOfFuel, ..) => "takes too many steps to render".into(),
        (ErrorKind::WriteFailure, ..) => format!("renders to more than {OUTPUT_BYTES_MAX} bytes"),
        (_, Some(detail @ (NESTED_FAULT | RANGE_FAULT)), Some(line)) => format!("line {line}: {detail}"),
        (kind, Some(detail), Some(line)) => format!("{kind} in line {line}: {detail}"),
        (kind, None, Some(line)) => format!("{kind} in line {line}"),
        (kind, Some(detail), None) => format!("{kind}: {detail}"),
        (kind, None, None) => kind.to_string(),
    }
}
