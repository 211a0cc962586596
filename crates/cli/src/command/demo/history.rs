//! What happened before the demo began: two campaigns that another system sent, and reported of.

use angaros_domain::Timestamp;
use rand::RngExt as _;

use super::super::fiction::{Person, dice};
use super::campaign::Campaign;
use super::reactions;
use super::report::{Message, Report};

/// How long it took people to open a message, in seconds on average: seven hours.
const PACE_SECONDS: f64 = 7.0 * 3_600.0;
/// How long it took to send a campaign, in seconds.
const SENDING_SECONDS: f64 = 5_400.0;
const DAY_SECONDS: i64 = 86_400;
const NIGHT_SECONDS: i64 = 6 * 3_600;

/// Everything that was reported until `now` of a campaign with so many messages, in the order in which it happened.
pub(super) fn of(campaign: &Campaign, messages: u64, seed: u64, now: Timestamp) -> Vec<Report> {
    let launch = now.plus_seconds(-campaign.days_ago * DAY_SECONDS);
    let mut reports: Vec<Report> = (0..messages)
        .flat_map(|number| {
            let share = number as f64 / messages.max(1) as f64;
            message(campaign, number, seed, after(launch, share * SENDING_SECONDS))
        })
        .filter(|report| report.occurred_at <= now)
        .collect();
    reports.sort_by_key(|report| report.occurred_at);
    reports
}

/// What was reported of one message.
fn message(campaign: &Campaign, number: u64, seed: u64, sent_at: Timestamp) -> Vec<Report> {
    let person = Person::of(seed, number);
    let id = format!("{}-{}-{number}", campaign.id, sent_at.as_seconds() / DAY_SECONDS);
    let mut random = dice(seed, &id);
    let message = Message {
        id,
        provider: campaign.provider.into(),
        recipient_id: person.recipient_id,
        campaign_id: Some(campaign.id.into()),
        channel: campaign.channel.to_string(),
    };
    let mut reports = vec![message.report(0, "sent", sent_at)];
    let delivered_at = after(sent_at, random.random_range(1.0..20.0));
    if random.random_bool(0.021) {
        reports.push(message.report(1, "bounced", delivered_at));
        return reports;
    }
    reports.push(message.report(1, "delivered", delivered_at));
    let follows = reactions::to_delivery(&mut random, campaign.is_email(), PACE_SECONDS);
    let Some(first) = follows.first() else { return reports };
    let slept_seconds = sleep_seconds(after(delivered_at, first.after_seconds));
    reports.extend(follows.iter().enumerate().map(|(index, reaction)| {
        let at = after(delivered_at, reaction.after_seconds).plus_seconds(slept_seconds);
        message.report(index + 2, reaction.event_name, at)
    }));
    reports
}

fn after(at: Timestamp, seconds: f64) -> Timestamp {
    at.plus_millis((seconds * 1_000.0) as i64)
}

/// People sleep: what would begin between midnight and six in the morning (UTC) begins so much later.
fn sleep_seconds(at: Timestamp) -> i64 {
    let second_of_day = at.as_seconds().rem_euclid(DAY_SECONDS);
    if second_of_day < NIGHT_SECONDS { NIGHT_SECONDS } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::campaign::CAMPAIGNS;
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_770_000_000_000);

    #[test]
    fn it_lies_in_the_past_spans_days_and_adds_up() {
        for campaign in &CAMPAIGNS {
            let reports = of(campaign, 800, 1, NOW);
            assert!(reports.is_sorted_by_key(|report| report.occurred_at));
            assert!(reports.last().unwrap().occurred_at <= NOW);
            let days: BTreeSet<i64> =
                reports.iter().map(|report| report.occurred_at.as_seconds() / DAY_SECONDS).collect();
            assert!(days.len() >= 2, "{days:?}");
            let mut counts = BTreeMap::new();
            for report in &reports {
                *counts.entry(report.event_name).or_insert(0) += 1;
            }
            assert_eq!(counts["sent"], 800);
            assert!(counts["sent"] >= counts["delivered"] && counts["delivered"] >= counts["opened"]);
            assert!(counts["opened"] >= counts["clicked"], "{counts:?}");
        }
    }

    #[test]
    fn the_seed_decides_and_every_event_has_an_id_of_its_own() {
        let reports = of(&CAMPAIGNS[0], 300, 1, NOW);
        assert_eq!(reports, of(&CAMPAIGNS[0], 300, 1, NOW));
        assert_ne!(reports, of(&CAMPAIGNS[0], 300, 2, NOW));
        let ids: BTreeSet<&str> = reports.iter().map(|report| report.event_id.as_str()).collect();
        assert_eq!(ids.len(), reports.len());
    }
}
