//! The steps of the gate, in order. This list is the gate: a new check is a new entry.

use std::path::Path;

use crate::outside::{browser, clients, schemathesis};
use crate::report::Outcome;

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
    /// A tool that is a separate installation: not checked, and said so, where it is missing.
    IfInstalled {
        /// The program; `cargo` is the one that started the gate.
        program: &'static str,
        /// What follows it to find out whether the tool is there.
        probe: &'static [&'static str],
        /// What follows it to check.
        arguments: &'static [&'static str],
        /// Variables set for the check.
        environment: &'static [(&'static str, &'static str)],
        /// How to install it.
        install: &'static str,
    },
    /// A check by tools of other languages, against the release build.
    Outside {
        /// What it runs, for people.
        about: &'static str,
        /// Runs it: in the tree's root, with cargo's target directory.
        run: fn(&Path, &Path) -> anyhow::Result<Outcome>,
    },
}

impl Action {
    /// Whether it runs tests, which need servers.
    pub(crate) fn is_test(&self) -> bool {
        matches!(self, Action::Cargo { arguments: ["test", ..], .. })
    }
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
            program: "cargo",
            probe: &["deny", "--version"],
            arguments: &["deny", "check", "licenses", "bans", "sources"],
            environment: &[],
            install: "it with cargo install cargo-deny --locked",
        },
    },
    Step {
        name: "compose",
        action: Action::IfInstalled {
            program: "docker",
            probe: &["compose", "version"],
            arguments: &["compose", "config", "--quiet"],
            environment: &[("POSTGRES_PASSWORD", "only-for-the-check")],
            install: "Docker's compose plugin",
        },
    },
    Step {
        name: "alerts",
        action: Action::IfInstalled {
            program: "promtool",
            probe: &["--version"],
            arguments: &["check", "rules", "deploy/prometheus/rules.yml"],
            environment: &[],
            install: "the package prometheus",
        },
    },
    Step { name: "test", action: cargo(&["test", "--workspace", "--locked"]) },
    // The binary as its users know it, once more with PostgreSQL under it. Left out is what is about the file and its one
    // owner (serve, commands, idle), what breaks a copy of the file (verify: on PostgreSQL that is the store's `drift`), what
    // takes its own leases back at a restart (kill: here that is `cluster`), what measures (throughput, burst, rates, bench,
    // stream_memory, subscribers), what hardly stores anything (mail, health), and what names its storage (postgres, redis,
    // cluster, transfer).
    Step {
        name: "postgres",
        action: Action::Cargo {
            arguments: &[
                "test",
                "--workspace",
                "--locked",
                "--test",
                "tour",
                "--test",
                "delivery",
                "--test",
                "kill_ingest",
                "--test",
                "import",
                "--test",
                "export",
                "--test",
                "suppressions",
                "--test",
                "webhook_endpoints",
                "--test",
                "limits",
                "--test",
                "breaker",
                "--test",
                "respond_async",
                "--test",
                "tail",
            ],
            environment: &[("ANGAROS_TEST_STORAGE", "postgres")],
        },
    },
    Step { name: "release", action: cargo(&["build", "--release", "--locked"]) },
    // What only the optimised binary can show: memory at rest and under a long stream, kills under
    // full load, and its rates, which are printed.
    Step {
        name: "shipped",
        action: Action::Cargo {
            arguments: &[
                "test",
                "--workspace",
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
    Step {
        name: "browser",
        action: Action::Outside { about: "npm test in browser: the console in Chromium", run: browser::run },
    },
    Step {
        name: "schemathesis",
        action: Action::Outside {
            about: "schemathesis run, with a key and without, and openapi-spec-validator",
            run: schemathesis::run,
        },
    },
    Step {
        name: "clients",
        action: Action::Outside {
            about: "npm test in clients/typescript, test.sh in clients/python",
            run: clients::run,
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_cheap_steps_come_first() {
        let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        assert_eq!(
            names,
            [
                "format",
                "tidy",
                "clippy",
                "doc",
                "deny",
                "compose",
                "alerts",
                "test",
                "postgres",
                "release",
                "shipped",
                "browser",
                "schemathesis",
                "clients"
            ]
        );
    }

    #[test]
    fn servers_run_for_the_steps_that_test() {
        let testing: Vec<_> =
            STEPS.iter().filter(|step| step.action.is_test()).map(|step| step.name).collect();
        assert_eq!(testing, ["test", "postgres", "shipped"]);
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
