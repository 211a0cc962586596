//! Every way in which a body can be wrong: what is answered, where it points, and that nothing was stored.

use angaros_http::Api;
use angaros_store_test::MemoryStore;
use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

use crate::support::{App, api, header_map, request, sms, sms_with};

const SEND: &str = "/api/v1/notifications";

/// Posts a body that breaks one rule, and holds where the fault is.
async fn refused_at(body: Value, pointer: &str) -> String {
    let app = App::new();
    let detail = app.post(SEND, &body).await.problem(400, "invalid-request").points_at(pointer);
    app.holds_nothing().await;
    detail
}

#[tokio::test]
async fn malformed_json() {
    let app = App::new();
    for (text, place) in [
        ("{\"channel\": \"sms\",\n  oops}", "line 2 column 3"),
        ("{\"channel\": \"sms\"", "line 1 column 17"),
        (&format!("{} {{}}", sms()), "trailing characters"),
        ("{\"channel\": \"\\ud800\"}", "line 1"),
        ("\u{feff}{}", "line 1 column 1"),
        ("", "empty"),
    ] {
        let answer = app.post_text(SEND, text, &[]).await.problem(400, "malformed-json");
        assert!(answer.text("/detail").contains(place), "{text}: {}", answer.text("/detail"));
    }
    let mut request = request(Method::POST, SEND, Body::from(&b"{\"channel\": \"\xff\"}"[..]));
    request.headers_mut().extend(header_map(&[("content-type", "application/json")]));
    app.send(request).await.problem(400, "malformed-json");
    app.holds_nothing().await;
}

#[tokio::test]
async fn deep_nesting_ends_before_the_stack_does() {
    let app = App::new();
    let deep = format!("{{\"metadata\": {}{}}}", "[".repeat(30_000), "]".repeat(30_000));
    app.post_text(SEND, &deep, &[]).await.is(400);
    let nested = (0..40).fold(json!(1), |inner, _| json!({"a": inner}));
    let answer = app.post(SEND, &sms_with(json!({"metadata": nested}))).await.problem(400, "invalid-request");
    assert!(answer.text("/detail").contains("32 levels"));
    app.holds_nothing().await;
}

#[tokio::test]
async fn wrong_types() {
    for (changes, pointer, expected) in [
        (json!({"recipient": 5}), "#/recipient", "a string"),
        (json!({"recipient": null}), "#/recipient", "a string"),
        (json!({"channel": "fax"}), "#/channel", "one of `sms`, `email`, `push`, `webhook`"),
        (json!({"priority": "urgent"}), "#/priority", "one of `high`, `normal`, `low`"),
        (json!({"channel": null}), "#/channel", "a string"),
        (json!({"channel": 5}), "#/channel", "a string"),
        (json!({"channel": []}), "#/channel", "a string"),
        (json!({"channel": {"sms": null}}), "#/channel", "a string"),
        (json!({"channel": true}), "#/channel", "a string"),
        (json!({"priority": 5}), "#/priority", "a string"),
        (json!({"priority": {}}), "#/priority", "a string"),
        (json!({"max_attempts": "3"}), "#/max_attempts", "a whole number"),
        (json!({"max_attempts": -1}), "#/max_attempts", "a whole number"),
        (json!({"max_attempts": 2.5}), "#/max_attempts", "a whole number"),
        (json!({"tags": "a"}), "#/tags", "an array"),
        (json!({"tags": ["a", 7]}), "#/tags/1", "a string"),
        (json!({"metadata": []}), "#/metadata", "an object"),
        (json!({"template_variables": "x"}), "#/template_variables", "an object"),
        (json!({"template_id": "17"}), "#/template_id", "a UUID"),
        (json!({"scheduled_at": true}), "#/scheduled_at", "an RFC 3339 time"),
        (json!({"scheduled_at": "tomorrow"}), "#/scheduled_at", "RFC 3339"),
    ] {
        let detail = refused_at(sms_with(changes.clone()), pointer).await;
        assert!(detail.contains(expected), "{changes}: {detail}");
        assert!(
            !detail.contains("fax") && !detail.contains("tomorrow"),
            "the value is not repeated: {detail}"
        );
    }
}

#[tokio::test]
async fn an_array_is_no_object() {
    let app = App::new();
    let fields = json!([
        "sms",
        "+4915112345678",
        null,
        null,
        "x",
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null
    ]);
    app.post(SEND, &fields).await.problem(400, "invalid-request").points_at("#");
    let batch = json!({"notifications": [fields]});
    let answer = app.post("/api/v1/notifications/batch", &batch).await.problem(400, "invalid-request");
    answer.points_at("#/notifications/0");
    app.holds_nothing().await;
}

