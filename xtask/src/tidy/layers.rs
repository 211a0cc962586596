//! Arrows only point down: which room of the house may use which.

use cargo_metadata::DependencyKind;

use super::finding::{Finding, line_where};
use super::house::Member;

/// What each room may use, without the prefix of the names; `cli` may use everything. A room that is not here may use
/// nothing, so a new one has to be put into the picture first.
const ROOMS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("clock", &["domain"]),
    ("store", &["domain"]),
    ("coord", &["domain", "clock"]),
    ("store-sqlite", &["domain", "clock", "store"]),
    ("store-postgres", &["domain", "clock", "store"]),
    ("store-test", &["domain", "clock", "store"]),
    ("service", &["domain", "clock", "store", "coord"]),
    ("providers", &["domain", "clock"]),
    ("engine", &["domain", "clock", "coord", "service", "providers"]),
    ("http", &["domain", "clock", "service"]),
    ("client", &["domain", "clock"]),
    ("bench", &["domain", "clock"]),
    ("testserver", &[]),
];

/// What tests may use on top: the parts of which a real thing is put together.
const IN_TESTS: &[(&str, &[&str])] = &[
    ("store-sqlite", &["store-test"]),
    ("store-postgres", &["store-test"]),
    ("service", &["store-sqlite", "store-test"]),
    ("engine", &["store", "store-sqlite", "store-test"]),
    ("http", &["store", "store-sqlite", "store-test", "coord"]),
];

/// What every room's tests may use and nothing else may. It knows the product only from outside, so it uses no room but
/// [`TESTSERVER`].
const TESTKIT: &str = "testkit";

/// What starts servers for tests: for the testkit, and for the gate.
const TESTSERVER: &str = "testserver";

const PREFIX: &str = "angaros-";

/// Every arrow that points up or sideways.
pub(crate) fn check(members: &[Member]) -> Vec<Finding> {
    let mut found = Vec::new();
    for member in members {
        let Some(room) = member.name.strip_prefix(PREFIX) else { continue };
        if room != "cli" && room != TESTKIT && !ROOMS.iter().any(|(name, _)| *name == room) {
            let message =
                format!("{room} is not in the picture: add it to ROOMS in xtask/src/tidy/layers.rs");
            found.push(Finding::new(&member.manifest, 1, message));
            continue;
        }
        for dependency in &member.dependencies {
            let Some(target) = dependency.name.strip_prefix(PREFIX) else { continue };
            let is_test = dependency.kind == DependencyKind::Development;
            let allowed = if target == TESTKIT {
                is_test
            } else {
                room == "cli" && target != TESTSERVER
                    || room == TESTKIT && target == TESTSERVER
                    || allows(ROOMS, room, target)
                    || is_test && allows(IN_TESTS, room, target)
            };
            if !allowed {
                let line = line_where(&member.text, |line| line.starts_with(&dependency.name));
                let message = format!("{room} must not use {target}: arrows only point down");
                found.push(Finding::new(&member.manifest, line, message));
            }
        }
    }
    found
}

fn allows(table: &[(&str, &[&str])], room: &str, target: &str) -> bool {
    table.iter().any(|(name, targets)| *name == room && targets.contains(&target))
}

#[cfg(test)]
mod tests {
    use super::super::house::samples::member;
    use super::*;

    fn lines(members: &[Member]) -> Vec<String> {
        check(members).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn arrows_down_are_fine() {
        let members = [
            member("angaros-domain", &["serde"], &[]),
            member("angaros-http", &["angaros-service", "angaros-domain"], &["angaros-store-sqlite"]),
            member("angaros-cli", &["angaros-http", "angaros-engine"], &[]),
            member("xtask", &["anyhow"], &[]),
        ];
        assert_eq!(lines(&members), [""; 0]);
    }

    #[test]
    fn http_and_engine_never_meet_not_even_in_tests() {
        let members = [
            member("angaros-http", &["angaros-engine"], &[]),
            member("angaros-engine", &[], &["angaros-http"]),
        ];
        let expected = [
            "crates/http/Cargo.toml:8: http must not use engine: arrows only point down",
            "crates/engine/Cargo.toml:10: engine must not use http: arrows only point down",
        ];
        assert_eq!(lines(&members), expected);
    }

    #[test]
    fn the_domain_uses_nothing_of_ours_and_only_tests_name_a_store() {
        assert_eq!(lines(&[member("angaros-domain", &[], &["angaros-clock"])]).len(), 1);
        assert_eq!(lines(&[member("angaros-service", &["angaros-store-sqlite"], &[])]).len(), 1);
        assert_eq!(lines(&[member("angaros-service", &[], &["angaros-store-sqlite"])]).len(), 0);
    }

    #[test]
    fn the_testkit_is_for_tests_and_uses_no_room() {
        assert_eq!(lines(&[member("angaros-providers", &[], &["angaros-testkit"])]).len(), 0);
        assert_eq!(lines(&[member("angaros-providers", &["angaros-testkit"], &[])]).len(), 1);
        assert_eq!(lines(&[member("angaros-cli", &["angaros-testkit"], &[])]).len(), 1);
        assert_eq!(lines(&[member("angaros-testkit", &["angaros-domain"], &[])]).len(), 1);
    }

    #[test]
    fn test_servers_are_for_the_testkit() {
        assert_eq!(lines(&[member("angaros-testkit", &["angaros-testserver"], &[])]).len(), 0);
        assert_eq!(lines(&[member("angaros-cli", &["angaros-testserver"], &[])]).len(), 1);
        assert_eq!(lines(&[member("xtask", &["angaros-testserver"], &[])]).len(), 0);
    }

    #[test]
    fn a_room_that_is_not_in_the_picture_is_reported() {
        assert!(lines(&[member("angaros-attic", &[], &[])])[0].contains("not in the picture"));
    }
}
