//! A mail server that refuses, hangs or hangs up at each step of the conversation.

use std::time::Duration;

use angaros_domain::attempt::Class;
use angaros_domain::{Channel, SuppressionReason};
use tokio::net::TcpListener;

use crate::mail::{plain, smtp};
use crate::support::notification::notification;
use crate::support::{send, send_and_wait_in_vain};
use angaros_testkit::mail_server::{Fault, MailServer, Setup};

#[tokio::test]
async fn each_refusal_has_its_class() {
    for (step, reply, class) in [
        ("GREETING", "421 4.3.2 too busy", Class::Transient),
        ("GREETING", "554 5.7.1 not from your address", Class::Misconfigured),
        ("EHLO", "550 5.7.1 go away", Class::Misconfigured),
        ("MAIL", "451 4.3.0 try later", Class::Transient),
        ("MAIL", "530 5.7.0 authentication required", Class::Misconfigured),
        ("MAIL", "550 5.7.1 sender refused", Class::Permanent),
        ("RCPT", "450 4.2.1 greylisted", Class::Transient),
        ("RCPT", "550 5.1.1 no such user", Class::Permanent),
        ("DATA", "451 4.3.0 no space", Class::Transient),
        ("DATA", "554 5.5.1 no valid recipients", Class::Permanent),
        (".", "452 4.3.1 no space", Class::Transient),
        (".", "554 5.7.1 looks like spam", Class::Permanent),
        (".", "421 4.3.2 shutting down", Class::Transient),
    ] {
        let server = MailServer::start(Setup::default()).await;
        server.fail(step, Fault::Reply(reply));
        let smtp = plain(&server);
        let notification = notification(Channel::Email, "to@example.net");
        let outcome = send(&smtp, &notification).await;
        assert_eq!(outcome.class, class, "{step} {reply}: {}", outcome.detail);
        assert_eq!(outcome.detail, format!("SMTP {}: {}", &reply[..3], &reply[4..]));
        assert_eq!(outcome.provider_message_id, None);
        assert!(server.delivered().is_empty());

        server.recover();
        assert_eq!(send(&smtp, &notification).await.class, Class::Accepted, "after {step} {reply}");
        assert_eq!(server.delivered().len(), 1);
    }
}

#[tokio::test]
async fn a_recipient_that_does_not_exist_is_suppressed_and_no_other() {
    for (step, reply, suppress) in [
        ("RCPT", "550 5.1.1 no such user", Some(SuppressionReason::InvalidAddress)),
        ("RCPT", "556 5.1.10 takes no mail", Some(SuppressionReason::InvalidAddress)),
        ("RCPT", "550 5.7.1 not from your address", None),
        ("RCPT", "552 5.2.2 mailbox full", None),
        ("RCPT", "550 no such user", None),
        ("RCPT", "450 5.1.1 perhaps later", None),
        // About whom that is, is not certain there.
        ("MAIL", "550 5.1.1 no such user", None),
        (".", "550 5.1.1 no such user", None),
    ] {
        let server = MailServer::start(Setup::default()).await;
        server.fail(step, Fault::Reply(reply));
        let outcome = send(&plain(&server), &notification(Channel::Email, "to@example.net")).await;
        assert_eq!(outcome.suppress, suppress, "{step} {reply}");
    }
}

#[tokio::test]
async fn a_refused_message_does_not_cost_the_connection() {
    let server = MailServer::start(Setup::default()).await;
    let (smtp, notification) = (plain(&server), notification(Channel::Email, "to@example.net"));
    server.fail("RCPT", Fault::Reply("550 5.1.1 no such user"));
    send(&smtp, &notification).await;
    server.recover();
    send(&smtp, &notification).await;
    assert_eq!((server.connections(), server.delivered().len()), (1, 1));
    assert!(server.commands().contains(&"RSET".to_owned()));
}

#[tokio::test]
async fn hanging_up_is_doubtful_only_once_the_message_was_handed_over() {
    for (step, class) in [
        ("GREETING", Class::Transient),
        ("EHLO", Class::Transient),
        ("MAIL", Class::Transient),
        ("RCPT", Class::Transient),
        ("DATA", Class::Transient),
        (".", Class::Ambiguous),
    ] {
        let server = MailServer::start(Setup::default()).await;
        server.fail(step, Fault::Drop);
        let smtp = plain(&server);
        let notification = notification(Channel::Email, "to@example.net");
        let outcome = send(&smtp, &notification).await;
        assert_eq!(outcome.class, class, "{step}: {}", outcome.detail);
        server.recover();
        assert_eq!(send(&smtp, &notification).await.class, Class::Accepted, "after {step}");
    }
}

#[tokio::test]
async fn silence_before_the_message_means_it_was_not_sent() {
    let server = MailServer::start(Setup::default()).await;
    server.fail("RCPT", Fault::Hang);
    let notification = notification(Channel::Email, "to@example.net");
    let (outcome, took) = send_and_wait_in_vain(&plain(&server), &notification, &server.holds).await;
    assert_eq!(outcome.class, Class::Transient);
    assert!((Duration::from_secs(30)..Duration::from_secs(31)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_late_answer_is_not_taken_for_that_to_the_next_message() {
    let server = MailServer::start(Setup::default()).await;
    let smtp = smtp(&format!("smtp://127.0.0.1:{}", server.port()), |s| s.timeout_seconds = 5);
    let notification = notification(Channel::Email, "to@example.net");
    server.fail(".", Fault::Late);
    let (outcome, took) = send_and_wait_in_vain(&smtp, &notification, &server.holds).await;
    assert_eq!(outcome.class, Class::Ambiguous);
    assert!((Duration::from_secs(5)..Duration::from_secs(6)).contains(&took), "{took:?}");

    tokio::time::resume();
    server.recover();
    server.release.notify_one();
    server.fail("RCPT", Fault::Reply("550 5.1.1 no such user"));
    assert_eq!(send(&smtp, &notification).await.detail, "SMTP 550: 5.1.1 no such user");
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_connection_that_died_while_idle_is_replaced() {
    let server = MailServer::start(Setup::default()).await;
    let (smtp, notification) = (plain(&server), notification(Channel::Email, "to@example.net"));
    assert_eq!(send(&smtp, &notification).await.class, Class::Accepted);
    server.fail("RSET", Fault::Drop);
    assert_eq!(send(&smtp, &notification).await.class, Class::Accepted);
    server.fail("RSET", Fault::Reply("421 4.4.2 idle for too long"));
    assert_eq!(send(&smtp, &notification).await.class, Class::Accepted);
    assert_eq!((server.connections(), server.delivered().len()), (3, 3));
}

#[tokio::test]
async fn an_idle_connection_is_closed_with_a_goodbye() {
    let server = MailServer::start(Setup::default()).await;
    let (smtp, notification) = (plain(&server), notification(Channel::Email, "to@example.net"));
    send(&smtp, &notification).await;
    tokio::time::pause();
    server.parted.notified().await;
    tokio::time::resume();
    send(&smtp, &notification).await;
    assert_eq!(server.connections(), 2, "the old one is not used any more");
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let smtp = smtp(&format!("smtp://u:hunter2@127.0.0.1:{port}"), |_| ());
    let outcome = send(&smtp, &notification(Channel::Email, "to@example.net")).await;
    assert_eq!(outcome.class, Class::Transient);
    assert!(!outcome.detail.contains("hunter2"), "{}", outcome.detail);
}