#[tokio::test]
async fn unknown_fields() {
    assert_eq!(refused_at(sms_with(json!({"chanel": "sms"})), "#/chanel").await, "is not a known field");
    refused_at(sms_with(json!({"status": "delivered"})), "#/status").await;
    refused_at(sms_with(json!({"a/b~c d": 1})), "#/a~1b~0c%20d").await;
}

#[tokio::test]
async fn missing_fields() {
    assert_eq!(refused_at(json!({"recipient": "+4915112345678"}), "#/channel").await, "is required");
    refused_at(json!({"channel": "sms", "content": "x"}), "#/recipient").await;
    refused_at(json!({"channel": "sms", "recipient": "+4915112345678"}), "#/content").await;
}

#[tokio::test]
async fn repeated_keys() {
    let app = App::new();
    for (text, pointer) in [
        (r#"{"channel":"sms","channel":"push"}"#, "#/channel"),
        (
            r#"{"channel":"sms","recipient":"+4915112345678","content":"x","metadata":{"a":1,"a":2}}"#,
            "#/metadata/a",
        ),
        (
            r#"{"channel":"sms","recipient":"+4915112345678","content":"x","metadata":{"l":[{"a":1,"\u0061":2}]}}"#,
            "#/metadata/l/0/a",
        ),
    ] {
        let answer = app.post_text(SEND, text, &[]).await.problem(400, "invalid-request");
        assert_eq!(answer.points_at(pointer), "is given twice");
    }
    app.holds_nothing().await;
}

#[tokio::test]
async fn too_long() {
    for (changes, pointer) in [
        (json!({"content": "x".repeat(1601)}), "#/content"),
        (json!({"content": ""}), "#/content"),
        (json!({"content": "a\u{0}b"}), "#/content"),
        (json!({"recipient_id": "x".repeat(256)}), "#/recipient_id"),
        (json!({"recipient_id": ""}), "#/recipient_id"),
        (json!({"campaign_id": "x".repeat(256)}), "#/campaign_id"),
        (json!({"tags": vec!["t"; 51]}), "#/tags"),
        (json!({"tags": ["x".repeat(65)]}), "#/tags/0"),
        (json!({"metadata": {"a": "x".repeat(16 * 1024)}}), "#/metadata"),
        (json!({"max_attempts": 11}), "#/max_attempts"),
        (json!({"max_attempts": 0}), "#/max_attempts"),
        (json!({"subject": "x".repeat(999)}), "#/subject"),
    ] {
        refused_at(sms_with(changes), pointer).await;
    }
}

#[tokio::test]
async fn bad_recipients() {
    for number in ["4915112345678", "+0", "+49 151", "+12345678901234567", ""] {
        refused_at(sms_with(json!({"recipient": number})), "#/recipient").await;
    }
    for address in ["ada", "ada@", "Ada <ada@example.org>", "ada@example.org\nBcc: eve@example.org"] {
        refused_at(sms_with(json!({"channel": "email", "recipient": address})), "#/recipient").await;
    }
    for url in [
        "example.org",
        "ftp://example.org",
        "https://user:secret@example.org/",
        "//example.org",
        "https://example.org/a b",
        "https://example.org/\n",
        "https://example.org:0/",
    ] {
        refused_at(sms_with(json!({"channel": "webhook", "recipient": url})), "#/recipient").await;
    }
}

#[tokio::test]
async fn webhooks_into_private_networks() {
    for url in [
        "http://127.0.0.1/x",
        "http://localhost:8080/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://[::ffff:192.168.0.1]/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://intranet/",
        "http://metadata.google.internal/",
    ] {
        let detail =
            refused_at(sms_with(json!({"channel": "webhook", "recipient": url})), "#/recipient").await;
        assert!(detail.contains("private"), "{url}: {detail}");
    }
}

#[tokio::test]
async fn past_and_impossible_times() {
    refused_at(sms_with(json!({"scheduled_at": "2020-01-01T00:00:00Z"})), "#/scheduled_at").await;
    refused_at(sms_with(json!({"scheduled_at": 1_577_836_800})), "#/scheduled_at").await;
    refused_at(sms_with(json!({"expires_at": "2020-01-01T00:00:00Z"})), "#/expires_at").await;
    let reversed = json!({"scheduled_at": "2099-01-02T00:00:00Z", "expires_at": "2099-01-01T00:00:00Z"});
    refused_at(sms_with(reversed), "#/expires_at").await;
}

#[tokio::test]
async fn unknown_template_and_missing_variable() {
    let app = App::new();
    let unknown = sms_with(json!({"template_id": "019c1c3a-5407-7abc-8def-0123456789ab"}));
    app.post(SEND, &unknown).await.problem(422, "unprocessable").points_at("#/template_id");
    app.holds_nothing().await;

    let template = app.template().await;
    let missing = sms_with(json!({"template_id": template, "template_variables": {"nam": "Ada"}}));
    let answer = app.post(SEND, &missing).await.problem(422, "unprocessable");
    assert!(answer.points_at("#/template_variables/name").contains("`name`"));
    assert_eq!(app.get(SEND).await.is(200).json()["items"], json!([]));
}

#[tokio::test]
async fn what_a_template_makes_too_long() {
    let app = App::new();
    let template = json!({"name": "two", "subject": "{{ title }}", "body": "Hello {{ name }}"});
    let template = app.post("/api/v1/templates", &template).await.is(201).text("/id");
    let from = |title: &str, name: &str| {
        sms_with(json!({"template_id": template, "template_variables": {"title": title, "name": name}}))
    };
    let long = from("Hi", &"x".repeat(1600));
    app.post(SEND, &long).await.problem(422, "unprocessable").points_at("#/content");
    app.post(SEND, &from("a\nb", "Ada")).await.problem(422, "unprocessable").points_at("#/subject");
    let batch = json!({"notifications": [sms(), long]});
    let answer = app.post("/api/v1/notifications/batch", &batch).await.problem(422, "unprocessable");
    answer.points_at("#/notifications/1/content");
    assert_eq!(app.get(SEND).await.is(200).json()["items"], json!([]));
    // What is wrong with the request itself is told first, and is no matter of the template.
    let bad = sms_with(json!({"template_id": template, "max_attempts": 99}));
    app.post(SEND, &bad).await.problem(400, "invalid-request").points_at("#/max_attempts");
}

#[tokio::test]
async fn several_faults_are_told_at_once() {
    let app = App::new();
    let body = json!({"channel": "sms", "recipient": "x", "max_attempts": 99, "tags": [""]});
    let problem = app.post(SEND, &body).await.problem(400, "invalid-request").json();
    let pointers: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["#/recipient", "#/content", "#/max_attempts", "#/tags/0"]);
    let body = json!({
        "channel": "sms", "recipient": "x", "content": "", "subject": "a\nb", "max_attempts": 99, "tags": [""]
    });
    let problem = app.post(SEND, &body).await.problem(400, "invalid-request").json();
    let mut pointers: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["#/content", "#/max_attempts", "#/recipient", "#/subject", "#/tags/0"]);
    app.holds_nothing().await;
}

