//! What surrounds every page: navigation, who is signed in, what was just done.

use angaros_domain::api_key::{ApiKey, Scope};
use angaros_service::Access;

use super::assets;
use super::notice::Notice;

/// A part of the console that the navigation leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Area {
    /// How sending goes.
    Overview,
    /// What was sent.
    Notifications,
    /// What belongs together, and how it goes.
    Campaigns,
    /// What happened.
    Events,
    /// What was given up.
    DeadLetters,
    /// What notifications are made from.
    Templates,
    /// Who is told of events.
    Webhooks,
    /// Who may call.
    Keys,
    /// The form that sends.
    Send,
}

impl Area {
    /// In the order of the navigation.
    pub(crate) const ALL: [Area; 9] = [
        Area::Overview,
        Area::Notifications,
        Area::Campaigns,
        Area::Events,
        Area::DeadLetters,
        Area::Templates,
        Area::Webhooks,
        Area::Keys,
        Area::Send,
    ];

    /// What the navigation calls it.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Area::Overview => "Overview",
            Area::Notifications => "Notifications",
            Area::Campaigns => "Campaigns",
            Area::Events => "Events",
            Area::DeadLetters => "Dead letters",
            Area::Templates => "Templates",
            Area::Webhooks => "Webhooks",
            Area::Keys => "Keys",
            Area::Send => "Send",
        }
    }

    /// Where it begins.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Area::Overview => "/console",
            Area::Notifications => "/console/notifications",
            Area::Campaigns => "/console/campaigns",
            Area::Events => "/console/events",
            Area::DeadLetters => "/console/dead-letters",
            Area::Templates => "/console/templates",
            Area::Webhooks => "/console/webhooks",
            Area::Keys => "/console/keys",
            Area::Send => "/console/send",
        }
    }

    /// Scopes of which one is enough to see it.
    const fn any_of(self) -> &'static [Scope] {
        match self {
            Area::Overview | Area::Campaigns | Area::Events | Area::Webhooks => &[Scope::Read],
            Area::Notifications | Area::DeadLetters | Area::Templates => &[Scope::Read, Scope::Send],
            Area::Keys => &[Scope::Admin],
            Area::Send => &[Scope::Send],
        }
    }
}

/// Whose key the viewer signed in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    /// What people call the key.
    pub(crate) key_name: String,
    /// The name of its tenant.
    pub(crate) tenant_name: String,
    /// What it may do.
    pub(crate) scopes: Vec<Scope>,
}

impl From<ApiKey> for Holder {
    fn from(key: ApiKey) -> Holder {
        Holder { key_name: key.name, tenant_name: key.tenant_name, scopes: key.scopes }
    }
}

impl Holder {
    fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }
}

/// Who looks at a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    /// Anybody: the service has no keys.
    Anybody,
    /// Somebody with a key.
    Holder(Holder),
    /// Nobody known: a page before the sign-in, or about a failure.
    Nobody,
}

impl From<Access> for Who {
    fn from(access: Access) -> Who {
        match access {
            Access::Key(key) => Who::Holder(key.into()),
            Access::Open => Who::Anybody,
            Access::Denied => Who::Nobody,
        }
    }
}

/// What the layout needs.
#[derive(Debug, Clone)]
pub(crate) struct Shell {
    /// Where the page belongs; `None` for those outside of all areas.
    pub(crate) area: Option<Area>,
    /// Who looks.
    pub(crate) who: Who,
    /// What was just done.
    pub(crate) notice: Option<Notice>,
}

impl Shell {
    /// Around a page that nobody had to sign in for.
    pub(crate) fn bare() -> Shell {
        Shell::around(Who::Nobody)
    }

    /// Around a page that belongs to no area.
    pub(crate) fn around(who: impl Into<Who>) -> Shell {
        Shell { area: None, who: who.into(), notice: None }
    }

    /// Whether the viewer may do what the scope stands for. Buttons that one may not press are not shown.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        match &self.who {
            Who::Anybody => true,
            Who::Holder(holder) => holder.allows(scope),
            Who::Nobody => false,
        }
    }

    /// Whether the viewer may read what belongs to the tenant, events and live status included.
    pub(crate) fn may_read(&self) -> bool {
        self.may(Scope::Read)
    }

    /// Whether the viewer may send, cancel and retry.
    pub(crate) fn may_send(&self) -> bool {
        self.may(Scope::Send)
    }

    /// Whether the viewer may run the cluster.
    pub(crate) fn may_administer(&self) -> bool {
        self.may(Scope::Admin)
    }

    /// Whether the API answers this browser too: it knows no sessions, so only without keys.
    pub(crate) fn is_open(&self) -> bool {
        self.who == Who::Anybody
    }

    /// The areas that the viewer may see. Who is not known may try all of them, and is asked to sign in there.
    pub(crate) fn areas(&self) -> Vec<Area> {
        let may_see = |area: &Area| match &self.who {
            Who::Nobody => true,
            _ => area.any_of().iter().any(|scope| self.may(*scope)),
        };
        Area::ALL.into_iter().filter(may_see).collect()
    }

    /// Where the viewer begins; `None` if there is nothing for them to see.
    pub(crate) fn home(&self) -> Option<Area> {
        self.areas().first().copied()
    }

    /// The key's holder, if there is one.
    pub(crate) fn holder(&self) -> Option<&Holder> {
        match &self.who {
            Who::Holder(holder) => Some(holder),
            Who::Anybody | Who::Nobody => None,
        }
    }

    /// Whether the area is the one that the page belongs to.
    pub(crate) fn is_in(&self, area: &Area) -> bool {
        self.area == Some(*area)
    }

    /// The path of the style sheet.
    pub(crate) fn style(&self) -> &'static str {
        assets::style()
    }

    /// The path of the script.
    pub(crate) fn script(&self) -> &'static str {
        assets::script()
    }

    /// The path of the icon.
    pub(crate) fn icon(&self) -> &'static str {
        assets::icon()
    }
}
