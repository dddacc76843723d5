//! Distrusting and trusting against a receiver in process.

use pipeline::stores::keys::{KeysTable, earlier_id};
use serde_json::Value;
use webhook_tests::commands::{REASON, parsed};
use webhook_tests::deliveries::{order, signing_key};
use webhook_tests::deployment::{Deployment, KEY_FORGOTTEN_S};

use super::super::Command;
use super::*;

fn key_id() -> String {
    signing_key(7).key_id().to_owned()
}

async fn distrusted(site: &Deployment, words: &[&str]) -> Result<DistrustedKey> {
    distrusted_under(site, &key_id(), words).await
}

async fn distrusted_under(site: &Deployment, key_id: &str, words: &[&str]) -> Result<DistrustedKey> {
    let Command::Distrust(arguments) = parsed(&[&["distrust", key_id], words].concat()) else {
        panic!("{words:?}");
    };
    arguments.run(Site::silent(&site.stack, site.clock())).await
}

async fn trusted(site: &Deployment, words: &[&str]) -> Result<TrustedKey> {
    let key_id = key_id();
    let Command::Trust(arguments) = parsed(&[&["trust", key_id.as_str()], words].concat()) else {
        panic!("{words:?}");
    };
    arguments.run(Site::silent(&site.stack, site.clock())).await
}

fn event_ids(report: &DistrustedKey) -> Vec<&str> {
    let deliveries = report.proved.deliveries.iter();
    deliveries
        .flat_map(|delivery| delivery.event_ids.iter().map(String::as_str))
        .collect()
}

/// A site that two deliveries of one key reached, an hour apart, and one of another key.
async fn site() -> Deployment {
    let site = Deployment::new().await;
    site.know_key(&signing_key(8)).await;
    site.know_key(&signing_key(7)).await;
    site.store(&[order("o1", 1, "NEW")]).await;
    site.pass(3600);
    site.store(&[order("o2", 2, "NEW"), order("o3", 3, "NEW")]).await;
    site.pass(60);
    site
}

