//! The model with one fault at a time, to prove that the suite notices each of them.

mod catalog;
mod counts;
mod log;
mod queue;
mod reader;
mod suppressions;
mod webhooks;

use std::panic::AssertUnwindSafe;

use proptest::test_runner::RngSeed;

use crate::random::random_operations_from;
use crate::{MemoryStore, failures};

/// What is wrong with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// None: what the suite notices is then not the wrapper's doing.
    None,
    SubmitForgetsKeys,
    SubmitIgnoresWhatTheKeyWasFor,
    SubmitLogsNothing,
    SubmitLooksBeforeItActs,
    ClaimForgetsTheLease,
    ClaimLeavesTheRows,
    ClaimServesTheFirstTenantOnly,
    ClaimTakesTheYoungest,
    ClaimSortsTheLanes,
    SettleIgnoresTheFence,
    SettleLogsStaleResults,
    SettleEndsTheLease,
    SettleRetriesAtOnce,
    RenewTakesAllWorkers,
    RenewOnlyCounts,
    RescueComesTooEarly,
    RescueKnowsNoLimit,
    RescueKnowsNoNames,
    RescueQueuesAgain,
    PromoteComesTooEarly,
    PromoteKnowsNoLimit,
    ExpireComesTooEarly,
    ExpireKnowsNoLimit,
    ExpireTakesClaimedOnes,
    ExpireLeavesTheRow,
    CancelTakesClaimedOnes,
    CancelLeavesTheRow,
    CancelLooksBeforeItActs,
    RedriveIgnoresConditions,
    RedriveTakesNoIdsForAll,
    ReadsTheStoredStatus,
    ReadsForAnyTenant,
    ListsEndWithTheFirstPage,
    ListsTheStoredStatus,
    TimelinesAreInLogOrder,
    TimelinesExcludeTheirEnd,
    SentMessagesComeInAnyOrder,
    StatsCountAllTenants,
    AppendForgetsKeys,
    AppendTakesConflictsForRepeats,
    AppendIgnoresReceipts,
    CampaignsComeOldestFirst,
    UniquesCountEachTime,
    MetricsIncludeTheirEnd,
    MetricsIgnoreTheChannel,
    MetricsCountWholeQuarters,
    FeedShowsTheFirstPageOnly,
    TheLogEndsTooEarly,
    LatestEventsAreOfAnyKind,
    LatestEventsEndWithTheFirstPage,
    SeriesAreInLogOrder,
    DeadLettersAreCountedOfAnyKind,
    RequestsAreFoundByTimeAlone,
    EventsAreReadForAnyTenant,
    TemplatesAreMadeAnew,
    KeysAreRevokedAgain,
    PausesBeginAgain,
    EveryKeyHasItsTenant,
    AppendSuppressesNothing,
    ClaimIgnoresSuppressions,
    EnablingGoesOnWhereItStopped,
    EndpointsAreReadForAnyTenant,
    EndpointsFollowFromTheBeginning,
    EndpointsKnowNoLimit,
    FanOutIgnoresTheFence,
    FanOutsFollowDisabledEndpoints,
    SettleHearsNothing,
    SettleHearsStaleResults,
    SettleSuppressesNothing,
    SuppressForgetsTheFirst,
    SuppressionsComeOldestFirst,
    SuppressionsIgnoreTheReason,
    SuppressionsOfAnyTenant,
    UnsuppressOnlyLooks,
}

