//! Every answer of every test against the OpenAPI document: what is answered must be what is documented.

use std::sync::LazyLock;

use http::Method;
use serde_json::Value;

use super::Answer;

pub(crate) static SPEC: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(angaros_http::openapi()).unwrap());

/// The operation that takes a request, if the document has one.
fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let paths = SPEC["paths"].as_object().unwrap();
    let exact = paths.get(path);
    let templated = || paths.iter().find(|(template, _)| matches(template, path)).map(|(_, item)| item);
    exact.or_else(templated)?.get(method.as_str().to_lowercase())
}

fn matches(template: &str, path: &str) -> bool {
    let (mut expected, mut actual) = (template.split('/'), path.split('/'));
    loop {
        match (expected.next(), actual.next()) {
            (None, None) => return true,
            (Some(e), Some(a)) if e == a || e.starts_with('{') => {}
            _ => return false,
        }
    }
}

/// Holds that the status is documented, with the content type, the headers and the keys that are documented for it.
#[track_caller]
pub(crate) fn check(method: &Method, path: &str, answer: &Answer) {
    let Some(operation) = operation(method, path) else { return };
    let status = answer.status.as_str();
    let response = &operation["responses"][status];
    assert!(response.is_object(), "{method} {path} does not document {status}");
    for header in response["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
        answer.header(header);
    }
    match response["content"].as_object() {
        None => assert!(answer.body.is_empty(), "{method} {path} documents no body for {status}"),
        Some(content) => {
            let actual = answer.header("content-type").split(';').next().unwrap();
            let media =
                content.get(actual).unwrap_or_else(|| panic!("{method} {path} documents no {actual}"));
            if actual == "application/x-ndjson" {
                for line in answer.lines() {
                    holds(&line, &media["schema"], &format!("{method} {path} {status}"));
                }
            } else if actual.ends_with("json") && media["schema"].is_object() {
                holds(&answer.json(), &media["schema"], &format!("{method} {path} {status}"));
            }
        }
    }
}

#[track_caller]
fn holds(value: &Value, schema: &Value, place: &str) {
    if let Err(fault) = conforms(value, schema, place) {
        panic!("{fault}");
    }
}

/// As much of JSON Schema as the document uses.
fn conforms(value: &Value, schema: &Value, place: &str) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = SPEC.pointer(reference.trim_start_matches('#'));
        return conforms(value, target.unwrap_or_else(|| panic!("{reference} leads nowhere")), place);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let refused: Vec<String> =
            choices.iter().filter_map(|choice| conforms(value, choice, place).err()).collect();
        let fitting = choices.len() - refused.len();
        return require(fitting == 1, || format!("{place}: {fitting} choices fit; {}", refused.join("; ")));
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = kinds.contains(&kind) || (kind == "integer" && kinds.contains(&"number"));
    require(fits, || format!("{place}: {value} is not {kinds:?}"))?;
    if let Some(names) = schema["enum"].as_array().filter(|_| !value.is_null()) {
        require(names.contains(value), || format!("{place}: {value} is not one of {names:?}"))?;
    }
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| conforms(item, &schema["items"], &format!("{place}/{index}"))),
        Value::Object(map) => {
            for required in schema["required"].as_array().into_iter().flatten() {
                let given = map.contains_key(required.as_str().unwrap());
                require(given, || format!("{place}: {required} is missing"))?;
            }
            for (key, item) in map {
                let inner = &schema["properties"][key];
                let inner = if inner.is_null() { &schema["additionalProperties"] } else { inner };
                let documented = !inner.is_null() || schema["properties"].is_null();
                require(documented, || format!("{place}: {key} is not documented"))?;
                if inner.is_object() {
                    conforms(item, inner, &format!("{place}/{key}"))?;
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn require(holds: bool, fault: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(fault()) }
}
