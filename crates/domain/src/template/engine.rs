//! The engine that renders templates: few filters and tests, one function, and a bound on everything they do.

use std::borrow::Cow;
use std::io;
use std::sync::LazyLock;

use minijinja::value::{FunctionArgs, FunctionResult, Rest, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use minijinja::{escape_formatter, filters, functions, tests as is};

use crate::request::EMAIL_BYTES_MAX;

/// The filters of a template.
///
/// None of them marks a text as safe: what is not written in the template is escaped.
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "capitalize",
    "d",
    "default",
    "e",
    "escape",
    "first",
    "float",
    "int",
    "join",
    "last",
    "length",
    "lower",
    "round",
    "title",
    "trim",
    "upper",
    "urlencode",
];
/// The tests of a template.
pub(super) const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "eq",
    "even",
    "false",
    "float",
    "ge",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sequence",
    "string",
    "true",
    "undefined",
];
/// The most numbers of one `range`.
pub(super) const RANGE_MAX: usize = 1_000;
/// The largest text that a part may render to: a little more than any channel takes, so that what is only just too
/// long is told so by the channel's own rule.
pub(super) const OUTPUT_BYTES_MAX: usize = EMAIL_BYTES_MAX + 4 * 1024;
/// What `range` says when it is asked for more.
pub(super) const RANGE_FAULT: &str = "`range` gives at most 1000 numbers";
/// What is said of a list or an object that is printed.
pub(super) const NESTED_FAULT: &str = "a list or an object cannot be printed as a whole";

/// Instructions that the rendering of one part may take: some thousand lines of a mail.
const FUEL: u64 = 10_000;
/// Bytes that the filters of one part may read and write.
const FILTERED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Nesting that one rendering may reach.
const RECURSION_MAX: usize = 50;

/// The one engine of the process.
pub(super) static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = Environment::empty();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    engine.set_recursion_limit(RECURSION_MAX);
    engine.set_debug(false);
    engine.set_auto_escape_callback(|name| {
        if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None }
    });
    engine.set_formatter(write_value);
    add_filters(&mut engine);
    add_tests(&mut engine);
    engine.add_function("range", range);
    engine
});

fn add_filters(engine: &mut Environment<'static>) {
    add_text_filter(engine, "upper", |text| text.to_uppercase());
    add_text_filter(engine, "lower", |text| text.to_lowercase());
    add_text_filter(engine, "trim", |text| text.trim().to_owned());
    add_text_filter(engine, "title", |text| filters::title(text.into()));
    add_text_filter(engine, "capitalize", |text| {
        let mut rest = text.chars();
        rest.next().map_or_else(String::new, |c| {
            c.to_uppercase().collect::<String>() + &rest.as_str().to_lowercase()
        })
    });
    add_text_filter(engine, "urlencode", percent_encoded);
    engine.add_filter("escape", escape);
    engine.add_filter("e", escape);
    engine.add_filter("join", join);
    engine.add_filter("default", filters::default);
    engine.add_filter("d", filters::default);
    add_metered(engine, "abs", filters::abs);
    add_metered(engine, "first", filters::first);
    add_metered(engine, "float", filters::float);
    add_metered(engine, "int", filters::int);
    add_metered(engine, "last", filters::last);
    add_metered(engine, "length", filters::length);
    add_metered(engine, "round", filters::round);
}

fn add_tests(engine: &mut Environment<'static>) {
    engine.add_test("boolean", is::is_boolean);
    engine.add_test("defined", is::is_defined);
    engine.add_test("divisibleby", is::is_divisibleby);
    engine.add_test("eq", is::is_eq);
    engine.add_test("even", is::is_even);
    engine.add_test("false", is::is_false);
    engine.add_test("float", is::is_float);
    engine.add_test("ge", is::is_ge);
    engine.add_test("gt", is::is_gt);
    engine.add_test("in", is::is_in);
    engine.add_test("integer", is::is_integer);
    engine.add_test("iterable", is::is_iterable);
    engine.add_test("le", is::is_le);
    engine.add_test("lt", is::is_lt);
    engine.add_test("mapping", is::is_mapping);
    engine.add_test("ne", is::is_ne);
    engine.add_test("none", is::is_none);
    engine.add_test("number", is::is_number);
    engine.add_test("odd", is::is_odd);
    engine.add_test("sequence", is::is_sequence);
    engine.add_test("string", is::is_string);
    engine.add_test("true", is::is_true);
    engine.add_test("undefined", is::is_undefined);
}

