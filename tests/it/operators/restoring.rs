//! The way back: rows of a restored copy are put back into their table, and what was received since is stored again from the
//! archive, so that the log has each event once, the states are its fold, and no action runs twice.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

mod resending;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use fake_aws::{CallFilter, Fault, Service};
use jiff::{SignedDuration, Timestamp};
use operator::archive::{self, Finding, Problem, ResendReport};
use operator::entities::{Which, rebuild, verify_domains};
use operator::restore::{Request, RestoreReport, restore};
use operator::{ErrorKind, Reporter};
use pipeline::policy::Policy;
use pipeline::stores::restoring::{RestorableTable, Restoring};
use serde_json::Value;
use upvest::Domain;
use webhook_tests::deliveries::{import_key, order, topup};
use webhook_tests::deployment::Deployment;
use webhook_tests::receiver::CHANGES;
use webhook_tests::story::Story;

const COPY: &str = "restored";

fn request(table: RestorableTable) -> Request {
    Request {
        table,
        from: COPY.to_owned(),
        overwrite: false,
    }
}

async fn put_back(deployment: &Deployment, table: RestorableTable) -> RestoreReport {
    restore(&deployment.repair(false), &request(table), |_| Ok(true))
        .await
        .unwrap()
}

async fn resend(deployment: &Deployment, since: Timestamp) -> ResendReport {
    let until = deployment.now() + SignedDuration::from_secs(1);
    let sent = archive::resend(&deployment.repair(false), since..until, |_| Ok(true)).await;
    let report = sent.unwrap();
    assert!(
        report.ending.is_good() && report.sent == report.incomplete,
        "{report:?}"
    );
    report
}

/// What was ever done or told of each event: how often an action ran, and how often it was published.
fn effects(deployment: &Deployment) -> (BTreeMap<String, usize>, BTreeMap<String, usize>) {
    let (mut runs, mut told) = (BTreeMap::new(), BTreeMap::new());
    for run in deployment.receiver.effects.runs() {
        *runs.entry(run.event_id).or_default() += 1;
    }
    for change in deployment.receiver.aws.published(CHANGES) {
        let detail: Value = serde_json::from_str(&change.detail).unwrap();
        let id = detail["event"]["id"].as_str().unwrap().to_owned();
        *told.entry(id).or_default() += 1;
    }
    (runs, told)
}

/// What the check of the archive finds.
async fn findings(deployment: &Deployment) -> Vec<Finding> {
    let received = Timestamp::UNIX_EPOCH..deployment.now() + SignedDuration::from_secs(1);
    let verified = archive::verify(&deployment.stack, received, Reporter::silent()).await;
    verified.unwrap().findings
}

/// The events that the log lacks of the archive.
async fn missing(deployment: &Deployment) -> Vec<String> {
    let findings = findings(deployment).await.into_iter();
    let missing = findings.filter(|finding| finding.problem == Problem::Missing);
    missing.filter_map(|finding| finding.event_id).collect()
}

/// Fails unless archive, log and states all say the same.
async fn assert_whole(deployment: &Deployment, what: &str) {
    let findings = findings(deployment).await;
    assert!(findings.is_empty(), "{what}: {findings:?}");
    let states = verify_domains(&deployment.stack, &Domain::ALL, Reporter::silent()).await;
    let states = states.unwrap();
    assert!(states.findings.is_empty(), "{what}: {:?}", states.findings);
}

async fn rebuild_all(deployment: &Deployment) {
    let which = Which::Domains(Domain::ALL.to_vec());
    let rebuilt = rebuild(&deployment.repair(false), &which, |_| Ok(true))
        .await
        .unwrap();
    assert!(rebuilt.ending.is_good() && rebuilt.failed == 0, "{rebuilt:?}");
}

fn items(deployment: &Deployment, table: &str) -> BTreeSet<String> {
    let items = deployment.receiver.aws.items(table).into_iter();
    items.map(|item| item.to_string()).collect()
}

/// Two deliveries before the copy of the events table, and one after it; gives the time of the copy.
async fn copied() -> (Deployment, Timestamp) {
    let deployment = Deployment::new().await;
    deployment
        .deliver(&[order("o1", 1, "NEW"), topup("t1", 2, "CONFIRMED")])
        .await;
    deployment.pass(60);
    deployment.deliver(&[order("o2", 3, "NEW")]).await;
    deployment.pass(600);
    deployment.copy_table("events", COPY).await;
    let at = deployment.now();
    deployment.pass(1);
    deployment
        .deliver(&[order("o1", 4, "FILLED"), order("o3", 5, "NEW")])
        .await;
    deployment.pass(600);
    (deployment, at)
}

