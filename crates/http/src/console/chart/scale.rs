//! Scales: which values an axis names, how they are written, and how high that is.

/// Steps between the values of an axis, without their zeros: those that people count in.
const STEPS: [u128; 3] = [1, 2, 5];

/// How many steps an axis has at most.
const STEPS_MAX: u128 = 4;

/// The heights of a drawing are thousandths of it.
pub(super) const HEIGHT: u64 = 1_000;

/// What is not nothing is drawn at least so high.
const HEIGHT_MIN: u64 = 8;

/// An axis that begins at zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scale {
    step: u128,
    steps: u128,
}

impl Scale {
    /// An axis that reaches at least as far as `max`, and at least to 1.
    pub(super) fn up_to(max: u64) -> Scale {
        let max = u128::from(max.max(1));
        let mut unit = 1;
        let step = loop {
            let fits = STEPS.iter().map(|step| step * unit).find(|step| step * STEPS_MAX >= max);
            match fits {
                Some(step) => break step,
                None => unit *= 10,
            }
        };
        Scale { step, steps: max.div_ceil(step) }
    }

    /// The values that it names, from zero on.
    pub(super) fn ticks(&self) -> impl Iterator<Item = u128> + '_ {
        (0..=self.steps).map(|number| number * self.step)
    }

    /// How high a value stands, in thousandths of the axis.
    pub(super) fn height(&self, value: u128) -> u64 {
        let end = self.step * self.steps;
        // What is beyond the end is at it, so the quotient is small.
        let height = (value.min(end) * u128::from(HEIGHT) / end) as u64;
        if value > 0 { height.max(HEIGHT_MIN) } else { 0 }
    }
}

/// A count in few characters: `950`, `1.2k`, `34M`. Exact where it is short enough.
pub(super) fn short(value: u128) -> String {
    const UNITS: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
    let mut power = 0;
    let mut divisor: u128 = 1;
    while value / divisor >= 1_000 && power + 1 < UNITS.len() {
        divisor *= 1_000;
        power += 1;
    }
    let (whole, tenth) = (value / divisor, value % divisor * 10 / divisor);
    let unit = UNITS[power];
    if tenth > 0 && whole < 100 { format!("{whole}.{tenth}{unit}") } else { format!("{whole}{unit}") }
}

/// A part of a whole in percent: `12.5%`. Nothing of nothing is nothing.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let tenths = if whole == 0 { 0 } else { u128::from(part) * 1_000 / u128::from(whole) };
    match tenths % 10 {
        0 => format!("{}%", tenths / 10),
        tenth => format!("{}.{tenth}%", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(max: u64) -> Vec<u128> {
        Scale::up_to(max).ticks().collect()
    }

    #[test]
    fn an_axis_names_few_round_values_and_reaches_the_largest() {
        assert_eq!(ticks(0), [0, 1]);
        assert_eq!(ticks(1), [0, 1]);
        assert_eq!(ticks(3), [0, 1, 2, 3]);
        assert_eq!(ticks(5), [0, 2, 4, 6]);
        assert_eq!(ticks(9), [0, 5, 10]);
        assert_eq!(ticks(100), [0, 50, 100]);
        assert_eq!(ticks(101), [0, 50, 100, 150]);
        assert_eq!(ticks(74_321), [0, 20_000, 40_000, 60_000, 80_000]);
        for max in (0..2_000).chain([u64::MAX / 3, u64::MAX - 1, u64::MAX]) {
            let ticks = ticks(max);
            assert!((2..=5).contains(&ticks.len()), "{max}: {ticks:?}");
            assert!(*ticks.last().unwrap() >= u128::from(max), "{max}: {ticks:?}");
        }
    }

    #[test]
    fn heights_are_shares_of_the_axis_and_nothing_is_lost_from_sight() {
        let scale = Scale::up_to(100);
        assert_eq!([0, 1, 50, 100, 900].map(|value| scale.height(value)), [0, 10, 500, 1_000, 1_000]);
        let scale = Scale::up_to(u64::MAX);
        assert_eq!(scale.height(1), HEIGHT_MIN, "one of very many is still seen");
        assert!(scale.height(u128::from(u64::MAX)) > 900);
    }

    #[test]
    fn counts_are_short() {
        for (value, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1k"),
            (1_250, "1.2k"),
            (150_000, "150k"),
            (150_900, "150k"),
            (2_000_000, "2M"),
            (u128::from(u64::MAX), "18.4E"),
        ] {
            assert_eq!(short(value), text, "{value}");
        }
    }

    #[test]
    fn shares_are_in_percent_with_a_tenth_if_there_is_one() {
        for (part, whole, text) in
            [(0, 0, "0%"), (0, 7, "0%"), (1, 8, "12.5%"), (1, 3, "33.3%"), (7, 7, "100%"), (3, 2, "150%")]
        {
            assert_eq!(percent(part, whole), text, "{part} of {whole}");
        }
        assert_eq!(percent(u64::MAX, u64::MAX), "100%");
    }
}
