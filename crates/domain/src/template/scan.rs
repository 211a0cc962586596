//! What stands inside the tags of a template, read the way the engine's own lexer reads it.

use std::borrow::Cow;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or a keyword.
    Name,
    /// A number as it is written.
    Number,
    /// A quoted text, with its quotes.
    Text,
    /// An operator, a bracket or any other character.
    Mark,
}

/// One token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'s> {
    pub(super) kind: Kind,
    pub(super) text: &'s str,
    pub(super) at: usize,
}

impl Token<'_> {
    pub(super) fn is(&self, mark: &str) -> bool {
        self.kind == Kind::Mark && self.text == mark
    }

    pub(super) fn is_name(&self, name: &str) -> bool {
        self.kind == Kind::Name && self.text == name
    }
}

/// A `{{ }}` or a `{% %}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag<'s> {
    pub(super) is_statement: bool,
    pub(super) at: usize,
    pub(super) tokens: Vec<Token<'s>>,
}

const KEYWORDS: [&str; 9] = ["if", "elif", "else", "for", "in", "is", "not", "and", "or"];

/// Whether the token at `index` is a keyword; `x.if` and `x|in` are not.
pub(super) fn is_keyword(tokens: &[Token<'_>], index: usize) -> bool {
    let token = &tokens[index];
    let named = index > 0 && (tokens[index - 1].is(".") || tokens[index - 1].is("|"));
    token.kind == Kind::Name && !named && KEYWORDS.contains(&token.text)
}

/// Whether what follows the token at `index` belongs to the value that it ends.
pub(super) fn ends_value(tokens: &[Token<'_>], index: usize) -> bool {
    let token = &tokens[index];
    match token.kind {
        Kind::Name => !is_keyword(tokens, index),
        Kind::Number | Kind::Text => true,
        Kind::Mark => matches!(token.text, ")" | "]" | "}"),
    }
}

/// The tags of a template, without comments and raw blocks. A tag that is never closed reaches to the end.
pub(super) fn tags(source: &str) -> Vec<Tag<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(brace) = source[at..].find('{') {
        let open = at + brace;
        let inside = open + 2;
        at = match source.as_bytes().get(open + 1) {
            Some(b'#') => source[inside..].find("#}").map_or(source.len(), |end| inside + end + 2),
            Some(b'{') => tag(source, open, "}}", &mut found),
            Some(b'%') => match basic(source, control(source, inside), "raw") {
                Some(raw) => after_endraw(source, raw),
                None => tag(source, open, "%}", &mut found),
            },
            _ => open + 1,
        };
    }
    found
}

/// Behind the `-` or `+` of whitespace control.
fn control(source: &str, at: usize) -> usize {
    at + usize::from(source[at..].starts_with(['-', '+']))
}

/// Behind the blanks.
fn blanks(source: &str, at: usize) -> usize {
    source.len() - source[at..].trim_start_matches(|c: char| c.is_ascii_whitespace()).len()
}

/// Behind a statement that is this name alone, if it stands here.
fn basic(source: &str, at: usize, name: &str) -> Option<usize> {
    let at = blanks(source, at);
    let at = control(source, blanks(source, at + source[at..].strip_prefix(name).map(|_| name.len())?));
    source[at..].starts_with("%}").then_some(at + 2)
}

fn after_endraw(source: &str, mut at: usize) -> usize {
    while let Some(open) = source[at..].find("{%") {
        at += open + 2;
        if let Some(end) = basic(source, control(source, at), "endraw") {
            return end;
        }
    }
    source.len()
}

/// Reads the tag that opens at `open`; answers where it ends.
fn tag<'s>(source: &'s str, open: usize, close: &str, found: &mut Vec<Tag<'s>>) -> usize {
    let mut tokens: Vec<Token<'s>> = Vec::new();
    let mut depth = 0_usize;
    let mut at = blanks(source, control(source, open + 2));
    let end = loop {
        if at >= source.len() {
            break at;
        }
        let marked = control(source, at);
        if depth == 0 && source[at..].starts_with(close) {
            break at + close.len();
        }
        if depth == 0 && source[marked..].starts_with(close) {
            break marked + close.len();
        }
        let after_dot = at > 0 && source.as_bytes()[at - 1] == b'.';
        let (kind, length) = token(&source[at..], after_dot);
        let text = &source[at..at + length];
        match text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        tokens.push(Token { kind, text, at });
        at = blanks(source, at + length);
    };
    found.push(Tag { is_statement: close == "%}", at: open, tokens });
    end
}

fn token(rest: &str, after_dot: bool) -> (Kind, usize) {
    let bytes = rest.as_bytes();
    let first = bytes[0];
    match first {
        b'"' | b'\'' => (Kind::Text, text(bytes, first)),
        b'0'..=b'9' => (Kind::Number, number(bytes, after_dot)),
        b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
            (Kind::Name, run(bytes, |b| b == b'_' || b.is_ascii_alphanumeric()))
        }
        _ if ["//", "**", "==", "!=", ">=", "<="].iter().any(|mark| rest.starts_with(mark)) => {
            (Kind::Mark, 2)
        }
        _ => (Kind::Mark, rest.chars().next().map_or(1, char::len_utf8)),
    }
}

