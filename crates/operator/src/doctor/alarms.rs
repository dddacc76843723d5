//! The stack's alarms.

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::types::{AlarmType, StateValue};

use super::check::{CheckError, Checked};
use super::deployment::{Parameters, Resources};
use super::finding::Finding;
use crate::stack::Stack;

const ALARMS: &str = "alarms";
const TOLD: &str = "somebody is told";

/// Tells what an alarm of either kind says.
struct Alarm {
    name: String,
    state: Option<StateValue>,
    description: Option<String>,
    /// Tells whether the alarm's actions are on: with them off it changes state and tells nobody.
    is_on: bool,
}

/// Makes alarms of what CloudWatch calls metric and composite alarms, which have the same members here.
macro_rules! alarms {
    ($alarms:expr) => {
        $alarms.into_iter().flatten().map(|alarm| Alarm {
            name: alarm.alarm_name.unwrap_or_default(),
            state: alarm.state_value,
            description: alarm.alarm_description,
            // CloudWatch turns actions on unless an alarm says otherwise.
            is_on: alarm.actions_enabled.unwrap_or(true),
        })
    };
}

/// Checks which of the stack's alarms ring, and whether anybody is told.
pub(super) async fn check(stack: &Stack, parameters: &Parameters, resources: Option<&Resources>) -> Checked {
    // The emulator keeps alarms, and measures nothing that would make them ring or cease.
    if stack.is_local() {
        return Ok(vec![Finding::only_in_aws(ALARMS)]);
    }
    let mut alarms = list(stack).await?;
    // That the resources cannot be listed is a finding of its own.
    if let Some(resources) = resources {
        let own = Own::of(resources);
        alarms.retain(|alarm| own.has(&alarm.name));
    }
    if alarms.is_empty() {
        let advice = "deploy the stack again: infra/alarms.yaml has its alarms";
        return Ok(vec![Finding::warning(ALARMS, "the stack has none", advice)]);
    }
    let in_state = |state: StateValue| {
        alarms
            .iter()
            .filter(move |alarm| alarm.state.as_ref() == Some(&state))
    };
    let ringing = in_state(StateValue::Alarm).map(|alarm| {
        let advice = alarm.description.as_deref();
        let advice = advice.unwrap_or("see its section in docs/alarms.md");
        Finding::failed(ALARMS, format!("{} rings", alarm.name), advice)
    });
    let without_data = in_state(StateValue::InsufficientData).count();
    let none = format!("none of {} rings ({without_data} without data yet)", alarms.len());
    let mut findings = Finding::or_ok(ringing.collect(), ALARMS, none);
    findings.extend(told(&alarms, parameters));
    Ok(findings)
}

/// Knows alarms of the stack, and of those nested in it, by their names. A name that begins as the stack's may be that of an alarm
/// of another stack: `webhooks-live` is none of `webhooks`.
struct Own<'r> {
    names: BTreeSet<&'r str>,
    /// Begins the names of what is in a nested stack: `CloudFormation` puts its name before them, which it made up itself.
    nested: Vec<String>,
}

impl<'r> Own<'r> {
    fn of(resources: &'r Resources) -> Self {
        let of_types = ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"].into_iter();
        let names = of_types.flat_map(|resource_type| resources.of(resource_type));
        let nested = resources.of("AWS::CloudFormation::Stack");
        // The name of a nested stack is its ARN: `arn:...:stack/NAME/ID`.
        let nested = nested.filter_map(|(_, arn)| arn.split('/').nth(1));
        Self {
            names: names.map(|(_, name)| name).collect(),
            nested: nested.map(|name| format!("{name}-")).collect(),
        }
    }

    fn has(&self, alarm: &str) -> bool {
        self.names.contains(alarm)
            || self
                .nested
                .iter()
                .any(|nested| alarm.starts_with(nested.as_str()))
    }
}

/// Lists the alarms whose names begin as `CloudFormation` begins those of the stack.
async fn list(stack: &Stack) -> Result<Vec<Alarm>, CheckError> {
    let client = stack.cloudwatch();
    let request = client
        .describe_alarms()
        .alarm_name_prefix(format!("{}-", stack.name()?))
        .alarm_types(AlarmType::MetricAlarm)
        .alarm_types(AlarmType::CompositeAlarm);
    let mut pages = request.into_paginator().send();
    let mut alarms = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(CheckError::of("cloudwatch:DescribeAlarms"))?;
        alarms.extend(alarms!(page.metric_alarms));
        alarms.extend(alarms!(page.composite_alarms));
    }
    Ok(alarms)
}

fn told(alarms: &[Alarm], parameters: &Parameters) -> Vec<Finding> {
    if parameters.is_empty() {
        return vec![Finding::skipped(TOLD, "the stack's parameters are not known")];
    }
    let is_set = |name: &str| parameters.get(name).is_some_and(|value| !value.is_empty());
    if !["AlarmTopicArn", "AlarmEmail"].into_iter().any(is_set) {
        let advice = "deploy the stack with AlarmTopicArn or AlarmEmail, unless nobody is to be told";
        return vec![Finding::warning(TOLD, "alarms tell nobody", advice)];
    }
    let silenced = alarms.iter().filter(|alarm| !alarm.is_on).map(|alarm| {
        let found = format!("{} tells nobody: its actions are off", alarm.name);
        let advice = format!("aws cloudwatch enable-alarm-actions --alarm-names {}", alarm.name);
        Finding::warning(TOLD, found, advice)
    });
    Finding::or_ok(silenced.collect(), TOLD, "by every alarm")
}
