//! How the sandbox passes the time.

use angaros_domain::attempt::{Class, Outcome};

use super::{Sandbox, classify};
use crate::settings::Failure;
use crate::{Outgoing, Provider};

impl Sandbox {
    pub(super) async fn pretend(&self, outgoing: Outgoing<'_>) -> Outcome {
        if self.outages.is_some_and(|outages| outages.is_down(self.running.elapsed())) {
            return classify::outage();
        }
        // `random` is below 1, so a rate of 1 always succeeds and a rate of 0 never does.
        let succeeds = self.clock.random() < self.success_rate;
        let took = match self.failure {
            Failure::Timeout if !succeeds => self.timeout(),
            _ => self.latency,
        };
        // Not even for no time at all: under load a sandbox should cost what it says, nothing.
        if !took.is_zero() {
            tokio::time::sleep(took).await;
        }
        if !succeeds {
            return classify::failure(self.failure);
        }
        let id = format!("sandbox-{}", outgoing.notification.id.0.simple());
        Outcome::new(Class::Accepted, "pretended to send").with_message_id(Some(id))
    }
}

#[cfg(test)]
mod tests {
    use angaros_clock::Clock;
    use angaros_domain::Channel;
    use tokio::time::{Duration, Instant};

    use super::*;
    use crate::fixture::notification;
    use crate::settings::SandboxSettings;

    async fn send(settings: SandboxSettings) -> (Outcome, Duration) {
        let sandbox = Sandbox::new("sandbox", &settings, Clock::system()).unwrap();
        let notification = notification(Channel::Sms, "+4915112345678");
        let start = Instant::now();
        let outcome = sandbox.send(Outgoing { notification: &notification, attempt: 1 }).await;
        (outcome, start.elapsed())
    }

    fn failing(failure: Failure) -> SandboxSettings {
        SandboxSettings { success_rate: 0.0, failure, latency_ms: 250, ..SandboxSettings::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn success_is_certain_and_its_id_stable() {
        for _ in 0..100 {
            let (outcome, took) = send(SandboxSettings::default()).await;
            assert_eq!(outcome.class, Class::Accepted);
            assert_eq!(
                outcome.provider_message_id.as_deref(),
                Some("sandbox-019c1c3a54077abc8def0123456789ab")
            );
            assert_eq!(took, Duration::ZERO);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_failure_has_its_class_and_duration() {
        for (failure, class, millis) in [
            (Failure::Transient, Class::Transient, 250),
            (Failure::Permanent, Class::Permanent, 250),
            (Failure::Throttled, Class::Throttled, 250),
            (Failure::Timeout, Class::Ambiguous, 10_250),
        ] {
            let (outcome, took) = send(failing(failure)).await;
            assert_eq!((outcome.class, took), (class, Duration::from_millis(millis)));
            assert_eq!(outcome.retry_after_millis.is_some(), failure == Failure::Throttled);
            assert_eq!(outcome.provider_message_id, None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_down_from_time_to_time_and_comes_back() {
        let settings =
            SandboxSettings { outage_every_seconds: 60, outage_seconds: 15, ..SandboxSettings::default() };
        let sandbox = Sandbox::new("sandbox", &settings, Clock::system()).unwrap();
        let notification = notification(Channel::Sms, "+4915112345678");
        let mut classes = Vec::new();
        for _ in 0..5 {
            classes.push(sandbox.send(Outgoing { notification: &notification, attempt: 1 }).await.class);
            tokio::time::advance(Duration::from_secs(25)).await;
        }
        let (up, down) = (Class::Accepted, Class::Transient);
        assert_eq!(classes, [up, up, down, up, up], "at 0, 25, 50, 75 and 100 seconds");
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_between_gives_both() {
        let settings = SandboxSettings { success_rate: 0.5, ..SandboxSettings::default() };
        let mut accepted = 0;
        for _ in 0..200 {
            accepted += u32::from(send(settings.clone()).await.0.class == Class::Accepted);
        }
        assert!((1..200).contains(&accepted), "{accepted} of 200: a fair coin does that once in 10^60 runs");
    }
}