/// Which check must notice which fault.
const NOTICED: &[(Fault, &str)] = &[
    (Fault::SubmitForgetsKeys, "submit::the_same_again_is_replayed"),
    (Fault::SubmitIgnoresWhatTheKeyWasFor, "submit::a_key_used_for_something_else_conflicts"),
    (Fault::SubmitLogsNothing, "submit::creation_is_logged"),
    (Fault::SubmitLooksBeforeItActs, "race::one_of_many_repeats_is_stored"),
    (Fault::ClaimForgetsTheLease, "settle::a_result_is_stored_with_its_events"),
    (Fault::ClaimLeavesTheRows, "claim::nothing_is_claimed_twice"),
    (Fault::ClaimServesTheFirstTenantOnly, "claim::tenants_take_turns"),
    (Fault::ClaimTakesTheYoungest, "claim::the_oldest_comes_first"),
    (Fault::ClaimSortsTheLanes, "claim::each_lane_gives_its_quota_in_the_order_asked"),
    (Fault::SettleIgnoresTheFence, "lease::a_lost_workers_late_result_is_stale"),
    (Fault::SettleLogsStaleResults, "settle::a_second_result_is_stale"),
    (Fault::SettleEndsTheLease, "settle::a_partial_settle_keeps_the_rest"),
    (Fault::SettleRetriesAtOnce, "settle::a_retry_waits_for_its_time"),
    (Fault::RenewTakesAllWorkers, "lease::a_worker_renews_all_of_its_own"),
    (Fault::RenewOnlyCounts, "lease::a_renewed_lease_is_not_lost"),
    (Fault::RescueComesTooEarly, "lease::a_lease_is_lost_after_its_end_and_not_before"),
    (Fault::RescueKnowsNoLimit, "lease::a_rescue_takes_only_so_many_leases"),
    (Fault::RescueKnowsNoNames, "lease::a_lease_may_be_taken_over_by_its_name"),
    (Fault::RescueQueuesAgain, "lease::a_rescued_lease_moves_to_the_rescuer"),
    (Fault::PromoteComesTooEarly, "promote::nothing_is_due"),
    (Fault::PromoteKnowsNoLimit, "promote::the_earliest_come_first_up_to_the_limit"),
    (Fault::ExpireComesTooEarly, "expire::nothing_ends_before_its_time"),
    (Fault::ExpireKnowsNoLimit, "expire::the_earliest_come_first_up_to_the_limit"),
    (Fault::ExpireTakesClaimedOnes, "expire::a_claimed_one_is_left_to_its_worker"),
    (Fault::ExpireLeavesTheRow, "expire::a_queued_one_is_never_sent"),
    (Fault::AppendForgetsKeys, "reported::the_same_again_is_a_duplicate"),
    (Fault::AppendTakesConflictsForRepeats, "reported::something_else_under_a_key_conflicts"),
    (Fault::AppendIgnoresReceipts, "receipts::a_sent_one_is_confirmed_by_its_id"),
    (Fault::CampaignsComeOldestFirst, "counts::campaigns_come_with_the_latest_first"),
    (Fault::UniquesCountEachTime, "counts::a_campaign_counts_events_and_recipients"),
    (Fault::MetricsIncludeTheirEnd, "counts::a_range_ends_before_its_end"),
    (Fault::MetricsIgnoreTheChannel, "counts::filters_choose"),
    (Fault::MetricsCountWholeQuarters, "counts::spans_begin_at_any_millisecond"),
    (Fault::FeedShowsTheFirstPageOnly, "reported::the_feed_skips_and_repeats_nothing"),
    (Fault::LatestEventsAreOfAnyKind, "latest::filters_choose"),
    (Fault::LatestEventsEndWithTheFirstPage, "latest::pages_of_the_log_join_up"),
    (Fault::SeriesAreInLogOrder, "latest::a_campaign_is_read_as_it_happened"),
    (Fault::DeadLettersAreCountedOfAnyKind, "dead_letters::each_condition_chooses"),
    (Fault::RequestsAreFoundByTimeAlone, "list::what_a_request_made_is_found_by_its_correlation_id"),
    (Fault::TheLogEndsTooEarly, "reported::what_is_stored_later_lies_behind_the_end"),
    (Fault::EventsAreReadForAnyTenant, "reported::tenants_are_kept_apart"),
    (Fault::CancelTakesClaimedOnes, "cancel::a_claimed_one_is_refused"),
    (Fault::CancelLeavesTheRow, "cancel::a_queued_one_is_never_sent"),
    (Fault::CancelLooksBeforeItActs, "race::a_cancel_and_a_claim_have_one_winner"),
    (Fault::RedriveIgnoresConditions, "redrive::each_condition_chooses"),
    (Fault::RedriveTakesNoIdsForAll, "redrive::nothing_to_redrive_is_nothing_done"),
    (Fault::ReadsTheStoredStatus, "claim::a_claimed_one_is_processing_and_nothing_else_changes"),
    (Fault::ReadsForAnyTenant, "tenants::one_does_not_see_what_another_stored"),
    (Fault::ListsEndWithTheFirstPage, "list::the_newest_come_first_and_each_once"),
    (Fault::ListsTheStoredStatus, "list::filters_choose_by_what_readers_see"),
    (Fault::TimelinesAreInLogOrder, "timeline::events_come_in_the_order_in_which_they_happened"),
    (Fault::TimelinesExcludeTheirEnd, "timeline::filters_choose"),
    (Fault::SentMessagesComeInAnyOrder, "sent::the_latest_come_first_page_by_page"),
    (Fault::StatsCountAllTenants, "stats::tenants_are_counted_apart_and_together"),
    (Fault::TemplatesAreMadeAnew, "catalog::an_update_keeps_id_and_creation"),
    (Fault::KeysAreRevokedAgain, "catalog::a_key_is_revoked_once"),
    (Fault::PausesBeginAgain, "catalog::a_pause_keeps_its_beginning"),
    (Fault::EveryKeyHasItsTenant, "catalog::a_tenant_is_found_by_its_name"),
    (Fault::SettleHearsStaleResults, "webhooks::a_stale_result_says_nothing"),
    (Fault::SettleHearsNothing, "webhooks::one_that_is_gone_is_disabled_with_the_result"),
    (Fault::EndpointsKnowNoLimit, "webhooks::a_tenant_has_only_so_many"),
    (Fault::EndpointsFollowFromTheBeginning, "webhooks::another_one_begins_at_the_end_of_the_log"),
    (Fault::EndpointsAreReadForAnyTenant, "webhooks::tenants_have_their_own"),
    (
        Fault::EnablingGoesOnWhereItStopped,
        "webhooks::one_that_is_enabled_again_goes_on_from_the_end_of_the_log",
    ),
    (Fault::FanOutsFollowDisabledEndpoints, "webhooks::only_enabled_ones_are_followed"),
    (Fault::FanOutIgnoresTheFence, "webhooks::a_step_is_taken_once"),
    (Fault::SuppressForgetsTheFirst, "suppressions::an_address_is_added_once_and_the_first_stays"),
    (Fault::UnsuppressOnlyLooks, "suppressions::what_is_taken_off_is_sent_again"),
    (Fault::SuppressionsOfAnyTenant, "suppressions::tenants_have_lists_of_their_own"),
    (Fault::SuppressionsIgnoreTheReason, "suppressions::filters_choose"),
    (Fault::SuppressionsComeOldestFirst, "suppressions::the_latest_come_first_page_by_page"),
    (Fault::ClaimIgnoresSuppressions, "suppressions::a_claim_says_whether_its_address_is_suppressed"),
    (Fault::SettleSuppressesNothing, "suppressions::a_result_suppresses_its_address"),
    (Fault::AppendSuppressesNothing, "suppressions::an_event_suppresses_the_address_of_what_it_names"),
];

