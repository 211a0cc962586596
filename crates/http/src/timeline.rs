//! Timelines: what a caller may ask of the events of a message or a recipient.

use angaros_service::{PageOf, TimelineFilter};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::dto::schema::TimeInput;
use crate::error::Problem;
use crate::extract::Time;
use crate::pagination::Limit;
use crate::problems;

/// In which order events are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Order {
    /// Earliest first.
    #[default]
    Asc,
    /// Latest first.
    Desc,
}

/// Which events to list. Every condition that is given must hold.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TimelineQuery {
    /// With this name.
    #[param(nullable = false)]
    event_name: Option<String>,
    /// Over this channel.
    #[param(nullable = false)]
    channel: Option<String>,
    /// Happened at or after this: RFC 3339 or epoch seconds.
    #[param(value_type = Option<TimeInput>, nullable = false)]
    from: Option<Time>,
    /// Happened at or before this: RFC 3339 or epoch seconds.
    #[param(value_type = Option<TimeInput>, nullable = false)]
    to: Option<Time>,
    /// Earliest or latest first.
    #[serde(default)]
    #[param(default = "asc")]
    order: Order,
    /// How many at most.
    #[serde(default)]
    #[param(value_type = u32, minimum = 1, maximum = 200, default = 50)]
    limit: Limit,
    /// The `next_cursor` of the page before, with the same filters.
    #[param(nullable = false, min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

impl TimelineQuery {
    /// Which events the service is asked for.
    pub(crate) fn filter(&self) -> Result<TimelineFilter, Problem> {
        let (from, to) = (self.from.map(|Time(at)| at), self.to.map(|Time(at)| at));
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            return Err(Problem::parameter(problems::INVALID_PARAMETER, "from", "must not be later than to"));
        }
        Ok(TimelineFilter {
            event_name: self.event_name.clone(),
            channel: self.channel.clone(),
            from,
            to,
            descending: self.order == Order::Desc,
        })
    }

    /// Which page of them.
    pub(crate) fn page(&self) -> PageOf<'_> {
        self.limit.page(self.cursor.as_deref())
    }
}
