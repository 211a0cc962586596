//! `/console/notifications`: what was sent, newest first; filters, and one box that finds.

use angaros_domain::correlation::CorrelationId;
use angaros_domain::request::TOKEN_CHARACTERS_MAX;
use angaros_domain::{Channel, Notification, NotificationId, Status};
use angaros_service::{NotificationFilter, PageOf, ServiceError};
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::auth::CanFollow;
use crate::console::field::Field;
use crate::console::filters;
use crate::console::link::Link;
use crate::console::page::page;
use crate::console::pager::Pager;
use crate::console::query::{Asked, When};
use crate::console::shell::{Area, Shell};
use crate::console::viewer::Viewer;
use crate::error::Problem;
use crate::pagination::LIMIT_DEFAULT;
use crate::{AppState, problems};

/// Which notifications to list. Every condition that is given must hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// The id of a notification or of a recipient, or a correlation id.
    q: Option<String>,
    status: Option<Status>,
    channel: Option<Channel>,
    campaign_id: Option<String>,
    recipient_id: Option<String>,
    created_after: Option<When>,
    created_before: Option<When>,
    cursor: Option<String>,
}

impl ListQuery {
    fn filter(&self) -> Result<NotificationFilter, Problem> {
        for (name, text) in [("campaign_id", &self.campaign_id), ("recipient_id", &self.recipient_id)] {
            if text.as_ref().is_some_and(|text| text.chars().count() > TOKEN_CHARACTERS_MAX) {
                let detail = format!("must have at most {TOKEN_CHARACTERS_MAX} characters");
                return Err(Problem::parameter(problems::INVALID_PARAMETER, name, &detail));
            }
        }
        if self.created_after.zip(self.created_before).is_some_and(|(after, before)| after.0 > before.0) {
            let detail = "must not be later than created_before";
            return Err(Problem::parameter(problems::INVALID_PARAMETER, "created_after", detail));
        }
        Ok(NotificationFilter {
            status: self.status,
            channel: self.channel,
            batch_id: None,
            campaign_id: self.campaign_id.clone(),
            recipient_id: self.recipient_id.clone(),
            created_after: self.created_after.map(|When(at)| at),
            created_before: self.created_before.map(|When(at)| at),
            ..NotificationFilter::default()
        })
    }

    /// The list with these filters, from its beginning.
    fn link(&self) -> Link {
        Link::to("notifications")
            .with_some("status", self.status.map(Status::as_str))
            .with_some("channel", self.channel)
            .with_some("campaign_id", self.campaign_id.as_ref())
            .with_some("recipient_id", self.recipient_id.as_ref())
            .with_some("created_after", self.created_after)
            .with_some("created_before", self.created_before)
    }

    fn is_filtered(&self) -> bool {
        self.link() != Link::to("notifications")
    }
}

#[derive(Template)]
#[template(path = "console/notifications.html")]
struct NotificationsPage {
    shell: Shell,
    search: Field,
    fields: Vec<Field>,
    items: Vec<Notification>,
    pager: Pager,
    is_filtered: bool,
    /// There is more behind what was looked through, and nothing of it fitted.
    goes_on: bool,
    /// There are more that the request made than are shown.
    is_cut: bool,
    /// The recipient that all of them went to, if one was asked for.
    recipient_link: Option<Link>,
}

impl NotificationsPage {
    fn new(
        viewer: &Viewer<CanFollow>,
        query: &ListQuery,
        searched: Option<&str>,
        items: Vec<Notification>,
    ) -> NotificationsPage {
        let hint = "A notification's id, a recipient's id (its address, if it has no other), or the correlation id of \
                    a request.";
        NotificationsPage {
            shell: viewer.shell(Area::Notifications),
            search: Field::search("q", "Find").hint(hint).value(searched),
            fields: fields(query),
            items,
            pager: Pager::newest_first(&query.link(), None, None),
            is_filtered: query.is_filtered(),
            goes_on: false,
            is_cut: false,
            recipient_link: query.recipient_id.as_ref().map(|id| Link::to("recipients").at(id)),
        }
    }
}

/// `GET /console/notifications`
pub(crate) async fn list(
    State(app): State<AppState>,
    viewer: Viewer<CanFollow>,
    Asked(mut query): Asked<ListQuery>,
) -> Result<Response, Problem> {
    let searched = query.q.take();
    if let Some(text) = &searched {
        let mut found = find(&app, &viewer, text).await?;
        match found.as_slice() {
            [] => query.recipient_id = Some(text.clone()),
            [only] => {
                let link = Link::to("notifications").at(only.id);
                return Ok(Redirect::to(&link.to_string()).into_response());
            }
            _ => {
                let is_cut = found.len() > LIMIT_DEFAULT;
                found.truncate(LIMIT_DEFAULT);
                let shown = NotificationsPage::new(&viewer, &query, Some(text), found);
                return page(&NotificationsPage { is_cut, ..shown });
            }
        }
    }
    let filter = query.filter()?;
    let page_of = PageOf { limit: LIMIT_DEFAULT, cursor: query.cursor.as_deref() };
    let found = app.service.notifications(viewer.tenant(), &filter, page_of).await?;
    let pager = Pager::newest_first(&query.link(), query.cursor.as_deref(), found.next_cursor.as_deref());
    let goes_on = found.items.is_empty() && found.next_cursor.is_some();
    let shown = NotificationsPage::new(&viewer, &query, searched.as_deref(), found.items);
    page(&NotificationsPage { pager, goes_on, ..shown })
}

/// What a text names: one notification by its id, or those that a request made by its correlation id, the latest, and one
/// more than are shown if there are more.
async fn find(app: &AppState, viewer: &Viewer<CanFollow>, text: &str) -> Result<Vec<Notification>, Problem> {
    if let Ok(id) = text.parse::<NotificationId>() {
        match app.service.notification(viewer.tenant(), id).await {
            Ok(notification) => return Ok(vec![notification]),
            Err(ServiceError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let Some(id) = CorrelationId::parse(text) else { return Ok(Vec::new()) };
    Ok(app.service.notifications_of_request(viewer.tenant(), &id, LIMIT_DEFAULT + 1).await?)
}

fn fields(query: &ListQuery) -> Vec<Field> {
    let any = [("", "any")];
    let statuses = any.into_iter().chain(Status::ALL.map(|status| (status.as_str(), status.as_str())));
    let channels = any.into_iter().chain(Channel::ALL.map(|channel| (channel.as_str(), channel.as_str())));
    vec![
        Field::choice("status", "Status", statuses).value(query.status),
        Field::choice("channel", "Channel", channels).value(query.channel),
        Field::line("campaign_id", "Campaign").value(query.campaign_id.as_ref()),
        Field::line("recipient_id", "Recipient id").value(query.recipient_id.as_ref()),
        Field::time("created_after", "Created from (UTC)").at(query.created_after),
        Field::time("created_before", "Created before (UTC)").at(query.created_before),
    ]
}
