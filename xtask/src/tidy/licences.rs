//! Only licences that `deny.toml` allows come into the house.
//!
//! cargo-deny checks the same and more where it is installed. This is the part that must hold on every machine, from
//! the same list.

use toml::Table;

use super::finding::{Finding, line_where};
use super::house::Package;
use super::spdx;

/// Every crate of others whose licence is not in `deny.toml`'s list.
pub(crate) fn check(packages: &[Package], deny: &str) -> Vec<Finding> {
    let allowed = allowed(deny);
    if allowed.is_empty() {
        return vec![Finding::new("deny.toml", 1, "must have the list `licenses.allow`")];
    }
    let line = line_where(deny, |line| line.starts_with("allow"));
    let mut found = Vec::new();
    for package in packages.iter().filter(|package| !package.ours) {
        let licence = package.licence.as_deref();
        if !licence.is_some_and(|licence| spdx::allows(licence, &allowed)) {
            let (name, version) = (&package.name, &package.version);
            let message = format!(
                "{name} {version} is under {}, not allowed here",
                licence.unwrap_or("no stated licence")
            );
            found.push(Finding::new("deny.toml", line, message));
        }
    }
    found
}

fn allowed(deny: &str) -> Vec<String> {
    let table = deny.parse::<Table>().unwrap_or_default();
    let list = table.get("licenses").and_then(|value| value.get("allow")).and_then(|value| value.as_array());
    list.into_iter().flatten().filter_map(|value| value.as_str()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::super::house::samples::package;
    use super::*;

    const DENY: &str = "[licenses]\nallow = [\"MIT\"]\n";

    #[test]
    fn a_licence_that_is_not_on_the_list_is_reported() {
        let packages = [
            package("good", Some("MIT OR Apache-2.0"), &[]),
            package("bad", Some("AGPL-3.0"), &[]),
            package("silent", None, &[]),
            package("angaros-domain", None, &[]),
        ];
        let lines: Vec<_> = check(&packages, DENY).iter().map(ToString::to_string).collect();
        let expected = [
            "deny.toml:2: bad 1.0.0 is under AGPL-3.0, not allowed here",
            "deny.toml:2: silent 1.0.0 is under no stated licence, not allowed here",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_missing_list_is_no_way_around_it() {
        assert_eq!(check(&[], "[bans]\n").len(), 1);
        assert_eq!(check(&[], "not toml").len(), 1);
    }
}