#[tokio::test(start_paused = true)]
async fn a_distrusted_key_is_on_record_and_what_it_proved_since_is_listed() {
    let site = site().await;
    let report = distrusted(&site, &[&["--since", "30m"][..], &REASON].concat())
        .await
        .unwrap();
    assert_eq!(event_ids(&report), ["o2-2", "o3-3"]);
    assert!(
        report.succeeded() && report.text().contains("o2-2"),
        "{}",
        report.text()
    );
    let thumbprint = signing_key(7).to_jwk().unwrap().thumbprint();
    assert!(report.text().contains(&thumbprint), "{}", report.text());
    let row = site.receiver.key_row(&key_id()).await;
    assert_eq!(row.distrusted_since(), Some(report.since));
    let [operation] = &site.operations().await[..] else {
        panic!()
    };
    assert_eq!(operation["command"], "keys distrust");
    assert_eq!(operation["reason"], "INC-42");
    assert_eq!(operation["request"]["thumbprint"], Value::from(thumbprint));
    assert_eq!(operation["result"]["deliveries"], 1);
    site.pass(KEY_FORGOTTEN_S);
    site.store(&[order("o4", 4, "NEW")]).await;
    assert_eq!(site.receiver.stored("events").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_lists_what_a_key_proved_and_changes_nothing() {
    let site = site().await;
    let report = distrusted(&site, &["--since", "1d", "--dry-run"]).await.unwrap();
    assert_eq!(event_ids(&report), ["o1-1", "o2-2", "o3-3"]);
    assert!(report.text().ends_with("dry run: nothing was changed"));
    assert_eq!(site.receiver.key_row(&key_id()).await.distrusted_at, None);
    assert!(site.operations().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_earlier_distrust_is_not_made_later() {
    let site = site().await;
    let first = distrusted(&site, &[&["--since", "1d"][..], &REASON].concat())
        .await
        .unwrap();
    let second = distrusted(&site, &REASON).await.unwrap();
    assert_eq!(second.since, first.since);
    assert_eq!(site.operations().await.len(), 1, "nothing was to be done");
    let widened = distrusted(&site, &[&["--since", "2d"][..], &REASON].concat())
        .await
        .unwrap();
    let row = site.receiver.key_row(&key_id()).await;
    assert!(widened.since < first.since && row.distrusted_since() == Some(widened.since));
}

#[tokio::test(start_paused = true)]
async fn keys_that_had_the_id_before_and_prove_still_are_named_and_distrusted_by_their_rows() {
    let site = site().await;
    let earlier = earlier_id(&key_id(), &signing_key(8).to_jwk().unwrap().thumbprint());
    let report = distrusted(&site, &REASON).await.unwrap();
    assert_eq!(report.earlier_keys, std::slice::from_ref(&earlier));
    assert!(
        report.text().contains(&format!("'{earlier}'")),
        "{}",
        report.text()
    );
    site.pass(KEY_FORGOTTEN_S);
    site.store_signed(&signing_key(8), &[order("o4", 4, "NEW")]).await;
    assert_eq!(site.receiver.stored("events").len(), 4, "it proves still");

    let since = report.since.to_string();
    let words = [&["--since", since.as_str()][..], &REASON].concat();
    let other = distrusted_under(&site, &earlier, &words).await.unwrap();
    assert!(
        other.succeeded() && event_ids(&other) == ["o4-4"],
        "{}",
        other.text()
    );
    assert!(other.earlier_keys.is_empty());
    site.pass(KEY_FORGOTTEN_S);
    site.store_signed(&signing_key(8), &[order("o5", 5, "NEW")]).await;
    assert_eq!(site.receiver.stored("events").len(), 4);
    assert!(distrusted(&site, &REASON).await.unwrap().earlier_keys.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_days_after_another_took_its_id_are_over_is_not_named() {
    let site = site().await;
    site.pass(8 * 24 * 3_600);
    let now = distrusted(&site, &["--dry-run"]).await.unwrap();
    assert!(now.earlier_keys.is_empty(), "{}", now.text());
    let of_all_that_time = distrusted(&site, &["--since", "9d", "--dry-run"]).await.unwrap();
    assert_eq!(of_all_that_time.earlier_keys.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_trusted_again_proves_again() {
    let site = site().await;
    distrusted(&site, &REASON).await.unwrap();
    site.pass(KEY_FORGOTTEN_S);
    site.store(&[order("o4", 4, "NEW")]).await;
    assert_eq!(site.receiver.stored("events").len(), 3);
    let report = trusted(&site, &REASON).await.unwrap();
    assert!(report.succeeded() && report.was_distrusted_since.is_some());
    assert_eq!(report.sent_on, 1);
    // The functions remember that it was distrusted, and look again at what was sent on.
    site.settle().await;
    assert_eq!(site.receiver.stored("events").len(), 4);
    assert_eq!(site.receiver.aws.objects("quarantine").len(), 0);
    let again = trusted(&site, &REASON).await.unwrap();
    assert!(
        again.succeeded() && again.text().contains("it is trusted"),
        "{}",
        again.text()
    );
    let commands: Vec<Value> = site
        .operations()
        .await
        .into_iter()
        .map(|mut one| one["command"].take())
        .collect();
    assert_eq!(commands.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_a_call_left_that_ended_after_the_row_is_sent_on_by_the_next() {
    let site = site().await;
    distrusted(&site, &REASON).await.unwrap();
    site.pass(KEY_FORGOTTEN_S);
    site.store(&[order("o4", 4, "NEW")]).await;
    let dynamodb = site.receiver.aws.dynamodb().clone();
    let table = KeysTable::new(dynamodb, "keys".to_owned(), site.clock());
    let row = site.receiver.key_row(&key_id()).await;
    assert!(table.trust(&row).await.unwrap());
    let report = trusted(&site, &REASON).await.unwrap();
    assert_eq!(report.sent_on, 1, "{}", report.text());
    site.settle().await;
    assert_eq!(site.receiver.stored("events").len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_in_the_table_cannot_be_distrusted() {
    let site = Deployment::new().await;
    let arguments = parsed(&["distrust", "nobodys", "--yes", "--reason", "INC-42"]);
    let Command::Distrust(arguments) = arguments else {
        panic!()
    };
    let error = arguments
        .run(Site::silent(&site.stack, site.clock()))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("no key nobodys"), "{error}");
    assert!(site.operations().await.is_empty());
}
