//! `/console/recipients/{id}`: everything that happened to a recipient, over all channels, and whether anything may still
//! be sent there.

use angaros_domain::event::{Event, PROVIDER_ANGAROS};
use angaros_domain::{Address, Channel, NotificationId, Suppression, SuppressionReason};
use angaros_service::{NotificationFilter, PageOf, ServiceError, SuppressionDraft, TimelineFilter};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use crate::auth::{CanRead, CanSend};
use crate::console::field::Field;
use crate::console::filters;
use crate::console::form::Form;
use crate::console::link::Link;
use crate::console::notice::Notice;
use crate::console::page::{done, page};
use crate::console::pager::Pager;
use crate::console::query::{Asked, When};
use crate::console::shell::{Area, Shell};
use crate::console::show::{Badge, Tone};
use crate::console::viewer::Viewer;
use crate::error::Problem;
use crate::extract::Id;
use crate::pagination::LIMIT_DEFAULT;
use crate::{AppState, problems};

/// The recipient's addresses are those of so many notifications, the latest.
const NOTIFICATIONS_LOOKED_AT: usize = 50;

/// Which events to show. Every condition that is given must hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecipientQuery {
    event_name: Option<String>,
    channel: Option<String>,
    from: Option<When>,
    to: Option<When>,
    cursor: Option<String>,
}

impl RecipientQuery {
    fn filter(&self) -> Result<TimelineFilter, Problem> {
        let (from, to) = (self.from.map(|When(at)| at), self.to.map(|When(at)| at));
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            return Err(Problem::parameter(problems::INVALID_PARAMETER, "from", "must not be later than to"));
        }
        let (event_name, channel) = (self.event_name.clone(), self.channel.clone());
        Ok(TimelineFilter { event_name, channel, from, to, descending: true })
    }

    fn link(&self, recipient_id: &str) -> Link {
        Link::to("recipients")
            .at(recipient_id)
            .with_some("event_name", self.event_name.as_ref())
            .with_some("channel", self.channel.as_ref())
            .with_some("from", self.from)
            .with_some("to", self.to)
    }

    fn fields(&self) -> Vec<Field> {
        let channels = [("", "any")].into_iter().chain(Channel::ALL.map(|c| (c.as_str(), c.as_str())));
        vec![
            Field::line("event_name", "Event").value(self.event_name.as_ref()),
            Field::choice("channel", "Channel", channels).value(self.channel.as_ref()),
            Field::time("from", "From (UTC)").at(self.from),
            Field::time("to", "To (UTC)").at(self.to),
        ]
    }
}

#[derive(Template)]
#[template(path = "console/recipient.html")]
struct RecipientPage {
    shell: Shell,
    recipient_id: String,
    recipient_link: Link,
    notifications_link: Link,
    follow: Link,
    addresses: Vec<AddressView>,
    fields: Vec<Field>,
    is_filtered: bool,
    events: Vec<EventView>,
    pager: Pager,
}

/// An address of the recipient, and what the suppression list says of it.
struct AddressView {
    address: Address,
    suppression: Option<Suppression>,
}

impl AddressView {
    fn badge(&self) -> Badge {
        match self.suppression {
            Some(_) => Badge::new(Tone::Bad, "!", "suppressed"),
            None => Badge::new(Tone::Good, "✓", "may be sent to"),
        }
    }

    /// What can be done about it: the last segment of the form's path.
    fn action(&self) -> &'static str {
        if self.suppression.is_some() { "unsuppress" } else { "suppress" }
    }

    fn action_text(&self) -> &'static str {
        if self.suppression.is_some() { "Allow again" } else { "Suppress" }
    }
}

/// Something that happened.
struct EventView {
    badge: Badge,
    event: Event,
    /// The message that it is about: a notification of ours, or whatever the reporter calls so.
    about: Option<Link>,
    /// Who reported it; nobody had to report what the engine itself did.
    reporter: Option<String>,
}

