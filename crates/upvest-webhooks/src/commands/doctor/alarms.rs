//! The stack's alarms.

use aws_sdk_cloudwatch::types::{AlarmType, StateValue};

use super::check::{CheckError, Finding};
use crate::stack::Stack;

const ALARMS: &str = "alarms";

/// Which alarms ring. CloudFormation names them after the stack.
pub(super) async fn check(stack: &Stack) -> Result<Vec<Finding>, CheckError> {
    let client = aws_sdk_cloudwatch::Client::new(stack.config());
    let request = client
        .describe_alarms()
        .alarm_name_prefix(format!("{}-", stack.name()?))
        .alarm_types(AlarmType::MetricAlarm)
        .alarm_types(AlarmType::CompositeAlarm);
    let mut pages = request.into_paginator().send();
    let (mut findings, mut count, mut without_data) = (Vec::new(), 0, 0);
    while let Some(page) = pages.next().await {
        let page = page.map_err(CheckError::of("cloudwatch:DescribeAlarms"))?;
        let metric = page.metric_alarms().iter();
        let metric = metric.map(|alarm| (alarm.alarm_name(), alarm.state_value(), alarm.alarm_description()));
        let composite = page.composite_alarms().iter();
        let composite =
            composite.map(|alarm| (alarm.alarm_name(), alarm.state_value(), alarm.alarm_description()));
        for (name, state, description) in metric.chain(composite) {
            count += 1;
            without_data += usize::from(state == Some(&StateValue::InsufficientData));
            if state == Some(&StateValue::Alarm) {
                let found = format!("{} rings", name.unwrap_or("an alarm"));
                let advice = description.unwrap_or("see its section in docs/operations.md");
                findings.push(Finding::failed(ALARMS, found, advice));
            }
        }
    }
    if count == 0 {
        let advice = "deploy the stack again: infra/alarms.yaml has its alarms";
        findings.push(Finding::warning(ALARMS, "the stack has none", advice));
    } else if findings.is_empty() {
        let found = format!("none of {count} rings ({without_data} without data yet)");
        findings.push(Finding::ok(ALARMS, found));
    }
    Ok(findings)
}
