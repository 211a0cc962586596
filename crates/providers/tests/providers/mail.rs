//! What a mail server gets, and how connections to it are used.

use angaros_clock::Clock;
use angaros_domain::attempt::Class;
use angaros_domain::{Channel, NotificationId, Timestamp};
use angaros_providers::settings::SmtpSettings;
use angaros_providers::smtp::Smtp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_parser::MessageParser;

use crate::support::notification::{ID, notification};
use crate::support::send;
use angaros_testkit::mail_server::{MailServer, Setup};

pub(crate) fn smtp(url: &str, edit: impl Fn(&mut SmtpSettings)) -> Smtp {
    let mut settings = SmtpSettings::new(url.into(), "Example <no-reply@example.org>".into());
    edit(&mut settings);
    Smtp::new("mail", &settings, Clock::tokio(Timestamp::from_millis(1_770_000_000_007))).unwrap()
}

pub(crate) fn plain(server: &MailServer) -> Smtp {
    smtp(&format!("smtp://127.0.0.1:{}", server.port()), |_| ())
}

#[tokio::test]
async fn an_email_arrives_as_it_was_meant() {
    let server = MailServer::start(Setup::default()).await;
    let mut notification = notification(Channel::Email, "to@example.net");
    notification.content.subject = Some("Gr\u{fc}\u{df}e\r\nBcc: spy@example.com".into());
    notification.content.text = "Dear you,\n.\n..two dots\n\r\n.\r\nQUIT\n\u{1f44b}".into();
    notification.content.html = Some("<p>Dear <b>you</b>".into());
    let outcome = send(&plain(&server), &notification).await;
    assert_eq!((outcome.class, outcome.provider_message_id.as_deref()), (Class::Accepted, Some("F00")));
    assert_eq!(outcome.detail, "SMTP 250: 2.0.0 Ok: queued as F00");

    let mail = &server.delivered()[0];
    assert_eq!((mail.from.as_str(), mail.to.as_str()), ("<no-reply@example.org>", "<to@example.net>"));
    assert!(!mail.encrypted);
    let parsed = MessageParser::default().parse(&mail.data).unwrap();
    assert_eq!(parsed.subject(), Some("Gr\u{fc}\u{df}e Bcc: spy@example.com"));
    assert!(parsed.bcc().is_none());
    assert_eq!(parsed.message_id().unwrap(), format!("{ID}@example.org"));
    let text = parsed.body_text(0).unwrap().replace("\r\n", "\n");
    assert_eq!(text.trim_end(), "Dear you,\n.\n..two dots\n\n.\nQUIT\n\u{1f44b}");
    assert_eq!(parsed.body_html(0).unwrap().trim_end(), "<p>Dear <b>you</b>");
}

#[tokio::test]
async fn dots_at_the_beginning_of_lines_survive_unencoded() {
    let server = MailServer::start(Setup::default()).await;
    let mut notification = notification(Channel::Email, "to@example.net");
    notification.content.text = ".\n.hidden\n..\nend".into();
    send(&plain(&server), &notification).await;
    let delivered = server.delivered();
    let parsed = MessageParser::default().parse(&delivered[0].data).unwrap();
    assert_eq!(parsed.body_text(0).unwrap().replace("\r\n", "\n").trim_end(), ".\n.hidden\n..\nend");
}

#[tokio::test]
async fn one_connection_serves_one_message_after_another() {
    let server = MailServer::start(Setup::default()).await;
    let smtp = plain(&server);
    for number in 0..5_u8 {
        let mut notification = notification(Channel::Email, &format!("to-{number}@example.net"));
        notification.id = NotificationId(uuid_of(number));
        assert_eq!(send(&smtp, &notification).await.class, Class::Accepted);
    }
    let to: Vec<String> = server.delivered().into_iter().map(|mail| mail.to).collect();
    assert_eq!(to, (0..5).map(|n| format!("<to-{n}@example.net>")).collect::<Vec<_>>());
    assert_eq!(server.connections(), 1);
}

fn uuid_of(number: u8) -> uuid::Uuid {
    let id: NotificationId = ID.parse().unwrap();
    uuid::Uuid::from_u128(id.0.as_u128() + u128::from(number))
}

#[tokio::test]
async fn no_more_connections_than_allowed() {
    let server = MailServer::start(Setup::default()).await;
    let smtp = smtp(&format!("smtp://127.0.0.1:{}", server.port()), |s| s.connections_max = 2);
    let notification = notification(Channel::Email, "to@example.net");
    let ten = (0..10).map(|_| send(&smtp, &notification));
    let mut outcomes = Vec::new();
    let mut running: Vec<_> = ten.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        running.retain_mut(|send| match std::future::Future::poll(send.as_mut(), context) {
            std::task::Poll::Ready(outcome) => {
                outcomes.push(outcome);
                false
            }
            std::task::Poll::Pending => true,
        });
        if running.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    assert!(outcomes.iter().all(|outcome| outcome.class == Class::Accepted));
    assert_eq!((server.delivered().len(), server.connections()), (10, 2));
}

#[tokio::test]
async fn credentials_are_given_and_checked() {
    let plain = STANDARD.encode("\0user@example.org\0p:/@ss");
    let setup = Setup { auth: Some(plain.leak()), ..Setup::default() };
    let server = MailServer::start(setup).await;
    let url = |password: &str| format!("smtp://user%40example.org:{password}@127.0.0.1:{}", server.port());
    let notification = notification(Channel::Email, "to@example.net");

    let outcome = send(&smtp(&url("p%3A%2F%40ss"), |_| ()), &notification).await;
    assert_eq!(outcome.class, Class::Accepted, "{}", outcome.detail);
    let outcome = send(&smtp(&url("hunter2"), |_| ()), &notification).await;
    assert_eq!(outcome.class, Class::Misconfigured);
    assert!(
        outcome.detail.starts_with("SMTP 535") && !outcome.detail.contains("hunter2"),
        "{}",
        outcome.detail
    );
}

#[tokio::test]
async fn credentials_that_the_server_does_not_ask_for_are_a_fault_of_the_settings() {
    let server = MailServer::start(Setup::default()).await;
    let smtp = smtp(&format!("smtp://u:p@127.0.0.1:{}", server.port()), |_| ());
    let outcome = send(&smtp, &notification(Channel::Email, "to@example.net")).await;
    assert_eq!(outcome.class, Class::Misconfigured, "{}", outcome.detail);
}

#[tokio::test]
async fn addresses_beyond_ascii_need_a_server_that_takes_them() {
    let notification = notification(Channel::Email, "\u{fc}ser@example.net");
    let server = MailServer::start(Setup { international: true, ..Setup::default() }).await;
    assert_eq!(send(&plain(&server), &notification).await.class, Class::Accepted);
    assert_eq!(server.delivered()[0].to, "<\u{fc}ser@example.net>");
    assert!(server.delivered()[0].from.ends_with("SMTPUTF8 BODY=8BITMIME"));

    let server = MailServer::start(Setup::default()).await;
    let outcome = send(&plain(&server), &notification).await;
    assert_eq!(outcome.class, Class::Permanent);
    assert!(outcome.detail.contains("SMTPUTF8"), "{}", outcome.detail);
}
