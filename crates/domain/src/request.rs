//! What a caller asks to be sent, and the rules it must keep.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::ids::TemplateId;
use crate::notification::Content;
use crate::outbound::{OutboundPolicy, UrlFault};
use crate::{Channel, Priority, Timestamp, Violation, email};

/// The longest SMS text, in characters.
pub const SMS_CHARACTERS_MAX: usize = 1600;
/// The largest e-mail text, and the largest HTML part, in bytes.
pub const EMAIL_BYTES_MAX: usize = 256 * 1024;
/// The largest push text, in bytes.
pub const PUSH_BYTES_MAX: usize = 4096;
/// The largest webhook text, in bytes.
pub const WEBHOOK_BYTES_MAX: usize = 256 * 1024;
/// The longest push token, in characters.
pub const TOKEN_CHARACTERS_MAX: usize = 4096;
/// The longest recipient id and campaign id, in characters.
pub const NAME_CHARACTERS_MAX: usize = 255;
/// The longest subject, in bytes: a header line of RFC 5322 section 2.1.1.
pub const SUBJECT_BYTES_MAX: usize = 998;
/// The largest metadata object, in bytes of JSON.
pub const METADATA_BYTES_MAX: usize = 16 * 1024;
/// The largest set of template variables, in bytes of JSON.
pub const VARIABLES_BYTES_MAX: usize = 64 * 1024;
/// The most tags, and the longest tag in characters.
pub const TAGS_MAX: usize = 50;
/// The longest tag, in characters.
pub const TAG_CHARACTERS_MAX: usize = 64;
/// How many attempts a caller may ask for.
pub const ATTEMPTS: std::ops::RangeInclusive<u32> = 1..=10;

/// A request to notify, in its parsed form. What it serialises to is what its fingerprint is taken over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Draft {
    /// Over which channel.
    pub channel: Channel,
    /// The address.
    pub recipient: String,
    /// Who the recipient is to the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient_id: Option<String>,
    /// E-mail or push title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The text; replaced by the rendered template if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The HTML alternative of an e-mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// The template to render.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_id: Option<TemplateId>,
    /// What to render it with.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub template_variables: Map<String, Value>,
    /// The campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<String>,
    /// How urgent.
    pub priority: Priority,
    /// Not before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Timestamp>,
    /// Not after this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// How many attempts; the channel's default if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// The caller's own data.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// The caller's labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// What the rules depend on besides the request.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How far a `scheduled_at` may lie in the past and still mean "now", in seconds.
    pub clock_skew_seconds: i64,
    /// Which addresses webhooks may reach.
    pub outbound: OutboundPolicy,
}

impl Draft {
    /// Everything that is wrong with the request itself; the rendered content is checked by [`check_content`].
    pub fn check(&self, rules: &Rules, now: Timestamp) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut fault = |pointer: &str, detail: String| found.push(Violation::new(pointer, detail));

        if let Err(detail) = check_recipient(self.channel, &self.recipient, rules) {
            fault("#/recipient", detail);
        }
        for (pointer, text) in [("#/recipient_id", &self.recipient_id), ("#/campaign_id", &self.campaign_id)]
        {
            if let Some(text) = text
                && !(1..=NAME_CHARACTERS_MAX).contains(&text.chars().count())
            {
                fault(pointer, format!("must have 1 to {NAME_CHARACTERS_MAX} characters"));
            }
        }
        if self.content.is_none() && self.template_id.is_none() {
            fault("#/content", "is required unless template_id is given".into());
        }
        if self.html.is_some() && self.channel != Channel::Email {
            fault("#/html", "only e-mail has an HTML part".into());
        }
        if self.template_id.is_none() && !self.template_variables.is_empty() {
            fault("#/template_variables", "are of no use without template_id".into());
        }
        if json_bytes(&self.template_variables) > VARIABLES_BYTES_MAX {
            fault("#/template_variables", format!("must not exceed {VARIABLES_BYTES_MAX} bytes of JSON"));
        }
        if json_bytes(&self.metadata) > METADATA_BYTES_MAX {
            fault("#/metadata", format!("must not exceed {METADATA_BYTES_MAX} bytes of JSON"));
        }
        if let Some(attempts) = self.max_attempts
            && !ATTEMPTS.contains(&attempts)
        {
            fault("#/max_attempts", format!("must lie between {} and {}", ATTEMPTS.start(), ATTEMPTS.end()));
        }
        if self.scheduled_at.is_some_and(|at| at.plus_seconds(rules.clock_skew_seconds) < now) {
            fault("#/scheduled_at", "lies in the past".into());
        }
        if let Some(end) = self.expires_at {
            if end <= now {
                fault("#/expires_at", "lies in the past".into());
            } else if self.scheduled_at.is_some_and(|at| end <= at) {
                fault("#/expires_at", "must be later than scheduled_at".into());
            }
        }
        found.extend(check_tags(&self.tags));
        found
    }
}

