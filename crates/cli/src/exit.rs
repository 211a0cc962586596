//! How the program ends: the codes that scripts can rely on.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it was asked for.
    Done,
    /// It could not.
    Failed,
    /// It was called in a way that makes no sense.
    Usage,
    /// It did what it was asked for, and what came out is not as it should be.
    Found,
    /// It was told to stop before it was done.
    Interrupted,
}

impl Exit {
    /// All of them, for the help and the documents.
    pub(crate) const ALL: [Exit; 5] = [Exit::Done, Exit::Failed, Exit::Usage, Exit::Found, Exit::Interrupted];

    /// The number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Found => 3,
            // As a shell reports Ctrl-C.
            Exit::Interrupted => 130,
        }
    }

    /// What the number says.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Exit::Done => "done",
            Exit::Failed => "failed: the reason is on standard error",
            Exit::Usage => "wrong usage: nothing was done",
            Exit::Found => {
                "done, but not all is well: drift, a failed check, rejected rows, an undelivered notification"
            }
            Exit::Interrupted => "interrupted before it was done",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        exit.code().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page that people look into.
    const PAGE: &str = include_str!("../../../docs/command-line.md");

    #[test]
    fn every_code_is_documented() {
        for exit in Exit::ALL {
            let row = format!("| {} | {} |", exit.code(), exit.meaning());
            assert!(PAGE.contains(&row), "docs/command-line.md has no row {row}");
        }
    }
}
