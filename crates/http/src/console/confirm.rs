//! The page before something that can not be taken back: it says what will happen, and asks.

use askama::Template;

use super::link::Link;
use super::shell::Shell;

/// The question.
#[derive(Debug, Clone, Template)]
#[template(path = "console/confirm.html")]
pub(crate) struct Confirm {
    /// What surrounds it.
    pub(crate) shell: Shell,
    /// The question, as the page's heading.
    pub(crate) title: String,
    /// What will happen, a paragraph each.
    pub(crate) text: Vec<String>,
    /// Where the answer is sent.
    pub(crate) action: Link,
    /// What is sent with it.
    pub(crate) fields: Vec<(&'static str, String)>,
    /// What the button says.
    pub(crate) button: String,
    /// Whether something is lost by it.
    pub(crate) is_danger: bool,
    /// Where to go instead.
    pub(crate) back: Link,
}
