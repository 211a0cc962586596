//! Templates.

use serde_json::{Value, json};

use crate::support::App;

const TEMPLATES: &str = "/api/v1/templates";

#[tokio::test]
async fn a_template_lives_its_life() {
    let app = App::new();
    let body = json!({"name": "welcome", "subject": "Hi {{.Name}}", "body": "Hello {{ Name }}"});
    let answer = app.post(TEMPLATES, &body).await.is(201);
    let path = answer.header("location").to_owned();
    assert_eq!(path, format!("{TEMPLATES}/{}", answer.text("/id")));
    let stored = answer.json();
    assert_eq!((&stored["subject"], &stored["html"]), (&json!("Hi {{.Name}}"), &Value::Null));
    assert_eq!(app.get(&path).await.is(200).json(), stored);

    let preview = json!({"template_variables": {"Name": "Ada <3"}});
    let rendered = app.post(&format!("{path}/preview"), &preview).await.is(200).json();
    assert_eq!(rendered, json!({"subject": "Hi Ada <3", "content": "Hello Ada <3", "html": null}));

    let replaced = json!({"name": "welcome", "body": "Dear {{ Name }}", "html": "<p>{{ Name }}</p>"});
    let updated = app.put(&path, &replaced).await.is(200).json();
    assert_eq!((&updated["subject"], &updated["id"]), (&Value::Null, &stored["id"]));
    let rendered = app.post(&format!("{path}/preview"), &preview).await.is(200).json();
    assert_eq!(rendered["html"], "<p>Ada &lt;3</p>");

    app.delete(&path).await.is(204);
    app.delete(&path).await.problem(404, "not-found");
    app.get(&path).await.problem(404, "not-found");
    app.put(&path, &replaced).await.problem(404, "not-found");
    app.post(&format!("{path}/preview"), &preview).await.problem(404, "not-found");
}

#[tokio::test]
async fn only_e_mail_gets_the_html_part() {
    let app = App::new();
    let template = json!({"name": "both", "subject": "Hi", "body": "Hello", "html": "<p>Hello</p>"});
    let id = app.post(TEMPLATES, &template).await.is(201).text("/id");
    for (channel, recipient, html) in [
        ("sms", "+4915112345678", Value::Null),
        ("push", "token", Value::Null),
        ("email", "ada@example.org", json!("<p>Hello</p>")),
    ] {
        let body = json!({"channel": channel, "recipient": recipient, "template_id": id});
        let sent = app.post("/api/v1/notifications", &body).await.is(202).json();
        assert_eq!((&sent["content"], &sent["html"]), (&json!("Hello"), &html), "{channel}");
    }
}

#[tokio::test]
async fn names_are_unique() {
    let app = App::new();
    app.template().await;
    let second = json!({"name": "other", "body": "x"});
    let path = app.post(TEMPLATES, &second).await.is(201).header("location").to_owned();
    let taken = json!({"name": "welcome", "body": "x"});
    app.post(TEMPLATES, &taken).await.problem(409, "name-taken").points_at("#/name");
    app.put(&path, &taken).await.problem(409, "name-taken").points_at("#/name");
    assert_eq!(app.get(TEMPLATES).await.json()["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn broken_templates_are_refused_when_they_are_stored() {
    let app = App::new();
    for (body, pointer) in [
        (json!({"name": "x", "body": "{{ open"}), "#/body"),
        (json!({"name": "x", "body": ""}), "#/body"),
        (json!({"name": "x", "body": "x", "subject": "{% if %}"}), "#/subject"),
        (json!({"name": "x", "body": "x", "html": "{{ a b }}"}), "#/html"),
        (json!({"name": "", "body": "x"}), "#/name"),
        (json!({"name": "x".repeat(129), "body": "x"}), "#/name"),
        (json!({"name": "x"}), "#/body"),
        (json!({"name": "x", "body": "x", "text": "x"}), "#/text"),
    ] {
        app.post(TEMPLATES, &body).await.problem(400, "invalid-request").points_at(pointer);
    }
    app.holds_nothing().await;
}

#[tokio::test]
async fn a_preview_names_what_is_missing() {
    let app = App::new();
    let path = format!("{TEMPLATES}/{}/preview", app.template().await);
    let answer = app.post(&path, &json!({})).await.problem(422, "unprocessable");
    assert!(answer.points_at("#/template_variables/name").contains("`name`"));
}

#[tokio::test]
async fn the_list_is_newest_first_and_paged() {
    let app = App::new();
    for name in ["a", "b", "c"] {
        app.post(TEMPLATES, &json!({"name": name, "body": "x"})).await.is(201);
    }
    let first = app.get(&format!("{TEMPLATES}?limit=2")).await.is(200).json();
    assert_eq!((&first["items"][0]["name"], &first["items"][1]["name"]), (&json!("c"), &json!("b")));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = app.get(&format!("{TEMPLATES}?limit=2&cursor={cursor}")).await.is(200).json();
    assert_eq!((&second["items"][0]["name"], &second["next_cursor"]), (&json!("a"), &Value::Null));
}
