//! The commands against a receiver in process.

mod event_by_event;
mod interrupted;
mod looking;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use fake_aws::{CallFilter, CrashError, Fault, Outcome, Service};
use pipeline::stores::archive::Proof;
use upvest::signature::{Dialect, Freshness, Headers, SignatureOptions, VerifyError};
use verify_and_store::Policy;
use webhook_tests::commands::{REASON, parsed};
use webhook_tests::deliveries::{body_of, envelope, event, sign, sign_with, signing_key};
use webhook_tests::deployment::{Deployment, KEY_FORGOTTEN_S};
use webhook_tests::receiver::DELIVERIES;

use operator::Error;
use operator::quarantine::{ReverifyReport, ReverifyResult};

use super::*;
use crate::output::Report;

fn order(id: &str) -> String {
    event(id, 1, "ORDER.NEW", &format!(r#"{{"id":"{id}","status":"NEW"}}"#))
}

/// Posts events and has them verified once; a second passes.
async fn post(site: &Deployment, events: &[String]) {
    site.store(events).await;
    site.pass(1);
}

/// Posts a delivery and has it verified once; a second passes.
async fn post_body(site: &Deployment, headers: &Headers, body: &[u8]) {
    site.post_body(headers, body).await;
    site.receiver.verify_and_store().await.unwrap();
    site.pass(1);
}

/// A site that took another key for the one that signs, until now: one delivery is in quarantine.
async fn mended_site() -> Deployment {
    let site = Deployment::builder().without_key().start().await;
    site.know_key(&signing_key(8)).await;
    post(&site, &[order("e1")]).await;
    assert_eq!(reasons(&site), ["bad-signature"]);
    site.know_key(&signing_key(7)).await;
    site.pass(KEY_FORGOTTEN_S);
    site
}

/// Lists the reasons for which objects are in quarantine.
fn reasons(site: &Deployment) -> Vec<String> {
    site.receiver.quarantine_reasons()
}

/// The id of the only delivery in quarantine.
fn delivery(site: &Deployment) -> String {
    let keys = site.receiver.quarantined();
    keys[0].rsplit('/').next().unwrap().to_owned()
}

async fn try_to_run(site: &Deployment, words: &[&str]) -> Result<Result<Box<dyn Report>>, CrashError> {
    let command: Command = parsed(words);
    let is_done = Cell::new(false);
    let run = async {
        let run = command.run(Site::silent(&site.stack, site.clock()));
        let done = site.receiver.aws.invoke("operator", run).await;
        is_done.set(true);
        done
    };
    let functions = async {
        while !is_done.get() {
            site.settle().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::join!(run, functions).0
}

/// Runs the command while the stack does nothing; gives whether it was killed.
async fn is_killed_while_the_stack_stands_still(site: &Deployment) -> bool {
    let words = [&["reverify", "--wait", "1"][..], &REASON[..]].concat();
    let command: Command = parsed(&words);
    let run = command.run(Site::silent(&site.stack, site.clock()));
    site.receiver.aws.invoke("operator", run).await.is_err()
}

/// Runs the command while the stack does nothing.
async fn run_alone(site: &Deployment, words: &[&str]) -> Box<dyn Report> {
    let command: Command = parsed(words);
    let run = command.run(Site::silent(&site.stack, site.clock()));
    let done = site.receiver.aws.invoke("operator", run).await;
    done.unwrap().unwrap()
}

async fn run(site: &Deployment, words: &[&str]) -> Box<dyn Report> {
    try_to_run(site, words).await.unwrap().unwrap()
}

async fn reverify(site: &Deployment, words: &[&str]) -> Box<dyn Report> {
    run(site, &[&["reverify"][..], words, &REASON[..]].concat()).await
}

/// Counts the deliveries of a report by what became of them.
fn became(report: &dyn Report) -> Vec<(ReverifyResult, usize)> {
    let report = report.known::<ReverifyReport>();
    report.counts().into_iter().collect()
}

/// Counts the deliveries that commands sent.
fn sent(site: &Deployment) -> usize {
    let calls = site.receiver.aws.calls().into_iter();
    calls
        .filter(|call| call.invocation.as_deref() == Some("operator"))
        .filter(|call| call.operation == "SendMessage" && call.resource == DELIVERIES)
        .filter(|call| {
            matches!(
                call.outcome,
                Outcome::Ok | Outcome::Struck(Fault::CrashAfterEffect)
            )
        })
        .count()
}

/// What the archive notes of a delivery that is planted there.
fn proof() -> Proof<'static> {
    Proof {
        key_id: "key",
        thumbprint: None,
        dialect: Dialect::UnquotedDigest,
        freshness: Freshness::Fresh,
        origin: None,
        flags: &[],
    }
}

/// Puts a delivery into quarantine as an older version may have done, and into the archive if it was verified.
async fn plant(
    site: &Deployment,
    headers: &upvest::signature::Headers,
    body: &[u8],
    reason: &'static str,
    events: &[usize],
) {
    let verified = !VerifyError::ALL.contains(&reason);
    let at = site.receiver.aws.clock().timestamp();
    let milliseconds = u64::try_from(at.as_millisecond()).unwrap();
    let id = uuid::Builder::from_unix_timestamp_millis(milliseconds, &[7; 10]).into_uuid();
    let envelope = envelope(headers, body, id, at);
    let archive = site.receiver.archive();
    if verified {
        archive.keep(&envelope, &proof()).await.unwrap();
    }
    archive
        .quarantine(&envelope, Some("key"), reason, events.to_vec())
        .await
        .unwrap();
    site.pass(1);
}

#[tokio::test(start_paused = true)]
async fn what_holds_once_its_key_is_right_is_verified_and_processed_once() {
    let site = mended_site().await;
    let report = reverify(&site, &[]).await;
    assert_eq!(became(report.as_ref()), [(ReverifyResult::Verified, 1)]);
    assert!(report.succeeded());
    site.settle().await;
    assert_eq!(site.effects(), ["e1"]);
    assert_eq!((reasons(&site).len(), site.verified().len()), (0, 1));
    let again = reverify(&site, &[]).await;
    assert!(
        again.text().starts_with("no deliveries in quarantine"),
        "{}",
        again.text()
    );
    assert_eq!((sent(&site), site.effects().len()), (1, 1));
    let operations = site.operations().await;
    assert_eq!(operations.len(), 1, "what does nothing is no operation");
    assert_eq!(operations[0]["command"], "quarantine reverify");
    assert_eq!(operations[0]["result"]["became"]["verified"], 1);
}

#[tokio::test(start_paused = true)]
async fn what_still_fails_stays_with_its_reason() {
    let site = mended_site().await;
    let body = body_of(&[order("e2")]).into_bytes();
    let mut headers = sign(&signing_key(7), &body);
    headers.remove("digest");
    post_body(&site, &headers, &body).await;
    let body = body_of(&[order("e3")]).into_bytes();
    let mut headers = sign(&signing_key(7), &body);
    let input = headers
        .combined("signature-input")
        .unwrap()
        .replace("\"key\"", "\"other\"");
    headers.set("signature-input", input);
    headers.set("digest", "SHA-256=?");
    plant(&site, &headers, &body, "bad-signature", &[]).await;

    let report = reverify(&site, &[]).await;
    assert_eq!(
        became(report.as_ref()),
        [(ReverifyResult::Verified, 1), (ReverifyResult::Fails, 2)]
    );
    assert!(!report.succeeded());
    let text = report.text();
    for why in [
        "missing-digest (the digest header is missing)",
        "unknown-key (key other is not in the keys table)",
    ] {
        assert!(text.contains(why), "{text}");
    }
    assert_eq!(reasons(&site), ["bad-signature", "missing-digest"]);
    assert_eq!((site.effects(), sent(&site)), (vec!["e1".to_owned()], 1));
}

#[tokio::test(start_paused = true)]
async fn the_policy_of_the_stack_and_the_time_of_receipt_decide_about_freshness() {
    for (policy, result, left) in [
        (Policy::Strict, "fails: expired (the signature had expired", 1),
        (Policy::Flag, "verified, and out of quarantine", 0),
    ] {
        let site = Deployment::builder().freshness(policy).start().await;
        let body = body_of(&[order("e1")]).into_bytes();
        let (created, expires) = ("2025-12-31T00:00:00Z", "2025-12-31T00:01:00Z");
        let options = SignatureOptions::new(["@method", "@path", "digest"]);
        let options = options.valid(created.parse().unwrap(), expires.parse().unwrap());
        let headers = sign_with(&signing_key(7), &body, &options);
        plant(&site, &headers, &body, "expired", &[]).await;
        let report = reverify(&site, &[]).await;
        assert!(report.text().contains(result), "{}", report.text());
        assert_eq!((report.succeeded(), reasons(&site).len()), (left == 0, left));
    }
}

#[tokio::test(start_paused = true)]
async fn a_strict_stack_takes_an_event_again_once_its_subscription_is_ours() {
    let site = Deployment::builder().subscriptions(Policy::Strict).start().await;
    site.receiver.subscriptions().adopt("ours").await.unwrap();
    post(
        &site,
        &[order("e1").replacen('{', r#"{"webhook_id":"theirs","#, 1)],
    )
    .await;
    assert_eq!(reasons(&site), ["foreign-subscription"]);
    let report = reverify(&site, &[]).await;
    assert!(
        report.text().contains("1 × foreign-subscription"),
        "{}",
        report.text()
    );
    assert_eq!((report.succeeded(), sent(&site)), (false, 0));
    site.receiver.subscriptions().adopt("theirs").await.unwrap();
    site.pass(KEY_FORGOTTEN_S);
    let report = reverify(&site, &[]).await;
    assert_eq!(became(report.as_ref()), [(ReverifyResult::Verified, 1)]);
    assert_eq!((site.effects(), reasons(&site).len()), (vec!["e1".to_owned()], 0));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_tells_what_holds_and_sends_nothing() {
    let site = mended_site().await;
    let report = run(&site, &["reverify", "--dry-run"]).await;
    let text = report.text();
    assert!(
        text.contains("holds: would be sent") && text.ends_with("nothing was sent"),
        "{text}"
    );
    assert!(report.succeeded());
    assert_eq!(
        (reasons(&site).len(), sent(&site), site.operations().await.len()),
        (1, 0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_is_named_and_done_already_is_no_failure_and_an_unknown_one_is() {
    let site = mended_site().await;
    let id = delivery(&site);
    for _ in 0..2 {
        assert!(reverify(&site, &[&id]).await.succeeded());
    }
    let report = reverify(&site, &["019b76da-a87b-7def-8123-456789abcdef"]).await;
    assert!(!report.succeeded());
    assert!(
        report.text().contains("neither in quarantine nor verified"),
        "{}",
        report.text()
    );
}
