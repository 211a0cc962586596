//! Charts, drawn on the server as SVG: bars over time, and rows that compare a few things.
//!
//! A chart is a pure function of its numbers. Everything that has a width is given as a share of it, and text keeps its
//! size, so that one drawing serves a phone and a wide screen: labels that would run into each other on the narrow one are
//! shown on the wide one only. Looks come from classes, colours from the page's own. Whoever can not see a chart is told
//! what it shows (`title` and `desc`), and its numbers stand below it as a table.

mod bars;
mod labels;
mod rows;
mod scale;

pub(crate) use bars::{Bar, Bars, SPANS_SHOWN_MAX};
pub(crate) use rows::{Row, Rows};
pub(crate) use scale::percent;
