//! The pages of `docs/api` against the OpenAPI document: every operation has its section, with a command.
//!
//! A section is headed by the operation's summary. Its first line names the operation: `` `POST /api/v1/events` ``. The
//! page is named for the operation's group. That commands work, the test `tour` says.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;

/// What a section says: its page, its heading, and whether it has a command.
type Section = (String, String, bool);

#[test]
fn every_operation_has_a_section_with_a_command() {
    let document = serde_json::to_value(angaros_http::openapi()).unwrap();
    let mut expected = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let group = operation["tags"][0].as_str().unwrap().to_lowercase();
            let summary = operation["summary"].as_str().unwrap().to_owned();
            expected
                .insert(format!("{} {path}", method.to_uppercase()), (format!("{group}.md"), summary, true));
        }
    }
    assert_eq!(sections(), expected);
}

/// The sections of all pages, by the operations that they name.
fn sections() -> BTreeMap<String, Section> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api");
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let page = entry.file_name().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(entry.path()).unwrap();
        for section in text.split("\n## ").skip(1) {
            let (heading, body) = section.split_once('\n').unwrap();
            let Some(named) = body.trim_start().lines().next().filter(|line| line.starts_with('`')) else {
                continue;
            };
            for operation in named.split('`').skip(1).step_by(2) {
                let about = (page.clone(), heading.to_owned(), body.contains("```sh\n"));
                assert_eq!(found.insert(operation.to_owned(), about), None, "{operation} is described twice");
            }
        }
    }
    found
}
