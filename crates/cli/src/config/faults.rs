//! Collects what a check of the values finds.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::key::Key;

/// Keys with values that cannot work, and what they must be.
#[derive(Debug, Default)]
pub(crate) struct Faults(pub(crate) Vec<(Key, String)>);

impl Faults {
    /// Something is wrong with the value of `key`.
    pub(crate) fn add(&mut self, key: &str, detail: impl Into<String>) {
        self.0.push((Key::dotted(key), detail.into()));
    }

    /// `value` must lie in `bounds`. A number that is not one (NaN) lies nowhere.
    pub(crate) fn within<T: PartialOrd + Display + Copy>(
        &mut self,
        key: &str,
        value: T,
        bounds: RangeInclusive<T>,
    ) {
        if !bounds.contains(&value) {
            self.add(key, format!("must be {} to {}, not {value}", bounds.start(), bounds.end()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_and_nan_is_nowhere() {
        let mut faults = Faults::default();
        faults.within("a.b", 5, 5..=7);
        faults.within("a.b", 7, 5..=7);
        assert_eq!(faults.0, []);
        faults.within("a.b", 8, 5..=7);
        faults.within("a.c", f64::NAN, 0.0..=1.0);
        let lines: Vec<_> = faults.0.iter().map(|(key, detail)| format!("{key} {detail}")).collect();
        assert_eq!(lines, ["a.b must be 5 to 7, not 8", "a.c must be 0 to 1, not NaN"]);
    }
}
