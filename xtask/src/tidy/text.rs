//! What a file's text must and must not have.
//!
//! The words looked for are put together from halves here, so that this file does not find itself.

use super::finding::Finding;
use super::house::TextFile;

/// The longest Rust file, in lines: beyond this it holds more than one thing.
const LINES_MAX: usize = 600;

/// A word that must not be there.
struct Rule {
    /// What to look for.
    needle: &'static str,
    /// In which files.
    applies: fn(&str) -> bool,
    /// Whether lines that are only a comment count too.
    in_comments: bool,
    /// What to do instead.
    message: &'static str,
}

const RULES: &[Rule] = &[
    unfinished(concat!("to", "do!(")),
    unfinished(concat!("unimple", "mented!(")),
    unfinished(concat!("db", "g!(")),
    Rule {
        needle: concat!("#[ig", "nore"),
        applies: is_rust,
        in_comments: false,
        message: "a test that does not run proves nothing: make it run or remove it",
    },
    mark(concat!("TO", "DO")),
    mark(concat!("FIX", "ME")),
    mark(concat!("XX", "X")),
    Rule {
        needle: concat!("sle", "ep("),
        applies: is_test_file,
        in_comments: false,
        message: "tests wait for a signal, never for time to pass",
    },
    sql(concat!("SEL", "ECT ")),
    sql(concat!("INS", "ERT INTO")),
    sql(concat!("INS", "ERT OR ")),
    sql(concat!("DEL", "ETE FROM")),
    sql(concat!("CRE", "ATE TABLE")),
    sql(concat!("PRA", "GMA ")),
    machine(concat!("/ho", "me")),
    machine(concat!("/ro", "ot")),
    machine(concat!("/Us", "ers")),
];

const fn unfinished(needle: &'static str) -> Rule {
    let message = "is for work in progress; finish it";
    Rule { needle, applies: is_rust, in_comments: false, message }
}

const fn mark(needle: &'static str) -> Rule {
    let message = "do it now, or write it down as an issue";
    Rule { needle, applies: |_| true, in_comments: true, message }
}

const fn sql(needle: &'static str) -> Rule {
    Rule {
        needle,
        applies: is_rust_without_sql,
        in_comments: false,
        message: "SQL belongs into the store crates",
    }
}

const fn machine(needle: &'static str) -> Rule {
    Rule { needle, applies: |_| true, in_comments: true, message: "names a place on somebody's machine" }
}

/// Checks one file.
pub(crate) fn check(file: &TextFile) -> Vec<Finding> {
    let mut found = Vec::new();
    let TextFile { path, text } = file;
    if is_rust(path) {
        if !text.starts_with("//!") {
            found.push(Finding::new(path, 1, "must begin with `//!`: what is this file for?"));
        }
        let lines = text.lines().count();
        if lines > LINES_MAX {
            let message = format!("has {lines} lines, more than {LINES_MAX}: split it by what it does");
            found.push(Finding::new(path, LINES_MAX + 1, message));
        }
    }
    if path.ends_with(".sql") && !is_store(path) {
        found.push(Finding::new(path, 1, "SQL belongs into the store crates"));
    }
    for (index, line) in text.lines().enumerate() {
        let is_comment = line.trim_start().starts_with("//");
        for rule in RULES.iter().filter(|rule| (rule.applies)(path) && (rule.in_comments || !is_comment)) {
            if has_word(line, rule.needle) {
                let message = format!("`{}`: {}", rule.needle.trim(), rule.message);
                found.push(Finding::new(path, index + 1, message));
            }
        }
    }
    found
}

fn is_rust(path: &str) -> bool {
    path.ends_with(".rs")
}

fn is_test_file(path: &str) -> bool {
    is_rust(path) && (path.starts_with("tests/") || path.contains("/tests/"))
}

fn is_store(path: &str) -> bool {
    path.starts_with("crates/store-")
}

fn is_rust_without_sql(path: &str) -> bool {
    // A test that ends a process in the middle of a write has to hold that write up.
    is_rust(path) && !is_store(path) && path != "crates/testkit/src/held_up.rs"
}

