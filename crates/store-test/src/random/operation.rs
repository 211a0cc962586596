//! Operations as data: what a sequence is made of. They name things by a choice among what there is by then, so that a
//! sequence still means something when parts of it are left out.

use angaros_domain::{Channel, FailureReason, Lane, Outlet, Priority};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;

/// The lanes that random notifications use: few, so that they are full.
pub(super) const LANES: [Lane; 3] = [
    Lane { outlet: Outlet::Channel(Channel::Sms), priority: Priority::High },
    Lane { outlet: Outlet::Channel(Channel::Sms), priority: Priority::Normal },
    Lane { outlet: Outlet::Channel(Channel::Email), priority: Priority::Low },
];

/// One step of a sequence.
#[derive(Debug, Clone)]
pub(super) enum Operation {
    Submit(Vec<Request>),
    /// Half of each lane's quota. Only an even quota is shared between two tenants in one way alone.
    Claim {
        worker: usize,
        quota_halves: Vec<(usize, usize)>,
    },
    /// Of a lease that was ever given out, and may be dead by now.
    Settle {
        lease: Index,
        verdicts: Vec<Verdict>,
    },
    Renew {
        worker: usize,
    },
    Rescue {
        everything: bool,
    },
    Promote {
        limit: usize,
    },
    Expire {
        limit: usize,
    },
    /// Some of them in the name of the wrong tenant.
    Cancel(Vec<(Index, bool)>),
    Redrive {
        tenant: usize,
        choice: Choice,
        limit: usize,
    },
    /// One of a few addresses is put on a tenant's list, or taken off it.
    Suppress {
        tenant: usize,
        address: usize,
        on: bool,
    },
    Wait {
        tens_of_seconds: i64,
    },
}

/// How many addresses random notifications go to, in each channel.
pub(super) const ADDRESSES: usize = 2;

/// One submission.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) tenant: usize,
    /// One of a few keys, so that they repeat, and one of two wordings, so that they conflict.
    pub(super) key: Option<(usize, usize)>,
    pub(super) batch: bool,
    /// One if it is no batch.
    pub(super) items: Vec<Item>,
}

/// One notification.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) lane: usize,
    pub(super) address: usize,
    pub(super) campaign: Option<usize>,
    /// Scheduled so much later.
    pub(super) tens_of_seconds: Option<i64>,
    pub(super) expires: bool,
}

/// What became of an attempt.
#[derive(Debug, Clone)]
pub(super) enum Verdict {
    Deliver,
    Send,
    Retry {
        tens_of_seconds: i64,
    },
    Release,
    Fail(FailureReason),
    /// Refused, because there is no such address.
    FailForEver,
    /// It is still under way.
    Wait,
}

/// Which dead letters.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) ids: Option<Vec<Index>>,
    pub(super) channel: Option<Channel>,
    pub(super) campaign: Option<usize>,
    pub(super) batch: Option<Index>,
    pub(super) reason: Option<FailureReason>,
    pub(super) created_after: Option<Index>,
    pub(super) created_before: Option<Index>,
}

/// Sequences of up to 60 operations.
pub(super) fn sequences() -> impl Strategy<Value = Vec<Operation>> {
    let operation = prop_oneof![
        5 => vec(request(), 1..4).prop_map(Operation::Submit),
        5 => (0..2usize, vec((0..LANES.len(), 0..4usize), 1..4))
            .prop_map(|(worker, quota_halves)| Operation::Claim { worker, quota_halves }),
        6 => (any::<Index>(), vec(verdict(), 1..8))
            .prop_map(|(lease, verdicts)| Operation::Settle { lease, verdicts }),
        3 => (0..3usize).prop_map(|worker| Operation::Renew { worker }),
        2 => prop::bool::weighted(0.2).prop_map(|everything| Operation::Rescue { everything }),
        3 => (0..6usize).prop_map(|limit| Operation::Promote { limit }),
        2 => (0..6usize).prop_map(|limit| Operation::Expire { limit }),
        2 => vec((any::<Index>(), prop::bool::weighted(0.1)), 1..4).prop_map(Operation::Cancel),
        2 => (0..2usize, choice(), 0..4usize)
            .prop_map(|(tenant, choice, limit)| Operation::Redrive { tenant, choice, limit }),
        2 => (0..2usize, 0..ADDRESSES, any::<bool>())
            .prop_map(|(tenant, address, on)| Operation::Suppress { tenant, address, on }),
        2 => (1..6i64).prop_map(|tens_of_seconds| Operation::Wait { tens_of_seconds }),
    ];
    vec(operation, 1..60)
}

fn request() -> impl Strategy<Value = Request> {
    let key = option::weighted(0.3, (0..4usize, 0..2usize));
    (0..2usize, key, prop::bool::weighted(0.3), vec(item(), 1..5)).prop_map(
        |(tenant, key, batch, mut items)| {
            items.truncate(if batch { items.len() } else { 1 });
            Request { tenant, key, batch, items }
        },
    )
}

fn item() -> impl Strategy<Value = Item> {
    let (campaign, delay) = (option::weighted(0.3, 0..2usize), option::weighted(0.3, 0..6i64));
    (0..LANES.len(), 0..ADDRESSES, campaign, delay, any::<bool>()).prop_map(
        |(lane, address, campaign, tens_of_seconds, expires)| Item {
            lane,
            address,
            campaign,
            tens_of_seconds,
            expires,
        },
    )
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        3 => Just(Verdict::Deliver),
        1 => Just(Verdict::Send),
        3 => (0..6i64).prop_map(|tens_of_seconds| Verdict::Retry { tens_of_seconds }),
        1 => Just(Verdict::Release),
        3 => reason().prop_map(Verdict::Fail),
        1 => Just(Verdict::FailForEver),
        2 => Just(Verdict::Wait),
    ]
}

fn reason() -> impl Strategy<Value = FailureReason> {
    prop::sample::select(
        &[FailureReason::Permanent, FailureReason::Expired, FailureReason::RetriesExhausted][..],
    )
}

fn choice() -> impl Strategy<Value = Choice> {
    (
        option::weighted(0.4, vec(any::<Index>(), 0..5)),
        option::weighted(0.2, prop::sample::select(&[Channel::Sms, Channel::Email][..])),
        option::weighted(0.2, 0..2usize),
        option::weighted(0.1, any::<Index>()),
        option::weighted(0.2, reason()),
        option::weighted(0.2, any::<Index>()),
        option::weighted(0.2, any::<Index>()),
    )
        .prop_map(|(ids, channel, campaign, batch, reason, created_after, created_before)| Choice {
            ids,
            channel,
            campaign,
            batch,
            reason,
            created_after,
            created_before,
        })
}