/// The model with a fault.
struct Broken {
    inner: MemoryStore,
    fault: Fault,
}

impl Broken {
    fn new(fault: Fault) -> Broken {
        Broken { inner: MemoryStore::new(), fault }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }
}

#[tokio::test]
async fn each_fault_is_noticed_by_its_check() {
    for (fault, check) in NOTICED {
        let failures = failures(|| async { Broken::new(*fault) }).await;
        let noticed = failures.iter().any(|failure| failure.starts_with(&format!("{check}: ")));
        assert!(noticed, "{fault:?} was not noticed by {check}, but by {failures:#?}");
    }
}

#[tokio::test]
async fn without_a_fault_there_is_nothing_to_notice() {
    assert_eq!(failures(|| async { Broken::new(Fault::None) }).await, [""; 0]);
}

#[test]
fn random_operations_notice_faults_and_tell_how() {
    for fault in [
        Fault::SubmitIgnoresWhatTheKeyWasFor,
        Fault::ClaimServesTheFirstTenantOnly,
        Fault::ClaimTakesTheYoungest,
        Fault::SettleIgnoresTheFence,
        Fault::SettleLogsStaleResults,
        Fault::RenewOnlyCounts,
        Fault::PromoteComesTooEarly,
        Fault::ExpireComesTooEarly,
        Fault::CancelLeavesTheRow,
        Fault::RedriveIgnoresConditions,
        Fault::ListsTheStoredStatus,
        Fault::ClaimIgnoresSuppressions,
        Fault::SettleSuppressesNothing,
    ] {
        let make = || async { Broken::new(fault) };
        let run = AssertUnwindSafe(|| {
            random_operations_from(RngSeed::Fixed(1), make, 1_000);
        });
        let Err(panic) = std::panic::catch_unwind(run) else { panic!("1000 cases did not notice {fault:?}") };
        let told = panic.downcast_ref::<String>().expect("a message");
        assert!(told.contains("\nafter\n  1. "), "{fault:?} is told with what led there:\n{told}");
    }
}
