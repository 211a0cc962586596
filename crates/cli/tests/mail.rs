//! E-mail delivery by the real binary to real mail servers: what arrives, what is tried again, what is given up.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/aiosmtpd.rs"]
mod aiosmtpd;

use std::time::Duration;

use aiosmtpd::Aiosmtpd;
use angaros_testkit::eventually::eventually;
use angaros_testkit::launch::Launch;
use angaros_testkit::mail_server::{Fault, MailServer, Setup};
use angaros_testkit::process::Angaros;
use mail_parser::MessageParser;
use serde_json::{Value, json};

/// Generous: other builds may share the machine.
const SOON: Duration = Duration::from_secs(30);
const TEXT: &str = "Hello Ada,\n\n.a line that begins with a dot\nGrüße & 👋\n";
const HTML: &str = "<p>Hello <b>Ada</b>, grüße &amp; 👋</p>\n";

/// A service that hands e-mail to a server on this port, and retries within moments.
async fn service(port: u16) -> Angaros {
    Launch::new(env!("CARGO_BIN_EXE_angaros"))
        .set("providers.mail.kind", "smtp")
        .set("providers.mail.url", format!("smtp://127.0.0.1:{port}?tls=none"))
        .set("providers.mail.from", "Example <no-reply@example.org>")
        .set("delivery.retry.base_seconds", "0.2")
        .start()
        .await
}

fn mail() -> Value {
    json!({
        "channel": "email", "recipient": "ada@example.com", "subject": "Grüße aus Köln — your order",
        "content": TEXT, "html": HTML, "max_attempts": 10,
    })
}

/// Checks a message as it arrived against the one that was asked for.
fn compare(data: &[u8], id: &str) {
    let message = MessageParser::default().parse(data).expect("it is a message");
    let address = |list: Option<&mail_parser::Address<'_>>| {
        list.unwrap().first().unwrap().address().unwrap().to_owned()
    };
    assert_eq!(message.subject(), Some("Grüße aus Köln — your order"));
    assert_eq!(
        (address(message.from()), address(message.to())),
        ("no-reply@example.org".into(), "ada@example.com".into())
    );
    assert_eq!(message.from().unwrap().first().unwrap().name(), Some("Example"));
    let normal = |text: &str| text.replace("\r\n", "\n").trim_end().to_owned();
    assert_eq!(normal(&message.body_text(0).unwrap()), normal(TEXT));
    assert_eq!(normal(&message.body_html(0).unwrap()), normal(HTML));
    assert!(message.message_id().unwrap().contains(id), "{:?}", message.message_id());
    assert!(message.date().is_some());
    let is_ascii = data.is_ascii();
    assert!(
        is_ascii || data.windows(2).all(|pair| pair[1] != b'\n' || pair[0] == b'\r'),
        "lines end in CRLF"
    );
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_meant() {
    let server = MailServer::start(Setup::default()).await;
    let service = service(server.port()).await;
    assert!(
        !service.stdout().contains("only pretend to send: sms, email"),
        "e-mail does not pretend any more"
    );
    let api = service.api();
    let id = api.notify(&mail()).await;
    let delivered = api.until(&id, "delivered", SOON).await;
    assert_eq!((&delivered["provider"], &delivered["attempts"]), (&json!("mail"), &json!(1)));
    let mails = server.delivered();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].from.starts_with("<no-reply@example.org>"), "{}", mails[0].from);
    assert!(mails[0].to.starts_with("<ada@example.com>"), "{}", mails[0].to);
    compare(&mails[0].data, &id);
}

#[tokio::test]
async fn a_server_that_asks_for_patience_gets_it() {
    let server = MailServer::start(Setup::default()).await;
    server.fail("RCPT", Fault::Reply("451 4.7.1 greylisted, come back later"));
    let service = service(server.port()).await;
    let api = service.api();
    let id = api.notify(&mail()).await;
    eventually("the first attempt has failed", SOON, async || {
        let found = api.notification(&id).await;
        if found["attempts"].as_u64() >= Some(1) { Ok(()) } else { Err(found.to_string()) }
    })
    .await;
    assert!(server.delivered().is_empty());
    server.recover();
    let delivered = api.until(&id, "delivered", SOON).await;
    assert!(delivered["attempts"].as_u64() >= Some(2), "{delivered}");
    assert_eq!(server.delivered().len(), 1);
    let trace = api.trace(&id).await;
    let greylisted = |entry: &Value| entry["detail"].as_str().is_some_and(|d| d.contains("greylisted"));
    assert!(trace.iter().any(greylisted), "the trace has the server's words: {trace:#?}");
}

#[tokio::test]
async fn a_server_that_refuses_for_good_is_believed() {
    let server = MailServer::start(Setup::default()).await;
    server.fail("RCPT", Fault::Reply("550 5.1.1 no such user"));
    let service = service(server.port()).await;
    let api = service.api();
    let id = api.notify(&mail()).await;
    let failed = api.until(&id, "failed", SOON).await;
    assert_eq!((&failed["failure_reason"], &failed["attempts"]), (&json!("permanent"), &json!(1)));
    assert!(failed["failure_detail"].as_str().unwrap().contains("550"), "{failed}");
    let attempts = server.commands().iter().filter(|line| line.starts_with("RCPT")).count();
    assert_eq!((attempts, server.delivered().len()), (1, 0));
}

/// The same against a mail server that others wrote: Python's aiosmtpd.
#[tokio::test]
async fn an_independent_server_takes_it_too() {
    let mut server = match Aiosmtpd::start().await {
        Ok(server) => server,
        Err(reason) => {
            println!("NOT CHECKED against an independent mail server: {reason}");
            return;
        }
    };
    let service = service(server.port).await;
    let api = service.api();
    let id = api.notify(&mail()).await;
    api.until(&id, "delivered", SOON).await;
    let received = server.received().await;
    assert_eq!(
        (received["from"].as_str(), received["to"].as_str()),
        (Some("no-reply@example.org"), Some("ada@example.com"))
    );
    compare(&server.content(&received), &id);
    println!("checked against aiosmtpd {}", server.version);
}
