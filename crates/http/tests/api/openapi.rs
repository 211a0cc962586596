//! The OpenAPI document against the router: each says what the other does.

use std::collections::BTreeSet;

use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

use crate::support::{App, header_map, request};

/// Answers with keys that are there only if they apply.
const SPARSE: [&str; 13] = [
    "Problem",
    "Fault",
    "EventResult",
    "EventsReceipt",
    "EventsQueued",
    "RefusedEvent",
    "LineResult",
    "CloudEvent",
    "EventTally",
    "LiveAcknowledgement",
    "LiveTopic",
    "TimeBucket",
    "ValueBucket",
];
const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

fn document() -> Value {
    serde_json::to_value(angaros_http::openapi()).unwrap()
}

fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let item = item.as_object().unwrap();
            item.iter().map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        })
        .collect()
}

#[test]
fn every_operation_is_described() {
    let document = document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let tags: BTreeSet<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        assert!(METHODS.contains(&method), "{method} {path}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{method} {path}");
        for text in ["summary", "description"] {
            assert!(!operation[text].as_str().unwrap().is_empty(), "{method} {path} has no {text}");
        }
        let used = operation["tags"].as_array().unwrap();
        assert!(used.len() == 1 && tags.contains(used[0].as_str().unwrap()), "{method} {path}: {used:?}");
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(!response["description"].as_str().unwrap().is_empty(), "{method} {path} {status}");
            if status.starts_with(['4', '5']) {
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{method} {path} {status}");
            }
        }
        if operation["requestBody"].is_object() {
            for status in ["400", "408", "413", "415"] {
                assert!(operation["responses"][status].is_object(), "{method} {path} {status}");
            }
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(value: &Value, document: &Value) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(reference)) = map.get("$ref") {
                    let target = document.pointer(reference.trim_start_matches('#'));
                    assert!(target.is_some(), "{reference} leads nowhere");
                }
                map.values().for_each(|inner| walk(inner, document));
            }
            Value::Array(items) => items.iter().for_each(|inner| walk(inner, document)),
            _ => {}
        }
    }
    let document = document();
    walk(&document, &document);
    assert!(document["components"]["securitySchemes"]["api_key"].is_object());
    assert!(document["components"]["securitySchemes"]["bearer"].is_object());
}

#[test]
fn requests_are_closed_and_answers_are_complete() {
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        if name.ends_with("Request") {
            assert_eq!(schema["additionalProperties"], false, "{name}");
        } else if let Some(properties) = schema["properties"].as_object()
            && !SPARSE.contains(&name.as_str())
        {
            assert_eq!(schema["required"].as_array().unwrap().len(), properties.len(), "{name}");
        }
    }
    let request = &document["components"]["schemas"]["NotificationRequest"];
    assert_eq!(request["properties"]["metadata"]["additionalProperties"], true, "{request}");
    assert_eq!(request["required"], serde_json::json!(["channel", "recipient"]));
}

/// Each path knows exactly the methods that the document lists: asking with a method of nobody makes it say so.
#[tokio::test]
async fn the_router_knows_the_documents_methods_and_no_others() {
    let app = App::new();
    let document = document();
    for (path, item) in document["paths"].as_object().unwrap() {
        let names = [
            "{id}",
            "{delivery_id}",
            "{message_id}",
            "{recipient_id}",
            "{campaign_id}",
            "{slug}",
            "{channel}",
            "{address}",
        ];
        let concrete = names.iter().fold(path.clone(), |path, name| path.replace(name, "x"));
        let answer = app.call(Method::TRACE, &concrete).await.is(405);
        let allowed: BTreeSet<String> =
            answer.header("allow").split(',').filter(|m| *m != "HEAD").map(str::to_lowercase).collect();
        let documented: BTreeSet<String> = item.as_object().unwrap().keys().cloned().collect();
        assert_eq!(allowed, documented, "{path}");
    }
}

#[tokio::test]
async fn every_example_is_a_request_that_works() {
    let document = document();
    let mut run = 0;
    for (path, method, operation) in operations(&document) {
        for (content_type, media) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
            let named = media["examples"].as_object().into_iter().flatten();
            let named = named.map(|(_, example)| &example["value"]);
            let examples: Vec<&Value> = named.chain(media.get("example")).collect();
            assert!(!examples.is_empty(), "{method} {path} shows no example of {content_type}");
            for example in examples {
                let app = App::new();
                let id = if path.contains("webhook") { app.endpoint().await } else { app.template().await };
                let path = path.replace("{id}", &id);
                // What is not one JSON text is shown as a string.
                let body = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
                let mut request = request(method.to_uppercase().parse().unwrap(), &path, Body::from(body));
                request.headers_mut().extend(header_map(&[("content-type", content_type)]));
                let answer = app.send(request).await;
                assert!(answer.status.is_success(), "{method} {path}: {answer:?}");
                run += 1;
            }
        }
    }
    assert!(run >= 16, "only {run} examples");
}

/// The examples of an operation's path and query parameters, all of them together.
#[tokio::test]
async fn every_example_of_parameters_is_a_request_that_works() {
    let document = document();
    let mut run = 0;
    for (path, _, operation) in operations(&document).iter().filter(|(_, method, _)| *method == "get") {
        let (mut path, mut query) =
            ((*path).to_owned(), url::form_urlencoded::Serializer::new(String::new()));
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let (name, place) = (parameter["name"].as_str(), parameter["in"].as_str());
            let example = match &parameter["example"] {
                Value::Null => continue,
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            match (name.unwrap(), place.unwrap()) {
                (name, "path") => path = path.replace(&format!("{{{name}}}"), &example),
                (name, "query") => drop(query.append_pair(name, &example)),
                _ => {}
            }
            run += 1;
        }
        // What is live answers for as long as it is read.
        let is_live = operation["tags"] == serde_json::json!(["Live"]);
        if !path.contains('{') && !is_live {
            let app = App::new();
            let suppressed = json!({"channel": "email", "address": "ada@example.org", "reason": "bounced"});
            app.post("/api/v1/suppressions", &suppressed).await.is(201);
            app.get(&format!("{path}?{}", query.finish())).await.is(200);
        }
    }
    assert!(run >= 18, "only {run} examples");
}

#[tokio::test]
async fn both_forms_are_served_and_say_the_same() {
    let app = App::new();
    let json = app.get("/openapi.json").await.is(200);
    assert_eq!(json.header("content-type"), "application/json");
    assert_eq!(json.json(), document());
    let yaml = app.get("/openapi.yaml").await.is(200);
    assert_eq!(yaml.header("content-type"), "application/yaml");
    let yaml = String::from_utf8(yaml.body.to_vec()).unwrap();
    assert!(yaml.starts_with("openapi: 3.1"), "{}", &yaml[..40]);
    for (path, _, _) in operations(&document()) {
        assert!(yaml.contains(&format!("  {path}:")), "{path}");
    }
}
