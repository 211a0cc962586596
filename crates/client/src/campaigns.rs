//! Campaigns.

use std::collections::BTreeMap;

use angaros_domain::{Status, Timestamp};
use serde::Deserialize;

use crate::client::Client;
use crate::error::Result;
use crate::page::Page;
use crate::request::{Request, encoded};

/// A campaign, and how often each event happened in it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Campaign {
    /// Its id.
    pub campaign_id: String,
    /// How many events there are of each name.
    pub counts: BTreeMap<String, u64>,
    /// When the first of them happened.
    pub first_event_at: Timestamp,
    /// When the last of them happened.
    pub last_event_at: Timestamp,
}

/// Everything that is counted of a campaign.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct CampaignSummary {
    /// Its id.
    pub campaign_id: String,
    /// How many events there are of each name.
    pub counts: BTreeMap<String, u64>,
    /// How many different recipients each had: exact.
    pub unique_recipients: BTreeMap<String, u64>,
    /// Shares of recipients, by name.
    pub rates: BTreeMap<String, Rate>,
    /// When the first of its events happened.
    pub first_event_at: Option<Timestamp>,
    /// When the last of them happened.
    pub last_event_at: Option<Timestamp>,
    /// How many of its notifications stand in each status.
    pub notifications: BTreeMap<Status, u64>,
}

/// A share of recipients, and what it was made from.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Rate {
    /// Recipients that are a part.
    pub numerator: u64,
    /// Recipients that they are a part of.
    pub denominator: u64,
    /// The one divided by the other; `None` of nothing.
    pub value: Option<f64>,
    /// How it is made, in words.
    pub formula: String,
}

impl Client {
    /// A page of campaigns, the one with the latest event first.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn campaigns(&self, cursor: Option<&str>) -> Result<Page<Campaign>> {
        self.call(Request::get("/campaigns").maybe("cursor", cursor)).await
    }

    /// Everything that is counted of a campaign; of one that nobody knows it is nothing.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn campaign(&self, id: &str) -> Result<CampaignSummary> {
        self.call(Request::get(format!("/campaigns/{}/summary", encoded(id)))).await
    }
}
