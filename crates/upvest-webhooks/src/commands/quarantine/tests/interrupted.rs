//! Runs that are interrupted, refused halfway, or cross another one: nothing is sent twice, and the next run finishes.

use super::*;

#[tokio::test(start_paused = true)]
async fn after_a_crash_at_any_call_the_same_command_finishes_and_the_effect_is_there_once() {
    for fault in [Fault::CrashBeforeEffect, Fault::CrashAfterEffect] {
        for calls in 0.. {
            let site = mended_site().await;
            site.receiver
                .aws
                .inject(fault, CallFilter::any().by("operator").after(calls));
            let words = [&["reverify"][..], &REASON[..]].concat();
            let crashed = try_to_run(&site, &words).await.is_err();
            site.receiver.aws.heal();
            let in_quarantine = reasons(&site).len();
            let verified = site.verified().len();
            let queued = site.receiver.aws.messages(DELIVERIES).len();
            assert!(in_quarantine == 1 || verified == 1, "{fault:?} {calls} {queued}");
            site.settle().await;
            let mut report = reverify(&site, &[]).await;
            if sent(&site) == 0 {
                // It was about to be sent, and counts as on its way.
                site.pass(3_601);
                report = reverify(&site, &[]).await;
            }
            assert!(report.succeeded(), "{fault:?} {calls}: {}", report.text());
            site.settle().await;
            assert_eq!(site.effects(), ["e1"], "{fault:?} {calls}");
            assert_eq!((reasons(&site).len(), sent(&site)), (0, 1), "{fault:?} {calls}");
            if !crashed {
                assert!(calls > 8, "{calls} calls were struck");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_is_not_sent_again_by_a_run_that_follows_a_crash_at_any_call() {
    let (mut already_sent, mut not_sent_yet) = (0, 0);
    for fault in [Fault::CrashBeforeEffect, Fault::CrashAfterEffect] {
        for calls in 0.. {
            let site = mended_site().await;
            site.receiver
                .aws
                .inject(fault, CallFilter::any().by("operator").after(calls));
            let killed = is_killed_while_the_stack_stands_still(&site).await;
            site.receiver.aws.heal();
            if sent(&site) == 1 {
                already_sent += 1;
            }
            let report = reverify(&site, &[]).await;
            if sent(&site) == 0 {
                // It was about to be sent. That this did not happen shows in time.
                not_sent_yet += 1;
                assert_eq!(became(report.as_ref()), [(ReverifyResult::Waits, 1)]);
                assert_eq!(reasons(&site), ["bad-signature"]);
                site.pass(3_601);
                assert!(reverify(&site, &[]).await.succeeded());
            } else {
                assert!(report.succeeded(), "{fault:?} {calls}: {}", report.text());
            }
            site.settle().await;
            assert_eq!(site.effects(), ["e1"], "{fault:?} {calls}");
            assert_eq!((reasons(&site).len(), sent(&site)), (0, 1), "{fault:?} {calls}");
            if !killed {
                break;
            }
        }
    }
    assert!(
        already_sent > 2,
        "{already_sent} runs were killed after it was sent"
    );
    assert_eq!(
        not_sent_yet, 2,
        "runs that were killed between their mark and the message"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_tells_what_is_on_its_way_already() {
    let site = mended_site().await;
    assert!(!is_killed_while_the_stack_stands_still(&site).await);
    for words in [&["reverify", "--dry-run"][..], &["show", &delivery(&site)]] {
        let text = run_alone(&site, words).await.text();
        assert!(text.contains("sent at 2026-01-01T00:05:02Z"), "{text}");
    }
    site.settle().await;
    assert!(reverify(&site, &[]).await.succeeded());
    assert_eq!((sent(&site), site.effects()), (1, vec!["e1".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn two_who_verify_the_same_at_once_send_it_once() {
    let site = mended_site().await;
    let words = [&["reverify", "--wait", "1"][..], &REASON[..]].concat();
    let run = |command: Command| {
        site.receiver
            .aws
            .invoke("operator", command.run(Site::silent(&site.stack, site.clock())))
    };
    let (one, other) = tokio::join!(run(parsed(&words)), run(parsed(&words)));
    one.unwrap().unwrap();
    other.unwrap().unwrap();
    assert_eq!(sent(&site), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_stack_refuses_again_is_told_at_once_and_sent_by_the_next_run() {
    let site = Deployment::builder().without_key().start().await;
    site.know_key(&signing_key(8)).await;
    post(&site, &[order("e1")]).await;
    // The function still remembers the wrong key.
    site.know_key(&signing_key(7)).await;
    let report = reverify(&site, &["--wait", "3600"]).await;
    assert!(!report.succeeded());
    let text = report.text();
    assert!(text.contains("refused by the stack again"), "{text}");
    assert_eq!(reasons(&site), ["bad-signature"]);
    site.pass(KEY_FORGOTTEN_S);
    assert_eq!(
        became(reverify(&site, &[]).await.as_ref()),
        [(ReverifyResult::Verified, 1)]
    );
    assert_eq!((site.effects(), sent(&site)), (vec!["e1".to_owned()], 2));
}

#[tokio::test(start_paused = true)]
async fn what_the_stack_does_not_verify_in_time_stays_and_the_next_run_finishes_it() {
    let site = mended_site().await;
    let words = [&["reverify", "--wait", "3"][..], &REASON[..]].concat();
    let report = run_alone(&site, &words).await;
    assert_eq!(became(report.as_ref()), [(ReverifyResult::Waits, 1)]);
    assert!(!report.succeeded());
    assert!(report.text().contains("dlq list"), "{}", report.text());
    assert_eq!(reasons(&site), ["bad-signature"]);
    assert_eq!(
        became(reverify(&site, &[]).await.as_ref()),
        [(ReverifyResult::Verified, 1)]
    );
    assert_eq!((site.effects(), reasons(&site).len()), (vec!["e1".to_owned()], 0));
    assert_eq!(sent(&site), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_archive_has_and_the_log_lacks_is_sent_before_it_leaves_the_quarantine() {
    let site = mended_site().await;
    let archive = site.receiver.archive();
    let refused = archive.quarantined(delivery(&site).parse().unwrap()).await;
    let envelope = refused.unwrap().unwrap().delivery.envelope;
    // As an attempt leaves it that dies before it stores what it proved.
    archive.keep(&envelope, &proof()).await.unwrap();
    let report = reverify(&site, &[]).await;
    assert_eq!(became(report.as_ref()), [(ReverifyResult::Verified, 1)]);
    site.settle().await;
    assert_eq!((site.effects(), sent(&site)), (vec!["e1".to_owned()], 1));
    assert_eq!(reasons(&site), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_halfway_is_told_and_loses_nothing() {
    let site = mended_site().await;
    for _ in 0..3 {
        let call = CallFilter::operation(Service::Sqs, "SendMessage")
            .on(DELIVERIES)
            .by("operator");
        site.receiver.aws.inject(Fault::Throttle, call);
    }
    let report = reverify(&site, &[]).await;
    assert!(!report.succeeded());
    assert!(
        report.text().contains("ended early: the delivery was not sent"),
        "{}",
        report.text()
    );
    assert_eq!(reasons(&site), ["bad-signature"]);
    assert!(site.operations().await[0]["result"]["failure"].is_string());
    assert_eq!(
        became(reverify(&site, &[]).await.as_ref()),
        [(ReverifyResult::Verified, 1)]
    );
    assert_eq!(site.effects(), ["e1"]);
}
