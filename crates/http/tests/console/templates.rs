//! Templates: made, tried, changed and deleted.

use angaros_domain::api_key::Scope;
use serde_json::json;

use crate::browser::Browser;
use crate::support::App;

const FORM: [(&str, &str); 4] = [
    ("name", "welcome"),
    ("subject", "Hi {{ name }}"),
    ("body", "Hello {{ name }}"),
    ("html", "<p>{{ name }}</p>"),
];

#[tokio::test]
async fn a_template_is_made_changed_and_deleted() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    browser.get("/console/templates").await.is(200).says("There is no template yet.");
    browser.get("/console/templates/new").await.is(200);
    let made = browser.submit("/console/templates", &FORM).await;
    let to = made.headers["location"].to_str().unwrap().to_owned();
    let page = browser.get(&to).await.is(200);
    page.says("The template is saved.").has("value=\"Hi {{ name }}\"");
    let path = to.split('?').next().unwrap().to_owned();
    let stored = app.get("/api/v1/templates").await.is(200).json()["items"][0].clone();
    assert_eq!(path, format!("/console/templates/{}", stored["id"].as_str().unwrap()));
    assert_eq!((&stored["name"], &stored["html"]), (&json!("welcome"), &json!("<p>{{ name }}</p>")));

    // Spaces are part of a text, and an empty field is none.
    let changed = [("name", "hello"), ("subject", ""), ("body", "  Hello\r\n{{ name }}\r\n"), ("html", "")];
    browser.submit(&path, &changed).await.leads_to(&path);
    let stored = app.get("/api/v1/templates").await.is(200).json()["items"][0].clone();
    assert_eq!((&stored["name"], &stored["body"]), (&json!("hello"), &json!("  Hello\n{{ name }}\n")));
    assert_eq!((&stored["subject"], &stored["html"]), (&json!(null), &json!(null)));

    let page = browser.get(&format!("{path}/delete")).await.is(200);
    page.says("Delete the template hello?");
    assert_eq!(app.get("/api/v1/templates").await.json()["items"].as_array().unwrap().len(), 1);
    browser.submit(&format!("{path}/delete"), &[]).await.leads_to("/console/templates");
    browser.get(&path).await.is(404);
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    let page = browser.submit("/console/templates", &[("name", ""), ("body", "{{ broken")]).await.is(422);
    page.has("id=\"name-fault\"").has("id=\"body-fault\"").has(">\n{{ broken</textarea>");
    app.template().await;
    let page = browser.submit("/console/templates", &FORM).await.is(422);
    page.says("is the name of another template").has("value=\"Hi {{ name }}\"");
    assert_eq!(app.get("/api/v1/templates").await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_preview_shows_what_would_be_sent_and_stores_nothing() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    let variables = ("variables", "{\"name\": \"<Ada>\"}");
    let form = [&FORM[..], &[variables]].concat();
    let page = browser.submit("/console/templates/preview", &form).await.is(200);
    page.says("Hi <Ada>").says("Hello <Ada>").says("<p>&lt;Ada&gt;</p>");
    assert!(!page.html.contains("<Ada>"), "it is text");
    page.has("value=\"welcome\"");

    let page = browser.submit("/console/templates/preview", &FORM).await.is(200);
    page.says("the template uses `name`, which is not given");
    let form = [&FORM[..], &[("variables", "{name}")]].concat();
    browser.submit("/console/templates/preview", &form).await.is(200).says("variables must be a JSON object");
    let page = browser.submit("/console/templates/preview", &[("body", "{% if %}")]).await.is(200);
    page.says("body").has("class=\"faults\"");
    assert_eq!(app.get("/api/v1/templates").await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_stored_template_is_tried_with_the_names_of_its_variables() {
    let app = App::new();
    let id = app.template().await;
    let page = Browser::new(&app).get(&format!("/console/templates/{id}")).await.is(200);
    page.says("Hi name").says("Hello name").says("\"name\": \"name\"");
}

#[tokio::test]
async fn html_is_shown_where_it_can_do_nothing() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    let html = "<p style=\"color:red\">{{ name }}</p><script>alert(1)</script>";
    let form = [("body", "x"), ("html", html), ("variables", "{\"name\": \"Ada\"}")];
    let frame = browser.submit("/console/templates/preview.html", &form).await.is(200);
    assert_eq!(frame.html, html.replace("{{ name }}", "Ada"));
    let policy = frame.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("sandbox; default-src 'none';"), "{policy}");
    assert!(!policy.contains("script-src") && policy.contains("frame-ancestors 'self'"), "{policy}");
    let page = browser.get("/console/templates/new").await.is(200);
    page.has("<iframe class=\"html-preview\" name=\"html-preview\"").has(" sandbox=\"\"></iframe>");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("frame-src 'self'"), "{policy}");
    let made = browser.submit("/console/templates", &FORM).await;
    let path = made.headers["location"].to_str().unwrap().split('?').next().unwrap().to_owned();
    browser.get(&path).await.is(200).has(&format!(" src=\"{path}/html\" sandbox"));
    let frame = browser.get(&format!("{path}/html")).await.is(200);
    assert_eq!(frame.html, "<p>name</p>");
    assert!(frame.headers["content-security-policy"].to_str().unwrap().starts_with("sandbox; "));
    let nothing = [("body", "x"), ("html", "{{ missing }}")];
    assert_eq!(browser.submit("/console/templates/preview.html", &nothing).await.is(200).html, "");
}

#[tokio::test]
async fn changing_needs_the_scope_to_send_and_the_own_page() {
    let app = App::new();
    let id = app.template().await;
    let path = format!("/console/templates/{id}");
    for form in ["/console/templates", "/console/templates/preview", "/console/templates/preview.html", &path]
    {
        Browser::new(&app).submit_from(form, &FORM, &[("sec-fetch-site", "cross-site")]).await.is(403);
    }
    let mut reader = Browser::signed_in(&app, &[Scope::Read]).await;
    let page = reader.get(&path).await.is(200);
    assert!(!page.html.contains("Save") && !page.html.contains("Delete"), "{}", page.html);
    for form in ["/console/templates", &path, &format!("{path}/delete")] {
        reader.submit(form, &FORM).await.is(403);
    }
    reader.get("/console/templates/new").await.is(403);
}
