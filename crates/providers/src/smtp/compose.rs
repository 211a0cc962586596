//! The e-mail itself (RFC 5322, MIME).

use std::time::{Duration, UNIX_EPOCH};

use angaros_domain::{Notification, Timestamp};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};

/// A message, ready for the wire.
pub(super) struct Email {
    pub(super) from: Address,
    pub(super) to: Address,
    /// The value of `Message-ID`, with its angle brackets. It is the same for every attempt, so that a recipient's mail
    /// program can tell a copy from another message.
    pub(super) message_id: String,
    pub(super) bytes: Vec<u8>,
}

/// Composes the e-mail of a notification, or says why there can be none.
pub(super) fn compose(
    notification: &Notification,
    from: &Mailbox,
    domain: &str,
    now: Timestamp,
) -> Result<Email, String> {
    let to: Address =
        notification.recipient.parse().map_err(|e| format!("the recipient is not an e-mail address: {e}"))?;
    let message_id = format!("<{}@{domain}>", notification.id);
    let correlation = notification.correlation.id.as_str().to_owned();
    let mut builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to.clone()))
        .date(UNIX_EPOCH + Duration::from_millis(now.as_millis().unsigned_abs()))
        .message_id(Some(message_id.clone()))
        // From the addresses as they are, instead of from the headers that were just made of them.
        .envelope(
            lettre::address::Envelope::new(Some(from.email.clone()), vec![to.clone()])
                .map_err(|e| e.to_string())?,
        )
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("X-Correlation-ID"), correlation));
    if let Some(subject) = &notification.content.subject {
        builder = builder.subject(one_line(subject));
    }
    let text = unix_lines(&notification.content.text);
    let message = match &notification.content.html {
        Some(html) => builder.multipart(MultiPart::alternative_plain_html(text, unix_lines(html))),
        None => builder.singlepart(SinglePart::plain(text)),
    };
    let bytes = message.map_err(|e| format!("the e-mail cannot be composed: {e}"))?.formatted();
    Ok(Email { from: from.email.clone(), to, message_id, bytes })
}

/// A header's text is one line: a line break in it must not begin another header.
fn one_line(text: &str) -> String {
    text.split(char::is_control).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A carriage return of its own is a line's end to some servers and not to others, which lets a text end the message
/// for one of them (SMTP smuggling). NUL is not allowed at all (RFC 5322 section 2.3).
fn unix_lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use angaros_domain::Channel;
    use angaros_domain::correlation::CorrelationId;
    use mail_parser::{MessageParser, MimeHeaders};

    use super::*;
    use crate::fixture::{ID, notification};

    const NOW: Timestamp = Timestamp::from_millis(1_770_000_000_007);

    fn composed(edit: impl Fn(&mut Notification)) -> Email {
        let mut notification = notification(Channel::Email, "to@example.net");
        edit(&mut notification);
        let from: Mailbox = "Ex\u{e4}mple <no-reply@example.org>".parse().unwrap();
        compose(&notification, &from, "example.org", NOW).unwrap()
    }

    #[test]
    fn headers_say_who_when_and_which() {
        let email = composed(|_| ());
        let parsed = MessageParser::default().parse(&email.bytes).unwrap();
        let from = parsed.from().and_then(|a| a.first()).unwrap();
        assert_eq!((from.name(), from.address()), (Some("Ex\u{e4}mple"), Some("no-reply@example.org")));
        assert_eq!(parsed.to().and_then(|a| a.first()).unwrap().address(), Some("to@example.net"));
        assert_eq!(parsed.subject(), Some("Hello"));
        assert_eq!(parsed.message_id().unwrap(), format!("{ID}@example.org"));
        assert_eq!(parsed.date().unwrap().to_timestamp(), 1_770_000_000);
        assert_eq!(parsed.header_raw("X-Correlation-ID").map(str::trim), Some("request-1"));
        assert_eq!(parsed.body_text(0).unwrap().trim_end(), "Your code is 123456");
        assert_eq!(parsed.attachment_count(), 0);
    }

    #[test]
    fn html_comes_beside_the_text() {
        let email = composed(|n| n.content.html = Some("<p>Gr\u{fc}\u{df}e</p>".into()));
        let parsed = MessageParser::default().parse(&email.bytes).unwrap();
        let kind = parsed.root_part().content_type().unwrap();
        assert_eq!((kind.ctype(), kind.subtype()), ("multipart", Some("alternative")));
        assert_eq!(parsed.body_text(0).unwrap().trim_end(), "Your code is 123456");
        assert_eq!(parsed.body_html(0).unwrap().trim_end(), "<p>Gr\u{fc}\u{df}e</p>");
    }

    #[test]
    fn a_subject_stays_one_header() {
        for subject in
            ["Hi\r\nBcc: spy@example.com", "Hi\nBcc: spy@example.com", "Hi\rBcc: spy@example.com", "\0"]
        {
            let email = composed(|n| n.content.subject = Some(subject.into()));
            let parsed = MessageParser::default().parse(&email.bytes).unwrap();
            assert!(parsed.bcc().is_none() && parsed.header_raw("Bcc").is_none(), "{subject:?}");
            assert_eq!(parsed.headers().len(), composed_headers(), "{subject:?}");
        }
        for subject in ["Gr\u{fc}\u{df}e \u{1f44b}".to_owned(), "long ".repeat(200).trim_end().to_owned()] {
            let email = composed(|n| n.content.subject = Some(subject.clone()));
            let parsed = MessageParser::default().parse(&email.bytes).unwrap();
            assert_eq!(parsed.subject(), Some(subject.as_str()));
        }
    }

    fn composed_headers() -> usize {
        MessageParser::default().parse(&composed(|_| ()).bytes).unwrap().headers().len()
    }

    #[test]
    fn the_longest_correlation_id_survives() {
        let id = "x~!".repeat(42);
        let email = composed(|n| n.correlation.id = CorrelationId::parse(&id).unwrap());
        let parsed = MessageParser::default().parse(&email.bytes).unwrap();
        assert_eq!(parsed.header_raw("X-Correlation-ID").map(str::trim), Some(id.as_str()));
    }

    #[test]
    fn lines_end_in_one_way_only() {
        let email = composed(|n| n.content.text = "a\rb\r\nc\n.\n\r.\rd\0".into());
        let text = String::from_utf8(email.bytes.clone()).unwrap();
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
        let parsed = MessageParser::default().parse(&email.bytes).unwrap();
        assert_eq!(
            parsed.body_text(0).unwrap().replace("\r\n", "\n").trim_end(),
            "a\nb\nc\n.\n\n.\nd\u{fffd}"
        );
    }

    #[test]
    fn an_impossible_recipient_is_said() {
        let from: Mailbox = "a@example.org".parse().unwrap();
        let fault =
            compose(&notification(Channel::Email, "nobody"), &from, "example.org", NOW).err().unwrap();
        assert!(fault.contains("recipient"), "{fault}");
    }
}
