//! The collection of requests: it is the one that the binary writes, and what is in it works.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;

use angaros_testkit::http_sink::HttpSink;
use angaros_testkit::launch::Launch;
use regex::Regex;
use serde_json::Value;

/// Requests that the state of a fresh service may forbid, with 409: there are no dead letters to send again, and the
/// notification that was made last may be sent already.
const MAY_CONFLICT: [&str; 3] = ["/retry", "/cancel", "/deliveries/{{delivery_id}}/retry"];

async fn written(launch: &Launch, format: &str) -> String {
    let output = launch.run(&["openapi", "--format", format]).await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn the_committed_collection_is_the_one_that_the_binary_writes() {
    let committed =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api/angaros.postman_collection.json");
    let launch = Launch::new(env!("CARGO_BIN_EXE_angaros"));
    assert!(
        std::fs::read_to_string(committed).unwrap() == written(&launch, "postman").await,
        "write it again: angaros openapi --format postman > docs/api/angaros.postman_collection.json"
    );
}

#[tokio::test]
async fn the_document_is_written_as_it_is_served() {
    let launch = Launch::new(env!("CARGO_BIN_EXE_angaros"));
    let service = launch.start().await;
    let served = service.api().get("/openapi.json").await.expect(200);
    assert_eq!(serde_json::from_str::<Value>(&written(&launch, "json").await).unwrap(), served);
    assert_eq!(written(&launch, "yaml").await, service.api().get("/openapi.yaml").await.text);
}

/// Every request, in the order of the collection, with its variables as a person who clicks through it would fill them.
#[tokio::test]
async fn every_request_of_the_collection_works() {
    let sink = HttpSink::with(204, "").await;
    // Nothing leaves the machine: what goes to URLs goes to one of ours instead.
    let launch = Launch::new(env!("CARGO_BIN_EXE_angaros"))
        .set("providers.sink.kind", "webhook")
        .set("providers.sink.url", sink.url("/"))
        .set("channels.webhook.providers", "sink");
    let service = launch.start().await;
    let collection: Value = serde_json::from_str(&written(&launch, "postman").await).unwrap();
    let mut variables: BTreeMap<String, String> = collection["variable"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variable| (text(&variable["key"]), text(&variable["value"])))
        .collect();
    variables.insert("base_url".into(), service.url.clone());
    let keeps =
        Regex::new(r#"^pm\.collectionVariables\.set\("(\w+)", pm\.response\.json\(\)\.id\);$"#).unwrap();

    // Only fails if another test of this process was first.
    drop(rustls::crypto::ring::default_provider().install_default());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let items = collection["item"].as_array().unwrap().iter();
    let items: Vec<&Value> = items.flat_map(|folder| folder["item"].as_array().unwrap()).collect();
    for item in &items {
        let (name, request) = (&item["name"], &item["request"]);
        let named = text(&request["url"]["raw"]);
        let url = filled(&named, &variables);
        let mut sent = http.request(text(&request["method"]).parse().unwrap(), &url);
        for header in request["header"].as_array().unwrap() {
            sent = sent.header(text(&header["key"]), text(&header["value"]));
        }
        if let Some(body) = request["body"]["raw"].as_str() {
            sent = sent.body(body.to_owned());
        }
        let answer = sent.send().await.unwrap();
        let (status, body) = (answer.status(), answer.text().await.unwrap());
        let may_conflict = MAY_CONFLICT.iter().any(|end| named.ends_with(end)) && status == 409;
        assert!(status.is_success() || may_conflict, "{name}: {url} got {status} {body}");
        if let Some(script) = item["event"][0]["script"]["exec"][0].as_str() {
            let variable = keeps.captures(script).unwrap()[1].to_owned();
            let answer: Value = serde_json::from_str(&body).unwrap();
            variables.insert(variable, text(&answer["id"]));
        }
    }
    assert!(items.len() >= 60, "only {} requests", items.len());
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// A text with its variables.
fn filled(text: &str, variables: &BTreeMap<String, String>) -> String {
    let variable = Regex::new(r"\{\{(\w+)\}\}").unwrap();
    let value = |found: &regex::Captures| {
        let value = &variables[&found[1]];
        assert!(!value.is_empty(), "{text} needs {}", &found[0]);
        value.clone()
    };
    variable.replace_all(text, value).into_owned()
}