#[tokio::test]
async fn a_bad_member_refuses_the_whole_batch() {
    let good = sms();
    let unknown = json!({"template_id": "019c1c3a-5407-7abc-8def-0123456789ab"});
    for (body, status, pointer) in [
        (json!({"notifications": []}), 400, "#/notifications"),
        (json!({"notifications": vec![&good; 1001]}), 400, "#/notifications"),
        (json!({}), 400, "#/notifications"),
        (
            json!({"notifications": [good, sms_with(json!({"recipient": "x"}))]}),
            400,
            "#/notifications/1/recipient",
        ),
        (json!({"notifications": [good, sms_with(json!({"rec": "x"}))]}), 400, "#/notifications/1/rec"),
        (json!({"notifications": [good, {"channel": "sms"}]}), 400, "#/notifications/1/recipient"),
        (json!({"notifications": [good, sms_with(json!({"channel": 5}))]}), 400, "#/notifications/1/channel"),
        (json!({"notifications": [good], "campaign_id": ""}), 400, "#/campaign_id"),
        (json!({"notifications": [good], "metadata": {"a": "x".repeat(16 * 1024)}}), 400, "#/metadata"),
        (json!({"notifications": [good, sms_with(unknown)]}), 422, "#/notifications/1/template_id"),
    ] {
        let app = App::with(MemoryStore::new(), Api { body_bytes_max: 1 << 20, ..api() });
        app.post("/api/v1/notifications/batch", &body).await.is(status).points_at(pointer);
        app.holds_nothing().await;
    }
}
