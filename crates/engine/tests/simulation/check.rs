//! The promises, held against a history.

use angaros_domain::attempt::Class;
use angaros_domain::retry::OnLostWorker;
use angaros_domain::{Channel, Notification, Status, Timestamp};

use crate::account::Send;
use crate::plan::Plan;
use crate::world::{History, may_follow};

/// Every promise that was broken, in words.
pub(crate) fn broken(plan: &Plan, history: &History) -> Vec<String> {
    let mut broken = history.broken.clone();
    if history.letters.len() != plan.letters.len() {
        broken.push(format!("{} of {} are there", history.letters.len(), plan.letters.len()));
    }
    for (letter, events) in history.letters.iter().zip(&history.events) {
        let sends: Vec<&Send> = history.sends.iter().filter(|send| send.id == letter.id).collect();
        let mut found = one_letter(plan, history, letter, &sends);
        found.extend(order(letter, events));
        broken.extend(found.into_iter().map(|what| format!("{}: {what}", letter.id)));
    }
    for (index, temper) in plan.accounts.iter().enumerate() {
        let sends = times(history, |send| send.account == index);
        broken.extend(rate(&format!("account {index}"), temper.rate, &sends, &history.starts));
    }
    for channel in Channel::ALL {
        let sends = times(history, |send| send.channel == channel);
        broken.extend(rate(channel.as_str(), plan.rates[channel.index()], &sends, &history.starts));
    }
    broken
}

/// One final state, attempts within their number, nothing after the end.
fn one_letter(plan: &Plan, history: &History, letter: &Notification, sends: &[&Send]) -> Vec<String> {
    let mut broken = vec![];
    let mut promise = |kept: bool, what: &str| {
        if !kept {
            broken.push(format!("{what}: {letter:?} {sends:?}"));
        }
    };
    let ends = history.starts.len() as u32 - 1;
    let of_class = |class: Class| sends.iter().filter(|send| send.class == Some(class)).count() as u32;
    promise(
        matches!(letter.status, Status::Delivered | Status::Failed | Status::Cancelled),
        "it is lost on the way",
    );
    promise(letter.attempts <= letter.max_attempts, "too many attempts");
    promise(
        sends.len() as u32 - of_class(Class::Misconfigured) <= letter.max_attempts + ends,
        "too many sends",
    );
    promise(of_class(Class::Accepted) <= 1 + ends, "it was sent again although it had arrived");
    promise(
        letter.status != Status::Delivered || of_class(Class::Accepted) > 0,
        "it is said to be delivered",
    );
    promise(
        letter.status != Status::Failed || plan.luck != (0, 0) || ends > 0 || of_class(Class::Accepted) == 0,
        "it is said to have failed",
    );
    let may_have_arrived = |send: &&&Send| matches!(send.class, None | Some(Class::Ambiguous));
    let unsafe_to_repeat = |send: &&&Send| may_have_arrived(send) && !plan.accounts[send.account].idempotent;
    promise(
        plan.on_lost_worker == OnLostWorker::Retry
            || sends.iter().position(|send| unsafe_to_repeat(&send)).is_none_or(|at| at + 1 == sends.len()),
        "it was sent again although it may have arrived",
    );
    let last = sends.last().map(|send| send.at);
    let ended = letter.cancelled_at.or(letter.failed_at).or(letter.delivered_at);
    promise(last.zip(ended).is_none_or(|(last, ended)| last <= ended), "it was sent after its end");
    promise(sends.iter().all(|send| !letter.is_expired(send.at)), "it was sent after it had expired");
    broken
}

/// Every status may follow the one before, and the last is the one that it has.
fn order(letter: &Notification, events: &[String]) -> Option<String> {
    let statuses: Vec<Status> = events.iter().filter_map(|name| name.parse().ok()).collect();
    let is_legal = statuses.windows(2).all(|pair| may_follow(pair[0], pair[1]));
    let ends_well = statuses.last() == Some(&letter.status) && statuses.len() == events.len();
    let starts_well = matches!(statuses.first(), Some(Status::Queued | Status::Pending));
    (!(is_legal && ends_well && starts_well)).then(|| format!("no such way exists: {events:?}"))
}

fn times(history: &History, which: impl Fn(&Send) -> bool) -> Vec<Timestamp> {
    history.sends.iter().filter(|send| which(send)).map(|send| send.at).collect()
}

/// No window of time sees more than rate x window + burst. A process that starts has a burst of its own.
fn rate(whose: &str, per_second: u32, sends: &[Timestamp], starts: &[Timestamp]) -> Option<String> {
    let burst = i64::from((per_second / 10).max(1));
    for (first, from) in sends.iter().enumerate().filter(|_| per_second > 0) {
        for (last, to) in sends.iter().enumerate().skip(first) {
            let bursts = 1 + starts.iter().filter(|start| (*from..=*to).contains(*start)).count() as i64;
            // The clock shows whole milliseconds.
            let tokens = (to.millis_since(*from) + 1) * i64::from(per_second) / 1000;
            let count = (last - first + 1) as i64;
            if count > burst * bursts + tokens {
                return Some(format!("{whose}: {count} sends from {from} to {to} at {per_second}/s"));
            }
        }
    }
    None
}

/// A way to spoil a history, and what it does.
type Spoiler = (&'static str, fn(&mut History));

/// Ways that must be noticed.
pub(crate) const SPOILERS: &[Spoiler] = &[
    ("a letter is lost", |history| drop(history.letters.pop())),
    ("a letter is not final", |history| history.letters[0].status = Status::Retrying),
    ("a letter was sent after its end", |history| {
        let ended = history.letters.iter().find(|letter| letter.cancelled_at.is_some()).unwrap();
        let send = Send {
            account: 0,
            id: ended.id,
            channel: ended.channel,
            at: ended.cancelled_at.unwrap().plus_millis(1),
            class: None,
        };
        history.sends.push(send);
    }),
    ("an event is missing", |history| {
        let long = history.events.iter_mut().find(|events| events.len() > 3).unwrap();
        long.remove(1);
    }),
    ("a letter came twice", |history| {
        let ends = history.starts.len();
        let accepted = history.sends.iter().find(|send| send.class == Some(Class::Accepted)).unwrap().clone();
        history.sends.extend(vec![accepted; ends]);
    }),
    ("there were too many attempts", |history| history.letters[0].attempts = 11),
];
