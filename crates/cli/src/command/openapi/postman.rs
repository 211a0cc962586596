//! The API as a Postman collection, format 2.1: a folder a group, a request for every example.
//!
//! Requests that make something keep its id in a variable, which the requests about that thing use. So a folder can be
//! run from top to bottom.

use serde_json::{Map, Value, json};

const SCHEMA: &str = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";

/// The operations whose answer has an id that others need, and the variable that keeps it.
const KEPT: [(&str, &str); 6] = [
    ("notification_create", "notification_id"),
    ("batch_create", "batch_id"),
    ("template_create", "template_id"),
    ("event_create", "event_id"),
    ("webhook_endpoint_create", "webhook_endpoint_id"),
    ("webhook_endpoint_ping", "delivery_id"),
];

/// Resumes what the request before has stopped.
const RESUMES: &str = "worker_start";

/// What stays open, or is no plain request: it does not fit a collection.
const LIVE: &str = "Live";

/// The collection of a document.
pub(super) fn collection(document: &Value) -> Value {
    let mut folders = Vec::new();
    for tag in list(&document["tags"]).filter(|tag| tag["name"] != LIVE) {
        let mut operations: Vec<Operation> =
            operations(document).filter(|operation| operation.about["tags"][0] == tag["name"]).collect();
        operations.sort_by_key(Operation::turn);
        let items: Vec<Value> = operations.iter().flat_map(Operation::items).collect();
        folders.push(json!({"name": tag["name"], "description": tag["description"], "item": items}));
    }
    let variable = |key: &str, value: &str| json!({"key": key, "value": value});
    let mut variables = vec![variable("base_url", "http://127.0.0.1:8080"), variable("api_key", "")];
    variables.extend(KEPT.iter().map(|(_, name)| variable(name, "")));
    json!({
        "info": {
            "name": "Angaros",
            "description": "Every request of the API but live status. Set `base_url`, and `api_key` once the service has \
                            keys; the other variables fill themselves as you send.",
            "schema": SCHEMA
        },
        "auth": {"type": "apikey", "apikey": [
            {"key": "key", "value": "X-API-Key"}, {"key": "value", "value": "{{api_key}}"}, {"key": "in", "value": "header"}
        ]},
        "variable": variables,
        "item": folders
    })
}

struct Operation<'a> {
    method: String,
    path: &'a str,
    about: &'a Value,
}

/// Everything that can be called, in the document's order.
fn operations(document: &Value) -> impl Iterator<Item = Operation<'_>> {
    fields(&document["paths"]).flat_map(|(path, item)| {
        fields(item).map(move |(method, about)| Operation { method: method.to_uppercase(), path, about })
    })
}

impl Operation<'_> {
    /// When it is its turn within its folder: things are made first and removed last.
    fn turn(&self) -> u8 {
        match self.about["operationId"].as_str() {
            Some(RESUMES) => 3,
            Some(id) if KEPT.iter().any(|(kept, _)| *kept == id) => u8::from(self.path.contains('{')),
            _ if self.method == "DELETE" => 3,
            _ => 2,
        }
    }

    /// A request for every example of its body; one if it has none.
    fn items(&self) -> Vec<Value> {
        let mut items = Vec::new();
        for (media, content) in fields(&self.about["requestBody"]["content"]) {
            let named = fields(&content["examples"]).map(|(_, one)| (one["summary"].as_str(), &one["value"]));
            let only = content.get("example").map(|value| (None, value));
            for (about, example) in named.chain(only) {
                items.push(self.item(about, Some((media, example))));
            }
        }
        if items.is_empty() { vec![self.item(None, None)] } else { items }
    }

    fn item(&self, example: Option<&str>, body: Option<(&str, &Value)>) -> Value {
        let summary = self.about["summary"].as_str().unwrap_or_default();
        let name = example.map_or(summary.to_owned(), |example| format!("{summary}: {example}"));
        let mut request = json!({
            "method": self.method,
            "header": [],
            "url": self.url(),
            "description": self.about["description"]
        });
        if let Some((media, value)) = body {
            request["header"] = json!([{"key": "Content-Type", "value": media}]);
            let (language, raw) = match value {
                // What is not one JSON text is shown as a string.
                Value::String(lines) => ("text", lines.clone()),
                value => ("json", format!("{value:#}")),
            };
            request["body"] = json!({"mode": "raw", "raw": raw, "options": {"raw": {"language": language}}});
        }
        let mut item = json!({"name": name, "request": request});
        if let Some((_, variable)) = KEPT.iter().find(|(kept, _)| self.about["operationId"] == *kept) {
            let script = format!("pm.collectionVariables.set(\"{variable}\", pm.response.json().id);");
            // Of lines, each of which has an answer of its own, nothing is kept.
            if body.is_none_or(|(_, value)| !value.is_string()) {
                item["event"] =
                    json!([{"listen": "test", "script": {"type": "text/javascript", "exec": [script]}}]);
            }
        }
        item
    }

    fn url(&self) -> Value {
        let path: Vec<String> = self.segments();
        let mut query = Vec::new();
        for parameter in self.parameters("query") {
            let example = text(&parameter["example"]);
            let mut entry = Map::from_iter([
                ("key".to_owned(), parameter["name"].clone()),
                ("value".to_owned(), example.clone().unwrap_or_default().into()),
                ("description".to_owned(), parameter["description"].clone()),
            ]);
            if example.is_none() {
                entry.insert("disabled".to_owned(), true.into());
            }
            query.push(Value::Object(entry));
        }
        let enabled: Vec<String> = query
            .iter()
            .filter(|entry| entry.get("disabled").is_none())
            .filter_map(|entry| Some(format!("{}={}", text(&entry["key"])?, text(&entry["value"])?)))
            .collect();
        let mark = if enabled.is_empty() { "" } else { "?" };
        let raw = format!("{{{{base_url}}}}/{}{mark}{}", path.join("/"), enabled.join("&"));
        json!({"raw": raw, "host": ["{{base_url}}"], "path": path, "query": query})
    }

    /// The path's segments. An id is a variable that is named for what stands before it: `templates/{id}` is
    /// `templates/{{template_id}}`. Other parameters are their examples.
    fn segments(&self) -> Vec<String> {
        let mut before = "";
        let mut found = Vec::new();
        for segment in self.path.trim_start_matches('/').split('/') {
            found.push(match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                None => segment.to_owned(),
                Some("id") => {
                    format!("{{{{{}_id}}}}", before.strip_suffix('s').unwrap_or(before).replace('-', "_"))
                }
                Some("message_id") => "{{notification_id}}".to_owned(),
                Some(name) => self
                    .parameters("path")
                    .find(|parameter| parameter["name"] == name)
                    .and_then(|parameter| text(&parameter["example"]))
                    .unwrap_or_else(|| format!("{{{{{name}}}}}")),
            });
            before = segment;
        }
        found
    }

    fn parameters(&self, place: &'static str) -> impl Iterator<Item = &Value> {
        list(&self.about["parameters"]).filter(move |parameter| parameter["in"] == place)
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn fields(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

/// A value as it stands in a URL; `None` of null.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
