//! Campaigns: what the counts of their events say.

use std::collections::BTreeMap;

/// A share of recipients, as people compare campaigns by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateRule {
    /// What it is called.
    pub name: &'static str,
    /// The event whose recipients are counted.
    pub numerator: &'static str,
    /// The event of whose recipients they are a share.
    pub denominator: &'static str,
}

/// The rates of a campaign. All of them compare unique recipients: who opens twice is one who opened.
pub const RATES: [RateRule; 7] = [
    rate("delivery_rate", "delivered", "sent"),
    rate("bounce_rate", "bounced", "sent"),
    rate("open_rate", "opened", "delivered"),
    rate("click_rate", "clicked", "delivered"),
    rate("click_to_open_rate", "clicked", "opened"),
    rate("unsubscribe_rate", "unsubscribed", "delivered"),
    rate("complaint_rate", "complained", "delivered"),
];

const fn rate(name: &'static str, numerator: &'static str, denominator: &'static str) -> RateRule {
    RateRule { name, numerator, denominator }
}

/// A rate of a campaign, with what it was made from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Which.
    pub rule: RateRule,
    /// Unique recipients of the numerator's event.
    pub numerator: u64,
    /// Unique recipients of the denominator's event.
    pub denominator: u64,
}

impl Rate {
    /// Every rate, from unique recipients by event name.
    pub fn all(unique_recipients: &BTreeMap<String, u64>) -> Vec<Rate> {
        let of = |name: &str| unique_recipients.get(name).copied().unwrap_or(0);
        RATES
            .map(|rule| Rate { rule, numerator: of(rule.numerator), denominator: of(rule.denominator) })
            .to_vec()
    }

    /// The share; none of nothing.
    pub fn value(&self) -> Option<f64> {
        (self.denominator > 0).then(|| self.numerator as f64 / self.denominator as f64)
    }

    /// How it is made, in words.
    pub fn formula(&self) -> String {
        format!("unique recipients {} / unique recipients {}", self.rule.numerator, self.rule.denominator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_share_of_recipients_and_none_of_nothing() {
        let uniques =
            BTreeMap::from([("sent".to_owned(), 8), ("delivered".to_owned(), 4), ("opened".to_owned(), 3)]);
        let rates = Rate::all(&uniques);
        let value = |name: &str| rates.iter().find(|rate| rate.rule.name == name).unwrap().value();
        assert_eq!(value("delivery_rate"), Some(0.5));
        assert_eq!(value("open_rate"), Some(0.75));
        assert_eq!(value("click_rate"), Some(0.0));
        assert_eq!(Rate::all(&BTreeMap::new())[0].value(), None);
        assert_eq!(rates[0].formula(), "unique recipients delivered / unique recipients sent");
    }
}