/// Everything that is wrong with a list of tags.
pub fn check_tags(tags: &[String]) -> Vec<Violation> {
    let mut found = Vec::new();
    if tags.len() > TAGS_MAX {
        found.push(Violation::new("#/tags", format!("must hold at most {TAGS_MAX} tags")));
    }
    for (index, tag) in tags.iter().enumerate().take(TAGS_MAX) {
        if !(1..=TAG_CHARACTERS_MAX).contains(&tag.chars().count()) {
            let detail = format!("must have 1 to {TAG_CHARACTERS_MAX} characters");
            found.push(Violation::new(format!("#/tags/{index}"), detail));
        }
    }
    found
}

/// Everything that is wrong with what would be sent, written by the caller or rendered from a template.
pub fn check_content(channel: Channel, content: &Content) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut fault = |pointer: &str, detail: String| found.push(Violation::new(pointer, detail));
    let text = &content.text;
    if text.is_empty() {
        fault("#/content", "must not be empty".into());
    }
    for (pointer, part) in [("#/content", Some(text)), ("#/html", content.html.as_ref())] {
        if part.is_some_and(|part| part.contains('\0')) {
            fault(pointer, "must not hold the character NUL".into());
        }
    }
    if channel == Channel::Sms && text.chars().count() > SMS_CHARACTERS_MAX {
        fault("#/content", format!("must not exceed {SMS_CHARACTERS_MAX} characters"));
    }
    let bytes_max = match channel {
        Channel::Sms => usize::MAX,
        Channel::Email => EMAIL_BYTES_MAX,
        Channel::Push => PUSH_BYTES_MAX,
        Channel::Webhook => WEBHOOK_BYTES_MAX,
    };
    if text.len() > bytes_max {
        fault("#/content", format!("must not exceed {bytes_max} bytes"));
    }
    if content.html.as_ref().is_some_and(|html| html.len() > EMAIL_BYTES_MAX) {
        fault("#/html", format!("must not exceed {EMAIL_BYTES_MAX} bytes"));
    }
    if let Some(subject) = &content.subject {
        if subject.len() > SUBJECT_BYTES_MAX {
            fault("#/subject", format!("must not exceed {SUBJECT_BYTES_MAX} bytes"));
        }
        if subject.chars().any(char::is_control) {
            fault("#/subject", "must not hold control characters".into());
        }
    }
    found
}

fn check_recipient(channel: Channel, recipient: &str, rules: &Rules) -> Result<(), String> {
    match channel {
        Channel::Webhook => rules.outbound.check_url(recipient).map(drop).map_err(|fault| fault.to_string()),
        Channel::Sms | Channel::Email | Channel::Push => check_address(channel, recipient),
    }
}

/// Whether a text has the form of a channel's addresses; what is wrong, if it has not. Whether a URL may be reached is
/// another question: that is for [`OutboundPolicy`] to say.
pub(crate) fn check_address(channel: Channel, text: &str) -> Result<(), String> {
    match channel {
        Channel::Sms if !is_e164(text) => Err("must be an E.164 number such as +4915112345678".into()),
        Channel::Email if !email::is_address(text) => Err("must be an e-mail address".into()),
        Channel::Push if !(1..=TOKEN_CHARACTERS_MAX).contains(&text.chars().count()) => {
            Err(format!("must have 1 to {TOKEN_CHARACTERS_MAX} characters"))
        }
        Channel::Webhook => match OutboundPolicy::default().check_url(text) {
            Ok(_) | Err(UrlFault::Private) => Ok(()),
            Err(fault) => Err(fault.to_string()),
        },
        _ => Ok(()),
    }
}