impl EventView {
    fn new(event: Event) -> EventView {
        let is_ours = event.provider == PROVIDER_ANGAROS;
        let found_by_id = |id: &String| match id.parse::<NotificationId>() {
            Ok(id) if is_ours => Some(Link::to("notifications").at(id)),
            Ok(id) => Some(Link::to("notifications").with("q", id)),
            Err(_) => None,
        };
        let about = event.message_id.as_ref().and_then(found_by_id);
        let reporter = (!is_ours).then(|| event.provider.clone());
        EventView { badge: Badge::of_event(event.name.clone()), about, reporter, event }
    }
}

/// `GET /console/recipients/{id}`
pub(crate) async fn show(
    State(app): State<AppState>,
    viewer: Viewer<CanRead>,
    Id(recipient_id): Id<String>,
    Asked(query): Asked<RecipientQuery>,
) -> Result<Response, Problem> {
    let filter = query.filter()?;
    let page_of = PageOf { limit: LIMIT_DEFAULT, cursor: query.cursor.as_deref() };
    let found = app.service.recipient_activity(viewer.tenant(), &recipient_id, &filter, page_of).await?;
    let addresses = addresses(&app, &viewer, &recipient_id).await?;
    let recipient_link = Link::to("recipients").at(&recipient_id);
    let list = query.link(&recipient_id);
    page(&RecipientPage {
        shell: viewer.shell(Area::Notifications),
        notifications_link: Link::to("notifications").with("recipient_id", &recipient_id),
        follow: Link::to("stream").with("recipient_id", &recipient_id),
        addresses,
        fields: query.fields(),
        is_filtered: list != recipient_link,
        pager: Pager::newest_first(&list, query.cursor.as_deref(), found.next_cursor.as_deref()),
        events: found.items.into_iter().map(EventView::new).collect(),
        recipient_link,
        recipient_id,
    })
}

/// Where the recipient is reached: the addresses of its latest notifications, and its id if it has the form of one.
async fn addresses(
    app: &AppState,
    viewer: &Viewer<CanRead>,
    recipient_id: &str,
) -> Result<Vec<AddressView>, Problem> {
    let filter =
        NotificationFilter { recipient_id: Some(recipient_id.to_owned()), ..NotificationFilter::default() };
    let page_of = PageOf { limit: NOTIFICATIONS_LOOKED_AT, cursor: None };
    let sent = app.service.notifications(viewer.tenant(), &filter, page_of).await?;
    let mut addresses: Vec<Address> = sent.items.iter().map(Address::of).collect();
    // Of the other channels any text is an address, so this would say nothing.
    let forms = [Channel::Sms, Channel::Email];
    addresses.extend(forms.iter().filter_map(|channel| Address::parse(*channel, recipient_id).ok()));
    addresses.sort();
    addresses.dedup();
    let found = app.service.suppressions_of(viewer.tenant(), &addresses).await?;
    let views = addresses.into_iter().zip(found);
    Ok(views.map(|(address, suppression)| AddressView { address, suppression }).collect())
}

/// `POST /console/recipients/{id}/suppress`
pub(crate) async fn suppress(
    State(app): State<AppState>,
    viewer: Viewer<CanSend>,
    Id(recipient_id): Id<String>,
    form: Form,
) -> Result<Response, Problem> {
    let (channel, address) = address_in(&form)?;
    let draft = SuppressionDraft { channel, address, reason: SuppressionReason::Manual };
    app.service.suppress(viewer.tenant(), draft).await?;
    Ok(done(Link::to("recipients").at(recipient_id), Notice::Suppressed))
}

/// `POST /console/recipients/{id}/unsuppress`
pub(crate) async fn unsuppress(
    State(app): State<AppState>,
    viewer: Viewer<CanSend>,
    Id(recipient_id): Id<String>,
    form: Form,
) -> Result<Response, Problem> {
    let (channel, address) = address_in(&form)?;
    match app.service.unsuppress(viewer.tenant(), Address::new(channel, &address)).await {
        // Somebody else was faster, and it is as it was wanted.
        Ok(()) | Err(ServiceError::NotFound(_)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(done(Link::to("recipients").at(recipient_id), Notice::Unsuppressed))
}

fn address_in(form: &Form) -> Result<(Channel, String), Problem> {
    let channel = form.get("channel").and_then(|name| name.parse().ok());
    channel.zip(form.text("address")).ok_or_else(|| {
        Problem::new(problems::INVALID_REQUEST, "The form names no address, or no channel that it is one of.")
    })
}