/// Whether `line` has `needle` with no letter, digit or joining sign directly before it, or after it if the needle
/// itself ends in a letter.
fn has_word(line: &str, needle: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '#' | '}' | '*' | '~');
    let open_ended = !needle.ends_with(char::is_alphanumeric);
    line.match_indices(needle).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + needle.len()..].chars().next();
        let path_start = !needle.starts_with('/') && before == Some('.');
        (!before.is_some_and(joins) || path_start)
            && (open_ended || !after.is_some_and(|c| c.is_alphanumeric() || c == '_'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<String> {
        let file = TextFile { path: path.into(), text: text.into() };
        check(&file).iter().map(ToString::to_string).collect()
    }

    /// The file with one line below its docs breaks exactly one rule, in that line.
    fn breaks(path: &str, line: &str) {
        let found = lines(path, &format!("//! Docs.\n{line}\n"));
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(found[0].starts_with(&format!("{path}:2: `")), "{found:?}");
    }

    fn is_fine(path: &str, line: &str) {
        assert_eq!(lines(path, &format!("//! Docs.\n{line}\n")), [""; 0], "{line}");
    }

    #[test]
    fn a_rust_file_says_what_it_is_for() {
        assert_eq!(
            lines("a/tests/b.rs", "fn main() {}"),
            ["a/tests/b.rs:1: must begin with `//!`: what is this file for?"]
        );
        assert_eq!(lines("a.md", "# A"), [""; 0]);
    }

    #[test]
    fn a_rust_file_has_an_end() {
        let text = |lines: usize| format!("//! Docs.\n{}", "\n".repeat(lines - 1));
        assert_eq!(lines("a.rs", &text(LINES_MAX)), [""; 0]);
        assert!(lines("a.rs", &text(LINES_MAX + 1))[0].starts_with("a.rs:601: has 601 lines"));
    }

    #[test]
    fn nothing_is_left_unfinished() {
        breaks("a.rs", concat!("    to", "do!(\"later\")"));
        breaks("a.rs", concat!("x => unimple", "mented!(),"));
        breaks("a.rs", concat!("std::db", "g!(x);"));
        breaks("a.rs", concat!("#[ig", "nore = \"slow\"]"));
        breaks("a.rs", concat!("// TO", "DO: later"));
        breaks("a.md", concat!("FIX", "ME"));
        breaks(".github/a.yml", concat!("# XX", "X"));
        is_fine("a.rs", "let methodology = mastodon();");
    }

    #[test]
    fn tests_do_not_wait_for_time_to_pass() {
        breaks("crates/a/tests/b.rs", concat!("tokio::time::sle", "ep(second).await;"));
        breaks("tests/b.rs", concat!("std::thread::sle", "ep(second);"));
        breaks("crates/a/tests/support/b.rs", concat!("sle", "ep(second).await;"));
        is_fine("crates/a/tests/b.rs", "timeout(second, signal).await");
        is_fine("crates/a/src/b.rs", concat!("tokio::time::sle", "ep(second).await;"));
    }

    #[test]
    fn sql_stays_in_the_stores() {
        for text in [
            concat!("\"SEL", "ECT 1\""),
            concat!("INS", "ERT INTO t"),
            concat!("DEL", "ETE FROM t"),
            concat!("CRE", "ATE TABLE t"),
            concat!("PRA", "GMA user_version"),
        ] {
            breaks("crates/http/src/a.rs", text);
            is_fine("crates/store-sqlite/src/a.rs", text);
        }
        assert_eq!(lines("crates/cli/src/a.sql", "").len(), 1);
        assert_eq!(lines("crates/store-sqlite/migrations/a.sql", "").len(), 0);
    }

    #[test]
    fn nobodys_machine_is_named() {
        breaks("a.md", concat!("see /ho", "me/someone/notes"));
        breaks("a.toml", concat!("path = \"/ro", "ot/x\""));
        breaks("a.rs", concat!("// lies in /Us", "ers/someone"));
        is_fine("a.md", concat!("https://example.org/ho", "me"));
        is_fine("a.md", concat!("`#/ro", "ot`, `/ro", "ots` and `./ro", "ot`"));
    }
}