fn run(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| belongs(**byte)).count()
}

/// A text ends at its quote, unless an odd number of backslashes stands before it.
fn text(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    let mut end = (at + 1).min(bytes.len());
    // Without its quote a text may have stopped inside a character.
    while end < bytes.len() && bytes[end] & 0b1100_0000 == 0b1000_0000 {
        end += 1;
    }
    end
}

/// Behind a dot a number is an index: `x.1.5` is `x[1][5]`.
fn number(bytes: &[u8], after_dot: bool) -> usize {
    if bytes[0] == b'0' && matches!(bytes.get(1), Some(b'x' | b'X' | b'b' | b'B' | b'o' | b'O')) {
        return 2 + run(&bytes[2..], |b| b == b'_' || b.is_ascii_hexdigit());
    }
    let digits = |at: usize| at + run(&bytes[at..], |b| b == b'_' || b.is_ascii_digit());
    let exponent = |at: usize| {
        let signed = at + 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let is_one = matches!(bytes.get(at), Some(b'e' | b'E'));
        (is_one && bytes.get(signed).is_some_and(u8::is_ascii_digit)).then(|| digits(signed))
    };
    let mut end = digits(0);
    if !after_dot && bytes.get(end) == Some(&b'.') {
        let names = bytes.get(end + 1).is_some_and(|b| *b == b'_' || b.is_ascii_alphabetic());
        if !names || exponent(end + 1).is_some() {
            end = digits(end + 1);
        }
    }
    exponent(end).unwrap_or(end)
}

/// Reads `{{.Name}}` as `{{Name}}`, so that templates written for Go's text/template find their variables.
///
/// A dot is dropped inside a tag where it begins a name; `user.name`, `user .name`, `"a.b"` and `1.5` keep theirs.
pub(super) fn without_leading_dots(source: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    for Tag { tokens, .. } in tags(source) {
        for (index, pair) in tokens.windows(2).enumerate() {
            let [dot, name] = pair else { continue };
            let begins = name.kind == Kind::Name && name.at == dot.at + 1;
            if dot.is(".") && begins && (index == 0 || !ends_value(&tokens, index - 1)) {
                out.push_str(&source[copied..dot.at]);
                copied = dot.at + 1;
            }
        }
    }
    if copied == 0 {
        return source.into();
    }
    out.push_str(&source[copied..]);
    out.into()
}

/// The line that a place is in, from 1.
pub(super) fn line(source: &str, at: usize) -> usize {
    source[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_dots_go_and_all_others_stay() {
        for (before, after) in [
            ("{{.a}} {{ .a }} {{-.a-}}", "{{a}} {{ a }} {{-a-}}"),
            ("{% if .a and not .b %}{% elif .c %}", "{% if a and not b %}{% elif c %}"),
            ("{% for x in .xs %}{{ (.x)|default(.y) }}", "{% for x in xs %}{{ (x)|default(y) }}"),
            (r#"{{ "a\\" }}{{.b}}{{ "c\"" }}{{.d}}"#, r#"{{ "a\\" }}{{b}}{{ "c\"" }}{{d}}"#),
            (r#"{{ {"a":{"b":.c}} }}{{.d}}"#, r#"{{ {"a":{"b":c}} }}{{d}}"#),
        ] {
            assert_eq!(without_leading_dots(before), after);
        }
        for same in [
            "{% raw %}{{ .x }}{% endraw %}",
            "{%- raw -%} {{.x}} {%- endraw -%} .y",
            "{# {{ .x }} .y #}",
            "{{ x .y }} {{ x.if .y }} {{ x[0] .y }} {{ x.1.y }}",
            "{{ ' .x ' }} {{ 1.5 }} {{ 1.e5 }} .x { .x }",
            "{{ 'open .x",
            "{{ \"\\\u{e9}\u{e9}",
            "{{ \u{e9}",
            "{",
            "{{",
            "{%-",
        ] {
            assert_eq!(without_leading_dots(same), same);
        }
        assert_eq!(without_leading_dots("{% raw %}{{.x}}{%endraw%}{{.x}}"), "{% raw %}{{.x}}{%endraw%}{{x}}");
    }

    #[test]
    fn a_tag_ends_where_no_bracket_is_open() {
        let found = tags("a {{ {'x': {'y': 1}} }} b {% if x[1:] -%} c");
        let texts: Vec<Vec<&str>> =
            found.iter().map(|tag| tag.tokens.iter().map(|t| t.text).collect()).collect();
        assert_eq!(texts[0], ["{", "'x'", ":", "{", "'y'", ":", "1", "}", "}"]);
        assert_eq!(texts[1], ["if", "x", "[", "1", ":", "]"]);
        assert_eq!((found[0].is_statement, found[1].is_statement), (false, true));
    }
}
