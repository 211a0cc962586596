//! What is asked for: the questions that people who look at the data have.

use angaros_domain::Timestamp;
use http::Uri;

use crate::event::Profile;
use crate::random::mix;
use crate::workload::Workload;

impl Workload {
    /// The first page of the activity of so many recipients.
    pub fn recipient_activity(profile: &Profile, samples: u64) -> Workload {
        let recipient = |sample| mix(profile.seed, sample) % profile.recipients.max(1);
        reads(samples, |sample| format!("/api/v1/recipients/user-{}/activity?limit=50", recipient(sample)))
    }

    /// The summaries of campaigns, one after the other.
    pub fn campaign_summary(profile: &Profile, samples: u64) -> Workload {
        reads(samples, |sample| {
            format!("/api/v1/campaigns/campaign-{}/summary", sample % profile.campaigns.max(1))
        })
    }

    /// The number of events a day over the 90 days before a point in time.
    pub fn daily_metrics(to: Timestamp, samples: u64) -> Workload {
        let from = to.plus_seconds(-90 * 86_400);
        reads(samples, |_| format!("/api/v1/events/metrics?from={from}&to={to}&group_by=day"))
    }

    /// The pages of the console that show what was recorded, each so many times: a name and its requests.
    pub fn console_pages(profile: &Profile, samples: u64) -> Vec<(&'static str, Workload)> {
        let campaign = |sample| sample % profile.campaigns.max(1);
        let recipient = |sample| mix(profile.seed, sample) % profile.recipients.max(1);
        let fixed = |path: &'static str| reads(samples, move |_| path.to_owned());
        vec![
            ("overview", fixed("/console")),
            ("notifications", fixed("/console/notifications")),
            ("recipient", reads(samples, |sample| format!("/console/recipients/user-{}", recipient(sample)))),
            ("campaigns", fixed("/console/campaigns")),
            (
                "campaign",
                reads(samples, |sample| format!("/console/campaigns/campaign-{}", campaign(sample))),
            ),
            ("events", fixed("/console/events")),
            ("events-by-day", fixed("/console/events?group_by=day")),
            ("events-by-campaign", fixed("/console/events?group_by=campaign_id")),
            ("dead-letters", fixed("/console/dead-letters")),
        ]
    }
}

fn reads(samples: u64, path: impl Fn(u64) -> String) -> Workload {
    // The paths are made of letters, digits and what may stand in a query.
    Workload::reads((0..samples).filter_map(|sample| Uri::try_from(path(sample)).ok()))
}
