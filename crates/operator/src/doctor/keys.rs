//! The keys table beside the keys that Upvest serves.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use pipeline::stores::keys::{KeyRow, PinnedKeys};
use upvest::signature::Jwk;
use upvest_api::Client;

use super::check::{CheckError, Checked};
use super::deployment::Parameters;
use super::finding::Finding;
use crate::stack::Stack;

const KNOWN: &str = "verification keys";
pub(super) const FRESH: &str = "last fetched";
const RETIRED: &str = "retired keys";
const NOT_SERVED: &str = "keys not of Upvest";
const DISTRUSTED: &str = "distrusted keys";
const UNPINNED: &str = "keys not pinned";
const REFRESH: &str = "fetch them with `upvest-webhooks keys refresh --reason TEXT`";
/// Limits the age of fetched keys, in hours: the same number as the template's `StaleKeysHours`.
const STALE_HOURS: i64 = 6;

/// Checks that every key which Upvest may sign with is trusted, and that they are fetched again and again.
pub(super) async fn check(stack: &Stack, upvest: &Client, parameters: &Parameters) -> Checked {
    let rows = stack
        .keys(stack.clock().clone())?
        .rows()
        .await
        .map_err(CheckError::of_error("dynamodb:Scan"))?;
    let served = upvest.verify_keys().await?;
    let mut findings = Vec::new();
    for jwk in &served.usable {
        findings.extend(problem(jwk, &rows));
    }
    for unusable in &served.unusable {
        let advice = "deploy the newest version of the receiver, and ask Upvest about the key";
        findings.push(Finding::warning(KNOWN, unusable.to_string(), advice));
    }
    let all = format!("all {} that Upvest serves are known", served.usable.len());
    let mut findings = Finding::or_ok(findings, KNOWN, all);
    findings.push(freshness(&rows, parameters, stack.clock().now()));
    let retired = rows.iter().filter(|row| row.is_retired()).count();
    let kept = format!("{retired} kept for verifying again");
    findings.push(Finding::ok(RETIRED, kept));
    let usable = served.usable.iter().filter_map(Jwk::key_id);
    // What cannot be used is served all the same, so that it is no key of somebody else's.
    let unusable = served.unusable.iter().filter_map(|key| key.key_id.as_deref());
    let served: BTreeSet<&str> = usable.chain(unusable).collect();
    let (distrusted, trusted): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.distrusted_at.is_some());
    // A person compares them: they prove deliveries as Upvest's own do.
    let others = trusted.into_iter();
    let others = others.filter(|row| !row.is_retired() && !served.contains(row.key_id.as_str()));
    findings.extend(names(others).map(|names| Finding::ok(NOT_SERVED, names)));
    findings.extend(names(distrusted).map(|names| Finding::ok(DISTRUSTED, names)));
    findings.extend(unpinned(&stack.pinned_keys()?, &rows));
    Ok(findings)
}

/// Lists keys, each as a person compares it; `None` where there are none.
fn names<'r>(rows: impl IntoIterator<Item = &'r KeyRow>) -> Option<String> {
    let names: Vec<String> = rows.into_iter().map(named).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Warns of keys that prove nothing, because they are not on the stack's list.
fn unpinned(pinned: &PinnedKeys, rows: &[KeyRow]) -> Option<Finding> {
    let rows = rows.iter();
    let others = rows.filter(|row| !row.is_retired() && !pinned.allow_row(row));
    let advice = "compare them with what Upvest says of its keys, and add the thumbprints of genuine ones to the parameter PinnedKeys";
    names(others).map(|names| Finding::warning(UNPINNED, format!("{names} prove nothing"), advice))
}

/// Names a key with its thumbprint, or says that it is a secret of one's own.
fn named(row: &KeyRow) -> String {
    let thumbprint = row.thumbprint().unwrap_or_else(|| "shared secret".to_owned());
    let source = row.source.as_deref().unwrap_or("no source");
    format!("{} ({thumbprint}, {source})", row.key_id)
}

fn problem(jwk: &Jwk, rows: &[KeyRow]) -> Option<Finding> {
    let key_id = jwk
        .key_id()
        .expect("the client tells keys without an id as unusable");
    let Some(row) = rows.iter().find(|row| row.key_id == key_id) else {
        let found = format!("{key_id} ({}) is not known", jwk.thumbprint());
        return Some(Finding::failed(KNOWN, found, REFRESH));
    };
    if !row.is_public_key(jwk) {
        let found = format!(
            "{key_id} is another key in the table ({}) than at Upvest ({})",
            row.thumbprint().unwrap_or_else(|| "no public key".to_owned()),
            jwk.thumbprint()
        );
        // A fetch changes rows that a fetch wrote; an imported key it leaves to a person.
        let advice = match row.is_fetched() {
            true => REFRESH,
            false => {
                "find out which one is genuine, then `upvest-webhooks keys import --jwk FILE --replace --reason TEXT`"
            }
        };
        return Some(Finding::failed(KNOWN, found, advice));
    }
    row.is_retired()
        .then(|| Finding::warning(KNOWN, format!("{key_id} is retired, and served again"), REFRESH))
}

fn freshness(rows: &[KeyRow], parameters: &Parameters, now: Timestamp) -> Finding {
    let fetched = rows.iter().filter(|row| row.is_fetched());
    let seen = fetched.filter_map(KeyRow::last_seen_at);
    let Some(last) = seen.max() else {
        return Finding::warning(FRESH, "never", REFRESH);
    };
    let hours = parameters
        .get("StaleKeysHours")
        .and_then(|hours| hours.parse().ok());
    let stale = SignedDuration::from_hours(hours.unwrap_or(STALE_HOURS));
    let age = now.duration_since(last);
    let found = format!("{} minutes ago", age.as_mins());
    if age <= stale {
        return Finding::ok(FRESH, found);
    }
    let advice = "see the logs of refresh-keys, or `upvest-webhooks keys refresh --reason TEXT`";
    Finding::failed(FRESH, found, advice)
}
