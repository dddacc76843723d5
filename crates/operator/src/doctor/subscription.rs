//! The subscription at Upvest, and the API client that looks after it.

use std::fmt::Display;
use std::str::FromStr;

use futures_util::future::join_all;
use upvest_api::{Client, NewWebhook, Scope, Webhook, WebhookChange, WebhookConfig, categories_of};

use super::check::{CheckError, Checked};
use super::deployment::Parameters;
use super::finding::Finding;
use crate::stack::{Output, Stack};
use crate::webhooks::is_same_url;

const THERE: &str = "subscription";
const SETTINGS: &str = "subscription settings";
const SCOPES: &str = "API credentials";

/// Checks that Upvest gives out tokens with all scopes that the functions need.
pub(super) async fn credentials(stack: &Stack, upvest: &Client) -> Checked {
    let mut scopes = vec![Scope::WebhooksRead, Scope::WebhooksAdmin];
    // Files of reports are fetched only where there is a bucket for them.
    if stack.optional("ReportsBucketName").is_some() {
        scopes.extend([Scope::ReportsRead, Scope::FilesRead]);
    }
    let authorized = join_all(scopes.iter().map(|scope| upvest.authorize(*scope))).await;
    let mut findings = Vec::new();
    for (scope, authorized) in scopes.iter().zip(authorized) {
        match authorized {
            Ok(()) => {}
            // OAuth refuses a scope with 400, `invalid_scope` (RFC 6749, section 5.2).
            Err(error) if matches!(error.status(), Some(400 | 403)) => {
                let found = format!("no token with the scope {scope}");
                let advice = format!("ask Upvest to allow the client the scope {scope}");
                findings.push(Finding::failed(SCOPES, found, advice));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let names: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    let accepted = format!("accepted, with {}", names.join(", "));
    Ok(Finding::or_ok(findings, SCOPES, accepted))
}

/// Checks that one enabled subscription delivers to the stack, as it was deployed.
pub(super) async fn check(stack: &Stack, upvest: &Client, parameters: &Parameters) -> Checked {
    let url = stack.output(Output::WebhookUrl)?;
    let all = upvest.list_webhooks().await?;
    let ours: Vec<&Webhook> = all
        .iter()
        .filter(|webhook| is_same_url(&webhook.url, &url))
        .collect();
    let mut findings = outliving(stack, &all, &ours).await?;
    // The enabled one counts: where there are several, it is the one that delivers.
    let Some(first) = ours.iter().find(|webhook| webhook.enabled).or(ours.first()) else {
        findings.push(missing(stack, &all, &url));
        return Ok(findings);
    };
    let id = &first.id;
    findings.push(match first.enabled {
        true => Finding::ok(THERE, format!("{id}, enabled")),
        false => {
            let advice = format!("upvest-webhooks webhooks enable {id}");
            Finding::failed(THERE, format!("{id} is disabled"), advice)
        }
    });
    let others = ours.iter().filter(|webhook| webhook.id != *id);
    findings.extend(others.map(|other| {
        let other = &other.id;
        let found = format!("{other} delivers to the same URL, so that every event comes twice");
        Finding::warning(THERE, found, format!("upvest-webhooks webhooks delete {other}"))
    }));
    findings.push(settings(first, parameters));
    Ok(findings)
}

/// Finds what a stack left at Upvest: it blocks on its endpoint, which may be gone, and nobody looks after it.
async fn outliving(stack: &Stack, all: &[Webhook], ours: &[&Webhook]) -> Checked {
    let Some(subscriptions) = stack.subscriptions(stack.clock().clone()) else {
        return Ok(Vec::new());
    };
    let noted = subscriptions.outliving().await;
    let noted = noted.map_err(CheckError::of_error("dynamodb:Scan"))?;
    let left = all
        .iter()
        .filter(|webhook| !ours.iter().any(|own| own.id == webhook.id));
    let findings = left.filter_map(|webhook| {
        let Webhook { id, url, .. } = webhook;
        let since = noted.get(id.as_str())?;
        let found = format!("{id} outlives its stack since {since}, and delivers to {url}");
        let advice = format!("upvest-webhooks webhooks delete {id}");
        Some(Finding::warning(THERE, found, advice))
    });
    Ok(findings.collect())
}

fn missing(stack: &Stack, all: &[Webhook], url: &str) -> Finding {
    let own = stack.optional("SubscriptionId");
    let elsewhere = all.iter().find(|webhook| Some(webhook.id.as_str()) == own);
    match elsewhere {
        Some(webhook) => {
            let found = format!("{} delivers to {}", webhook.id, webhook.url);
            let advice = format!("upvest-webhooks webhooks update {} --url {url}", webhook.id);
            Finding::failed(THERE, found, advice)
        }
        None => {
            let found = format!("none of {} delivers to {url}", all.len());
            Finding::failed(THERE, found, "upvest-webhooks webhooks create --enable")
        }
    }
}

/// Compares a subscription with the stack's parameters.
fn settings(webhook: &Webhook, parameters: &Parameters) -> Finding {
    if parameters.is_empty() {
        return Finding::skipped(SETTINGS, "the stack's parameters are not known");
    }
    let wanted = match wanted(webhook, parameters) {
        Ok(wanted) => wanted,
        Err(why) => return Finding::skipped(SETTINGS, why),
    };
    let change = WebhookChange::between(webhook, &wanted);
    let differences = change.map(|change| differences(webhook, change));
    let (found, flags): (Vec<String>, Vec<String>) = differences.into_iter().flatten().unzip();
    if found.is_empty() {
        return Finding::ok(SETTINGS, "as deployed");
    }
    let (id, flags) = (&webhook.id, flags.join(" "));
    let advice = format!(
        "`upvest-webhooks webhooks update {id} {flags}`, or wait for register-webhook where it looks after the subscription"
    );
    Finding::warning(SETTINGS, found.join(", "), advice)
}

/// Tells what a change would change, and the flags that do it.
fn differences(webhook: &Webhook, change: WebhookChange) -> Vec<(String, String)> {
    let instead = |what: &str, own: &str, wanted: &str| format!("{what} {own:?} instead of {wanted:?}");
    let title = change.title.map(|title| {
        let found = instead("title", &webhook.title, &title);
        (found, format!("--title '{title}'"))
    });
    let categories = change.categories.map(|wanted| {
        let found = instead("categories", &webhook.categories.join(","), &wanted.join(","));
        (found, repeated("--category", &wanted))
    });
    let excluded = change.excluded_categories.map(|wanted| {
        let own = webhook.excluded_categories.join(",");
        let flags = match wanted.is_empty() {
            true => "--exclude-nothing".to_owned(),
            false => repeated("--exclude", &wanted),
        };
        (instead("excluded categories", &own, &wanted.join(",")), flags)
    });
    let config = change.config.map(|wanted| {
        let (delay, bytes) = (wanted.delay, wanted.max_package_size.bytes());
        let reported = &webhook.config;
        let own = format!("{}, {} bytes", reported.delay, reported.max_package_size);
        let found = instead("batching", &own, &format!("{delay}, {bytes} bytes"));
        (found, format!("--delay {delay} --max-package-size {bytes}"))
    });
    [title, categories, excluded, config]
        .into_iter()
        .flatten()
        .collect()
}

fn repeated(flag: &str, values: &[String]) -> String {
    let flags: Vec<String> = values.iter().map(|value| format!("{flag} {value}")).collect();
    flags.join(" ")
}

/// Describes the subscription that the stack's parameters ask for; names what of them cannot be read.
fn wanted(webhook: &Webhook, parameters: &Parameters) -> Result<NewWebhook, String> {
    let url = webhook.url.parse();
    let url = url.map_err(|error| format!("the URL {} is none: {error}", webhook.url))?;
    let list = |name: &str| parameters.get(name).map(|names| categories_of(names));
    let mut wanted = NewWebhook::new(read::<String>(parameters, "WebhookTitle")?, url);
    wanted.categories = list("WebhookCategories").unwrap_or_default();
    wanted.excluded_categories = list("ExcludedWebhookCategories").unwrap_or_default();
    wanted.config = Some(WebhookConfig {
        delay: read(parameters, "WebhookDelay")?,
        max_package_size: read(parameters, "WebhookMaxPackageSize")?,
    });
    Ok(wanted)
}

fn read<V: FromStr<Err: Display>>(parameters: &Parameters, name: &str) -> Result<V, String> {
    let value = parameters.get(name);
    let value = value.ok_or_else(|| format!("the stack has no parameter {name}"))?;
    let value = value.parse::<V>();
    value.map_err(|error| format!("the stack's parameter {name} cannot be read: {error}"))
}
