//! What a mail server's reply, or the lack of one, means for the message.

use std::error::Error as _;

use angaros_domain::SuppressionReason;
use angaros_domain::attempt::{Class, Outcome};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::response::{Code, Response};

/// How far the conversation had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing was said of the message yet.
    Connecting,
    /// The server was told from whom, or that a message comes; it has none yet, so it cannot have sent one.
    Addressing,
    /// It was told to whom. A refusal is about the recipient.
    Recipient,
    /// The message was being written. Whether the server took it is in its reply alone.
    HandingOver,
}

/// Why a conversation ended early.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) stage: Stage,
    pub(super) cause: Cause,
}

#[derive(Debug)]
pub(super) enum Cause {
    /// The time-out came.
    TooLate,
    /// An address needs SMTPUTF8 and the server does not have it.
    NotAscii,
    /// The server refused, or the connection failed.
    Server(Error),
}

impl Fault {
    /// Whether the server has said all it was asked and stays connected. With 421 it says that it hangs up.
    pub(super) fn is_an_answer(&self) -> bool {
        match &self.cause {
            Cause::TooLate => false,
            Cause::NotAscii => true,
            Cause::Server(error) => error.status().is_some_and(|code| number(code) != 421),
        }
    }
}

/// The message is the server's now. Without an id of the server's own, `message_id` serves to find it again.
pub(super) fn accepted(response: &Response, message_id: &str) -> Outcome {
    let text = response.message().collect::<Vec<_>>().join(" ");
    let id = queue_id(&text).unwrap_or(message_id).to_owned();
    Outcome::new(Class::Accepted, &format!("SMTP {}: {text}", response.code())).with_message_id(Some(id))
}

/// The server's id of the message in the forms that are widespread: `queued as ID` (Postfix and others), `id=ID`
/// (Exim), `Ok ID` with a long id (Amazon SES).
fn queue_id(text: &str) -> Option<&str> {
    let first_word = |rest: &str| -> usize {
        rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(rest.len())
    };
    for (before, length_min) in [("queued as ", 1), ("id=", 1), ("Ok ", 20)] {
        if let Some((_, rest)) = text.split_once(before) {
            let id = rest[..first_word(rest)].trim_end_matches('.');
            if id.len() >= length_min {
                return Some(id);
            }
        }
    }
    None
}

/// Reads an end without acceptance.
pub(super) fn failed(fault: &Fault) -> Outcome {
    match &fault.cause {
        Cause::TooLate if fault.stage == Stage::HandingOver => {
            Outcome::new(Class::Ambiguous, "handed over, but the mail server did not answer in time")
        }
        Cause::TooLate => Outcome::new(Class::Transient, "no time left before the message was handed over"),
        Cause::NotAscii => {
            Outcome::new(Class::Permanent, "the mail server takes no addresses beyond ASCII (SMTPUTF8)")
        }
        Cause::Server(error) => match error.status() {
            Some(code) => refused(fault.stage, code, error),
            None => lost(fault.stage, error),
        },
    }
}

fn refused(stage: Stage, code: Code, error: &Error) -> Outcome {
    let class = match number(code) {
        // Authentication required, too weak, wrong, or not without encryption (RFC 4954 section 6).
        530 | 534 | 535 | 538 => Class::Misconfigured,
        // A server that will not even talk to us says nothing of the message.
        500..=599 if stage == Stage::Connecting => Class::Misconfigured,
        500..=599 => Class::Permanent,
        _ => Class::Transient,
    };
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    let outcome = Outcome::new(class, &format!("SMTP {code}: {text}"));
    match stage {
        Stage::Recipient if class == Class::Permanent && names_no_mailbox(&text) => {
            outcome.with_suppression(SuppressionReason::InvalidAddress)
        }
        _ => outcome,
    }
}

/// Whether a final refusal says that the address leads nowhere and never will: no such mailbox (5.1.1), it has moved away
/// (5.1.6), or its domain takes no mail (5.1.10, RFC 7505). Only the enhanced code at
/// its beginning counts (RFC 3463): a bare 550 may as well be the server's opinion of the sender.
fn names_no_mailbox(reply: &str) -> bool {
    let code = reply.split_ascii_whitespace().next().unwrap_or_default();
    matches!(code, "5.1.1" | "5.1.6" | "5.1.10")
}

fn lost(stage: Stage, error: &Error) -> Outcome {
    match stage {
        // The client itself gave up: no STARTTLS where it is required, or no common way to authenticate.
        Stage::Connecting if error.is_client() => {
            Outcome::new(Class::Misconfigured, &format!("the mail server does not fit its settings: {error}"))
        }
        Stage::Connecting => Outcome::new(Class::Transient, &format!("could not connect: {error}")),
        Stage::Addressing | Stage::Recipient => {
            Outcome::new(Class::Transient, &format!("not handed over: {error}"))
        }
        Stage::HandingOver => Outcome::new(Class::Ambiguous, &format!("handed over, then: {error}")),
    }
}

fn number(code: Code) -> u16 {
    code.severity as u16 * 100 + code.category as u16 * 10 + code.detail as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_id_is_found_where_servers_put_it() {
        for (text, id) in [
            ("2.0.0 Ok: queued as 4XyZ12", Some("4XyZ12")),
            ("2.0.0 Ok: queued as 4XyZ12.", Some("4XyZ12")),
            ("OK id=1tABCd-000000-Xy", Some("1tABCd-000000-Xy")),
            ("Ok 0102018f-5d3e-4c00-9c0a-000000", Some("0102018f-5d3e-4c00-9c0a-000000")),
            ("Ok done", None),
            ("2.0.0 Ok: queued as <script>", None),
            ("accepted", None),
            ("", None),
        ] {
            assert_eq!(queue_id(text), id, "{text}");
        }
    }

    #[test]
    fn only_the_enhanced_code_says_that_there_is_no_mailbox() {
        for reply in ["5.1.1 no such user", "5.1.10 null MX", "5.1.1"] {
            assert!(names_no_mailbox(reply), "{reply}");
        }
        for reply in [
            "5.7.1 rejected: see 5.1.1",
            "no such user",
            "5.1.11 x",
            "5.2.2 mailbox full",
            "",
            "5.1.8 bad sender",
        ] {
            assert!(!names_no_mailbox(reply), "{reply}");
        }
    }
}
