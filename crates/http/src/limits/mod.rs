//! How often callers may call: each key, and each address without one.
//!
//! Counted is exactly what asks for a key, by [`crate::auth`], before the body is read. Each process counts for itself.
//! Answers of counted calls say what is left, in the header fields of `draft-ietf-httpapi-ratelimit-headers`.

mod client;
mod table;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use angaros_domain::Timestamp;
use angaros_domain::gcra::Gcra;
use http::header::HeaderName;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;

use crate::error::Problem;
use crate::problems;
pub(crate) use client::is_https;
use table::{Subject, Table};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// How often callers may call. The default is without limits.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// Calls a minute of one key, or of one address without a key; 0 is no limit.
    pub inbound_per_minute: u32,
    /// Metrics queries a minute, likewise. They count for this limit alone.
    pub metrics_per_minute: u32,
    /// The networks of the proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

/// What a call counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// The limit of nearly all calls.
    Default,
    /// The limit of calls that count events or notifications, which cost more than others.
    Metrics,
}

/// The limits, and who used how much of them.
#[derive(Debug)]
pub(crate) struct Limiter {
    inbound: Option<Limit>,
    metrics: Option<Limit>,
    trusted_proxies: Vec<IpNet>,
}

impl Limiter {
    /// `None` if nothing is limited.
    pub(crate) fn new(limits: &Limits) -> Option<Limiter> {
        let inbound = Limit::new("default", limits.inbound_per_minute);
        let metrics = Limit::new("metrics", limits.metrics_per_minute);
        let limited = inbound.is_some() || metrics.is_some();
        limited.then(|| Limiter { inbound, metrics, trusted_proxies: limits.trusted_proxies.clone() })
    }

    /// Counts a call of the key with this prefix, or of whoever has none; refuses it if it is one too many.
    pub(crate) fn admit(
        &self,
        policy: Policy,
        key_prefix: Option<&str>,
        parts: &Parts,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let limit = match policy {
            Policy::Default => &self.inbound,
            Policy::Metrics => &self.metrics,
        };
        let Some(limit) = limit else { return Ok(()) };
        let subject = match key_prefix {
            Some(prefix) => Subject::Key(prefix.to_owned()),
            None => Subject::Address(client::network(client::address(parts, &self.trusted_proxies))),
        };
        let usage = limit.count(subject, now);
        if let Some(standing) = parts.extensions.get::<Standing>() {
            standing.set(limit.policy.clone(), usage.header(limit.name));
        }
        if usage.admitted { Ok(()) } else { Err(usage.problem(limit)) }
    }
}

/// One limit, and those who used it of late.
#[derive(Debug)]
struct Limit {
    name: &'static str,
    per_minute: u32,
    /// The value of `RateLimit-Policy`.
    policy: HeaderValue,
    fresh: Gcra,
    table: Mutex<Table>,
}

/// What a call found.
#[derive(Debug)]
struct Usage {
    admitted: bool,
    /// Calls that may follow at once.
    remaining: usize,
    /// Seconds until there is one again, if it was refused; else until all are there again. At least 1.
    reset_seconds: u16,
}

impl Limit {
    fn new(name: &'static str, per_minute: u32) -> Option<Limit> {
        let fresh = Gcra::per_minute(NonZeroU32::new(per_minute)?);
        // A name and two numbers are visible ASCII.
        let policy = HeaderValue::try_from(format!("\"{name}\";q={per_minute};w=60")).ok()?;
        Some(Limit { name, per_minute, policy, fresh, table: Mutex::default() })
    }

    fn count(&self, subject: Subject, now: Timestamp) -> Usage {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let mut limiter = table.get(&subject).unwrap_or(self.fresh);
        let admitted = limiter.available(now) > 0;
        if admitted {
            limiter.take(1, now);
        }
        table.set(subject, limiter);
        drop(table);
        let reset_at = limiter.next_at(if admitted { limiter.burst() } else { 1 }, now);
        // A minute at the most, whatever the clock does.
        let reset_seconds = u16::try_from((reset_at.millis_since(now) + 999) / 1000).unwrap_or(60).max(1);
        Usage { admitted, remaining: limiter.available(now), reset_seconds }
    }
}

impl Usage {
    /// The value of `RateLimit`.
    fn header(&self, name: &str) -> Option<HeaderValue> {
        HeaderValue::try_from(format!("\"{name}\";r={};t={}", self.remaining, self.reset_seconds)).ok()
    }

    fn problem(&self, limit: &Limit) -> Problem {
        let Limit { name, per_minute, .. } = limit;
        let detail = format!("The limit {name}, {per_minute} calls a minute, is used up.");
        Problem::new(problems::RATE_LIMITED, detail).retry_after(self.reset_seconds)
    }
}

/// What a counted call found, for the outermost layer to tell. It goes along with the request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing(Arc<OnceLock<[(HeaderName, HeaderValue); 2]>>);

impl Standing {
    fn set(&self, policy: HeaderValue, usage: Option<HeaderValue>) {
        if let Some(usage) = usage {
            // Only the first call counts, and there is one a request.
            drop(self.0.set([(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, usage)]));
        }
    }

    /// Puts it into the headers of the answer, if the call was counted.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        headers.extend(self.0.get().cloned().into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_000);

    #[test]
    fn nothing_limited_is_no_limiter() {
        assert!(Limiter::new(&Limits::default()).is_none());
        assert!(Limiter::new(&Limits { metrics_per_minute: 1, ..Limits::default() }).is_some());
    }

    #[test]
    fn what_is_left_and_when_it_comes_back() {
        let limit = Limit::new("default", 4).unwrap();
        let subject = || Subject::Key("0123456789ab".into());
        let mut found = Vec::new();
        for millis in [0, 0, 0, 7_000, 7_000, 7_001, 14_999, 15_000, 15_000] {
            let usage = limit.count(subject(), NOW.plus_millis(millis));
            found.push((usage.admitted, usage.remaining, usage.reset_seconds));
        }
        assert_eq!(
            found,
            [
                (true, 3, 15),
                (true, 2, 30),
                (true, 1, 45),
                (true, 0, 53),
                (false, 0, 8),
                (false, 0, 8),
                (false, 0, 1),
                (true, 0, 60),
                (false, 0, 15),
            ]
        );
        assert!(limit.count(Subject::Key("other".into()), NOW).admitted);
        assert_eq!(limit.policy, "\"default\";q=4;w=60");
        assert_eq!(
            limit.count(Subject::Key("third".into()), NOW).header("default").unwrap(),
            "\"default\";r=3;t=15"
        );
    }
}
