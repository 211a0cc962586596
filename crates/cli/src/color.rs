//! Colours: the one place that decides whether there are any, and which.
//!
//! In the order in which they count: `--color`, `NO_COLOR` (any value), `CLICOLOR_FORCE` (anything but 0), and then
//! whether it is a terminal that is written to.

use std::ffi::OsStr;
use std::fmt::{self, Display};
use std::io::IsTerminal as _;
use std::sync::OnceLock;

use clap::builder::styling::{AnsiColor, Style, Styles};
use clap::{ColorChoice, ValueEnum};

/// What `--color` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On terminals, unless NO_COLOR is set; everywhere if CLICOLOR_FORCE is
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

/// What was decided for this process.
static DECIDED: OnceLock<Color> = OnceLock::new();

/// What something is about, from which its colour follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing in particular.
    Plain,
    /// As it should be.
    Good,
    /// To be looked at.
    Warning,
    /// Wrong.
    Bad,
    /// What stands beside the matter.
    Aside,
}

impl Color {
    /// Decides for this process, from its arguments before anything else reads them, and its environment.
    pub(crate) fn decide() -> Color {
        let arguments = std::env::args_os();
        let variable = |name: &str| std::env::var_os(name);
        let asked = asked(arguments).unwrap_or(Color::Auto);
        *DECIDED
            .get_or_init(|| of(asked, variable("NO_COLOR").as_deref(), variable("CLICOLOR_FORCE").as_deref()))
    }

    /// For the help.
    pub(crate) fn choice(self) -> ColorChoice {
        match self {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        }
    }

    fn shows(self, is_terminal: bool) -> bool {
        self == Color::Always || self == Color::Auto && is_terminal
    }
}

/// Whether standard output is coloured.
pub(crate) fn on_output() -> bool {
    decided().shows(std::io::stdout().is_terminal())
}

/// Whether standard error is coloured.
pub(crate) fn on_error() -> bool {
    decided().shows(std::io::stderr().is_terminal())
}

fn decided() -> Color {
    DECIDED.get().copied().unwrap_or(Color::Never)
}

/// The value of `--color` in arguments that nobody has read yet: an error in them is coloured or not, too.
fn asked(arguments: impl Iterator<Item = impl AsRef<OsStr>>) -> Option<Color> {
    let mut asked = None;
    let mut is_next = false;
    for argument in arguments {
        let Some(text) = argument.as_ref().to_str() else { continue };
        let value = if is_next { Some(text) } else { text.strip_prefix("--color=") };
        asked = value.and_then(|value| Color::from_str(value, false).ok()).or(asked);
        is_next = text == "--color";
    }
    asked
}

fn of(asked: Color, no_color: Option<&OsStr>, force: Option<&OsStr>) -> Color {
    let is_set = |value: Option<&OsStr>| value.is_some_and(|value| !value.is_empty());
    match asked {
        Color::Auto if is_set(no_color) => Color::Never,
        Color::Auto if is_set(force) && force != Some(OsStr::new("0")) => Color::Always,
        asked => asked,
    }
}

/// A text for standard output, in the colour of its tone if there are colours.
pub(crate) fn paint(tone: Tone, text: impl Display) -> Painted<impl Display> {
    Painted { style: on_output().then(|| tone.style()), text }
}

/// The same for standard error.
pub(crate) fn paint_error(tone: Tone, text: impl Display) -> Painted<impl Display> {
    Painted { style: on_error().then(|| tone.style()), text }
}

/// A text with its colour. Widths given to it hold for the text alone.
pub(crate) struct Painted<T> {
    style: Option<Style>,
    text: T,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(style) = self.style else { return self.text.fmt(f) };
        write!(f, "{style}")?;
        self.text.fmt(f)?;
        write!(f, "{style:#}")
    }
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Tone::Plain => Style::new(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Warning => AnsiColor::Yellow.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
            Tone::Aside => Style::new().dimmed(),
        }
    }
}

/// How the help looks.
pub(crate) const HELP: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_beats_the_variables_and_these_beat_the_terminal() {
        let some = |text: &'static str| Some(OsStr::new(text));
        assert_eq!(of(Color::Always, some("1"), None), Color::Always);
        assert_eq!(of(Color::Never, None, some("1")), Color::Never);
        assert_eq!(of(Color::Auto, some("1"), some("1")), Color::Never);
        assert_eq!(of(Color::Auto, some(""), some("1")), Color::Always, "an empty NO_COLOR is not set");
        assert_eq!(of(Color::Auto, None, some("0")), Color::Auto);
        assert!(Color::Auto.shows(true) && !Color::Auto.shows(false) && Color::Always.shows(false));
    }

    #[test]
    fn the_flag_is_found_before_the_arguments_are_read() {
        let of = |arguments: &[&str]| asked(arguments.iter());
        assert_eq!(of(&["angaros", "doctor"]), None);
        assert_eq!(of(&["angaros", "--color", "never", "doctor"]), Some(Color::Never));
        assert_eq!(of(&["angaros", "doctor", "--color=always"]), Some(Color::Always));
        assert_eq!(of(&["angaros", "--color", "pink"]), None, "that is refused later");
    }

    #[test]
    fn what_is_painted_keeps_its_width() {
        let painted = Painted { style: Some(Tone::Good.style()), text: "ok" };
        assert_eq!(format!("{painted:4}|"), "\u{1b}[32mok  \u{1b}[0m|");
        assert_eq!(format!("{:4}|", Painted { style: None, text: "ok" }), "ok  |");
    }
}
