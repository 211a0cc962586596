//! Guesses what a misspelt key was meant to be.

/// How alike two names must be, 0 to 1, to be taken for a slip of the fingers.
const SIMILARITY_MIN: f64 = 0.7;

/// The known name nearest to `unknown`, if one is near enough.
pub(crate) fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.into_iter().map(|name| (strsim::normalized_damerau_levenshtein(unknown, name), name));
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (best.0 >= SIMILARITY_MIN).then_some(best.1)
}

/// The known key nearest to `unknown`. In a table that exists only the name is compared, or every key of that table
/// would look alike; else the whole key. Failing that, the only key anywhere with the same name.
pub(crate) fn nearest_key<'a>(unknown: &str, known: &'a [String]) -> Option<&'a str> {
    let (table, name) = parts(unknown);
    let all = || known.iter().map(String::as_str);
    let siblings: Vec<&str> = all().filter(|key| parts(key).0 == table).collect();
    let near = if siblings.is_empty() {
        nearest(unknown, all())
    } else {
        let near = nearest(name, siblings.iter().map(|key| parts(key).1));
        near.and_then(|near| siblings.into_iter().find(|key| parts(key).1 == near))
    };
    near.or_else(|| {
        let mut same = all().filter(|key| parts(key).1 == name);
        same.next().filter(|_| same.next().is_none())
    })
}

/// The table and the name of a dotted key.
fn parts(key: &str) -> (&str, &str) {
    key.rsplit_once('.').unwrap_or(("", key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["server.listen", "storage.url", "redis.url", "delivery.lease_seconds"].map(String::from);
        assert_eq!(nearest_key("server.listn", &known), Some("server.listen"));
        assert_eq!(nearest_key("sever.listen", &known), Some("server.listen"));
        assert_eq!(nearest_key("listen", &known), Some("server.listen"), "the table was left out");
        assert_eq!(nearest_key("lease_seconds", &known), Some("delivery.lease_seconds"));
        assert_eq!(nearest_key("storage.uri", &known), None, "too short to tell");
        assert_eq!(nearest_key("storage.lisp", &known), None, "its table has no such key");
        assert_eq!(nearest_key("x.url", &known), None, "two keys end so");
        assert_eq!(nearest_key("colour", &known), None);
    }
}
