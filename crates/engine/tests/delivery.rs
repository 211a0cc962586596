//! One notification through the engine: accepted, retried, given up, scheduled, expired, paused. Virtual time.

mod support;

use std::time::Duration;

use angaros_domain::attempt::{Class, Outcome};
use angaros_domain::retry::OnLostWorker;
use angaros_domain::{Channel, FailureReason, Status, TenantId};
use support::{START, Script, World, accepted, transient};

#[tokio::test(start_paused = true)]
async fn an_accepted_notification_is_delivered_at_once() {
    let world = World::new(vec![]);
    let engine = world.engine().await;
    let id = world.send(|_| ()).await;
    let done = world.until_final(id).await;
    assert_eq!(
        (done.status, done.attempts, done.provider.as_deref()),
        (Status::Delivered, 1, Some("scripted"))
    );
    assert!(done.delivered_at.unwrap().millis_since(START) < 100, "a wake-up, not the next poll");
    assert_eq!(world.trace(id).await, ["created", "queued", "processing", "sent", "delivered"]);
    engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn transient_faults_are_retried_with_growing_delays() {
    let world = World::new(vec![Script::Answer(transient()), Script::Answer(transient())]);
    let engine = world.engine().await;
    let id = world.send(|_| ()).await;
    let done = world.until_final(id).await;
    assert_eq!((done.status, done.attempts), (Status::Delivered, 3));
    let sends = world.sends_of(id);
    for (pair, full) in sends.windows(2).zip([30_000, 60_000]) {
        let waited = pair[1].millis_since(pair[0]);
        assert!((full / 2..=full + 100).contains(&waited), "{waited} ms of at most {full}");
    }
    let expected = [
        "created",
        "queued",
        "processing",
        "retrying",
        "processing",
        "retrying",
        "processing",
        "sent",
        "delivered",
    ];
    assert_eq!(world.trace(id).await, expected);
    engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn attempts_end_and_a_dead_letter_can_be_sent_again() {
    let world = World::new(vec![Script::Answer(transient()); 2]);
    let engine = world.engine().await;
    let id = world.send(|draft| draft.max_attempts = Some(2)).await;
    let dead = world.until_final(id).await;
    assert_eq!((dead.status, dead.failure_reason), (Status::Failed, Some(FailureReason::RetriesExhausted)));
    assert_eq!(dead.failure_detail.as_deref(), Some("try again"));
    world.service.retry(TenantId::DEFAULT, id).await.unwrap();
    let done = world.until_final(id).await;
    assert_eq!((done.status, done.attempts, done.failure_reason), (Status::Delivered, 1, None));
    engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_permanent_fault_is_not_retried() {
    let world = World::new(vec![Script::Answer(Outcome::new(Class::Permanent, "no such number"))]);
    let engine = world.engine().await;
    let id = world.send(|_| ()).await;
    let dead = world.until_final(id).await;
    assert_eq!((dead.failure_reason, dead.attempts), (Some(FailureReason::Permanent), 1));
    engine.shutdown().await;
    assert_eq!(world.sends_of(id).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_asks_for_time_gets_it() {
    let asked = Outcome::new(Class::Throttled, "slow down").with_retry_after(Some(90_000));
    let world = World::new(vec![Script::Answer(asked)]);
    let engine = world.engine().await;
    let id = world.send(|_| ()).await;
    world.until_final(id).await;
    let sends = world.sends_of(id);
    let waited = sends[1].millis_since(sends[0]);
    assert!((90_000..90_200).contains(&waited), "{waited} ms");
    engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_schedule_is_kept_to_the_second() {
    let world = World::new(vec![]);
    let engine = world.engine().await;
    let due = START.plus_seconds(7 * 3600);
    let id = world.send(|draft| draft.scheduled_at = Some(due)).await;
    assert_eq!(world.get(id).await.status, Status::Pending);
    world.until_final(id).await;
    let late = world.sends_of(id)[0].millis_since(due);
    assert!((0..200).contains(&late), "{late} ms late");
    assert_eq!(world.trace(id).await, ["created", "pending", "queued", "processing", "sent", "delivered"]);
    engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn an_earlier_schedule_does_not_wait_for_a_later_one() {
    let world = World::new(vec![]);
    let engine = world.engine().await;
    let later = world.send(|draft| draft.scheduled_at = Some(START.plus_seconds(3600))).await;
    let sooner = world.send(|draft| draft.scheduled_at = Some(START.plus_seconds(2))).await;
    world.until_final(sooner).await;
    assert!(world.sends_of(sooner)[0].millis_since(START) < 2_200);
    assert!(world.sends_of(later).is_empty());
    engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_never_reaches_the_provider() {
    let world = World::new(vec![]);
    world.service.worker_stop(&Channel::ALL).await.unwrap();
    let engine = world.engine().await;
    let id = world.send(|draft| draft.expires_at = Some(START.plus_seconds(60))).await;
    tokio::time::advance(Duration::from_secs(61)).await;
    world.service.worker_start(&Channel::ALL).await.unwrap();
    let dead = world.until_final(id).await;
    assert_eq!((dead.failure_reason, dead.attempts), (Some(FailureReason::Expired), 0));
    assert!(world.sends_of(id).is_empty());
    engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_nobody_may_claim_ends_in_time() {
    let world = World::new(vec![]);
    world.service.worker_stop(&[Channel::Sms]).await.unwrap();
    let engine =
        world.engine_with(|settings| settings.channels[Channel::Push.index()].rate_per_second = 1).await;
    let end = START.plus_seconds(60);
    let paused = world.send(|draft| draft.expires_at = Some(end)).await;
    let mut limited = Vec::new();
    for _ in 0..100 {
        let push = |draft: &mut angaros_domain::request::Draft| {
            draft.channel = Channel::Push;
            draft.recipient = "token".into();
            draft.expires_at = Some(end);
        };
        limited.push(world.send(push).await);
    }
    let mut expired = 0;
    for id in limited.into_iter().chain([paused]) {
        let done = world.until_final(id).await;
        if done.status == Status::Failed {
            let late = done.failed_at.unwrap().millis_since(end);
            assert!((0..200).contains(&late), "{late} ms late");
            assert_eq!((done.failure_reason, done.attempts), (Some(FailureReason::Expired), 0));
            assert!(world.sends_of(id).is_empty());
            expired += 1;
        }
    }
    assert!((35..=45).contains(&expired), "one a second is sent, and not {expired} given up");
    assert_eq!(world.trace(paused).await, ["created", "queued", "failed"]);
    engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_one_is_never_sent() {
    let world = World::new(vec![Script::Answer(transient())]);
    let engine = world.engine().await;
    let waiting = world.send(|draft| draft.scheduled_at = Some(START.plus_seconds(60))).await;
    let retrying = world.send(|_| ()).await;
    while world.get(retrying).await.status != Status::Retrying {
        tokio::time::advance(Duration::from_millis(5)).await;
    }
    for id in [waiting, retrying] {
        assert_eq!(world.service.cancel(TenantId::DEFAULT, id).await.unwrap().status, Status::Cancelled);
    }
    world.clock.sleep_until(START.plus_seconds(7200)).await;
    assert_eq!((world.sends_of(waiting).len(), world.sends_of(retrying).len()), (0, 1));
    engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_paused_channel_waits_and_the_others_go_on() {
    let world = World::new(vec![]);
    world.service.worker_stop(&[Channel::Sms]).await.unwrap();
    let engine = world.engine().await;
    let sms = world.send(|_| ()).await;
    let push = world
        .send(|draft| {
            draft.channel = Channel::Push;
            draft.recipient = "token".into();
        })
        .await;
    world.until_final(push).await;
    world.clock.sleep_until(START.plus_seconds(60)).await;
    let waiting = world.get(sms).await;
    assert_eq!((waiting.status, waiting.attempts), (Status::Queued, 0), "a pause costs no attempt");
    world.service.worker_start(&[Channel::Sms]).await.unwrap();
    assert_eq!(world.until_final(sms).await.status, Status::Delivered);
    engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_hanging_and_a_panicking_provider_end_as_ambiguous_and_are_retried() {
    for script in [Script::Hang, Script::Panic] {
        let world = World::new(vec![script]);
        let engine = world.engine().await;
        let id = world.send(|_| ()).await;
        let done = world.until_final(id).await;
        assert_eq!((done.status, done.attempts), (Status::Delivered, 2));
        let entries = world.service.trace(TenantId::DEFAULT, id).await.unwrap();
        let retried = entries.iter().find(|entry| entry.event == "retrying").unwrap();
        assert!(retried.detail.as_deref().unwrap().starts_with("ambiguous"), "{retried:?}");
        engine.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_policy_for_lost_workers_may_forbid_a_second_send() {
    let world = World::with(vec![Script::Hang], false);
    let fail = |settings: &mut angaros_engine::Settings| {
        settings.channels[Channel::Sms.index()].retry.on_lost_worker = OnLostWorker::Fail;
        settings.shutdown = Duration::from_secs(1);
    };
    let engine = world.engine_with(fail).await;
    let id = world.send(|_| ()).await;
    while world.sends_of(id).is_empty() {
        tokio::time::advance(Duration::from_millis(5)).await;
    }
    engine.shutdown().await;
    let dead = world.get(id).await;
    assert_eq!((dead.status, dead.failure_reason), (Status::Failed, Some(FailureReason::WorkerTimeout)));
}

#[tokio::test(start_paused = true)]
async fn a_slow_provider_is_waited_for() {
    let world = World::new(vec![Script::After(Duration::from_secs(29), accepted())]);
    let engine = world.engine().await;
    let id = world.send(|_| ()).await;
    let done = world.until_final(id).await;
    assert_eq!((done.status, done.attempts), (Status::Delivered, 1));
    engine.shutdown().await;
}
