//! The suppression list.

use angaros_domain::attempt::{Class, Outcome};
use angaros_domain::lifecycle::Change;
use angaros_domain::{FailureReason, SuppressionReason};
use angaros_store_test::{fixture, steps};
use serde_json::{Value, json};

use crate::support::{App, event_with, sms_with};

const LIST: &str = "/api/v1/suppressions";
const BULK: &str = "/api/v1/suppressions/bulk";

fn email(address: &str) -> Value {
    json!({"channel": "email", "address": address})
}

/// The addresses of a list, in its order.
async fn addresses(app: &App, query: &str) -> Vec<String> {
    let list = app.get(&format!("{LIST}{query}")).await.is(200).json();
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| item["address"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_address_is_added_once_shown_and_removed() {
    let (on_disk, _folder) = App::on_disk();
    for app in [App::new(), on_disk] {
        let answer = app.post(LIST, &email("Ada.L@Example.org")).await.is(201);
        let path = answer.header("location").to_owned();
        assert_eq!(path, format!("{LIST}/email/ada%2El%40example%2Eorg"));
        let stored = answer.json();
        let expected = json!({
            "channel": "email", "address": "ada.l@example.org", "reason": "manual", "notification_id": null,
            "event_id": null, "created_at": stored["created_at"],
        });
        assert_eq!(stored, expected);

        let again = json!({"channel": "email", "address": "ada.l@EXAMPLE.org", "reason": "bounced"});
        let answer = app.post(LIST, &again).await.is(200);
        assert_eq!(
            (answer.header("location"), answer.header("idempotency-replayed")),
            (path.as_str(), "true")
        );
        assert_eq!(answer.json(), stored, "the first stays");
        assert_eq!(app.get(&path).await.is(200).json(), stored);
        assert_eq!(app.get(&format!("{LIST}/email/ADA.L@example.org")).await.is(200).json(), stored);
        assert_eq!(app.get(LIST).await.is(200).json(), json!({"items": [stored], "next_cursor": null}));

        app.delete(&path).await.is(204);
        app.delete(&path).await.problem(404, "not-found");
        app.get(&path).await.problem(404, "not-found");
        assert_eq!(addresses(&app, "").await, [""; 0]);
        app.post(LIST, &email("ada.l@example.org")).await.is(201);
    }
}

#[tokio::test]
async fn any_address_fits_into_a_path() {
    let app = App::new();
    for (channel, address) in [
        ("sms", "+4915112345678"),
        ("email", "\"a/b?c\"@example.org"),
        ("email", "\u{fc}ser@example.org"),
        ("push", "a b/../c?d=%2F#e"),
        ("push", ".."),
        ("webhook", "https://example.org/in?a=b%20c"),
    ] {
        let answer = app.post(LIST, &json!({"channel": channel, "address": address})).await.is(201);
        let path = answer.header("location");
        assert_eq!(app.get(path).await.is(200).text("/address"), address);
        app.delete(path).await.is(204);
    }
    app.get(&format!("{LIST}/fax/1")).await.problem(404, "not-found");
    app.delete(&format!("{LIST}/fax/1")).await.problem(404, "not-found");
    app.delete(&format!("{LIST}/sms/%FF")).await.problem(404, "not-found");
}

#[tokio::test]
async fn faults_point_at_their_place_and_leave_no_trace() {
    let app = App::new();
    for (body, pointer) in [
        (json!({"channel": "sms", "address": "0151 12345678"}), "#/address"),
        (json!({"channel": "email", "address": "ada"}), "#/address"),
        (json!({"channel": "push", "address": ""}), "#/address"),
        (json!({"channel": "push", "address": "x".repeat(4097)}), "#/address"),
        (json!({"channel": "webhook", "address": "ftp://example.org"}), "#/address"),
        (json!({"channel": "sms"}), "#/address"),
        (json!({"address": "+4915112345678"}), "#/channel"),
        (json!({"channel": "fax", "address": "1"}), "#/channel"),
        (json!({"channel": "sms", "address": "+4915112345678", "reason": "because"}), "#/reason"),
        (json!({"channel": "sms", "address": "+4915112345678", "expires": 1}), "#/expires"),
    ] {
        app.post(LIST, &body).await.problem(400, "invalid-request").points_at(pointer);
    }
    let good = email("ada@example.org");
    for (body, pointer) in [
        (json!({"suppressions": []}), "#/suppressions"),
        (json!({"suppressions": vec![good.clone(); 1001]}), "#/suppressions"),
        (json!({"suppressions": [good, email("bob")]}), "#/suppressions/1/address"),
        (json!({"suppressions": [good, {"channel": "sms"}]}), "#/suppressions/1/address"),
        (json!({"suppressions": [good, 5]}), "#/suppressions/1"),
        (json!({}), "#/suppressions"),
    ] {
        app.post(BULK, &body).await.problem(400, "invalid-request").points_at(pointer);
    }
    for query in ["?channel=fax", "?reason=x", "?address=", "?limit=0", "?limit=201", "?unknown=1"] {
        app.get(&format!("{LIST}{query}")).await.problem(400, "invalid-parameter");
    }
    let long = format!("{LIST}?address={}", "x".repeat(4097));
    app.get(&long).await.problem(400, "invalid-parameter");
    assert_eq!(addresses(&app, "").await, [""; 0]);
}

#[tokio::test]
async fn many_are_added_at_once() {
    let app = App::new();
    app.post(LIST, &email("ada@example.org")).await.is(201);
    let body = json!({"suppressions": [
        email("ada@example.org"), email("bob@example.org"), email("BOB@example.org"),
        {"channel": "sms", "address": "+4915112345678", "reason": "opted_out"},
    ]});
    assert_eq!(app.post(BULK, &body).await.is(200).json(), json!({"created": 2, "duplicates": 2}));
    assert_eq!(app.post(BULK, &body).await.is(200).json(), json!({"created": 0, "duplicates": 4}));
    assert_eq!(addresses(&app, "").await, ["+4915112345678", "bob@example.org", "ada@example.org"]);
    let sms = app.get(&format!("{LIST}/sms/%2B4915112345678")).await.is(200);
    assert_eq!(sms.text("/reason"), "opted_out");
}

#[tokio::test]
async fn the_list_is_filtered_and_paged() {
    let (on_disk, _folder) = App::on_disk();
    for app in [App::new(), on_disk] {
        let body = json!({"suppressions": [
            {"channel": "email", "address": "a@example.org", "reason": "bounced"},
            {"channel": "push", "address": "a@example.org"},
            {"channel": "email", "address": "b@example.org"},
        ]});
        app.post(BULK, &body).await.is(200);
        for (query, expected) in [
            ("?channel=email", &["b@example.org", "a@example.org"][..]),
            ("?reason=manual", &["b@example.org", "a@example.org"]),
            ("?channel=push&reason=bounced", &[]),
            ("?address=A@example.org", &["a@example.org"]),
            ("?address=a%40example.org", &["a@example.org", "a@example.org"]),
            ("?address=a@example.org&channel=push", &["a@example.org"]),
        ] {
            assert_eq!(addresses(&app, query).await, expected, "{query}");
        }
        let first = app.get(&format!("{LIST}?limit=2")).await.is(200).json();
        let cursor = first["next_cursor"].as_str().unwrap();
        app.post(LIST, &email("c@example.org")).await.is(201);
        assert_eq!(addresses(&app, &format!("?limit=2&cursor={cursor}")).await, ["a@example.org"]);
        app.get(&format!("{LIST}?channel=sms&cursor={cursor}")).await.problem(400, "invalid-cursor");
    }
}

/// What a suppressed address means for what is sent there, with the claims as a worker gets them.
#[tokio::test]
async fn a_notification_to_a_suppressed_address_is_accepted_and_withheld() {
    let (app, _folder) = App::on_disk();
    app.post(LIST, &json!({"channel": "sms", "address": "+4915112345678"})).await.is(201);
    let id = app.notify().await["id"].as_str().unwrap().to_owned();
    let lease = steps::claim(&*app.store, app.clock.now()).await;
    assert!(lease.claims[0].is_suppressed);
    let fail = || Change::fail(FailureReason::Suppressed, None);
    steps::settle_all(&*app.store, &lease, fail, app.clock.now()).await;
    let sent = app.get(&format!("/api/v1/notifications/{id}")).await.is(200).json();
    assert_eq!(
        (&sent["status"], &sent["failure_reason"], &sent["attempts"]),
        (&json!("failed"), &json!("suppressed"), &json!(0))
    );
}

#[tokio::test]
async fn events_suppress_and_the_trace_says_so() {
    let (on_disk, _folder) = App::on_disk();
    for app in [App::new(), on_disk] {
        let id = app.notify().await["id"].as_str().unwrap().to_owned();
        app.settle(fixture::deliver).await;
        let bounce = event_with(json!({"event_name": "complained", "message_id": id}));
        let event_id = app.post("/api/v1/events", &bounce).await.is(201).text("/id");
        let listed = app.get(&format!("{LIST}/sms/+4915112345678")).await.is(200).json();
        assert_eq!(
            (&listed["reason"], &listed["notification_id"], &listed["event_id"]),
            (&json!("complained"), &json!(id), &json!(event_id))
        );
        app.get(&format!("/api/v1/events/{event_id}")).await.is(200);
        let trace = app.get(&format!("/api/v1/notifications/{id}/trace")).await.is(200).json();
        let told = trace["entries"].as_array().unwrap().iter().find(|entry| entry["event"] == "suppressed");
        assert_eq!(told.unwrap()["detail"], "complained");

        let other = event_with(json!({
            "event_id": "2", "event_name": "unsubscribed", "channel": "email", "recipient_id": "Ada@example.org",
        }));
        let bulk = json!({"events": [other]});
        app.post("/api/v1/events/bulk", &bulk).await.is(200);
        assert_eq!(addresses(&app, "?reason=unsubscribed").await, ["ada@example.org"]);
    }
}

#[tokio::test]
async fn a_dead_address_is_suppressed_with_the_result() {
    let app = App::new();
    let body = sms_with(json!({"recipient": "+4915100000000"}));
    app.post("/api/v1/notifications", &body).await.is(202);
    let outcome = Outcome::new(Class::Permanent, "no such number");
    app.settle(|now| {
        let mut report = fixture::report(Class::Permanent, now);
        report.outcome = outcome.clone().with_suppression(SuppressionReason::InvalidAddress);
        Change::fail(FailureReason::Permanent, Some(report))
    })
    .await;
    assert_eq!(addresses(&app, "?reason=invalid_address").await, ["+4915100000000"]);
}
