//! Alerts: each one names the section of the runbook that says what to do.

use super::finding::Finding;
use super::house::TextFile;
use super::links::Places;

/// Every alert without a `runbook` annotation, and every annotation that leads nowhere.
pub(crate) fn check(files: &[TextFile], places: &Places) -> Vec<Finding> {
    let rules = files.iter().filter(|file| file.path.starts_with("deploy/prometheus/"));
    rules.flat_map(|file| of(file, places)).collect()
}

fn of(TextFile { path, text }: &TextFile, places: &Places) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut waiting: Option<(usize, &str)> = None;
    for (index, line) in text.lines().enumerate() {
        if let Some(name) = line.trim().strip_prefix("- alert: ") {
            found.extend(waiting.replace((index + 1, name)).map(|alert| missing(path, alert)));
        } else if let Some(target) = line.trim().strip_prefix("runbook: ") {
            waiting = None;
            let fault = match target.trim_matches('"') {
                target if target.contains(".md#") => places.fault("", target),
                _ => Some(format!("{target} must name a page and a heading of it")),
            };
            found.extend(fault.map(|fault| Finding::new(path, index + 1, fault)));
        }
    }
    found.extend(waiting.map(|alert| missing(path, alert)));
    found
}

fn missing(path: &str, (line, name): (usize, &str)) -> Finding {
    Finding::new(path, line, format!("{name} has no `runbook:`: which section says what to do?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alert_leads_to_its_section() {
        let file = |path: &str, text: &str| TextFile { path: path.into(), text: text.into() };
        let files = [
            file("docs/runbook.md", "# Runbook\n## Much fails\n"),
            file(
                "deploy/prometheus/rules.yml",
                "- alert: Good\n  runbook: docs/runbook.md#much-fails\n- alert: Silent\n- alert: Lost\n  \
                 runbook: docs/runbook.md#nothing\n- alert: Vague\n  runbook: \"docs/runbook.md\"\n- alert: Last\n",
            ),
        ];
        let paths: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
        let found: Vec<String> =
            check(&files, &Places::new(&paths, &files)).iter().map(ToString::to_string).collect();
        let expected = [
            "3: Silent has no `runbook:`: which section says what to do?",
            "5: links to docs/runbook.md#nothing, but docs/runbook.md has no heading #nothing",
            "7: \"docs/runbook.md\" must name a page and a heading of it",
            "8: Last has no `runbook:`: which section says what to do?",
        ];
        assert_eq!(found, expected.map(|line| format!("deploy/prometheus/rules.yml:{line}")));
    }
}
