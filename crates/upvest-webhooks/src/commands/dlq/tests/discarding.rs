//! Discarding events.

use operator::dlq::{DiscardResult, Discarded};
use pipeline::stores::entities::attributes::LAST_OCCURRED;
use webhook_tests::receiver::CHANGES;

use super::*;

async fn discard_report(site: &Deployment, words: &[&str]) -> Discarded {
    let words = [&["discard"][..], words, &REASON[..]].concat();
    run(site, &words).await.into_known()
}

fn results(report: &Discarded) -> Vec<(Option<&str>, &DiscardResult)> {
    let messages = report.messages.iter();
    messages
        .map(|message| (message.event_id.as_deref(), &message.result))
        .collect()
}

/// An order whose item somebody spoiled before its second event came, which is in the dead-letter queue therefore.
async fn spoiled_site() -> Deployment {
    let site = Deployment::new().await;
    site.store(&[order("o1", 1, "NEW")]).await;
    site.settle().await;
    let item = "ORDER#o1";
    let last = site.receiver.state(item).await.projection.last.unwrap();
    site.receiver.break_entity(item).await;
    site.store(&[order("o1", 2, "FILLED")]).await;
    while dead(&site).is_empty() {
        site.settle().await;
        site.pass(900);
    }
    let good = last.occurred.to_string();
    site.set("entities", item, (LAST_OCCURRED, &good)).await;
    site
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_given_up_is_in_the_state_and_nobody_is_told() {
    let site = spoiled_site().await;
    let told = site.receiver.aws.published(CHANGES).len();
    let before = site.receiver.state("ORDER#o1").await;
    let report = discard_report(&site, &["o1-2", "--queue", "orders"]).await;
    assert_eq!(
        results(&report),
        [(Some("o1-2"), &DiscardResult::Folded { version: 2 })]
    );
    site.settle().await;
    let state = site.receiver.state("ORDER#o1").await;
    assert_eq!(state.projection.status(), Some("FILLED"));
    // What the processor keeps to resume by is not this command's to drop.
    assert_eq!(state.transitions, before.transitions);
    assert_eq!((dead(&site).len(), site.receiver.waiting()), (0, 0));
    assert_eq!(site.receiver.aws.published(CHANGES).len(), told);
    assert_eq!(site.effects(), ["o1-1"]);
    let [operation] = &site.operations().await[..] else {
        panic!()
    };
    assert_eq!(
        (&operation["command"], &operation["reason"]),
        (&json!("dlq discard"), &json!("INC-42"))
    );
    assert_eq!(operation["request"]["discard"][0]["event_id"], "o1-2");
    assert_eq!(operation["result"]["messages"][0]["result"], "folded");
    assert!(report.succeeded());
}

#[tokio::test(start_paused = true)]
async fn an_event_whose_action_failed_is_in_the_state_already_and_is_gone_without_effects() {
    let site = mended_site().await;
    let told = site.receiver.aws.published(CHANGES).len();
    let report = discard_report(&site, &["--entity", "ORDER#o1"]).await;
    assert_eq!(
        results(&report),
        [
            (Some("o1-1"), &DiscardResult::InState),
            (Some("o1-2"), &DiscardResult::InState)
        ]
    );
    site.settle().await;
    assert_eq!(dead(&site), ["o2-1"]);
    assert_eq!(site.effects(), [""; 0]);
    assert_eq!(site.receiver.aws.published(CHANGES).len(), told);
}

#[tokio::test(start_paused = true)]
async fn an_event_stays_while_its_entity_cannot_be_read_and_the_way_out_is_named() {
    let site = spoiled_site().await;
    site.receiver.break_entity("ORDER#o1").await;
    let report = discard_report(&site, &["o1-2"]).await;
    assert!(!report.succeeded());
    let text = report.text();
    assert!(
        text.contains("entities rebuild 'ORDER#o1'") && dead(&site) == ["o1-2"],
        "{text}"
    );
    assert!(all_visible(&site, &dead_letter_name(Domain::Orders)));
}

#[tokio::test(start_paused = true)]
async fn events_are_given_up_as_slowly_as_one_says() {
    let ids: Vec<String> = (0..8).map(|number| format!("o{number}")).collect();
    let events: Vec<String> = ids.iter().map(|id| order(id, 1, "NEW")).collect();
    let hopeless: Vec<String> = ids.iter().map(|id| format!("{id}-1")).collect();
    let hopeless: Vec<&str> = hopeless.iter().map(String::as_str).collect();
    let site = site_with(&events, &hopeless).await;
    // At this rate eight take longer than what was received is out of sight.
    let words = ["--type", "ORDER", "--rate", "0.05"];
    let report = while_time_passes(&site, discard_report(&site, &words)).await;
    assert!(report.succeeded(), "{}", report.text());
    assert_eq!((report.messages.len(), dead(&site).len()), (8, 0));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_folded_is_gone_and_told() {
    let site = Deployment::new().await;
    let id = site.scribble_to(&dead_letter_name(Domain::Orders)).await;
    let report = discard_report(&site, &[&id]).await;
    assert!(
        matches!(results(&report)[..], [(None, DiscardResult::NotFolded { .. })]),
        "{report:?}"
    );
    assert!(report.text().contains("holds no event"), "{}", report.text());
    assert!(report.succeeded());
    assert!(
        site.receiver
            .aws
            .messages(&dead_letter_name(Domain::Orders))
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_and_a_choice_of_nothing_or_of_deliveries_change_nothing() {
    let site = mended_site().await;
    let report = run(&site, &["discard", "--dry-run", "o1-1", "o9-9"]).await;
    assert!(!report.succeeded(), "an id is not there");
    let text = report.text();
    assert!(
        text.contains("would be discarded") && text.contains("o9-9: no message"),
        "{text}"
    );
    for words in [&["discard"][..], &["discard", "d1", "--queue", "deliveries"]] {
        let words = [words, &REASON[..]].concat();
        let refused = run_at(&site, &words, site.clock()).await.unwrap().unwrap_err();
        assert_eq!(refused.kind(), operator::ErrorKind::Usage, "{refused}");
    }
    assert_eq!((dead(&site).len(), site.operations().await.len()), (3, 0));
    assert!(all_visible(&site, &dead_letter_name(Domain::Orders)));
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_at_any_call_the_same_command_finishes_and_nobody_is_told() {
    for fault in [Fault::CrashBeforeEffect, Fault::CrashAfterEffect] {
        for calls in 0.. {
            let site = spoiled_site().await;
            let told = site.receiver.aws.published(CHANGES).len();
            site.receiver
                .aws
                .inject(fault, CallFilter::any().by("operator").after(calls));
            let words = [
                &["discard", "--queue", "orders", "--type", "ORDER"][..],
                &REASON[..],
            ]
            .concat();
            let crashed = run_at(&site, &words, site.clock()).await.is_err();
            site.receiver.aws.heal();
            site.pass(121);
            run(&site, &words).await;
            site.settle().await;
            let state = site.receiver.state("ORDER#o1").await;
            let status = state.projection.status();
            assert_eq!((status, state.version), (Some("FILLED"), 2), "{fault:?} {calls}");
            assert_eq!(dead(&site), [""; 0], "{fault:?} {calls}");
            assert_eq!(site.receiver.aws.published(CHANGES).len(), told);
            if !crashed {
                assert!(calls > 8, "{calls} calls were struck");
                break;
            }
        }
    }
}
