//! Fields of forms: a label, what may be entered, a hint, and what is wrong with it.

use askama::Template;
use askama::filters::HtmlSafe;

use super::form::{Faults, Form};
use super::query::When;

/// How a field is entered.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// One line, with the type of an `input`.
    Line(&'static str),
    /// Several lines; so many are shown.
    Lines(u8),
    /// One of these: value and text.
    Choice(Vec<(String, String)>),
}

/// A field of a form.
#[derive(Debug, Clone, Template)]
#[template(path = "console/field.html")]
pub(crate) struct Field {
    name: &'static str,
    label: &'static str,
    kind: Kind,
    value: String,
    hint: &'static str,
    fault: Option<String>,
    required: bool,
    autocomplete: &'static str,
}

impl HtmlSafe for Field {}

impl Field {
    /// A line of text.
    pub(crate) fn line(name: &'static str, label: &'static str) -> Field {
        Field::new(name, label, Kind::Line("text"))
    }

    /// A line that is searched for.
    pub(crate) fn search(name: &'static str, label: &'static str) -> Field {
        Field::new(name, label, Kind::Line("search"))
    }

    /// A line that nobody should read over one's shoulder.
    pub(crate) fn secret(name: &'static str, label: &'static str) -> Field {
        Field::new(name, label, Kind::Line("password"))
    }

    /// A date and time, in UTC.
    pub(crate) fn time(name: &'static str, label: &'static str) -> Field {
        Field::new(name, label, Kind::Line("datetime-local"))
    }

    /// Lines of text; so many are shown at once.
    pub(crate) fn lines(name: &'static str, label: &'static str, shown: u8) -> Field {
        Field::new(name, label, Kind::Lines(shown))
    }

    /// One of some values. An empty value is no choice.
    pub(crate) fn choice<V: Into<String>, T: Into<String>>(
        name: &'static str,
        label: &'static str,
        options: impl IntoIterator<Item = (V, T)>,
    ) -> Field {
        let options = options.into_iter().map(|(value, text)| (value.into(), text.into()));
        Field::new(name, label, Kind::Choice(options.collect()))
    }

    fn new(name: &'static str, label: &'static str, kind: Kind) -> Field {
        let (value, hint, autocomplete) = (String::new(), "", "off");
        Field { name, label, kind, value, hint, fault: None, required: false, autocomplete }
    }

    /// What is entered already.
    #[must_use]
    pub(crate) fn value(mut self, value: Option<impl ToString>) -> Field {
        self.value = value.map_or_else(String::new, |value| value.to_string());
        self
    }

    /// The point in time that is entered already.
    #[must_use]
    pub(crate) fn at(self, when: Option<When>) -> Field {
        self.value(when.map(When::field))
    }

    /// What to know before entering something.
    #[must_use]
    pub(crate) fn hint(mut self, hint: &'static str) -> Field {
        self.hint = hint;
        self
    }

    /// It can not be left out.
    #[must_use]
    pub(crate) fn required(mut self) -> Field {
        self.required = true;
        self
    }

    /// What a browser may fill in by itself.
    #[must_use]
    pub(crate) fn autocomplete(mut self, token: &'static str) -> Field {
        self.autocomplete = token;
        self
    }

    /// What was sent, and what is wrong with it.
    #[must_use]
    pub(crate) fn sent(mut self, form: &Form, faults: &Faults) -> Field {
        if let Some(value) = form.verbatim(self.name) {
            self.value = value;
        }
        self.fault = faults.of(self.name);
        self
    }

    /// Its name in the form.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Whether something is entered, or wrong.
    pub(crate) fn is_touched(&self) -> bool {
        !self.value.is_empty() || self.fault.is_some()
    }

    /// What explains the field, by id.
    fn described_by(&self) -> String {
        let hint = (!self.hint.is_empty()).then(|| format!("{}-hint", self.name));
        let fault = self.fault.as_ref().map(|_| format!("{}-fault", self.name));
        hint.into_iter().chain(fault).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_entered_stays_text() {
        let hostile = "\"><script>alert(1)</script>";
        for field in [Field::line("a", "A"), Field::lines("a", "A", 3)] {
            let html = field.value(Some(hostile)).to_string();
            assert!(!html.contains("<script>"), "{html}");
        }
        let html =
            Field::choice("a", "A", [("", "any"), (hostile, hostile)]).value(Some(hostile)).to_string();
        assert!(!html.contains("<script>") && html.contains("selected"), "{html}");
    }

    #[test]
    fn a_fault_is_said_to_those_who_do_not_see_it() {
        let mut faults = Faults::default();
        faults.push("a", "is odd");
        let html = Field::line("a", "A").hint("An a.").sent(&Form::default(), &faults).to_string();
        assert!(
            html.contains("aria-describedby=\"a-hint a-fault\"") && html.contains("aria-invalid=\"true\"")
        );
        assert!(html.contains("id=\"a-fault\"") && html.contains("is odd"), "{html}");
    }
}
