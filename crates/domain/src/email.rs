//! E-mail addresses.

use email_address::{EmailAddress, Options};

/// Whether `text` is a bare address (`local@domain`, no display name) that the mail library will accept.
///
/// It is the parser that lettre itself uses, so what is accepted here never fails there; a test of the smtp
/// provider holds the two together.
pub fn is_address(text: &str) -> bool {
    EmailAddress::parse_with_options(text, Options::default().without_display_text()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn takes_bare_addresses_only() {
        for good in ["a@example.org", "first.last+tag@mail.example.org", "\u{fc}ser@example.org"] {
            assert!(is_address(good), "{good}");
        }
        for bad in
            ["", "a", "a@", "@b.org", "A <a@b.org>", "a b@c.org", "a@b.org\r\nBcc: x@y.org", "a@b..org"]
        {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
