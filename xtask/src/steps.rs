//! The steps of the gate, in order. This list is the gate: a new check is a new entry.

/// One step.
pub(crate) struct Step {
    /// What `--only` and the summary call it.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) action: Action,
}

/// What a step does.
pub(crate) enum Action {
    /// The house rules, in this process.
    Tidy,
    /// A cargo command.
    Cargo {
        /// What follows `cargo`.
        arguments: &'static [&'static str],
        /// Variables set for it; `{target}` in a value stands for cargo's target directory.
        environment: &'static [(&'static str, &'static str)],
    },
    /// A cargo command that is a separate installation: not checked, and said so, where it is missing.
    IfInstalled {
        /// What follows `cargo`; the first word is the tool.
        arguments: &'static [&'static str],
        /// The command that installs it.
        install: &'static str,
    },
}

const fn cargo(arguments: &'static [&'static str]) -> Action {
    Action::Cargo { arguments, environment: &[] }
}

/// Cheap checks first: a slip should cost seconds, not the whole run. Lints go before tests because they build what
/// they need without code generation.
pub(crate) const STEPS: &[Step] = &[
    Step { name: "format", action: cargo(&["fmt", "--all", "--check"]) },
    Step { name: "tidy", action: Action::Tidy },
    Step {
        name: "clippy",
        action: cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
    },
    Step {
        name: "doc",
        action: Action::Cargo {
            arguments: &["doc", "--workspace", "--no-deps", "--locked"],
            environment: &[("RUSTDOCFLAGS", "-D warnings")],
        },
    },
    Step {
        name: "deny",
        action: Action::IfInstalled {
            arguments: &["deny", "check", "licenses", "bans", "sources"],
            install: "cargo install cargo-deny --locked",
        },
    },
    Step { name: "test", action: cargo(&["test", "--workspace", "--locked"]) },
    Step { name: "release", action: cargo(&["build", "--release", "--locked"]) },
    // What only the optimised binary can show: memory at rest and under a long stream, kills under
    // full load, and its rates, which are printed.
    Step {
        name: "shipped",
        action: Action::Cargo {
            arguments: &[
                "test",
                "--package",
                "angaros-cli",
                "--locked",
                "--test",
                "idle",
                "--test",
                "kill",
                "--test",
                "kill_ingest",
                "--test",
                "stream_memory",
                "--test",
                "throughput",
                "--",
                "--nocapture",
                "--test-threads=1",
            ],
            environment: &[("ANGAROS_TEST_BINARY", "{target}/release/angaros")],
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_cheap_steps_come_first() {
        let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        assert_eq!(names, ["format", "tidy", "clippy", "doc", "deny", "test", "release", "shipped"]);
    }

    #[test]
    fn whatever_resolves_dependencies_keeps_to_the_lock_file() {
        for step in STEPS {
            if let Action::Cargo { arguments, .. } = step.action
                && arguments[0] != "fmt"
            {
                assert!(arguments.contains(&"--locked"), "{}", step.name);
            }
        }
    }
}
