//! The functions: whether they may run, what hands them their messages, and what wakes them.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types::RuleState;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::{LastUpdateStatus, LastUpdateStatusReasonCode, State, StateReasonCode};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::check::{BRING_BACK, CheckError, Checked, unless};
use super::deployment::Resources;
use super::finding::Finding;
use super::network;
use crate::drain::INGEST;
use crate::stack::{NOT_THERE, Stack};

const FUNCTIONS: &str = "functions";
const SOURCES: &str = "event sources";
const SCHEDULES: &str = "schedules";
/// Bounds the requests that are under way at once, which keeps below what Lambda lets through.
const CONCURRENCY: usize = 8;

/// Checks that every function is there and may run, and tells in which network they are.
pub(super) async fn functions(stack: &Stack, resources: &Resources) -> Checked {
    let client = &stack.lambda();
    let names = resources.of("AWS::Lambda::Function");
    let looked = stream::iter(names).map(async |(logical, name)| {
        let found = client.get_function().function_name(name).send().await;
        let Some(found) = unless(found, NOT_THERE, "lambda:GetFunction")? else {
            return Ok((Some(gone(FUNCTIONS, logical)), None));
        };
        let place = found.configuration().map(network::place);
        let place = place.map(|place| (logical.to_owned(), place));
        Ok::<_, CheckError>((function_problem(logical, name, &found), place))
    });
    let looked: Vec<_> = looked.buffered(CONCURRENCY).try_collect().await?;
    let (problems, places): (Vec<_>, Vec<_>) = looked.into_iter().unzip();
    let mut findings = summary(FUNCTIONS, problems, "may run");
    findings.extend(network::finding(places.into_iter().flatten()));
    Ok(findings)
}

fn function_problem(logical: &str, name: &str, found: &GetFunctionOutput) -> Option<Finding> {
    let reserved = found
        .concurrency()
        .and_then(|concurrency| concurrency.reserved_concurrent_executions());
    if reserved == Some(0) {
        let found = format!("{logical} is switched off: its reserved concurrency is 0");
        let advice = match logical {
            // It was drained, and what AWS's own command deletes no later deployment brings back.
            INGEST => "upvest-webhooks drain --resume --reason WHY".to_owned(),
            _ => format!("aws lambda delete-function-concurrency --function-name {name}"),
        };
        return Some(Finding::failed(FUNCTIONS, found, advice));
    }
    let configuration = found.configuration()?;
    let (reason, code) = if configuration.state() == Some(&State::Failed) {
        let code = configuration.state_reason_code().map(StateReasonCode::as_str);
        (configuration.state_reason(), code)
    } else if configuration.last_update_status() == Some(&LastUpdateStatus::Failed) {
        let code = configuration.last_update_status_reason_code();
        let code = code.map(LastUpdateStatusReasonCode::as_str);
        (configuration.last_update_status_reason(), code)
    } else {
        return None;
    };
    let found = format!("{logical} failed to be set up: {}", reason.unwrap_or("no reason"));
    let advice = code.and_then(network::advice);
    let advice = advice.unwrap_or("mend that, and deploy the stack again");
    Some(Finding::failed(FUNCTIONS, found, advice))
}

/// Checks that every queue is read by its function.
pub(super) async fn sources(stack: &Stack, resources: &Resources) -> Checked {
    let client = stack.lambda();
    let pages = client.list_event_source_mappings().into_paginator().items();
    let listed: Result<Vec<_>, _> = pages.send().collect().await;
    let listed = listed.map_err(CheckError::of("lambda:ListEventSourceMappings"))?;
    let states: BTreeMap<&str, &str> = listed
        .iter()
        .filter_map(|mapping| Some((mapping.uuid()?, mapping.state()?)))
        .collect();
    let finding = |(logical, uuid): (&str, &str)| match states.get(uuid) {
        None => Some(gone(SOURCES, logical)),
        Some(&"Enabled") => None,
        Some(state @ (&"Disabled" | &"Disabling")) => {
            let advice = format!("aws lambda update-event-source-mapping --enabled --uuid {uuid}");
            let found = format!("{logical} is {state}, so that nothing reads its queue");
            Some(Finding::failed(SOURCES, found, advice))
        }
        Some(state) => {
            let found = format!("{logical} is {state}");
            Some(Finding::warning(SOURCES, found, "look again in a minute"))
        }
    };
    let findings = resources.of("AWS::Lambda::EventSourceMapping").map(finding);
    Ok(summary(SOURCES, findings.collect(), "are read"))
}

/// Checks that the functions which are to run every so often are woken.
pub(super) async fn schedules(stack: &Stack, resources: &Resources) -> Checked {
    let client = stack.event_bridge();
    let mut findings = Vec::new();
    for (logical, name) in resources.of("AWS::Events::Rule") {
        let described = client.describe_rule().name(name).send().await;
        findings.push(match unless(described, NOT_THERE, "events:DescribeRule")? {
            Some(rule) if rule.state() == Some(&RuleState::Disabled) => {
                let advice = format!("aws events enable-rule --name {name}");
                let found = format!("{logical} is disabled");
                Some(Finding::failed(SCHEDULES, found, advice))
            }
            Some(_) => None,
            None => Some(gone(SCHEDULES, logical)),
        });
    }
    Ok(summary(SCHEDULES, findings, "are on"))
}

fn gone(check: &str, logical: &str) -> Finding {
    Finding::failed(check, format!("{logical} is not there"), BRING_BACK)
}

/// Reports the problems, or that all is well with so many.
fn summary(check: &str, looked_at: Vec<Option<Finding>>, all_well: &str) -> Vec<Finding> {
    let count = looked_at.len();
    let problems: Vec<Finding> = looked_at.into_iter().flatten().collect();
    match count {
        0 => vec![Finding::skipped(check, "the stack has none")],
        _ => Finding::or_ok(problems, check, format!("all {count} {all_well}")),
    }
}
