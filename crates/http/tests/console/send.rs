//! The form that sends.

use serde_json::json;

use crate::browser::Browser;
use crate::support::App;

#[tokio::test]
async fn each_channel_can_be_sent_over() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    browser.get("/console/send?channel=push").await.is(200).says("only pretends to send");
    browser.get("/console/send?channel=sms").await.is(200).says("It is sent for real");
    for (channel, recipient) in [
        ("sms", "+4915112345678"),
        ("email", "ada@example.org"),
        ("push", "token-1"),
        ("webhook", "https://hooks.example.org/in"),
    ] {
        let form = browser.get(&format!("/console/send?channel={channel}")).await.is(200);
        assert_eq!(form.field("channel").as_deref(), Some(channel));
        let key = form.field("idempotency_key").unwrap();
        let fields = [
            ("channel", channel),
            ("recipient", recipient),
            ("content", "first\r\nsecond"),
            ("idempotency_key", &key),
        ];
        let done = browser.submit("/console/send", &fields).await;
        let path = done.headers["location"].to_str().unwrap().to_owned();
        browser.get(&path).await.is(200).says("is stored and will be sent").has("first\nsecond");
    }
}

#[tokio::test]
async fn sending_the_same_form_twice_sends_once() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    let key = browser.get("/console/send").await.is(200).field("idempotency_key").unwrap();
    let fields = [
        ("channel", "sms"),
        ("recipient", "+4915112345678"),
        ("content", "once"),
        ("idempotency_key", key.as_str()),
    ];
    let first = browser.submit("/console/send", &fields).await;
    let second = browser.submit("/console/send", &fields).await;
    assert_eq!(first.headers["location"], second.headers["location"]);
    let mut changed = fields;
    changed[2].1 = "changed";
    let page = browser.submit("/console/send", &changed).await.is(422);
    page.says("was sent before with other content");
    assert_ne!(page.field("idempotency_key").unwrap(), key);
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    let fields = [
        ("channel", "sms"),
        ("recipient", "12"),
        ("content", ""),
        ("max_attempts", "many"),
        ("scheduled_at", "soon"),
        ("template_variables", "{\"a\": 1, \"a\": 2}"),
    ];
    let page = browser.submit("/console/send", &fields).await.is(422);
    page.says("Nothing was sent yet")
        .says("Attempts: must be a whole number")
        .says("Not before (UTC): must be a date and time")
        .says("Variables of the template: must be a JSON object");
    assert_eq!(page.field("recipient").as_deref(), Some("12"), "what was entered stays");
    let page = browser.submit("/console/send", &fields[..3]).await.is(422);
    page.says("Recipient: must be an E.164 number").says("Text: is required");
    assert_eq!(page.html.matches("aria-invalid").count(), 2);
    browser
        .submit("/console/send", &[("channel", "pigeon")])
        .await
        .is(422)
        .says("channel must be sms, email");
    assert_eq!(app.get("/api/v1/notifications").await.json()["items"], json!([]));
}

#[tokio::test]
async fn another_channel_keeps_what_was_typed() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    browser.get("/console/send").await.is(200).has("formaction=\"/console/send/form\" formnovalidate");
    let fields = [
        ("channel", "sms"),
        ("recipient", "12"),
        ("content", "typed"),
        ("campaign_id", "spring"),
        ("other_channel", "email"),
    ];
    let page = browser.submit("/console/send/form", &fields).await.is(200);
    assert_eq!(page.field("channel").as_deref(), Some("email"));
    assert_eq!(page.field("recipient").as_deref(), Some("12"));
    assert_eq!(page.field("campaign_id").as_deref(), Some("spring"));
    page.has(">\ntyped</textarea>").has("name=\"subject\"").does_not_say("must be");
    browser.submit("/console/send/form", &[("other_channel", "pigeon")]).await.is(404);
    assert_eq!(app.get("/api/v1/notifications").await.json()["items"], json!([]));
}

#[tokio::test]
async fn an_old_template_can_be_chosen_too() {
    let app = App::new();
    let old = app.template().await;
    for n in 0..200 {
        let template = json!({"name": format!("t-{n}"), "body": "x"});
        app.post("/api/v1/templates", &template).await.is(201);
    }
    let mut browser = Browser::new(&app);
    browser.get("/console/send").await.is(200).does_not_say("welcome");
    let page = browser.get(&format!("/console/send?template_id={old}")).await.is(200);
    page.has(&format!("<option value=\"{old}\" selected>welcome"));
    let unknown = "018f0000-0000-7000-8000-000000000000";
    browser.get(&format!("/console/send?template_id={unknown}")).await.is(200);
}

#[tokio::test]
async fn a_template_can_be_chosen_and_filled_in() {
    let app = App::new();
    let template = app.template().await;
    let mut browser = Browser::new(&app);
    browser.get("/console/send?channel=email").await.is(200).says("welcome");
    let fields = |variables| {
        [
            ("channel", "email"),
            ("recipient", "ada@example.org"),
            ("template_id", template.as_str()),
            ("template_variables", variables),
            ("priority", "high"),
            ("campaign_id", "spring"),
        ]
    };
    browser.submit("/console/send", &fields("")).await.is(422).says("Variables of the template:");
    let done = browser.submit("/console/send", &fields("{\"name\": \"Ada\"}")).await;
    let path = done.headers["location"].to_str().unwrap().to_owned();
    browser.get(&path).await.is(200).says("Hello Ada").says("Hi Ada").says("high").says("spring");
}
