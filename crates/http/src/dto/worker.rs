//! The worker.

use std::collections::BTreeMap;

use angaros_domain::{Channel, Timestamp, WorkerId};
use angaros_service::Pauses;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schema::ChannelName;
use crate::extract::Name;

/// Which channels to start or stop.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkerRequest {
    /// Only this one. Default: all of them.
    #[schema(value_type = Option<ChannelName>)]
    channel: Option<Name<Channel>>,
}

impl WorkerRequest {
    /// The channels that are meant.
    pub(crate) fn channels(&self) -> Vec<Channel> {
        self.channel.as_ref().map_or_else(|| Channel::ALL.to_vec(), |Name(channel)| vec![*channel])
    }
}

/// Which channels send.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Worker)]
pub(crate) struct WorkerBody {
    /// Each channel by its name.
    #[schema(value_type = BTreeMap<String, ChannelState>)]
    channels: BTreeMap<Channel, ChannelState>,
    /// Whether any channel sends.
    running: bool,
    /// The workers that are known to live, each named anew at its start: this process's own, and with Redis all of them.
    workers: Vec<String>,
}

/// Whether a channel sends.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChannelState {
    /// Whether it does.
    running: bool,
    /// Since when it does not.
    #[schema(value_type = Option<String>, format = DateTime)]
    paused_since: Option<Timestamp>,
}

impl WorkerBody {
    /// What is paused, and who is there to send.
    pub(crate) fn new(pauses: &Pauses, workers: Vec<WorkerId>) -> WorkerBody {
        let state = |channel: Channel| {
            let paused_since = pauses.channels.get(&channel).copied();
            (channel, ChannelState { running: paused_since.is_none(), paused_since })
        };
        WorkerBody {
            channels: Channel::ALL.into_iter().map(state).collect(),
            running: Channel::ALL.into_iter().any(|channel| pauses.is_running(channel)),
            workers: workers.into_iter().map(|WorkerId(name)| name).collect(),
        }
    }
}
