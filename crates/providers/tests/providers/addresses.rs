//! The address rule at the door and the mail library agree: what is accepted can be sent.

use angaros_domain::email::is_address;
use lettre::Address;
use proptest::prelude::*;

fn agrees(text: &str) {
    if is_address(text) {
        let address: Address = text.parse().unwrap_or_else(|e| panic!("{text:?}: {e}"));
        assert_eq!(address.to_string(), text, "not changed on the way");
        assert!(!text.contains(['\r', '\n', '\0']), "{text:?} would break the conversation");
        assert!(!text.contains("> "), "{text:?} would end the command's argument");
    }
}

#[test]
fn on_a_table_of_difficult_addresses() {
    let accepted = [
        "a@example.org",
        "first.last+tag@mail.example.org",
        "\u{fc}ser@example.org",
        "user@b\u{fc}cher.example",
        "user@xn--bcher-kva.example",
        "\"quoted local\"@example.org",
        "\"a@b\"@example.org",
        "!#$%&'*+-/=?^_`{|}~@example.org",
        "user@[192.0.2.1]",
        "user@[IPv6:2001:db8::1]",
    ];
    for text in accepted {
        assert!(is_address(text), "{text}");
        agrees(text);
    }
    for text in [
        "",
        "@",
        "a",
        "a@",
        "@example.org",
        "a@@example.org",
        "a@b@example.org",
        "a..b@example.org",
        ".a@example.org",
        "a@example..org",
        "a@-example.org",
        "A <a@example.org>",
        "<a@example.org>",
        "a@example.org>",
        "a@example.org\r\nRCPT TO:<b@example.org>",
        "a@example.org\n",
        " a@example.org",
        "a@example.org ",
        "a b@example.org",
        "\"a\r\n\"@example.org",
    ] {
        assert!(!is_address(text), "{text:?}");
    }
}

proptest! {
    #[test]
    fn on_whatever_looks_like_one(local in "[a-z.+\"<> \\\\@\u{fc}\r\n]{1,12}", domain in "[a-z.\\-\\[\\]:0-9> \u{fc}]{1,16}") {
        agrees(&format!("{local}@{domain}"));
    }

    #[test]
    fn on_anything(text in ".{0,40}") {
        agrees(&text);
    }
}
