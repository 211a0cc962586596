//! `/console/dead-letters`: what was given up, and why; sent again one by one or all at once.

use angaros_domain::{Channel, FailureReason, Notification, NotificationId, Status, TenantId, Timestamp};
use angaros_service::{DeadLetterFilter, DeadLetters, NotificationFilter, RedriveFilter, ServiceError};
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::AppState;
use crate::auth::{CanFollow, CanSend};
use crate::console::confirm::Confirm;
use crate::console::field::Field;
use crate::console::filters;
use crate::console::form::Form;
use crate::console::link::Link;
use crate::console::notice::Notice;
use crate::console::page::{done, page};
use crate::console::pager::Pager;
use crate::console::query::{Asked, Named};
use crate::console::shell::{Area, Shell};
use crate::console::viewer::Viewer;
use crate::error::Problem;
use crate::pagination::Limit;

/// The field with the time of the question: what failed after it was not asked about.
const ASKED_AT: &str = "asked_at";

/// Which dead letters.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeadLettersQuery {
    reason: Option<Named<FailureReason>>,
    channel: Option<Named<Channel>>,
    campaign_id: Option<String>,
    cursor: Option<String>,
    /// How many were just sent again.
    redriven: Option<u64>,
}

/// Which dead letters are to be sent again: one, or all that a filter chooses.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryQuery {
    id: Option<Named<NotificationId>>,
    reason: Option<Named<FailureReason>>,
    channel: Option<Named<Channel>>,
    campaign_id: Option<String>,
}

/// A choice of dead letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Choice {
    reason: Option<FailureReason>,
    channel: Option<Channel>,
    campaign_id: Option<String>,
}

impl Choice {
    /// What is asked for.
    fn of(
        reason: Option<Named<FailureReason>>,
        channel: Option<Named<Channel>>,
        campaign_id: Option<String>,
    ) -> Choice {
        let reason = reason.map(|Named(reason)| reason);
        Choice { reason, channel: channel.map(|Named(channel)| channel), campaign_id }
    }

    fn counted(&self) -> DeadLetterFilter {
        DeadLetterFilter {
            channel: self.channel,
            campaign_id: self.campaign_id.clone(),
            failure_reason: self.reason,
        }
    }

    fn listed(&self) -> NotificationFilter {
        NotificationFilter {
            status: Some(Status::Failed),
            channel: self.channel,
            campaign_id: self.campaign_id.clone(),
            failure_reason: self.reason,
            ..NotificationFilter::default()
        }
    }

    fn redriven(&self) -> RedriveFilter {
        RedriveFilter {
            channel: self.channel,
            campaign_id: self.campaign_id.clone(),
            failure_reason: self.reason,
            ..RedriveFilter::default()
        }
    }

    /// A page about these.
    fn link(&self, to: &str) -> Link {
        Link::to(to)
            .with_some("reason", self.reason.map(FailureReason::as_str))
            .with_some("channel", self.channel.map(Channel::as_str))
            .with_some("campaign_id", self.campaign_id.as_ref())
    }

    /// The same as fields of a form.
    fn hidden(&self) -> Vec<(&'static str, String)> {
        let reason = self.reason.map(|reason| ("reason", reason.as_str().to_owned()));
        let channel = self.channel.map(|channel| ("channel", channel.as_str().to_owned()));
        let campaign = self.campaign_id.clone().map(|id| ("campaign_id", id));
        [reason, channel, campaign].into_iter().flatten().collect()
    }

    /// In words: ` over sms in the campaign spring`.
    fn words(&self) -> String {
        let mut words = String::new();
        if let Some(reason) = self.reason {
            words.push_str(&format!(" given up as {}", in_words(&reason)));
        }
        if let Some(channel) = self.channel {
            words.push_str(&format!(" over {channel}"));
        }
        if let Some(id) = &self.campaign_id {
            words.push_str(&format!(" in the campaign {id}"));
        }
        words
    }
}

/// A reason as people say it.
fn in_words(reason: &FailureReason) -> String {
    reason.as_str().replace('_', " ")
}

