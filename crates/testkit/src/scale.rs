//! How large a proof is: small in the suite, so that it runs everywhere, and as large as it was meant on request.

/// Names the variable that asks for the long version of every proof that has one.
pub const LONG_VARIABLE: &str = "ANGAROS_TEST_LONG";

/// Whether the long version was asked for.
pub fn is_long() -> bool {
    std::env::var_os(LONG_VARIABLE).is_some_and(|value| !value.is_empty())
}

/// One of two sizes.
pub fn scaled<T>(short: T, long: T) -> T {
    if is_long() { long } else { short }
}

/// Names the number of rounds of a long run, where a proof consists of rounds.
pub const ROUNDS_VARIABLE: &str = "ANGAROS_TEST_ROUNDS";

/// How many rounds there are: those of an ordinary run, unless others were asked for.
///
/// # Panics
/// If what was asked for is no number.
pub fn rounds(usual: usize) -> usize {
    std::env::var(ROUNDS_VARIABLE).map_or(usual, |rounds| rounds.parse().unwrap())
}