async fn lose(deployment: &Deployment, table: &str) {
    for key in deployment.receiver.stored(table) {
        deployment.delete(table, &key).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_lost_comes_back_and_nothing_is_done_twice() {
    let (deployment, at) = copied().await;
    let (log, states, before) = (
        items(&deployment, "events"),
        items(&deployment, "entities"),
        effects(&deployment),
    );
    lose(&deployment, "events").await;
    let back = put_back(&deployment, RestorableTable::Events).await;
    assert_eq!((back.missing, back.put_back, back.same), (3, 3, 0));
    let sent = resend(&deployment, at).await;
    assert_eq!(
        (sent.deliveries, sent.sent),
        (1, 1),
        "what was received since the copy"
    );
    deployment.receiver.verify_and_store().await.unwrap();
    for message in deployment.waiting(Domain::Orders) {
        let dispatch = message.attributes["dispatch"].string_value.as_deref();
        assert_eq!(
            dispatch,
            Some("again"),
            "what comes out of the archive is never first"
        );
    }
    deployment.process().await;
    assert_eq!(
        items(&deployment, "events"),
        log,
        "as it was, attribute by attribute"
    );
    assert_eq!(
        items(&deployment, "entities")
            .iter()
            .map(|item| without_bookkeeping(item))
            .collect::<BTreeSet<_>>(),
        states.iter().map(|item| without_bookkeeping(item)).collect()
    );
    assert_whole(&deployment, "restored").await;
    let after = effects(&deployment);
    assert_eq!(after.0, before.0, "no action ran again");
    for (event, times) in before.1 {
        assert!(after.1[&event] >= times, "{event} was told");
    }
    // Both commands find nothing more to do.
    let again = put_back(&deployment, RestorableTable::Events).await;
    assert_eq!((again.same, again.missing, again.differing), (3, 0, 0));
    assert_eq!(resend(&deployment, at).await.incomplete, 0);
    let commands = deployment.operations().await;
    // Both began in the same millisecond of the account's clock.
    let commands: BTreeSet<&str> = commands
        .iter()
        .map(|it| it["command"].as_str().unwrap())
        .collect();
    assert_eq!(commands, ["archive resend", "restore"].into());
}

/// A state without what counts its writes.
fn without_bookkeeping(item: &str) -> String {
    let mut item: Value = serde_json::from_str(item).unwrap();
    for name in ["version", "transitions"] {
        item.as_object_mut().unwrap().remove(name);
    }
    item.to_string()
}

#[tokio::test(start_paused = true)]
async fn whatever_rows_are_lost_log_states_and_effects_are_whole_again() {
    for seed in 0..40 {
        let deployment = Deployment::builder().seed(seed).without_key().start().await;
        let receiver = &deployment.receiver;
        let mut rng = receiver.aws.rng();
        let story = Story::new(&mut rng);
        for key in &story.keys {
            import_key(&receiver.aws, key.clone()).await;
        }
        let copy_after = rng.below(story.deliveries.len() + 1);
        for (number, delivery) in story.deliveries.iter().enumerate() {
            if number == copy_after {
                receiver.drain().await;
                deployment.copy_table("events", COPY).await;
            }
            receiver.post(&delivery.headers, &delivery.body).await.unwrap();
            deployment.pass(600);
        }
        receiver.drain().await;
        if copy_after == story.deliveries.len() {
            deployment.copy_table("events", COPY).await;
        }
        let (stored, before) = (receiver.stored("events"), effects(&deployment));
        for id in &stored {
            if rng.chance(400) {
                deployment.delete("events", id).await;
            }
        }
        for entity in receiver.stored("entities") {
            if rng.chance(200) {
                deployment.delete("entities", &entity).await;
            }
        }
        put_back(&deployment, RestorableTable::Events).await;
        resend(&deployment, Timestamp::UNIX_EPOCH).await;
        receiver.drain().await;
        rebuild_all(&deployment).await;
        let ids = |keys: &[String]| -> BTreeSet<String> {
            let id = |key: &String| key.split('!').next().unwrap().to_owned();
            keys.iter().map(id).collect()
        };
        let now_stored = receiver.stored("events");
        assert_eq!(ids(&now_stored), ids(&stored), "seed {seed}");
        assert_eq!(
            now_stored.len(),
            stored.len(),
            "seed {seed}: each version of an event once"
        );
        assert_whole(&deployment, &format!("seed {seed}")).await;
        let after = effects(&deployment);
        assert_eq!(after.0, before.0, "seed {seed}: no action ran twice");
        assert!(before.1.keys().all(|event| after.1.contains_key(event)));
    }
}
