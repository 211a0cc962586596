//! Rows that compare a few things: the stages of a funnel, or names by how often they occur.

use askama::Template;
use askama::filters::HtmlSafe;

use super::scale::percent;
use crate::console::filters;
use crate::console::link::Link;

/// How many rows are drawn; the others are in the table.
const DRAWN_MAX: usize = 20;

/// How many rows the table has; the others are counted together.
const LISTED_MAX: usize = 50;

/// How many characters of a name stand above its bar.
const CHARACTERS_MAX: usize = 34;

/// How high a row is, in pixels.
const PIXELS: usize = 44;

/// One of the things that are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// What it is.
    pub(crate) name: String,
    /// How many.
    pub(crate) count: u64,
    /// What else there is to say about it: of how many recipients, or which share of the stage before.
    pub(crate) note: String,
    /// Where to read more.
    pub(crate) link: Option<Link>,
}

/// The chart.
#[derive(Debug, Clone, Template)]
#[template(path = "console/chart/rows.html")]
pub(crate) struct Rows {
    /// What its parts are called on the page; no two charts of a page share it.
    id: &'static str,
    title: String,
    /// The heads of the table: of names, of counts, of notes.
    heads: [&'static str; 3],
    rows: Vec<Row>,
    /// How many rows the table leaves out, and how much they count together.
    left_out: (usize, u64),
}

impl HtmlSafe for Rows {}

/// A row as it is drawn.
struct Drawn<'r> {
    row: &'r Row,
    short: String,
    text_y: usize,
    bar_y: usize,
    width: String,
}

impl Rows {
    /// The chart of some things, in their order.
    pub(crate) fn new(
        id: &'static str,
        title: impl Into<String>,
        heads: [&'static str; 3],
        mut rows: Vec<Row>,
    ) -> Rows {
        let rest = rows.split_off(rows.len().min(LISTED_MAX));
        let left_out = (rest.len(), rest.iter().map(|row| row.count).sum());
        Rows { id, title: title.into(), heads, rows, left_out }
    }

    fn drawn(&self) -> Vec<Drawn<'_>> {
        let most = self.rows.iter().map(|row| row.count).max().unwrap_or(0);
        let first = self.rows.iter().take(DRAWN_MAX).enumerate();
        first
            .map(|(index, row)| Drawn {
                row,
                short: short(&row.name),
                text_y: index * PIXELS + 15,
                bar_y: index * PIXELS + 22,
                width: percent(row.count, most),
            })
            .collect()
    }

    fn height(&self) -> usize {
        self.rows.len().min(DRAWN_MAX) * PIXELS
    }

    fn hidden(&self) -> usize {
        self.rows.len().saturating_sub(DRAWN_MAX) + self.left_out.0
    }

    /// The whole in a sentence.
    fn description(&self) -> String {
        let told =
            self.drawn().iter().map(|one| format!("{} {}", one.short, one.row.count)).collect::<Vec<_>>();
        format!("{}.", told.join(", "))
    }
}

/// A name as it stands above its bar.
fn short(name: &str) -> String {
    match name.char_indices().nth(CHARACTERS_MAX) {
        Some(_) => name.chars().take(CHARACTERS_MAX - 1).chain(['…']).collect(),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(counts: &[(&str, u64)]) -> Rows {
        let row = |(name, count): &(&str, u64)| Row {
            name: (*name).to_owned(),
            count: *count,
            note: "some".into(),
            link: None,
        };
        Rows::new("funnel", "Funnel", ["Stage", "Events", "Share"], counts.iter().map(row).collect())
    }

    #[test]
    fn widths_are_shares_of_the_largest() {
        let chart = rows(&[("sent", 200), ("opened", 50), ("clicked", 0)]);
        let widths: Vec<String> = chart.drawn().into_iter().map(|one| one.width).collect();
        assert_eq!(widths, ["100%", "25%", "0%"]);
        let html = chart.to_string();
        assert!(html.contains("sent 200, opened 50, clicked 0."), "{html}");
        assert!(html.contains("aria-labelledby=\"funnel-title funnel-desc\""), "{html}");
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        assert!(rows(&[]).to_string().contains("There is nothing to show."));
        let widths: Vec<String> = rows(&[("a", 0)]).drawn().into_iter().map(|one| one.width).collect();
        assert_eq!(widths, ["0%"]);
    }

    #[test]
    fn names_are_cut_where_they_are_drawn_and_stay_text() {
        let hostile = "<script>alert(1)</script> and a lot more behind it";
        let chart = rows(&[(hostile, 1)]);
        let html = chart.to_string();
        assert!(!html.contains("<script") && html.contains("…"), "{html}");
        assert!(chart.drawn()[0].short.chars().count() <= CHARACTERS_MAX);
    }

    #[test]
    fn what_is_too_much_is_counted_together() {
        let many: Vec<(&str, u64)> = vec![("a name", 2); LISTED_MAX + 3];
        let html = rows(&many).to_string();
        assert!(html.contains("3 others"), "{html}");
        assert!(html.len() < 20_000, "{} bytes", html.len());
    }
}