/// Bytes that filters have read and written so far.
#[derive(Debug, Default)]
struct Filtered(usize);

fn charge(state: &mut State<'_, '_>, bytes: usize) -> Result<(), Error> {
    let filtered = state.get_or_insert_extension_with(Filtered::default);
    filtered.0 = filtered.0.saturating_add(bytes);
    if filtered.0 > FILTERED_BYTES_MAX { Err(Error::from(ErrorKind::OutOfFuel)) } else { Ok(()) }
}

/// A filter from text to text.
fn add_text_filter(engine: &mut Environment<'static>, name: &'static str, change: fn(&str) -> String) {
    engine.add_filter(name, move |state: &mut State<'_, '_>, value: Value| -> Result<Value, Error> {
        let text = text_of(&value)?;
        charge(state, text.len())?;
        let changed = change(&text);
        Ok(if value.is_safe() { Value::from_safe_string(changed) } else { changed.into() })
    });
}

/// A filter of the library, charged for what it is given.
fn add_metered<F, Rv, Args>(engine: &mut Environment<'static>, name: &'static str, filter: F)
where
    F: functions::Function<Rv, Args>,
    Rv: FunctionResult,
    Args: for<'a> FunctionArgs<'a>,
{
    let filter = Value::from_function(filter);
    engine.add_filter(name, move |state: &mut State<'_, '_>, args: Rest<Value>| -> Result<Value, Error> {
        for value in args.iter() {
            charge(state, value.as_str().map_or_else(|| value.len().unwrap_or(1) * 16, str::len))?;
        }
        filter.call(state, &args)
    });
}

fn escape(state: &mut State<'_, '_>, value: Value) -> Result<Value, Error> {
    if value.is_safe() {
        return Ok(value);
    }
    let text = text_of(&value)?.into_owned();
    charge(state, text.len())?;
    filters::escape(state, &text.into())
}

/// The items of a list as one text.
fn join(state: &mut State<'_, '_>, list: &Value, between: Option<&Value>) -> Result<String, Error> {
    if list.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    if !matches!(list.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Err(Error::new(ErrorKind::InvalidOperation, "only a list can be joined"));
    }
    let between = between.map(text_of).transpose()?.unwrap_or_default();
    let mut out = String::new();
    for (index, item) in list.try_iter()?.enumerate() {
        let text = text_of(&item)?;
        let between = if index > 0 { &*between } else { "" };
        charge(state, between.len() + text.len() + 16)?;
        out.push_str(between);
        out.push_str(&text);
    }
    Ok(out)
}

fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(byte.into());
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn range(state: &mut State<'_, '_>, first: i64, end: Option<i64>) -> Result<Value, Error> {
    let numbers = end.map_or(0..first, |end| first..end);
    let count = i128::from(numbers.end) - i128::from(numbers.start);
    if count > RANGE_MAX as i128 {
        return Err(Error::new(ErrorKind::InvalidOperation, RANGE_FAULT));
    }
    charge(state, count.max(0) as usize * 16)?;
    Ok(numbers.map(Value::from).collect())
}

/// What a value is as text: as JSON writes it, except that null is empty and a text stands without quotes.
fn text_of(value: &Value) -> Result<Cow<'_, str>, Error> {
    match value.kind() {
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::None => Ok("".into()),
        ValueKind::Bool => Ok(if value.is_true() { "true" } else { "false" }.into()),
        ValueKind::String => Ok(value.as_str().unwrap_or_default().into()),
        ValueKind::Number if value.is_integer() => Ok(value.to_string().into()),
        ValueKind::Number => {
            let number = serde_json::Number::from_f64(f64::try_from(value.clone())?);
            let number = number.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "not a number"))?;
            Ok(number.to_string().into())
        }
        _ => Err(Error::new(ErrorKind::InvalidOperation, NESTED_FAULT)),
    }
}

fn write_value(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.kind() {
        // Of an undefined value only an `if` without `else` comes here.
        ValueKind::Undefined => Ok(()),
        ValueKind::String => escape_formatter(out, state, value),
        _ => Ok(out.write_str(&text_of(value)?)?),
    }
}

/// Takes what is rendered until it is too much.
#[derive(Debug, Default)]
pub(super) struct Bounded(pub(super) Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > OUTPUT_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