/// What a reason means.
fn meaning(reason: &FailureReason) -> &'static str {
    match reason {
        FailureReason::Permanent => "The provider refused it for good.",
        FailureReason::RetriesExhausted => "Every attempt failed in a way that might have passed.",
        FailureReason::Expired => "Its time ran out before it could be sent.",
        FailureReason::Suppressed => "The address is on the suppression list.",
        FailureReason::Bounced => "The provider took it, and it came back.",
        FailureReason::Undelivered => "The provider took it, and could not deliver it.",
        FailureReason::WorkerTimeout => "Its worker was lost, and the channel forbids a second send.",
    }
}

/// How many there are of some reasons together.
struct Total {
    count: u64,
    is_at_least: bool,
}

impl Total {
    fn of(groups: &[DeadLetters]) -> Total {
        Total {
            count: groups.iter().map(|group| group.count).sum(),
            is_at_least: groups.iter().any(|group| group.is_at_least),
        }
    }

    /// `3 dead letters`, `at least 10000 dead letters`.
    fn words(&self) -> String {
        let least = if self.is_at_least { "at least " } else { "" };
        let letters = if self.count == 1 && !self.is_at_least { "dead letter" } else { "dead letters" };
        format!("{least}{} {letters}", self.count)
    }
}

#[derive(Template)]
#[template(path = "console/dead_letters.html")]
struct DeadLettersPage {
    shell: Shell,
    redriven: Option<u64>,
    groups: Vec<Group>,
    fields: Vec<Field>,
    has_filter: bool,
    /// Where all that are shown can be sent again.
    redrive_all: Link,
    total: String,
    items: Vec<Notification>,
    pager: Pager,
}

/// The dead letters of one reason.
struct Group {
    letters: DeadLetters,
    link: Link,
}

/// `GET /console/dead-letters`
pub(crate) async fn list(
    State(app): State<AppState>,
    viewer: Viewer<CanFollow>,
    Asked(query): Asked<DeadLettersQuery>,
) -> Result<Response, Problem> {
    let DeadLettersQuery { reason, channel, campaign_id, cursor, redriven } = query;
    let choice = Choice::of(reason, channel, campaign_id);
    // All reasons are shown, whichever is chosen.
    let of_any_reason = Choice { reason: None, ..choice.clone() };
    let groups = app.service.dead_letters(viewer.tenant(), &of_any_reason.counted()).await?;
    let chosen: Vec<DeadLetters> = groups
        .iter()
        .filter(|group| choice.reason.is_none_or(|reason| group.reason == reason))
        .copied()
        .collect();
    let wanted = Limit::default().page(cursor.as_deref());
    let found = app.service.notifications(viewer.tenant(), &choice.listed(), wanted).await?;
    let group = |letters: DeadLetters| {
        let choice = Choice { reason: Some(letters.reason), ..of_any_reason.clone() };
        Group { letters, link: choice.link("dead-letters") }
    };
    let link = choice.link("dead-letters");
    page(&DeadLettersPage {
        shell: viewer.shell(Area::DeadLetters),
        redriven,
        fields: fields(&choice),
        has_filter: choice != Choice::default(),
        redrive_all: choice.link("dead-letters/retry"),
        total: Total::of(&chosen).words(),
        pager: Pager::newest_first(&link, cursor.as_deref(), found.next_cursor.as_deref()),
        items: found.items,
        groups: groups.into_iter().map(group).collect(),
    })
}

fn fields(choice: &Choice) -> Vec<Field> {
    let any = || std::iter::once((String::new(), "any".to_owned()));
    let reasons = FailureReason::ALL.map(|reason| (reason.as_str().to_owned(), in_words(&reason)));
    let channels = Channel::ALL.map(|channel| (channel.as_str().to_owned(), channel.as_str().to_owned()));
    vec![
        Field::choice("reason", "Reason", any().chain(reasons))
            .value(choice.reason.map(FailureReason::as_str)),
        Field::choice("channel", "Channel", any().chain(channels)).value(choice.channel.map(Channel::as_str)),
        Field::line("campaign_id", "Campaign").value(choice.campaign_id.as_ref()),
    ]
}

