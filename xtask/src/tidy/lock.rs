//! Every crate of others comes from the public registry: no git revisions, no second registry, no loose archives.

use toml::{Table, Value};

use super::finding::{Finding, line_where};

/// The only source in the lock file besides this tree itself.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Every package in the lock file from another source, or without a checksum. Covers all platforms.
pub(crate) fn check(lock: &str) -> Vec<Finding> {
    let table = lock.parse::<Table>().unwrap_or_default();
    let Some(packages) = table.get("package").and_then(Value::as_array) else {
        return vec![Finding::new("Cargo.lock", 1, "must list packages")];
    };
    let mut found = Vec::new();
    for package in packages {
        let text = |key: &str| package.get(key).and_then(Value::as_str);
        let Some(source) = text("source") else { continue };
        let name = text("name").unwrap_or_default();
        let line = line_where(lock, |line| line == format!("source = \"{source}\""));
        if source != REGISTRY {
            let message = format!("{name} comes from {source}, not from the public registry");
            found.push(Finding::new("Cargo.lock", line, message));
        } else if text("checksum").is_none() {
            found.push(Finding::new("Cargo.lock", line, format!("{name} has no checksum")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_registry_with_a_checksum() {
        let lock = format!(
            "[[package]]\nname = \"ours\"\n\n[[package]]\nname = \"good\"\nsource = \"{REGISTRY}\"\nchecksum = \"00\"\n\n\
             [[package]]\nname = \"loose\"\nsource = \"{REGISTRY}\"\n\n\
             [[package]]\nname = \"fork\"\nsource = \"git+https://example.org/fork#1\"\n"
        );
        let messages: Vec<_> = check(&lock).into_iter().map(|finding| finding.message).collect();
        let expected = [
            "loose has no checksum",
            "fork comes from git+https://example.org/fork#1, not from the public registry",
        ];
        assert_eq!(messages, expected);
        assert_eq!(check("").len(), 1);
    }
}
