//! Which room may use which library at run time.
//!
//! A library that shapes a room stays in it: SQL in the stores, HTTP types at the edge, the command line in the
//! binary. Tests are free. What nobody may use, or only one crate in any way, is in `deny.toml`; see `bans`.

use cargo_metadata::DependencyKind;

use super::finding::{Finding, line_where};
use super::house::Member;

/// A library and the only crates that may use it.
const ONLY: &[(&str, &[&str])] = &[
    ("rusqlite", &["angaros-store-sqlite"]),
    ("tokio-postgres", &["angaros-store-postgres"]),
    ("deadpool-postgres", &["angaros-store-postgres"]),
    ("refinery", &["angaros-store-sqlite", "angaros-store-postgres"]),
    ("axum", &["angaros-http"]),
    ("askama", &["angaros-http"]),
    ("tower-http", &["angaros-http"]),
    ("utoipa", &["angaros-http"]),
    ("utoipa-axum", &["angaros-http"]),
    ("utoipa-swagger-ui", &["angaros-http"]),
    ("clap", &["angaros-cli", "xtask"]),
    ("clap_complete", &["angaros-cli"]),
    ("clap_mangen", &["angaros-cli"]),
    ("config", &["angaros-cli"]),
    ("indicatif", &["angaros-cli"]),
    ("reqwest", &["angaros-providers", "angaros-client"]),
    ("lettre", &["angaros-providers"]),
    ("redis", &["angaros-coord"]),
];

/// The crate that is all tests, and as free as they are.
const TESTKIT: &str = "angaros-testkit";

/// What would make the domain impure: a runtime, a clock, randomness, the network, a database.
const NOT_IN_DOMAIN: &[&str] =
    &["async-trait", "futures-util", "http", "hyper", "rand", "tokio", "tokio-util", "tracing", "metrics"];

/// Every library in a room where it does not belong.
pub(crate) fn check(members: &[Member]) -> Vec<Finding> {
    let mut found = Vec::new();
    for member in members.iter().filter(|member| member.name != TESTKIT) {
        for dependency in member.dependencies.iter().filter(|dep| dep.kind == DependencyKind::Normal) {
            let name = dependency.name.as_str();
            let line = || line_where(&member.text, |line| line.starts_with(name));
            if let Some((_, rooms)) = ONLY.iter().find(|(library, _)| *library == name)
                && !rooms.contains(&member.name.as_str())
            {
                let message = format!("{} must not use {name}: only {} may", member.name, rooms.join(", "));
                found.push(Finding::new(&member.manifest, line(), message));
            }
            if member.name == "angaros-domain" && NOT_IN_DOMAIN.contains(&name) {
                let message = format!("the domain is pure: it must not use {name}");
                found.push(Finding::new(&member.manifest, line(), message));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::house::samples::member;
    use super::*;

    #[test]
    fn a_library_stays_in_its_room() {
        let bad = [
            member("angaros-engine", &["rusqlite"], &[]),
            member("angaros-service", &["axum"], &[]),
            member("angaros-http", &["clap"], &[]),
            member("angaros-http", &["reqwest"], &[]),
            member("angaros-cli", &["lettre"], &[]),
        ];
        for member in &bad {
            assert_eq!(check(std::slice::from_ref(member)).len(), 1, "{}", member.text);
        }
        let good = [
            member("angaros-store-sqlite", &["rusqlite"], &[]),
            member("angaros-providers", &["reqwest"], &["axum"]),
            member("angaros-testkit", &["reqwest"], &[]),
        ];
        assert_eq!(check(&good), []);
    }

    #[test]
    fn the_domain_is_pure() {
        let found = check(&[member("angaros-domain", &["serde", "tokio"], &["proptest"])]);
        assert_eq!(
            found[0].to_string(),
            "crates/domain/Cargo.toml:9: the domain is pure: it must not use tokio"
        );
        assert_eq!(found.len(), 1);
    }
}
