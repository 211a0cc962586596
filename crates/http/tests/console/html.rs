//! As much of HTML as the tests have to read.

/// Every value of an attribute of an element, unescaped.
pub(crate) fn values(html: &str, element: &str, attribute: &str) -> Vec<String> {
    let start = format!(" {attribute}=\"");
    let value = |tag: &str| Some(tag.split_once(&start)?.1.split_once('"')?.0.to_owned());
    tags(html, element).iter().filter_map(|tag| value(tag)).map(|text| unescape(&text)).collect()
}

/// Every opening tag of an element, as it is written.
pub(crate) fn tags(html: &str, element: &str) -> Vec<String> {
    let start = format!("<{element}");
    let found = html.match_indices(&start).map(|(at, _)| &html[at..]);
    let of_element = found.filter(|rest| !rest[start.len()..].starts_with(|c: char| c.is_alphanumeric()));
    of_element.map(|rest| rest[..=rest.find('>').unwrap()].to_owned()).collect()
}

/// The words between the tags, with one space where tags or blanks were.
pub(crate) fn words(html: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for c in html.chars() {
        match c {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                text.push(' ');
            }
            c if !in_tag => text.push(c),
            _ => {}
        }
    }
    unescape(&text).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn unescape(text: &str) -> String {
    let named = [("&#38;", "&"), ("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'")];
    named.iter().rev().fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}