/// `GET /console/dead-letters/retry`
pub(crate) async fn ask(
    State(app): State<AppState>,
    viewer: Viewer<CanSend>,
    Asked(query): Asked<RetryQuery>,
) -> Result<Response, Problem> {
    let RetryQuery { id, reason, channel, campaign_id } = query;
    let shell = viewer.shell(Area::DeadLetters);
    let action = Link::to("dead-letters").at("retry");
    let fresh = "Each gets all of its attempts again. What fails once more comes back here.".to_owned();
    if let Some(Named(id)) = id {
        let n = app.service.notification(viewer.tenant(), id).await?;
        let why = n.failure_reason.map(|reason| format!(" It was given up as {}.", in_words(&reason)));
        let what = format!("One {} notification to {} goes back to the queue.", n.channel, n.recipient_id);
        return page(&Confirm {
            shell,
            title: "Send 1 dead letter again?".into(),
            text: vec![format!("{what}{}", why.unwrap_or_default()), fresh],
            action,
            fields: vec![("id", id.to_string())],
            button: "Send it again".into(),
            is_danger: false,
            back: Link::to("dead-letters"),
        });
    }
    let choice = Choice::of(reason, channel, campaign_id);
    let asked_at = app.service.clock().now();
    let total = Total::of(&app.service.dead_letters(viewer.tenant(), &choice.counted()).await?).words();
    page(&Confirm {
        shell,
        title: format!("Send {total} again?"),
        text: vec![format!("All dead letters{} go back to the queue: {total}.", choice.words()), fresh],
        action,
        fields: [choice.hidden(), vec![(ASKED_AT, asked_at.to_string())]].concat(),
        button: format!("Send {total} again"),
        is_danger: false,
        back: choice.link("dead-letters"),
    })
}

/// `POST /console/dead-letters/retry`
pub(crate) async fn retry(
    State(app): State<AppState>,
    viewer: Viewer<CanSend>,
    form: Form,
) -> Result<Response, Problem> {
    let tenant = viewer.tenant();
    if let Some(id) = form.get("id") {
        return retry_one(&app, tenant, id).await;
    }
    let choice = Choice {
        reason: named("reason", &form)?,
        channel: named("channel", &form)?,
        campaign_id: form.text("campaign_id"),
    };
    let asked_at = form.get(ASKED_AT).and_then(Timestamp::parse).ok_or_else(Problem::not_found)?;
    let count = app.service.retry_many(tenant, choice.redriven(), asked_at).await?;
    Ok(Redirect::to(&choice.link("dead-letters").with("redriven", count).to_string()).into_response())
}

async fn retry_one(app: &AppState, tenant: TenantId, id: &str) -> Result<Response, Problem> {
    let id: NotificationId = id.parse().map_err(|_| Problem::not_found())?;
    let to = Link::to("notifications").at(id);
    match app.service.retry(tenant, id).await {
        Ok(_) => Ok(done(to, Notice::Retried)),
        Err(ServiceError::WrongStatus(_)) => Ok(done(to, Notice::TooLate)),
        Err(error) => Err(error.into()),
    }
}

/// What a field of the form names. What it can not name is refused: leaving it out would choose more.
fn named<T: std::str::FromStr>(field: &str, form: &Form) -> Result<Option<T>, Problem> {
    let parse = |text: &str| text.parse().map_err(|_| Problem::not_found());
    form.get(field).map(parse).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(count: u64, is_at_least: bool) -> DeadLetters {
        DeadLetters { reason: FailureReason::Permanent, count, is_at_least }
    }

    #[test]
    fn numbers_say_when_they_are_not_the_whole() {
        assert_eq!(Total::of(&[]).words(), "0 dead letters");
        assert_eq!(Total::of(&[group(1, false)]).words(), "1 dead letter");
        assert_eq!(Total::of(&[group(1, true)]).words(), "at least 1 dead letters");
        assert_eq!(Total::of(&[group(2, false), group(10_000, true)]).words(), "at least 10002 dead letters");
    }

    #[test]
    fn a_choice_is_told_in_words() {
        let choice = Choice {
            reason: Some(FailureReason::RetriesExhausted),
            channel: Some(Channel::Sms),
            campaign_id: Some("spring".into()),
        };
        assert_eq!(choice.words(), " given up as retries exhausted over sms in the campaign spring");
        assert_eq!(Choice::default().words(), "");
    }
}
