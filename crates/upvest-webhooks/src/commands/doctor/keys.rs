//! The keys table beside the keys that Upvest serves.

use jiff::{SignedDuration, Timestamp};
use pipeline::runtime::clock::Clock;
use upvest::signature::Jwk;
use upvest_api::Client;

use super::check::{CheckError, Finding};
use super::deployment::Parameters;
use crate::key_store::{Item, KeyStore, text};
use crate::stack::Stack;

const KNOWN: &str = "verification keys";
const FRESH: &str = "last fetched";
const RETIRED: &str = "retired keys";
const REFRESH: &str = "fetch them with `upvest-webhooks keys refresh`";
/// As the template's `StaleKeysHours`.
const STALE_HOURS: i64 = 6;

/// Checks that every key which Upvest may sign with is trusted, and that they are fetched again and again.
pub(super) async fn check(
    stack: &Stack,
    upvest: &Client,
    parameters: &Parameters,
    clock: &Clock,
) -> Result<Vec<Finding>, CheckError> {
    let store = KeyStore {
        dynamodb: aws_sdk_dynamodb::Client::new(stack.config()),
        secrets: aws_sdk_secretsmanager::Client::new(stack.config()),
        table: stack.keys_table()?,
        clock: clock.clone(),
    };
    let stored = store
        .list()
        .await
        .map_err(CheckError::of_error("dynamodb:Scan"))?;
    let served = upvest.verify_keys().await?;
    let mut findings = Vec::new();
    for jwk in &served.usable {
        findings.extend(problem(jwk, &stored));
    }
    for unusable in &served.unusable {
        let advice = "deploy the newest version of the receiver, and ask Upvest about the key";
        findings.push(Finding::warning(KNOWN, unusable.to_string(), advice));
    }
    if findings.is_empty() {
        let found = format!("all {} that Upvest serves are known", served.usable.len());
        findings.push(Finding::ok(KNOWN, found));
    }
    findings.push(freshness(&stored, parameters, clock.now()));
    let retired = stored
        .iter()
        .filter(|item| item.contains_key("retired_at"))
        .count();
    findings.push(Finding::ok(
        RETIRED,
        format!("{retired} kept for verifying again"),
    ));
    Ok(findings)
}

fn problem(jwk: &Jwk, stored: &[Item]) -> Option<Finding> {
    let key_id = jwk.key_id().unwrap_or_default();
    let Some(item) = stored.iter().find(|item| text(item, "key_id") == Some(key_id)) else {
        return Some(Finding::failed(KNOWN, format!("{key_id} is not known"), REFRESH));
    };
    let known = text(item, "jwk").and_then(|stored| serde_json::from_str::<Jwk>(stored).ok());
    if known.map(|known| known.with_key_id(key_id)).as_ref() != Some(jwk) {
        let found = format!("{key_id} is another key in the table than at Upvest");
        let advice = "find out which one is genuine, then \
                      `upvest-webhooks keys import --profile upvest-v6 --jwk FILE --replace`";
        return Some(Finding::failed(KNOWN, found, advice));
    }
    let is_retired = item.contains_key("retired_at");
    is_retired.then(|| Finding::warning(KNOWN, format!("{key_id} is retired, and served again"), REFRESH))
}

fn freshness(stored: &[Item], parameters: &Parameters, now: Timestamp) -> Finding {
    let fetched = stored
        .iter()
        .filter(|item| text(item, "source") == Some("upvest"));
    let seen = fetched.filter_map(|item| text(item, "last_seen")?.parse::<Timestamp>().ok());
    let Some(last) = seen.max() else {
        return Finding::warning(FRESH, "never", REFRESH);
    };
    let hours = parameters
        .get("StaleKeysHours")
        .and_then(|hours| hours.parse().ok());
    let stale = SignedDuration::from_hours(hours.unwrap_or(STALE_HOURS));
    let age = now.duration_since(last);
    let found = format!("{} minutes ago", age.as_mins());
    match age > stale {
        true => Finding::failed(
            FRESH,
            found,
            "see the logs of refresh-keys, or `upvest-webhooks keys refresh`",
        ),
        false => Finding::ok(FRESH, found),
    }
}
