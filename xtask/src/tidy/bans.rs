//! Crates that `deny.toml` bans, wholly or for all but a few users, stay out of the graph.

use toml::{Table, Value};

use super::finding::{Finding, line_where};
use super::house::Package;

/// Every banned crate, with who brings it in.
pub(crate) fn check(packages: &[Package], deny: &str) -> Vec<Finding> {
    let table = deny.parse::<Table>().unwrap_or_default();
    let entries = table.get("bans").and_then(|bans| bans.get("deny")).and_then(Value::as_array);
    let Some(entries) = entries else {
        return vec![Finding::new("deny.toml", 1, "must have the list `bans.deny`")];
    };
    let mut found = Vec::new();
    for entry in entries {
        let Some(banned) = entry.get("crate").and_then(Value::as_str) else {
            found.push(Finding::new("deny.toml", 1, "an entry of `bans.deny` has no `crate`"));
            continue;
        };
        let wrappers = entry.get("wrappers").and_then(Value::as_array);
        let may_use = |name: &str| wrappers.into_iter().flatten().any(|value| value.as_str() == Some(name));
        let line = line_where(deny, |line| line.contains(&format!("\"{banned}\"")));
        for user in packages.iter().filter(|package| package.dependencies.iter().any(|name| name == banned)) {
            if !may_use(&user.name) {
                let message = format!("{} must not depend on {banned}", user.name);
                found.push(Finding::new("deny.toml", line, message));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::house::samples::package;
    use super::*;

    const DENY: &str = r#"[bans]
deny = [
  { crate = "openssl-sys" },
  { crate = "rusqlite", wrappers = ["angaros-store-sqlite", "refinery-core"] },
]"#;

    #[test]
    fn a_banned_crate_is_reported_with_its_user() {
        let packages = [
            package("angaros-store-sqlite", None, &["rusqlite"]),
            package("refinery-core", None, &["rusqlite", "toml"]),
            package("angaros-http", None, &["rusqlite"]),
            package("native-tls", None, &["openssl-sys"]),
        ];
        let lines: Vec<_> = check(&packages, DENY).iter().map(ToString::to_string).collect();
        let expected = [
            "deny.toml:3: native-tls must not depend on openssl-sys",
            "deny.toml:4: angaros-http must not depend on rusqlite",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_missing_list_is_no_way_around_it() {
        assert_eq!(check(&[], "").len(), 1);
    }
}
