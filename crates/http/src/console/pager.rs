//! From one page of a list to the next, with the cursors of the API.

use askama::Template;
use askama::filters::HtmlSafe;

use super::link::Link;

/// The links below a list. Lists begin with the newest, and a cursor leads to what is older.
#[derive(Debug, Clone, Template)]
#[template(
    source = r##"{% if first.is_some() || next.is_some() -%}
<nav class="pager" aria-label="Pages">
{%- if let Some(link) = first %}<a class="button" href="{{ link }}">Newest</a>{% endif %}
{%- if let Some(link) = next %}<a class="button" href="{{ link }}" rel="next">Older</a>{% endif -%}
</nav>
{%- endif %}"##,
    ext = "html"
)]
pub(crate) struct Pager {
    first: Option<Link>,
    next: Option<Link>,
}

impl HtmlSafe for Pager {}

impl Pager {
    /// For a list that begins with the newest. `list` is the list with its filters and without a cursor, `cursor` is that
    /// of the page that is shown, `next_cursor` that of the one behind it.
    pub(crate) fn newest_first(list: &Link, cursor: Option<&str>, next_cursor: Option<&str>) -> Pager {
        Pager {
            first: cursor.map(|_| list.clone()),
            next: next_cursor.map(|next| list.clone().with("cursor", next)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_one_page_has_no_links() {
        let list = Link::to("notifications").with("status", "failed");
        assert_eq!(Pager::newest_first(&list, None, None).to_string(), "");
        let middle = Pager::newest_first(&list, Some("a"), Some("b")).to_string();
        assert!(middle.contains("href=\"/console/notifications?status=failed\""), "{middle}");
        assert!(middle.contains("status=failed&#38;cursor=b"), "{middle}");
    }
}
