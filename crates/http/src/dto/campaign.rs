//! Campaigns.

use std::collections::BTreeMap;

use angaros_domain::campaign::Rate;
use angaros_domain::{Status, Timestamp};
use angaros_service::{Campaign, CampaignCounts};
use serde::Serialize;
use utoipa::ToSchema;

/// A campaign, and how often each event happened in it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Campaign)]
pub(crate) struct CampaignBody {
    /// Its id.
    #[schema(example = "spring-sale")]
    campaign_id: String,
    /// How many events there are of each name.
    counts: BTreeMap<String, u64>,
    /// When the first of them happened.
    #[schema(value_type = String, format = DateTime)]
    first_event_at: Timestamp,
    /// When the last of them happened.
    #[schema(value_type = String, format = DateTime)]
    last_event_at: Timestamp,
}

impl From<CampaignCounts> for CampaignBody {
    fn from(campaign: CampaignCounts) -> CampaignBody {
        let CampaignCounts { campaign_id, counts, first_event_at, last_event_at } = campaign;
        CampaignBody { campaign_id, counts, first_event_at, last_event_at }
    }
}

/// Everything that is counted of a campaign.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CampaignSummary)]
pub(crate) struct CampaignSummaryBody {
    /// Its id.
    #[schema(example = "spring-sale")]
    campaign_id: String,
    /// How many events there are of each name; who opens twice counts twice.
    counts: BTreeMap<String, u64>,
    /// How many different recipients each event had; who opens twice counts once.
    unique_recipients: BTreeMap<String, u64>,
    /// Shares of recipients, by name.
    #[schema(value_type = BTreeMap<String, CampaignRate>)]
    rates: BTreeMap<&'static str, CampaignRate>,
    /// When the first of its events happened; null if there is none.
    #[schema(value_type = Option<String>, format = DateTime)]
    first_event_at: Option<Timestamp>,
    /// When the last of them happened; null if there is none.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_event_at: Option<Timestamp>,
    /// How many of its notifications stand in each status; statuses without any are left out.
    #[schema(value_type = BTreeMap<String, u64>)]
    notifications: BTreeMap<Status, u64>,
}

impl CampaignSummaryBody {
    /// The summary of the campaign with this id.
    pub(crate) fn new(campaign_id: String, campaign: Campaign) -> CampaignSummaryBody {
        let Campaign { summary, rates } = campaign;
        let times = summary.as_ref().map(|found| &found.campaign);
        let times = times.map(|counted| (counted.first_event_at, counted.last_event_at));
        let summary = summary.unwrap_or_default();
        CampaignSummaryBody {
            campaign_id,
            counts: summary.campaign.counts,
            unique_recipients: summary.unique_recipients,
            rates: rates.into_iter().map(|rate| (rate.rule.name, rate.into())).collect(),
            first_event_at: times.map(|(first, _)| first),
            last_event_at: times.map(|(_, last)| last),
            notifications: summary.notifications,
        }
    }
}

/// A share of recipients, and what it was made from.
#[derive(Debug, Serialize, ToSchema)]
struct CampaignRate {
    /// Recipients that are a part.
    numerator: u64,
    /// Recipients that they are a part of.
    denominator: u64,
    /// The one divided by the other; null if the denominator is 0.
    #[schema(minimum = 0.0)]
    value: Option<f64>,
    /// How it is made, in words.
    #[schema(example = "unique recipients opened / unique recipients delivered")]
    formula: String,
}

impl From<Rate> for CampaignRate {
    fn from(rate: Rate) -> CampaignRate {
        let (value, formula) = (rate.value(), rate.formula());
        CampaignRate { numerator: rate.numerator, denominator: rate.denominator, value, formula }
    }
}
