//! `angaros.example.toml` shows every key with its default. These tests keep that true.

use super::tests::good;
use super::*;

const EXAMPLE: &str = include_str!("../../../../angaros.example.toml");

/// The example with everything that stands behind `#: ` put into effect: settings without a default, and samples.
fn with_samples() -> String {
    EXAMPLE.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line).to_owned() + "\n").collect()
}

#[test]
fn the_example_is_the_defaults() {
    let (example, fresh) = (good(EXAMPLE, &[]), good("", &[]));
    let values = |loaded: &Loaded| -> Vec<_> {
        loaded.effective().into_iter().map(|line| (line.key, line.value)).collect()
    };
    assert_eq!(values(&example), values(&fresh));
}

#[test]
fn the_example_has_every_key() {
    let loaded = good(&with_samples(), &[]);
    let unnamed: Vec<_> =
        loaded.effective().into_iter().filter(|line| line.source == "default").map(|line| line.key).collect();
    // What the built-in ones and a third sample of a kind can be told as well stands with the first.
    let repeated =
        |key: &String| key.starts_with("channels.") && key.contains(".retry.") && !key.contains(".sms.");
    let missing: Vec<_> = unnamed.into_iter().filter(|key| !repeated(key)).collect();
    assert_eq!(missing, [""; 0]);
    for kind in providers::KINDS {
        assert!(loaded.config.providers.values().any(|settings| providers::kind(settings) == kind), "{kind}");
    }
}

#[test]
fn every_key_in_the_example_has_a_comment() {
    for line in EXAMPLE.lines().filter(|line| line.contains(" = ") && !line.starts_with("# ")) {
        assert!(line.split_once(" # ").is_some_and(|(_, comment)| comment.len() > 5), "{line}");
    }
}
