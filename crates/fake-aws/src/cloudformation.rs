//! CloudFormation: change sets of the account's one stack, and what executing one comes to. Canned, and spoiled by the test.

mod sets;

use std::collections::BTreeMap;

use crate::account::{Account, denial};
use crate::query;
use crate::reply::Reply;
use crate::s3::text::{decoded, escaped};
use crate::wire::Request;

pub use sets::{ChangeSets, PlannedChange, ResourceEvent};

/// Gives the ARN of the only stack, which CloudFormation answers as its `StackId`.
pub(crate) const STACK_ID: &str = "arn:aws:cloudformation:eu-central-1:123456789012:stack/upvest-webhooks/1";
/// Is the time of every event.
const TIME: &str = "2026-01-01T00:00:00Z";
/// Says what a change set says that would change nothing.
const EMPTY: &str =
    "The submitted information didn't contain changes. Submit different information to create a change set.";

/// Answers a request about change sets and their stack.
pub(crate) fn answer(account: &mut Account, request: &Request) -> Reply {
    let form = form(request.http.body());
    let named = |name: &str| form.get(name).cloned().unwrap_or_default();
    match request.operation.as_str() {
        "DescribeStacks" => missing(&named("StackName")),
        "CreateChangeSet" => create(account, form),
        "DescribeChangeSet" => describe(&account.change_sets, &named("ChangeSetName")),
        "ListChangeSets" => list(&account.change_sets),
        "DeleteChangeSet" => delete(&mut account.change_sets, &named("ChangeSetName")),
        "ExecuteChangeSet" => execute(account, &named("ChangeSetName")),
        "DescribeStackEvents" => look_at_events(&mut account.change_sets, &named("StackName")),
        "GetTemplate" => {
            let template = escaped(&account.change_sets.template);
            result("GetTemplate", &format!("<TemplateBody>{template}</TemplateBody>"))
        }
        "GetStackPolicy" => {
            let policy = account.change_sets.policy.as_deref();
            let policy =
                policy.map(|policy| format!("<StackPolicyBody>{}</StackPolicyBody>", escaped(policy)));
            result("GetStackPolicy", &policy.unwrap_or_default())
        }
        "SetStackPolicy" => {
            account.change_sets.policy = Some(named("StackPolicyBody"));
            result("SetStackPolicy", "")
        }
        "UpdateTerminationProtection" => {
            let stack = format!("<StackId>{STACK_ID}</StackId>");
            result("UpdateTerminationProtection", &stack)
        }
        _ => denial(request),
    }
}

fn missing(stack: &str) -> Reply {
    let message = format!("Stack with id {stack} does not exist");
    query::error(400, "ValidationError", &message)
}

fn create(account: &mut Account, form: BTreeMap<String, String>) -> Reply {
    let name = form.get("ChangeSetName").cloned().unwrap_or_default();
    if account.has_no_stack {
        account.has_no_stack = false;
        account.stack_status = "REVIEW_IN_PROGRESS".to_owned();
    }
    account.change_sets.waiting.insert(name);
    account.change_sets.requests.push(form);
    match account.change_sets.loses_creation {
        true => query::error(409, "AlreadyExistsException", "The change set already exists"),
        false => result("CreateChangeSet", &format!("<StackId>{STACK_ID}</StackId>")),
    }
}

fn delete(sets: &mut ChangeSets, name: &str) -> Reply {
    match sets.undeletable.checked_sub(1) {
        Some(left) => {
            sets.undeletable = left;
            let message = "Cannot delete ChangeSet in status CREATE_IN_PROGRESS";
            query::error(400, "InvalidChangeSetStatus", message)
        }
        None => {
            sets.waiting.remove(name);
            result("DeleteChangeSet", "")
        }
    }
}

fn describe(sets: &ChangeSets, name: &str) -> Reply {
    let execution = match sets.executed.contains(name) {
        true => "EXECUTE_COMPLETE",
        false => "AVAILABLE",
    };
    let empty = sets.changes.is_empty().then(|| EMPTY.to_owned());
    let body = match sets.failure.clone().or(empty) {
        Some(reason) => format!(
            "<Status>FAILED</Status><ExecutionStatus>UNAVAILABLE</ExecutionStatus><StatusReason>{}</StatusReason>",
            escaped(&reason)
        ),
        None => {
            let changes: String = sets.changes.iter().map(change).collect();
            format!(
                "<Status>CREATE_COMPLETE</Status><ExecutionStatus>{execution}</ExecutionStatus><Changes>{changes}</Changes>"
            )
        }
    };
    result("DescribeChangeSet", &body)
}

