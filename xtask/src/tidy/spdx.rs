//! Evaluates licence expressions (SPDX specification, annex D), and the older form with `/` for OR.

/// Whether a licensee who takes only the licences in `allowed` may use something under `expression`.
///
/// A licence `WITH` an exception counts as the licence alone or under its full name: exceptions only add rights. What
/// does not parse is not allowed.
pub(crate) fn allows(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { tokens: &tokens, allowed };
    reader.alternatives() == Some(true) && reader.tokens.is_empty()
}

struct Reader<'a> {
    tokens: &'a [&'a str],
    allowed: &'a [String],
}

impl<'a> Reader<'a> {
    /// `a OR b`: one of them is enough.
    fn alternatives(&mut self) -> Option<bool> {
        let mut holds = self.conjunction()?;
        while self.take("OR") {
            holds |= self.conjunction()?;
        }
        Some(holds)
    }

    /// `a AND b`: both are needed. Binds tighter than OR.
    fn conjunction(&mut self) -> Option<bool> {
        let mut holds = self.term()?;
        while self.take("AND") {
            holds &= self.term()?;
        }
        Some(holds)
    }

    fn term(&mut self) -> Option<bool> {
        if self.take("(") {
            let holds = self.alternatives()?;
            return self.take(")").then_some(holds);
        }
        let licence = self.next()?;
        if ["OR", "AND", "WITH", ")"].contains(&licence) {
            return None;
        }
        let mut holds = self.allowed.iter().any(|name| name == licence);
        if self.take("WITH") {
            let full = format!("{licence} WITH {}", self.next()?);
            holds |= self.allowed.contains(&full);
        }
        Some(holds)
    }

    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.tokens.first() == Some(&word);
        if found {
            self.tokens = &self.tokens[1..];
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::allows;

    fn allowed(expression: &str) -> bool {
        allows(expression, &["MIT".into(), "Apache-2.0".into(), "ISC".into()])
    }

    #[test]
    fn one_of_several_is_enough_and_all_of_several_are_needed() {
        for good in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0/MIT",
            "MIT AND ISC",
            "(MIT OR GPL-3.0) AND Apache-2.0",
            "GPL-3.0 OR MIT AND ISC",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(allowed(good), "{good}");
        }
        for bad in
            ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC) AND GPL-3.0", "GPL-2.0 WITH Classpath-exception-2.0"]
        {
            assert!(!allowed(bad), "{bad}");
        }
    }

    #[test]
    fn what_does_not_parse_is_not_allowed() {
        for bad in ["", "MIT OR", "OR MIT", "(MIT", "MIT)", "MIT ISC", "MIT WITH"] {
            assert!(!allowed(bad), "{bad}");
        }
    }
}
