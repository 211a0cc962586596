//! How a text is cut into SMS segments (3GPP TS 23.038: the GSM 7-bit default alphabet and its extension, else UCS-2).

/// The basic character set of GSM 03.38, without the escape to the extension table.
const GSM_BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// The extension table: each of these takes two septets.
const GSM_EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// How many segments carriers charge for `content`: GSM-7 at 160 septets (153 when split), UCS-2 at 70 units (67).
///
/// A two-septet character or a surrogate pair is never split over two segments.
pub fn segments(content: &str) -> u32 {
    match content.chars().map(septets).collect::<Option<Vec<usize>>>() {
        Some(widths) => count(&widths, 160, 153),
        None => count(&content.chars().map(char::len_utf16).collect::<Vec<_>>(), 70, 67),
    }
}

fn septets(c: char) -> Option<usize> {
    if GSM_BASIC.contains(c) {
        Some(1)
    } else if GSM_EXTENSION.contains(c) {
        Some(2)
    } else {
        None
    }
}

fn count(widths: &[usize], single: usize, part: usize) -> u32 {
    if widths.iter().sum::<usize>() <= single {
        return 1;
    }
    let (mut parts, mut used) = (1, 0);
    for width in widths {
        if used + width > part {
            parts += 1;
            used = 0;
        }
        used += width;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::segments;

    #[test]
    fn gsm7_holds_160_then_153_a_part() {
        assert_eq!(segments("a"), 1);
        assert_eq!(segments(&"a".repeat(160)), 1);
        assert_eq!(segments(&"a".repeat(161)), 2);
        assert_eq!(segments(&"a".repeat(306)), 2);
        assert_eq!(segments(&"a".repeat(307)), 3);
    }

    #[test]
    fn extension_characters_take_two_and_are_not_split() {
        assert_eq!(segments(&"€".repeat(80)), 1);
        assert_eq!(segments(&"€".repeat(81)), 2);
        // 153 septets a part hold 76 of them: one septet of each part stays empty.
        assert_eq!(segments(&"€".repeat(152)), 2);
        assert_eq!(segments(&"€".repeat(153)), 3);
    }

    #[test]
    fn anything_else_is_ucs2_at_70_then_67() {
        assert_eq!(segments(&"я".repeat(70)), 1);
        assert_eq!(segments(&"я".repeat(71)), 2);
        assert_eq!(segments(&"я".repeat(135)), 3);
        // 33 surrogate pairs a part, one unit empty.
        assert_eq!(segments(&"😀".repeat(35)), 1);
        assert_eq!(segments(&"😀".repeat(66)), 2);
        assert_eq!(segments(&"😀".repeat(67)), 3);
    }
}
