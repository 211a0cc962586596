//! What is said on standard error when something went wrong: to people, or with `--json` to programs.

use serde_json::{Value, json};

use crate::color::{self, Tone};
use crate::exit::Exit;

/// A command failed.
pub(crate) fn about(error: &anyhow::Error, is_for_programs: bool) -> Exit {
    let message = format!("{error:#}");
    if is_for_programs {
        eprintln!("{}", document(&message, Exit::Failed));
    } else {
        eprintln!("{}: {message}", color::paint_error(Tone::Bad, "error"));
    }
    Exit::Failed
}

/// The arguments make no sense, or ask for the help.
pub(crate) fn about_usage(error: &clap::Error) -> Exit {
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        let text = error.render().to_string();
        let message = text.trim().trim_start_matches("error: ");
        eprintln!("{}", document(message, Exit::Usage));
        return Exit::Usage;
    }
    // Nobody who could be told is left if this fails.
    drop(error.print());
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

/// One line of JSON.
fn document(message: &str, exit: Exit) -> Value {
    json!({ "error": { "message": message, "exit_code": exit.code() } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_get_one_line_whatever_went_wrong() {
        let text = document("a\nb", Exit::Failed).to_string();
        assert_eq!(text, r#"{"error":{"exit_code":1,"message":"a\nb"}}"#);
    }
}