/// `^\+[1-9]\d{1,14}$` (ITU-T E.164).
fn is_e164(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else { return false };
    (2..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0')
}

/// How many bytes of JSON an object takes.
pub(crate) fn json_bytes(map: &Map<String, Value>) -> usize {
    // Maps of JSON values always serialise.
    if map.is_empty() { 0 } else { serde_json::to_vec(map).map_or(usize::MAX, |bytes| bytes.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(channel: Channel, recipient: &str) -> Draft {
        Draft {
            channel,
            recipient: recipient.into(),
            recipient_id: None,
            subject: None,
            content: Some("hello".into()),
            html: None,
            template_id: None,
            template_variables: Map::new(),
            campaign_id: None,
            priority: Priority::Normal,
            scheduled_at: None,
            expires_at: None,
            max_attempts: None,
            metadata: Map::new(),
            tags: vec![],
        }
    }

    const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_000);

    fn pointers(draft: &Draft) -> Vec<String> {
        let rules = Rules { clock_skew_seconds: 300, outbound: OutboundPolicy::default() };
        draft.check(&rules, NOW).into_iter().map(|v| v.pointer).collect()
    }

    #[test]
    fn recipients_are_checked_by_channel() {
        use Channel::{Email, Push, Sms, Webhook};
        for (channel, recipient) in [
            (Sms, "+4915112345678"),
            (Email, "a@example.org"),
            (Push, "t"),
            (Webhook, "https://example.org/x"),
        ] {
            assert!(pointers(&draft(channel, recipient)).is_empty(), "{recipient}");
        }
        for (channel, recipient) in [
            (Sms, "4915112345678"),
            (Sms, "+0151123456"),
            (Sms, "+1"),
            (Sms, "+1234567890123456"),
            (Sms, "+49 151"),
            (Sms, "+٤٩١٥١"),
            (Email, "a"),
            (Push, ""),
            (Webhook, "ftp://example.org"),
            (Webhook, "http://127.0.0.1/"),
        ] {
            assert_eq!(pointers(&draft(channel, recipient)), ["#/recipient"], "{recipient}");
        }
    }

    #[test]
    fn times_are_checked_against_now_and_each_other() {
        let mut d = draft(Channel::Sms, "+4915112345678");
        d.scheduled_at = Some(NOW.plus_seconds(-300));
        assert!(pointers(&d).is_empty(), "within the allowance means now");
        d.scheduled_at = Some(NOW.plus_seconds(-301));
        assert_eq!(pointers(&d), ["#/scheduled_at"]);
        d.scheduled_at = Some(NOW.plus_seconds(60));
        d.expires_at = Some(NOW.plus_seconds(60));
        assert_eq!(pointers(&d), ["#/expires_at"]);
        d.expires_at = Some(NOW);
        assert_eq!(pointers(&d), ["#/expires_at"]);
    }

    #[test]
    fn every_fault_is_reported_at_its_place() {
        let mut d = draft(Channel::Sms, "x");
        d.content = None;
        d.html = Some("<p>".into());
        d.recipient_id = Some(String::new());
        d.campaign_id = Some("c".repeat(256));
        d.template_variables = Map::from_iter([("a".into(), Value::Null)]);
        d.metadata = Map::from_iter([("a".into(), Value::from("x".repeat(METADATA_BYTES_MAX)))]);
        d.max_attempts = Some(11);
        d.tags = vec!["ok".into(), String::new()];
        let expected = [
            "#/recipient",
            "#/recipient_id",
            "#/campaign_id",
            "#/content",
            "#/html",
            "#/template_variables",
            "#/metadata",
            "#/max_attempts",
            "#/tags/1",
        ];
        assert_eq!(pointers(&d), expected);
    }

    #[test]
    fn content_has_limits_by_channel() {
        let at = |channel, length| {
            let content = Content { subject: None, text: "x".repeat(length), html: None };
            check_content(channel, &content).len()
        };
        assert_eq!((at(Channel::Sms, 1600), at(Channel::Sms, 1601), at(Channel::Sms, 0)), (0, 1, 1));
        assert_eq!((at(Channel::Push, 4096), at(Channel::Push, 4097)), (0, 1));
        assert_eq!((at(Channel::Email, EMAIL_BYTES_MAX), at(Channel::Email, EMAIL_BYTES_MAX + 1)), (0, 1));
        let nul = Content { subject: None, text: "a\0b".into(), html: Some("\0".into()) };
        let found: Vec<String> =
            check_content(Channel::Email, &nul).into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(found, ["#/content", "#/html"]);
        let injected = Content { subject: Some("a\r\nBcc: x".into()), text: "x".into(), html: None };
        assert_eq!(check_content(Channel::Email, &injected)[0].pointer, "#/subject");
    }
}