fn change(change: &PlannedChange) -> String {
    let PlannedChange {
        action,
        replacement,
        resource,
        resource_type,
        property,
    } = change;
    let replacement = match replacement.is_empty() {
        true => String::new(),
        false => format!("<Replacement>{replacement}</Replacement>"),
    };
    let details = match property.is_empty() {
        true => String::new(),
        false => format!(
            "<Details><member><Target><Attribute>Properties</Attribute><Name>{property}</Name></Target></member></Details>"
        ),
    };
    format!(
        "<member><Type>Resource</Type><ResourceChange><Action>{action}</Action>\
         <LogicalResourceId>{resource}</LogicalResourceId><ResourceType>{resource_type}</ResourceType>{replacement}{details}\
         </ResourceChange></member>"
    )
}

fn list(sets: &ChangeSets) -> Reply {
    let others = sets.of_others.iter();
    let members: String = others
        .map(|name| {
            format!(
                "<member><ChangeSetName>{name}</ChangeSetName><Status>CREATE_COMPLETE</Status>\
                 <ExecutionStatus>AVAILABLE</ExecutionStatus></member>"
            )
        })
        .collect();
    result("ListChangeSets", &format!("<Summaries>{members}</Summaries>"))
}

/// Does at once what a change set says: its events, its parameters, and the state that the stack is in after it.
fn execute(account: &mut Account, name: &str) -> Reply {
    let sets = &mut account.change_sets;
    if !sets.waiting.remove(name) {
        return query::error(404, "ChangeSetNotFound", "The change set does not exist");
    }
    sets.executed.insert(name.to_owned());
    account.stack_status.clone_into(&mut sets.before);
    (sets.late, sets.throttled) = (sets.shown_late, sets.throttles);
    sets.happened.extend(sets.events.iter().cloned());
    sets.happened.push(ResourceEvent {
        status: sets.ends_as,
        ..ResourceEvent::default()
    });
    account.stack_status = sets.ends_as.to_owned();
    let given = sets.requests.last().cloned().unwrap_or_default();
    for number in 1.. {
        let member = |name: &str| given.get(&format!("Parameters.member.{number}.{name}"));
        let Some(key) = member("ParameterKey") else { break };
        if let Some(value) = member("ParameterValue") {
            account.stack_parameters.insert(key.clone(), value.clone());
        }
    }
    if given.contains_key("Tags.member.1.Key") {
        account.stack_tags = tags(&given);
    }
    match account.change_sets.loses_execution {
        true => query::error(
            400,
            "InvalidChangeSetStatus",
            "The change set is not in status AVAILABLE",
        ),
        false => result("ExecuteChangeSet", ""),
    }
}

/// Reads the tags of a request, which are all that the stack has then.
fn tags(given: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let member = |number: u32, name: &str| given.get(&format!("Tags.member.{number}.{name}")).cloned();
    let tags = (1..).map_while(|number| Some((member(number, "Key")?, member(number, "Value")?)));
    tags.collect()
}

/// Lists the events of the stack or of one in it, unless that is asked too often after an execution.
fn look_at_events(sets: &mut ChangeSets, stack: &str) -> Reply {
    if let Some(nested) = sets.nested.get(stack) {
        return events(nested);
    }
    match sets.throttled.checked_sub(1) {
        Some(left) => {
            sets.throttled = left;
            query::error(400, "Throttling", "Rate exceeded")
        }
        None => events(&sets.happened),
    }
}

/// Lists events, the newest first. Those without a resource are the stack's own.
fn events(happened: &[ResourceEvent]) -> Reply {
    let member = |(number, event): (usize, &ResourceEvent)| {
        let is_of_stack = event.resource.is_empty();
        let physical = match is_of_stack {
            true => STACK_ID.to_owned(),
            false => format!("{}-1", event.resource),
        };
        let time = if event.at.is_empty() { TIME } else { event.at };
        format!(
            "<member><StackId>{STACK_ID}</StackId><EventId>event-{number}</EventId><Timestamp>{time}</Timestamp>\
             <LogicalResourceId>{}</LogicalResourceId><PhysicalResourceId>{physical}</PhysicalResourceId>\
             <ResourceType>{}</ResourceType><ResourceStatus>{}</ResourceStatus>\
             <ResourceStatusReason>{}</ResourceStatusReason></member>",
            event.resource,
            event.resource_type,
            event.status,
            escaped(event.reason)
        )
    };
    let members: String = happened.iter().enumerate().rev().map(member).collect();
    result(
        "DescribeStackEvents",
        &format!("<StackEvents>{members}</StackEvents>"),
    )
}

fn result(operation: &str, body: &str) -> Reply {
    Reply::ok(format!(
        "<{operation}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><{operation}Result>{body}\
         </{operation}Result></{operation}Response>"
    ))
}

/// Reads a body of the query protocol.
fn form(body: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(body);
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (decoded(name), decoded(&value.replace('+', " "))))
        .collect()
}
