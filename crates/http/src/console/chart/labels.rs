//! Which of many labels along an axis are shown, so that none runs into another.

/// About how wide a character is, in pixels, and how much room a label leaves to the next one.
const CHARACTER_PIXELS: usize = 7;
const GAP_PIXELS: usize = 12;

/// How wide a drawing is at least: on a screen of 380 pixels, and on one that the style sheet takes for a wide one.
const NARROW_PIXELS: usize = 270;
const WIDE_PIXELS: usize = 620;

/// On which screens a label is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// On all.
    Always,
    /// On wide ones.
    Wide,
    /// On none.
    Never,
}

/// Where each of some labels is shown that stand at equal distances, each in the middle of its place.
pub(super) fn shown(labels: &[impl AsRef<str>]) -> Vec<Shown> {
    let longest = labels.iter().map(|label| label.as_ref().chars().count()).max().unwrap_or(0);
    let room = longest * CHARACTER_PIXELS + GAP_PIXELS;
    // Every so many places have room for one.
    let step = |pixels: usize| (room * labels.len()).div_ceil(pixels).max(1);
    let wide = step(WIDE_PIXELS);
    // A multiple, so that the wide ones are the narrow ones and others between them.
    let narrow = step(NARROW_PIXELS).next_multiple_of(wide);
    let is_cut = |index: usize, pixels: usize| {
        // What stands to the right of the last label's middle, doubled.
        let right = (2 * (labels.len() - index) - 1) * pixels / labels.len();
        right + GAP_PIXELS < longest * CHARACTER_PIXELS
    };
    (0..labels.len())
        .map(|index| match index {
            _ if index.is_multiple_of(narrow) && !is_cut(index, NARROW_PIXELS) => Shown::Always,
            _ if index.is_multiple_of(wide) && !is_cut(index, WIDE_PIXELS) => Shown::Wide,
            _ => Shown::Never,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holds that labels which are shown do not touch, on a drawing so wide.
    fn hold_apart(
        labels: &[String],
        shown: &[Shown],
        pixels: usize,
        is_shown: impl Fn(Shown) -> bool,
    ) -> usize {
        let places: Vec<(usize, usize)> = labels
            .iter()
            .zip(shown)
            .enumerate()
            .filter(|(_, (_, shown))| is_shown(**shown))
            .map(|(index, (label, _))| {
                let middle = (2 * index + 1) * pixels / (2 * labels.len());
                (middle, label.chars().count() * CHARACTER_PIXELS)
            })
            .collect();
        for pair in places.windows(2) {
            let [(a, a_wide), (b, b_wide)] = pair else { unreachable!("windows of two") };
            assert!(a + a_wide / 2 < b - b_wide / 2, "{} labels on {pixels} pixels: {pair:?}", labels.len());
        }
        if let Some((middle, wide)) = places.last() {
            assert!(middle + wide / 2 <= pixels + GAP_PIXELS, "{} labels on {pixels} pixels", labels.len());
        }
        places.len()
    }

    #[test]
    fn labels_never_touch_and_there_are_always_some() {
        for count in 1..=400 {
            for text in ["1", "14:00", "21 Nov", "Nov 2026"] {
                let labels = vec![text.to_owned(); count];
                let shown = shown(&labels);
                let narrow = hold_apart(&labels, &shown, NARROW_PIXELS, |shown| shown == Shown::Always);
                let wide = hold_apart(&labels, &shown, WIDE_PIXELS, |shown| shown != Shown::Never);
                assert!(narrow >= 1 && wide >= narrow, "{count} times {text}: {narrow} and {wide}");
            }
        }
        assert_eq!(shown(&[] as &[&str]), []);
    }
}
