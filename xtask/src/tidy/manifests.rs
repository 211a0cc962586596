//! What every manifest must have, and nothing that is not used.

use toml::Table;

use super::finding::{Finding, line_where};
use super::house::Member;

/// Checks the members' manifests and the workspace table.
pub(crate) fn check(members: &[Member], workspace_manifest: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut used = Vec::new();
    for member in members {
        let Ok(manifest) = member.text.parse::<Table>() else {
            found.push(Finding::new(&member.manifest, 1, "is not TOML"));
            continue;
        };
        if !inherits(&manifest, "lints") {
            found.push(Finding::new(&member.manifest, 1, "must have `[lints] workspace = true`"));
        }
        for (name, value) in dependency_tables(&manifest).into_iter().flatten() {
            let line = line_where(&member.text, |line| line.trim_start().starts_with(name.as_str()));
            if value.get("workspace").and_then(|value| value.as_bool()) != Some(true) {
                let message = format!("{name} must come from the workspace table: `{name}.workspace = true`");
                found.push(Finding::new(&member.manifest, line, message));
            }
            if !mentions(&member.source, name) {
                let message = format!("{name} is not used by {}", member.name);
                found.push(Finding::new(&member.manifest, line, message));
            }
            used.push(name.clone());
        }
    }
    found.extend(unused(workspace_manifest, &used));
    found
}

/// Whether `manifest` takes `section` from the workspace.
fn inherits(manifest: &Table, section: &str) -> bool {
    manifest.get(section).and_then(|value| value.get("workspace")).and_then(|value| value.as_bool())
        == Some(true)
}

/// The dependency tables of a manifest, those for single platforms included.
fn dependency_tables(manifest: &Table) -> Vec<&Table> {
    const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
    let targets = manifest.get("target").and_then(|value| value.as_table());
    let platforms =
        targets.into_iter().flat_map(|targets| targets.values()).filter_map(|value| value.as_table());
    std::iter::once(manifest)
        .chain(platforms)
        .flat_map(|table| KINDS.iter().filter_map(|kind| table.get(*kind).and_then(|value| value.as_table())))
        .collect()
}

/// Entries of the workspace table that no member takes.
fn unused(workspace_manifest: &str, used: &[String]) -> Vec<Finding> {
    let Ok(manifest) = workspace_manifest.parse::<Table>() else {
        return vec![Finding::new("Cargo.toml", 1, "is not TOML")];
    };
    let table = manifest.get("workspace").and_then(|value| value.get("dependencies"));
    let names = table.and_then(|value| value.as_table()).into_iter().flat_map(Table::keys);
    names
        .filter(|name| !used.contains(name))
        .map(|name| {
            let line = line_where(workspace_manifest, |line| line.starts_with(name.as_str()));
            Finding::new("Cargo.toml", line, format!("no member uses {name}"))
        })
        .collect()
}

/// Whether `source` names the crate, as a whole word.
fn mentions(source: &str, name: &str) -> bool {
    let ident = name.replace('-', "_");
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    source.match_indices(&ident).any(|(start, _)| {
        let before = source[..start].chars().next_back();
        let after = source[start + ident.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::super::house::samples::member;
    use super::*;

    const WORKSPACE: &str = "[workspace.dependencies]\nserde = \"1\"\n";

    fn messages(member: Member) -> Vec<String> {
        check(&[member], WORKSPACE).into_iter().map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn a_member_as_it_should_be() {
        assert_eq!(messages(member("xtask", &["serde"], &[])), [""; 0]);
    }

    #[test]
    fn lints_are_inherited() {
        let mut bad = member("xtask", &["serde"], &[]);
        bad.text = bad.text.replace("[lints]\nworkspace = true\n", "");
        assert_eq!(messages(bad), ["xtask/Cargo.toml:1: must have `[lints] workspace = true`"]);
    }

    #[test]
    fn versions_live_in_the_workspace_table() {
        for own in ["serde = \"1\"", "serde = { version = \"1\", features = [] }"] {
            let mut bad = member("xtask", &["serde"], &[]);
            bad.text = bad.text.replace("serde.workspace = true", own);
            let expected =
                "xtask/Cargo.toml:8: serde must come from the workspace table: `serde.workspace = true`";
            assert_eq!(messages(bad), [expected]);
        }
        let mut bad = member("xtask", &["serde"], &[]);
        bad.text += "[target.'cfg(unix)'.dependencies]\nserde = \"1\"\n";
        assert_eq!(messages(bad).len(), 1, "single platforms are no way around it");
    }

    #[test]
    fn what_is_not_used_is_not_there() {
        let mut bad = member("xtask", &["serde"], &[]);
        bad.source = "use serde_json as json; // deserde".into();
        assert_eq!(messages(bad), ["xtask/Cargo.toml:8: serde is not used by xtask"]);
        assert_eq!(messages(member("xtask", &[], &[])), ["Cargo.toml:2: no member uses serde"]);
    }
}
