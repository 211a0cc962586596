//! What people do with a message, and what the networks in between report.

use rand::{Rng, RngExt as _};

/// Something that follows from a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reaction {
    /// So many seconds after the message.
    pub(super) after_seconds: f64,
    /// What is reported.
    pub(super) event_name: &'static str,
}

impl Reaction {
    fn new(after_seconds: f64, event_name: &'static str) -> Reaction {
        Reaction { after_seconds, event_name }
    }
}

/// What a buyer's purchase is called. The shop reports it, not whoever carries messages.
pub(super) const PURCHASE: &str = "purchase";

/// What follows once an e-mail or push message has arrived: nothing, mostly. `pace_seconds` is how long it takes people on
/// average to open it.
///
/// Nobody clicks who did not open, and each is opened twice at most, so that opens stay below deliveries.
pub(super) fn to_delivery(random: &mut impl Rng, is_email: bool, pace_seconds: f64) -> Vec<Reaction> {
    let mut follows = Vec::new();
    let (opens, clicks) = if is_email { (0.42, 0.24) } else { (0.28, 0.35) };
    // Some mail servers take a message first and find out then that there is nobody.
    if is_email && random.random_bool(0.012) {
        return vec![Reaction::new(random.random_range(2.0..8.0), "bounced")];
    }
    if !random.random_bool(opens) {
        return follows;
    }
    let opened = 2.0 + waiting(random, pace_seconds);
    follows.push(Reaction::new(opened, "opened"));
    if random.random_bool(0.12) {
        follows.push(Reaction::new(opened + 5.0 + waiting(random, pace_seconds), "opened"));
    }
    if random.random_bool(clicks) {
        let clicked = opened + random.random_range(3.0..40.0);
        follows.push(Reaction::new(clicked, "clicked"));
        if random.random_bool(0.3) {
            follows.push(Reaction::new(clicked + random.random_range(20.0..200.0), PURCHASE));
        }
    } else if is_email && random.random_bool(0.015) {
        follows.push(Reaction::new(opened + random.random_range(3.0..20.0), "unsubscribed"));
    } else if is_email && random.random_bool(0.004) {
        follows.push(Reaction::new(opened + random.random_range(3.0..20.0), "complained"));
    }
    follows
}

/// What the network says of an SMS that a gateway took.
pub(super) fn receipt(random: &mut impl Rng) -> Reaction {
    let event_name = if random.random_bool(0.97) { "delivered" } else { "failed" };
    Reaction::new(random.random_range(1.0..6.0), event_name)
}

/// How long something takes that may happen at any moment, but not for ever: exponential, at most ten times the mean.
fn waiting(random: &mut impl Rng, mean_seconds: f64) -> f64 {
    let share: f64 = random.random();
    (-(1.0 - share).ln() * mean_seconds).min(10.0 * mean_seconds)
}

#[cfg(test)]
mod tests {
    use super::super::super::fiction::dice;
    use super::*;

    #[test]
    fn nobody_clicks_before_opening_and_opens_stay_below_deliveries() {
        let mut random = dice(1, "reactions");
        let mut count = |is_email| {
            let mut counts = std::collections::BTreeMap::new();
            for _ in 0..5_000 {
                let follows = to_delivery(&mut random, is_email, 60.0);
                assert!(follows.iter().all(|reaction| (2.0..2_000.0).contains(&reaction.after_seconds)));
                let first = |name| follows.iter().find(|reaction| reaction.event_name == name);
                if let Some(clicked) = first("clicked") {
                    assert!(
                        first("opened").is_some_and(|opened| opened.after_seconds < clicked.after_seconds)
                    );
                }
                for reaction in &follows {
                    *counts.entry(reaction.event_name).or_insert(0) += 1;
                }
            }
            counts
        };
        let mail = count(true);
        assert!(
            mail["opened"] < 3_000 && mail["clicked"] < mail["opened"] && mail["bounced"] > 10,
            "{mail:?}"
        );
        let push = count(false);
        assert!(push["opened"] < 3_000 && !push.contains_key("bounced"), "{push:?}");
    }
}
