//! Says in plain words what a value must be, from what the deserialiser says was wrong with it.

use super::suggest::nearest;

/// The plain words. They never hold the value itself, unless a type of ours put it there because it is no secret.
pub(crate) fn in_words(message: &str) -> String {
    if is_own(message) {
        return message.to_owned();
    }
    let (wrong, expected) = message.split_once(", expected ").unwrap_or(("", message));
    if let Some(given) = quoted(wrong).first().filter(|_| wrong.starts_with("unknown variant")) {
        let known = quoted(expected);
        let meant = nearest(given, known.iter().copied()).map(|name| format!("; did you mean {name:?}?"));
        return format!("must be one of {}{}", known.join(", "), meant.unwrap_or_default());
    }
    let words = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "path string" | "a borrowed string" => "text",
        "a sequence" => "a list",
        text if text.starts_with("struct ") || text == "a map" => "a table",
        _ => return "has a value that cannot be used".into(),
    };
    format!("must be {words}")
}

/// Whether the message is one of our own types', which begin so and are for people already.
pub(crate) fn is_own(message: &str) -> bool {
    message.starts_with("must ")
}

/// The name of the field that the message says is missing.
pub(crate) fn missing_field(message: &str) -> Option<&str> {
    quoted(message.strip_prefix("missing field")?).first().copied()
}

/// What stands between backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_named_for_people_and_values_are_not_shown() {
        for (message, words) in [
            ("invalid type: string \"hunter2\", expected u64", "must be a whole number, 0 or more"),
            ("invalid value: integer `-1`, expected u32", "must be a whole number, 0 or more"),
            ("invalid type: string \"x\", expected f64", "must be a number"),
            ("invalid type: string \"x\", expected a boolean", "must be true or false"),
            ("invalid type: integer `5`, expected a string", "must be text"),
            ("invalid type: integer `5`, expected a sequence", "must be a list"),
            ("must be a colour", "must be a colour"),
            ("out of \"hunter2\" luck", "has a value that cannot be used"),
        ] {
            assert_eq!(in_words(message), words);
        }
    }

    #[test]
    fn choices_are_listed_with_the_near_miss() {
        let message = "unknown variant `retyr`, expected `retry` or `fail`";
        assert_eq!(in_words(message), "must be one of retry, fail; did you mean \"retry\"?");
        let message = "unknown variant `x`, expected one of `a`, `b`, `c`";
        assert_eq!(in_words(message), "must be one of a, b, c");
    }

    #[test]
    fn missing_fields_are_recognised() {
        assert_eq!(missing_field("missing field `url`"), Some("url"));
        assert_eq!(missing_field("invalid type: string \"missing field `x`\", expected u64"), None);
    }
}
