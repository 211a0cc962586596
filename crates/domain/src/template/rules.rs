//! What a template may be made of. Everything else is refused when it is stored.
//!
//! Together the rules leave no way to build a value larger than those that are given: a list or an object written in
//! a template holds constants only, texts are not joined by operators, and names are bound by `for` alone.

use super::engine::{FILTERS, RANGE_MAX, TESTS};
use super::scan::{self, Kind, Tag, Token};

/// The most tokens of one tag.
const TOKENS_MAX: usize = 200;
const STATEMENTS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];
/// Filters that answer a number whatever they are given, if they are given nothing else.
const NUMERIC: [&str; 5] = ["int", "float", "round", "abs", "length"];

/// The first thing in the source that is not allowed, with its line.
pub(super) fn check(source: &str) -> Result<(), String> {
    for tag in scan::tags(source) {
        check_tag(&tag).map_err(|fault| format!("line {}: {fault}", scan::line(source, tag.at)))?;
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Group,
    Arguments,
    Subscript,
    Slice,
    Literal,
}

fn check_tag(tag: &Tag<'_>) -> Result<(), String> {
    let tokens = &tag.tokens[..];
    if tokens.len() > TOKENS_MAX {
        return Err(format!("a tag must not have more than {TOKENS_MAX} names, operators and constants"));
    }
    if tag.is_statement {
        check_statement(tokens)?;
    }
    let targets = match tokens {
        [first, ..] if tag.is_statement && first.is_name("for") => {
            tokens.iter().position(|token| token.is_name("in")).unwrap_or(0)
        }
        _ => 0,
    };
    let mut open: Vec<Bracket> = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        if open.contains(&Bracket::Literal) {
            check_constant(token)?;
        }
        match (token.kind, token.text) {
            (Kind::Name, _) => check_name(tokens, index)?,
            (Kind::Mark, "(") => open.push(parenthesis(tokens, index)?),
            (Kind::Mark, "[") => open.push(match index.checked_sub(1) {
                Some(before) if subscripts(tokens, before) => Bracket::Subscript,
                _ => Bracket::Literal,
            }),
            (Kind::Mark, "{") => open.push(Bracket::Literal),
            (Kind::Mark, ")" | "]" | "}") => drop(open.pop()),
            (Kind::Mark, ",") => {
                let listed = matches!(open.last(), Some(Bracket::Arguments | Bracket::Literal));
                if !listed && index >= targets {
                    return Err("a list is written in brackets, `[1, 2]`".into());
                }
            }
            (Kind::Mark, ":") => match open.last_mut() {
                Some(Bracket::Slice) => return Err("a slice has no step, only `[first:end]`".into()),
                Some(subscript @ Bracket::Subscript) => *subscript = Bracket::Slice,
                _ => {}
            },
            (Kind::Mark, "+") => check_plus(tokens, index)?,
            (Kind::Mark, mark @ ("~" | "*" | "**")) => {
                return Err(format!("the operator `{mark}` is not available"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_statement(tokens: &[Token<'_>]) -> Result<(), String> {
    match tokens.first() {
        Some(first) if first.kind == Kind::Name && !STATEMENTS.contains(&first.text) => {
            Err(format!("`{{% {} %}}` is not available, only `if`, `for` and `raw` are", first.text))
        }
        _ => Ok(()),
    }
}

/// A filter and a test must be known.
fn check_name(tokens: &[Token<'_>], index: usize) -> Result<(), String> {
    let (sort, known) = if is_filter(tokens, index) {
        ("filter", FILTERS)
    } else if is_test(tokens, index) {
        ("test", TESTS)
    } else {
        return Ok(());
    };
    let name = tokens[index].text;
    // `x|a.b` is one filter with a dotted name.
    if known.contains(&name) && !tokens.get(index + 1).is_some_and(|next| next.is(".")) {
        Ok(())
    } else {
        Err(format!("there is no {sort} `{name}`, only {}", known.join(", ")))
    }
}

fn is_filter(tokens: &[Token<'_>], index: usize) -> bool {
    index > 0 && tokens[index - 1].is("|")
}

fn is_test(tokens: &[Token<'_>], index: usize) -> bool {
    let keyword = |back: usize, name: &str| {
        index >= back && tokens[index - back].is_name(name) && scan::is_keyword(tokens, index - back)
    };
    let negates = tokens[index].is_name("not");
    !negates && (keyword(1, "is") || (keyword(1, "not") && keyword(2, "is")))
}

fn subscripts(tokens: &[Token<'_>], before: usize) -> bool {
    scan::ends_value(tokens, before) && !is_test(tokens, before)
}

/// Called are filters, tests, `range` and `loop.cycle`.
fn parenthesis(tokens: &[Token<'_>], index: usize) -> Result<Bracket, String> {
    let Some(before) = index.checked_sub(1) else { return Ok(Bracket::Group) };
    if is_filter(tokens, before) || is_test(tokens, before) {
        return Ok(Bracket::Arguments);
    }
    if !scan::ends_value(tokens, before) {
        return Ok(Bracket::Group);
    }
    let attribute = before > 0 && tokens[before - 1].is(".");
    let ranges = tokens[before].is_name("range") && !attribute;
    let cycles = attribute
        && tokens[before].is_name("cycle")
        && before > 1
        && tokens[before - 2].is_name("loop")
        && !(before > 2 && tokens[before - 3].is("."));
    if !ranges && !cycles {
        return Err(match tokens[before].kind {
            Kind::Name => format!("there is no function `{}`, only range", tokens[before].text),
            _ => "only `range` can be called".into(),
        });
    }
    match tokens.get(index + 1..index + 3) {
        Some([end, close]) if ranges && close.is(")") && too_long(end) => {
            Err(format!("`range` gives at most {RANGE_MAX} numbers"))
        }
        _ => Ok(Bracket::Arguments),
    }
}

fn too_long(end: &Token<'_>) -> bool {
    let all_digits = end.kind == Kind::Number && end.text.bytes().all(|b| b.is_ascii_digit());
    all_digits && end.text.parse::<usize>().map_or(true, |end| end > RANGE_MAX)
}

fn check_constant(token: &Token<'_>) -> Result<(), String> {
    let constant = match token.kind {
        Kind::Number | Kind::Text => true,
        Kind::Name => matches!(token.text, "true" | "True" | "false" | "False" | "none" | "None"),
        Kind::Mark => matches!(token.text, "," | ":" | "-" | "[" | "]" | "{" | "}"),
    };
    if constant {
        Ok(())
    } else {
        Err("a list or an object in a template holds texts and numbers only".into())
    }
}

/// `+` would also join texts and lists; with a number on one side it adds, or fails.
fn check_plus(tokens: &[Token<'_>], index: usize) -> Result<(), String> {
    let filtered = |at: usize| is_filter(tokens, at) && NUMERIC.contains(&tokens[at].text);
    let before = index.checked_sub(1).is_some_and(|at| {
        let plain = tokens[at].kind == Kind::Number && !(at > 0 && tokens[at - 1].is("."));
        plain || filtered(at)
    });
    let after = tokens.get(index + 1).is_some_and(|next| next.kind == Kind::Number)
        && !tokens.get(index + 2).is_some_and(|next| ["|", ".", "[", "("].iter().any(|mark| next.is(mark)));
    if before || after {
        Ok(())
    } else {
        Err("`+` adds numbers only: put a number or `|int` or `|float` before it".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_letters_are_made_of_is_allowed() {
        for good in [
            "{% if a %}{% elif not (b and c) %}{% else %}{% endif %}",
            "{% for k, v in m %}{{ loop.index + 1 }}{{ loop.cycle('a', 'b') }}{% else %}{% endfor %}",
            "{% for x in ['a', -1, true] %}{% endfor %}{% for i in range(1, 5) %}{% endfor %}",
            "{{ a|default('x')|upper }}{{ a|round(2) - b // 2 % 3 / 1 }}{{ a|int + b|int + c }}",
            "{% if a is defined and b is not none and c is in ['x'] %}{% endif %}{{ a[1:] }}{{ a.b[0].c }}",
            "{% raw %}{% set x = y ~ z %}{% endraw %}{# {% set x %} #} a ~ b * c",
            "{{ 'a ~ b' }}{{ {'a': {'b': 1}} }}{{ a.is }}{{ a.set }}",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_could_grow_or_reach_out_is_named() {
        let long = format!("{{{{ [{}] }}}}", "1,".repeat(200));
        for (bad, named) in [
            ("{% set a = b %}", "set"),
            ("{% include 'x' %}", "include"),
            ("{% import 'x' as y %}", "import"),
            ("{% from 'x' import y %}", "from"),
            ("{% extends 'x' %}", "extends"),
            ("{% block x %}{% endblock %}", "block"),
            ("{% macro x() %}{% endmacro %}", "macro"),
            ("{% call x() %}{% endcall %}", "call"),
            ("{% with a = b %}{% endwith %}", "with"),
            ("{% filter upper %}{% endfilter %}", "filter"),
            ("{% autoescape false %}{% endautoescape %}", "autoescape"),
            ("{% do x() %}", "do"),
            ("{{ a ~ b }}", "`~`"),
            ("{{ a * b }}", "`*`"),
            ("{{ a ** b }}", "`**`"),
            ("{{ a|join(*b) }}", "`*`"),
            ("{{ a + b }}", "`+`"),
            ("{{ a + 1|default(b) }}", "`+`"),
            ("{{ x.1 + b }}", "`+`"),
            ("{{ a|int(b) + c }}", "`+`"),
            ("{{ a|nosuch }}", "filter `nosuch`"),
            ("{{ a|safe }}", "filter `safe`"),
            ("{{ a|upper.x }}", "filter `upper`"),
            ("{{ a|replace('a', b) }}", "filter `replace`"),
            ("{{ a is nosuch }}", "test `nosuch`"),
            ("{{ a is not nosuch }}", "test `nosuch`"),
            ("{{ debug() }}", "function `debug`"),
            ("{{ a.b() }}", "function `b`"),
            ("{{ x.loop.cycle(1) }}", "function `cycle`"),
            ("{{ (a)(b) }}", "only `range`"),
            ("{% for i in range(1001) %}", "at most 1000"),
            ("{% for x in [a, a] %}", "texts and numbers only"),
            ("{{ x is eq [a] }}", "texts and numbers only"),
            ("{{ {'a': b} }}", "texts and numbers only"),
            ("{% for x in (a, a) %}", "in brackets"),
            ("{{ a, b }}", "in brackets"),
            ("{{ a[::-1] }}", "no step"),
            (&long, "200"),
        ] {
            let fault = check(&format!("x\n{bad}")).unwrap_err();
            assert!(fault.contains(named) && fault.starts_with("line 2: "), "{bad}: {fault}");
        }
    }
}
