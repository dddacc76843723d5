//! Redrives that are stopped halfway, or that AWS answers badly.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_a_killed_command_left_out_of_sight_is_told() {
    let site = mended_site().await;
    let send = CallFilter::operation(Service::Sqs, "SendMessage").by("operator");
    site.receiver.aws.inject(Fault::CrashBeforeEffect, send);
    let words = [&["redrive"][..], &REASON[..]].concat();
    assert!(run_at(&site, &words, site.clock()).await.is_err());
    let report = redrive(&site, &[]).await;
    assert_eq!((report.queues.len(), report.out_of_sight), (0, 3));
    let text = report.text();
    assert!(text.contains("3 out of sight"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_at_any_call_the_same_command_finishes_and_every_effect_is_there_once() {
    for fault in [Fault::CrashBeforeEffect, Fault::CrashAfterEffect] {
        for calls in 0.. {
            let site = mended_site().await;
            site.receiver
                .aws
                .inject(fault, CallFilter::any().by("operator").after(calls));
            let words = [&["redrive"][..], &REASON[..]].concat();
            let crashed = run_at(&site, &words, site.clock()).await.is_err();
            site.receiver.aws.heal();
            if calls % 2 == 0 {
                site.settle().await;
            }
            // What was received when the command was killed is out of sight until then.
            site.pass(121);
            let report = redrive(&site, &[]).await;
            assert!(report.ending.failure.is_none(), "{fault:?} {calls}");
            site.settle().await;
            let mut effects = site.effects();
            assert!(
                effects.iter().position(|id| id == "o1-1") < effects.iter().position(|id| id == "o1-2"),
                "{fault:?} {calls}: {effects:?}"
            );
            effects.sort();
            assert_eq!(effects, ["o1-1", "o1-2", "o2-1"], "{fault:?} {calls}");
            assert_eq!(
                (dead(&site).len(), site.receiver.waiting()),
                (0, 0),
                "{fault:?} {calls}"
            );
            if !crashed {
                assert!(calls > 10, "{calls} calls were struck");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_deletion_was_not_confirmed_is_in_the_queue_once() {
    let site = mended_site().await;
    for operation in ["SendMessage", "DeleteMessage"] {
        let call = CallFilter::operation(Service::Sqs, operation).by("operator");
        site.receiver.aws.inject(Fault::LoseReply, call);
    }
    redrive(&site, &["--entity", "ORDER#o1"]).await;
    assert_eq!(ids(&site, &queue_name(Domain::Orders)), ["o1-1", "o1-2"]);
    assert_eq!(dead(&site), ["o2-1"]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_halfway_is_told_and_loses_nothing() {
    let site = mended_site().await;
    let home = queue_name(Domain::Orders);
    for _ in 0..3 {
        let call = CallFilter::operation(Service::Sqs, "SendMessage")
            .on(&home)
            .by("operator");
        site.receiver.aws.inject(Fault::Throttle, call.after(1));
    }
    let report = redrive(&site, &[]).await;
    assert_eq!(numbers(&report).0, 1);
    let failure = report.ending.failure.clone().unwrap();
    assert!(failure.contains("SendMessage"), "{failure}");
    assert_eq!(site.operations().await[0]["result"]["failure"], json!(failure));
    assert!(!report.succeeded());
    assert!(all_visible(&site, &dead_letter_name(Domain::Orders)));
    site.receiver.aws.heal();
    assert_eq!(numbers(&redrive(&site, &[]).await).0, 2);
    site.settle().await;
    assert_eq!(site.effects().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_redriven_that_the_audit_table_does_not_know_of() {
    let site = mended_site().await;
    for _ in 0..3 {
        let call = CallFilter::operation(Service::DynamoDb, "ExecuteStatement").on("audit");
        site.receiver.aws.inject(Fault::Throttle, call);
    }
    let words = [&["redrive"][..], &REASON[..]].concat();
    let error = run_at(&site, &words, site.clock()).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("nothing was done"), "{error}");
    assert_eq!(dead(&site).len(), 3);
}
