//! What is to happen in a world, all of it from one number.

use angaros_domain::retry::OnLostWorker;
use angaros_domain::{Channel, Priority};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// How long the storm lasts: everything that goes wrong does so within it, in milliseconds.
pub(crate) const STORM: i64 = 600_000;

/// A world.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) accounts: Vec<Temper>,
    /// For each channel its accounts in failover order.
    pub(crate) routes: [Vec<usize>; 4],
    pub(crate) rates: [u32; 4],
    pub(crate) base_seconds: f64,
    pub(crate) on_lost_worker: OnLostWorker,
    pub(crate) concurrency: usize,
    /// How many of a thousand verbs of the store fail undone, and how many done.
    pub(crate) luck: (u32, u32),
    pub(crate) letters: Vec<Letter>,
    /// Which letter is cancelled, and when.
    pub(crate) cancels: Vec<(usize, i64)>,
    pub(crate) pauses: Vec<(Channel, i64, i64)>,
    pub(crate) ends: Vec<End>,
}

/// A provider's account.
#[derive(Debug, Clone)]
pub(crate) struct Temper {
    pub(crate) idempotent: bool,
    pub(crate) rate: u32,
    pub(crate) latency_millis_max: u64,
    pub(crate) outages: Vec<Outage>,
}

/// A time in which every send goes wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outage {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) kind: Trouble,
}

/// How a send goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Transient,
    Hangs,
    Misconfigured,
    Throttled,
    Panics,
    Permanent,
}

/// A notification.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Letter {
    pub(crate) at: i64,
    pub(crate) channel: Channel,
    pub(crate) priority: Priority,
    pub(crate) scheduled_in: Option<i64>,
    pub(crate) expires_in: Option<i64>,
    pub(crate) attempts_max: u32,
}

/// The end of a process, and how long until the next one starts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) at: i64,
    pub(crate) gracefully: bool,
    pub(crate) away_millis: i64,
}

fn some<T>(random: &mut StdRng, chance: f64, value: impl FnOnce(&mut StdRng) -> T) -> Option<T> {
    (random.random::<f64>() < chance).then(|| value(random))
}

fn several<T>(random: &mut StdRng, max: usize, mut value: impl FnMut(&mut StdRng) -> T) -> Vec<T> {
    (0..random.random_range(0..=max)).map(|_| value(random)).collect()
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Plan {
        let random = &mut StdRng::seed_from_u64(seed);
        let accounts: Vec<Temper> = (0..random.random_range(1..=3)).map(|_| Temper::draw(random)).collect();
        let routes = [(); 4].map(|()| route(random, accounts.len()));
        let rates = [(); 4].map(|()| some(random, 0.5, |r| r.random_range(2..150)).unwrap_or(0));
        let calm = random.random::<f64>() < 0.3;
        let letters: Vec<Letter> = (0..random.random_range(40..200)).map(|_| Letter::draw(random)).collect();
        let cancels = several(random, letters.len() / 10, |r| {
            let letter = r.random_range(0..letters.len());
            (letter, letters[letter].at + r.random_range(0..60_000))
        });
        Plan {
            seed,
            accounts,
            routes,
            rates,
            base_seconds: random.random_range(1..20).into(),
            on_lost_worker: some(random, 0.2, |_| OnLostWorker::Fail).unwrap_or(OnLostWorker::Retry),
            concurrency: random.random_range(1..64),
            luck: if calm { (0, 0) } else { (random.random_range(0..100), random.random_range(0..50)) },
            letters,
            cancels,
            pauses: several(random, 2, |r| {
                let from = r.random_range(0..STORM / 2);
                (Channel::ALL[r.random_range(0..4)], from, from + r.random_range(0..STORM / 2))
            }),
            ends: if calm { vec![] } else { ends(random) },
        }
    }
}

fn ends(random: &mut StdRng) -> Vec<End> {
    let mut ends = several(random, 3, |r| End {
        at: r.random_range(0..STORM),
        gracefully: r.random(),
        away_millis: r.random_range(0..60_000),
    });
    ends.sort_by_key(|end| end.at);
    ends
}

fn route(random: &mut StdRng, accounts: usize) -> Vec<usize> {
    let first = random.random_range(0..accounts);
    let mut route: Vec<usize> = (0..accounts).collect();
    route.rotate_left(first);
    route.truncate(random.random_range(1..=accounts));
    route
}

impl Temper {
    fn draw(random: &mut StdRng) -> Temper {
        Temper {
            idempotent: random.random(),
            rate: some(random, 0.4, |r| r.random_range(2..100)).unwrap_or(0),
            latency_millis_max: random.random_range(0..3_000),
            outages: several(random, 3, |r| {
                let from = r.random_range(0..STORM - 120_000);
                let kinds = [Trouble::Transient, Trouble::Hangs, Trouble::Misconfigured, Trouble::Throttled];
                Outage { from, to: from + r.random_range(1_000..120_000), kind: kinds[r.random_range(0..4)] }
            }),
        }
    }

    /// What goes wrong with a send at this moment, if anything does.
    pub(crate) fn trouble(&self, at: i64, random: &mut StdRng) -> Option<Trouble> {
        let outage = self.outages.iter().find(|outage| (outage.from..outage.to).contains(&at));
        if let Some(outage) = outage {
            return Some(outage.kind);
        }
        match random.random_range(0..100) {
            0..5 => Some(Trouble::Transient),
            5..7 => Some(Trouble::Permanent),
            7 => Some(Trouble::Hangs),
            8 => Some(Trouble::Panics),
            9 => Some(Trouble::Throttled),
            _ => None,
        }
    }
}

impl Letter {
    fn draw(random: &mut StdRng) -> Letter {
        Letter {
            // Many come at once.
            at: random.random_range(0..20) * 20_000 + random.random_range(0..50),
            channel: Channel::ALL[random.random_range(0..4)],
            priority: Priority::ALL[random.random_range(0..3)],
            scheduled_in: some(random, 0.1, |r| r.random_range(1_000..200_000)),
            expires_in: some(random, 0.1, |r| r.random_range(200_000..700_000)),
            attempts_max: random.random_range(1..=6),
        }
    }
}
