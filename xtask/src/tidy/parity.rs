//! Both stores are laid out alike: files that do the same have the same name. What only one of them has is listed here, with
//! what it is for.

use std::collections::BTreeSet;

use super::finding::Finding;
use super::house::TextFile;

const EMBEDDED: &str = "crates/store-sqlite/src/";
const SHARED: &str = "crates/store-postgres/src/";

/// Files that one store has alone.
const ALONE: &[(&str, &[&str])] = &[
    // One writer, a tail of the log that is folded later, and a file to look after.
    (
        EMBEDDED,
        &[
            "audit/counted.rs",
            "audit/standing.rs",
            "checkpoint.rs",
            "flush.rs",
            "fold.rs",
            "quarters.rs",
            "readers.rs",
            "tail.rs",
            "transfer.rs",
            "work.rs",
            "writer.rs",
        ],
    ),
    // Connections and transactions that run side by side, the forms that rows have there, and being filled from a file.
    (
        SHARED,
        &[
            "bulk.rs",
            "compact.rs",
            "hints.rs",
            "locks.rs",
            "maintain.rs",
            "outcomes.rs",
            "plans.rs",
            "scratch.rs",
            "session.rs",
            "shards.rs",
            "store.rs",
            "target.rs",
            "text.rs",
            "transfer/mod.rs",
            "transfer/read.rs",
            "transfer/write.rs",
            "values.rs",
        ],
    ),
];

/// Checks the names of the stores' files, and that the lists above are true.
pub(crate) fn check(files: &[TextFile]) -> Vec<Finding> {
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    check_paths(&paths)
}

fn check_paths(paths: &[&str]) -> Vec<Finding> {
    let of = |folder: &str| -> BTreeSet<String> {
        let rust = paths.iter().filter(|path| path.ends_with(".rs"));
        rust.filter_map(|path| path.strip_prefix(folder).map(str::to_owned)).collect()
    };
    let mut found = Vec::new();
    for ((folder, alone), (other, _)) in ALONE.iter().zip(ALONE.iter().rev()) {
        let (own, others) = (of(folder), of(other));
        let listed: BTreeSet<String> = alone.iter().map(|name| (*name).to_owned()).collect();
        for name in own.difference(&others).filter(|name| !listed.contains(*name)) {
            let message = format!(
                "has no counterpart {other}{name}: name it like that, or list it in xtask/src/tidy/parity.rs"
            );
            found.push(Finding::new(&format!("{folder}{name}"), 1, message));
        }
        for name in listed.iter().filter(|name| !own.contains(*name) || others.contains(*name)) {
            let message = format!("{folder}{name} is listed as one that this store has alone, and is not");
            found.push(Finding::new("xtask/src/tidy/parity.rs", 1, message));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that is listed, and a file that both have.
    fn listed() -> Vec<String> {
        let alone =
            ALONE.iter().flat_map(|(folder, names)| names.iter().map(move |name| format!("{folder}{name}")));
        alone.chain([format!("{EMBEDDED}claim.rs"), format!("{SHARED}claim.rs")]).collect()
    }

    fn findings(paths: &[String]) -> Vec<String> {
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        check_paths(&paths).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_one_store_has_alone_is_listed() {
        let mut paths = listed();
        assert_eq!(findings(&paths), [""; 0]);
        paths.push(format!("{SHARED}settling.rs"));
        assert!(findings(&paths)[0].contains("no counterpart crates/store-sqlite/src/settling.rs"));
    }

    #[test]
    fn what_is_listed_is_there() {
        let mut paths = listed();
        paths.retain(|path| !path.ends_with("hints.rs"));
        assert!(findings(&paths)[0].contains("hints.rs is listed"));
        paths.push(format!("{EMBEDDED}hints.rs"));
        paths.push(format!("{SHARED}hints.rs"));
        assert!(findings(&paths).iter().any(|finding| finding.contains("hints.rs is listed")));
    }
}
