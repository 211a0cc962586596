//! Links between pages: what a Markdown file links to inside the tree is there, file and heading.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Finding;
use super::house::TextFile;

/// Everything that a link can lead to.
pub(crate) struct Places<'a> {
    paths: &'a [String],
    anchors: BTreeMap<&'a str, BTreeSet<String>>,
}

impl<'a> Places<'a> {
    /// The tree's `paths`, and the headings of the Markdown files among `files`.
    pub(crate) fn new(paths: &'a [String], files: &'a [TextFile]) -> Places<'a> {
        let pages = files.iter().filter(|file| is_page(&file.path));
        let anchors = pages.map(|file| (file.path.as_str(), anchors(&file.text))).collect();
        Places { paths, anchors }
    }

    /// What is wrong with a link to `target` in the file `from`.
    pub(crate) fn fault(&self, from: &str, target: &str) -> Option<String> {
        let (path, anchor) = target.split_once('#').map_or((target, None), |(path, name)| (path, Some(name)));
        let path = if path.is_empty() { from.to_owned() } else { joined(from, path) };
        let inside = format!("{path}/");
        if !self.paths.iter().any(|known| *known == path || known.starts_with(&inside)) {
            return Some(format!("links to {target}, but there is no {path}"));
        }
        let anchor = anchor?;
        let headings = self.anchors.get(path.as_str());
        let is_there = headings.is_some_and(|headings| headings.contains(anchor));
        (!is_there).then(|| format!("links to {target}, but {path} has no heading #{anchor}"))
    }
}

/// Every link of Markdown files that leads nowhere.
pub(crate) fn check(files: &[TextFile], places: &Places) -> Vec<Finding> {
    let mut found = Vec::new();
    for TextFile { path, text } in files.iter().filter(|file| is_page(&file.path)) {
        for (line, words) in prose(text) {
            for target in targets(&without_code(words)).filter(|target| !is_elsewhere(target)) {
                found.extend(places.fault(path, target).map(|fault| Finding::new(path, line, fault)));
            }
        }
    }
    found
}

fn is_page(path: &str) -> bool {
    path.ends_with(".md")
}

/// Whether a link leads out of the tree.
fn is_elsewhere(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:")
}

/// The lines outside of blocks of code, with their numbers from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_block = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_block ^= is_fence;
        (!in_block && !is_fence).then_some((index + 1, line))
    })
}

/// A line without what stands between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// Where the links of a line lead to.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

/// `target` as seen from the folder of `from`, relative to the root.
fn joined(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/').filter(|part| !part.is_empty()) {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// What headings are called in links: lower case, blanks as hyphens, without most signs, numbered when they repeat.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, line) in prose(text) {
        let Some(heading) = line.strip_prefix('#').map(|rest| rest.trim_start_matches('#').trim()) else {
            continue;
        };
        let kept = heading.to_lowercase().replace(' ', "-");
        let name: String = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect();
        let repeats = (1..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.clone()).chain(repeats).find(|name| !found.contains(name));
        found.extend(free);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(path: &str, text: &str) -> TextFile {
        TextFile { path: path.into(), text: text.into() }
    }

    #[test]
    fn what_leads_nowhere_is_found() {
        let files = [
            page(
                "README.md",
                "# A\n\n[a](docs/a.md) [b](docs/a.md#what-is-it-b) [c](docs/) [d](#a) ![e](e.png)\n",
            ),
            page("docs/a.md", "# A\n## What is `it`, B?\n[up](../README.md) [far](https://example.org/x)\n"),
            page(
                "docs/bad.md",
                "[a](b.md)\n```sh\n[a](c.md)\n```\n`[a](d.md)` [a](a.md#b) [b](../docs/no/)\n[x](#x)\n",
            ),
        ];
        let paths: Vec<String> =
            ["README.md", "docs/a.md", "docs/bad.md", "e.png"].map(str::to_owned).to_vec();
        let found: Vec<String> =
            check(&files, &Places::new(&paths, &files)).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "docs/bad.md:1: links to b.md, but there is no docs/b.md",
                "docs/bad.md:5: links to a.md#b, but docs/a.md has no heading #b",
                "docs/bad.md:5: links to ../docs/no/, but there is no docs/no",
                "docs/bad.md:6: links to #x, but docs/bad.md has no heading #x",
            ]
        );
    }

    #[test]
    fn headings_that_repeat_are_numbered() {
        let found = anchors("# 503 for requests\n## A\n```\n# no heading\n```\n### A\n");
        assert_eq!(found, ["503-for-requests", "a", "a-1"].map(str::to_owned).into());
    }
}
