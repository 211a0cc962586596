//! Forms are taken from the console's own pages only.

use serde_json::json;

use crate::browser::Browser;
use crate::support::App;

/// Every form, with fields that are right.
fn forms(id: &str) -> Vec<(String, Vec<(&'static str, &'static str)>)> {
    let address = vec![("channel", "sms"), ("address", "+4915112345678")];
    vec![
        ("/console/sign-in".into(), vec![("key", "ak_x")]),
        ("/console/sign-out".into(), vec![]),
        (
            "/console/send".into(),
            vec![("channel", "sms"), ("recipient", "+4915112345678"), ("content", "hi")],
        ),
        ("/console/worker/pause".into(), vec![]),
        ("/console/worker/resume".into(), vec![]),
        (format!("/console/notifications/{id}/cancel"), vec![]),
        (format!("/console/notifications/{id}/retry"), vec![]),
        ("/console/recipients/x/suppress".into(), address.clone()),
        ("/console/recipients/x/unsuppress".into(), address),
    ]
}

#[tokio::test]
async fn forms_of_other_pages_are_refused() {
    let app = App::new();
    let id = app.notify().await["id"].as_str().unwrap().to_owned();
    let mut browser = Browser::new(&app);
    for (path, fields) in forms(&id) {
        for headers in [
            &[][..],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site"), ("host", "a.example"), ("origin", "http://a.example")],
            &[("host", "a.example"), ("origin", "http://b.example")],
            &[("host", "a.example"), ("origin", "null")],
            &[("origin", "http://a.example")],
        ] {
            let page = browser.submit_from(&path, &fields, headers).await.is(403);
            page.says("The page is not of this service");
        }
    }
    assert_eq!(app.get("/api/v1/worker").await.json()["running"], json!(true));
    let list = app.get("/api/v1/notifications").await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "nothing was sent");
    assert_eq!(list["items"][0]["status"], "queued", "nothing was cancelled");
    assert_eq!(app.get("/api/v1/suppressions").await.json()["items"], json!([]));
}

#[tokio::test]
async fn forms_of_the_own_pages_are_taken_from_old_browsers_too() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    for headers in [
        &[("sec-fetch-site", "same-origin")][..],
        &[("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:8080")],
    ] {
        browser.submit_from("/console/worker/pause", &[], headers).await.leads_to("/console");
    }
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let app = App::new();
    let mut browser = Browser::new(&app);
    for kind in ["application/json", "multipart/form-data", "text/plain"] {
        let page = browser.submit_typed("/console/worker/pause", kind).await;
        assert_eq!(page.status.as_u16(), 415, "{kind}");
    }
}
