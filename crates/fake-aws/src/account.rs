//! What an operator looks at in an account beside its data: who calls, the stack, alarms, and how resources are
//! protected. Canned, and spoiled by the test.

use std::collections::{BTreeMap, BTreeSet};

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::cloudformation::{self, ChangeSets, STACK_ID};
use crate::protection::{backups, bucket_setting};
use crate::record::Service;
use crate::reply::Reply;
use crate::wire::Request;
use crate::{cbor, functions, query, s3};

/// Gives the number of the caller's account, which also owns each bucket that a test gives no other owner.
const ACCOUNT: &str = "123456789012";
/// Names whom `GetCallerIdentity` gives as the caller: an operator who assumed a role.
pub const OPERATOR: &str = "arn:aws:sts::123456789012:assumed-role/operator/erika";

/// Says what is answered of the account where it holds no data for it.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Says how far the clock of STS is ahead of this machine's, in seconds; without it, its answers have no `date`.
    pub ahead_seconds: Option<i64>,
    /// Lists the operations that the caller may not use, such as `DescribeAlarms`.
    pub denied: BTreeSet<String>,
    /// Lists the protections that a resource lacks: its name, and the name of the operation that tells.
    pub lacking: BTreeSet<(String, &'static str)>,
    /// Lists the alarms that CloudWatch has.
    pub alarms: Vec<Alarm>,
    /// Gives the stack's status, such as `UPDATE_COMPLETE`.
    pub stack_status: String,
    /// Lists the stack's parameters, by name.
    pub stack_parameters: BTreeMap<String, String>,
    /// Lists the stack's outputs, by name.
    pub stack_outputs: BTreeMap<String, String>,
    /// Maps the names of the stack's tags to their values.
    pub stack_tags: BTreeMap<String, String>,
    /// Tells that there is no stack yet.
    pub has_no_stack: bool,
    /// Says what CloudFormation makes of change sets.
    pub change_sets: ChangeSets,
    /// Lists the stack's resources: their type, name in the template, and name.
    pub stack_resources: Vec<(&'static str, String, String)>,
    /// Lists the names of resources that are not there any more.
    pub gone: BTreeSet<String>,
    /// Lists the names of functions, event sources and schedules that are switched off.
    pub switched_off: BTreeSet<String>,
    /// Maps functions to their reserved concurrency, of those that have any but 0.
    pub reserved_concurrency: BTreeMap<String, u64>,
    /// Bounds the invocations that the account may have at once; `None` is 1,000, as a grown account has.
    pub concurrent_executions: Option<u32>,
    /// Says how many of these no function has reserved; `None` is all.
    pub unreserved_executions: Option<u32>,
    /// Lists the buckets that have a policy, as `PutBucketPolicy` gave it.
    pub bucket_policies: BTreeSet<String>,
    /// Maps buckets of other accounts to these.
    pub bucket_owners: BTreeMap<String, String>,
    /// Maps the ids of subnets and security groups to their properties, as Cloud Control gives them.
    pub networks: BTreeMap<String, Value>,
    /// Says what the only code signing configuration does about unsigned code; `None` where there is none.
    pub code_signing: Option<&'static str>,
    /// Gives what Lambda says of the configuration of functions besides, by their names.
    pub configurations: BTreeMap<String, Value>,
}

/// Describes an alarm as `DescribeAlarms` gives it.
#[derive(Clone, Debug, Default)]
pub struct Alarm {
    /// Names the alarm as CloudFormation does, with the stack before it.
    pub name: String,
    /// Gives its state: `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub state: &'static str,
    /// Says for people what the alarm means.
    pub description: String,
    /// Tells whether it is made of other alarms.
    pub is_composite: bool,
    /// Tells whether it has no action, so that nobody is told when it rings.
    pub is_silenced: bool,
}

impl Account {
    /// Answers what the other services do not; `None` for what is theirs.
    pub(crate) fn answer(&mut self, request: &Request) -> Option<Reply> {
        if self.denied.contains(&request.operation) || self.is_of_another(request) {
            return Some(denial(request));
        }
        let lacking = self.lacking.clone();
        let lacks = |operation| lacking.contains(&(request.resource.clone(), operation));
        match (request.service, request.operation.as_str()) {
            (Service::Sts, "GetCallerIdentity") => Some(self.identity()),
            (Service::CloudFormation, "DescribeStacks") if !self.has_no_stack => Some(self.stack()),
            (Service::CloudWatch, "DescribeAlarms") => Some(self.describe_alarms()),
            (Service::CloudFormation, "ListStackResources") => Some(self.resources()),
            (Service::CloudFormation, _) => Some(cloudformation::answer(self, request)),
            (Service::Lambda, _) => Some(functions::answer(self, request)),
            (Service::CloudControl, "GetResource") => Some(self.network(request)),
            (Service::EventBridge, "DescribeRule") => Some(self.schedule(&request.json)),
            (Service::CloudControl | Service::Sts | Service::CloudWatch, _) => Some(denial(request)),
            (Service::DynamoDb, "DescribeContinuousBackups") => {
                Some(backups(!lacks("DescribeContinuousBackups")))
            }
            (Service::S3, "PutBucketPolicy") => {
                self.bucket_policies.insert(request.resource.clone());
                Some(Reply::ok(""))
            }
            (Service::S3, "GetBucketPolicy") if self.bucket_policies.contains(&request.resource) => {
                Some(Reply::json(&json!({ "Version": "2012-10-17", "Statement": [] })))
            }
            (Service::S3, operation) => bucket_setting(operation, lacks),
            _ => None,
        }
    }

    /// Tells whether a bucket is of another account than the caller takes it for.
    fn is_of_another(&self, request: &Request) -> bool {
        let owner = self.bucket_owners.get(&request.resource);
        let owner = owner.map_or(ACCOUNT, String::as_str);
        let expected = request.http.headers().get("x-amz-expected-bucket-owner");
        expected.is_some_and(|expected| expected != owner)
    }

    /// Adds to DynamoDB's description of a table what its engine does not know.
    pub(crate) fn complete(&self, request: &Request, reply: Reply) -> Reply {
        if request.operation != "DescribeTable" || reply.error.is_some() {
            return reply;
        }
        let mut body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let key = (request.resource.clone(), "DescribeTable");
        body["Table"]["DeletionProtectionEnabled"] = json!(!self.lacking.contains(&key));
        Reply::json(&body)
    }

    fn identity(&self) -> Reply {
        let mut reply = Reply::ok(format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>{OPERATOR}</Arn><UserId>AROAEXAMPLE:erika</UserId>\
             <Account>{ACCOUNT}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
        ));
        let date = self.ahead_seconds.map(|seconds| {
            let answered_at = machine_time() + SignedDuration::from_secs(seconds);
            let date = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&answered_at);
            ("date".to_owned(), date.expect("a year of four digits"))
        });
        reply.headers.extend(date);
        reply
    }

    fn stack(&mut self) -> Reply {
        let status = self.change_sets.shown(&self.stack_status);
        let parameter = |(name, value): (&String, &String)| {
            format!(
                "<member><ParameterKey>{name}</ParameterKey><ParameterValue>{value}</ParameterValue></member>"
            )
        };
        let parameters: String = self.stack_parameters.iter().map(parameter).collect();
        let output = |(name, value): (&String, &String)| {
            format!("<member><OutputKey>{name}</OutputKey><OutputValue>{value}</OutputValue></member>")
        };
        let outputs: String = self.stack_outputs.iter().map(output).collect();
        let tag = |(name, value): (&String, &String)| {
            format!("<member><Key>{name}</Key><Value>{value}</Value></member>")
        };
        let tags: String = self.stack_tags.iter().map(tag).collect();
        Reply::ok(format!(
            "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
             <DescribeStacksResult><Stacks><member><StackName>upvest-webhooks</StackName>\
             <StackId>{STACK_ID}</StackId>\
             <CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>{status}</StackStatus>\
             <Parameters>{parameters}</Parameters><Outputs>{outputs}</Outputs>\
             <Tags>{tags}</Tags></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
        ))
    }

    fn resources(&self) -> Reply {
        let member = |(resource_type, logical, physical): &(&str, String, String)| {
            format!(
                "<member><LogicalResourceId>{logical}</LogicalResourceId>\
                 <PhysicalResourceId>{physical}</PhysicalResourceId><ResourceType>{resource_type}</ResourceType>\
                 <ResourceStatus>CREATE_COMPLETE</ResourceStatus>\
                 <LastUpdatedTimestamp>2026-01-01T00:00:00Z</LastUpdatedTimestamp></member>"
            )
        };
        let members: String = self.stack_resources.iter().map(member).collect();
        Reply::ok(format!(
            "<ListStackResourcesResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
             <ListStackResourcesResult><StackResourceSummaries>{members}</StackResourceSummaries>\
             </ListStackResourcesResult></ListStackResourcesResponse>"
        ))
    }

    /// Describes a subnet or a security group as Cloud Control does: with JSON in JSON.
    fn network(&self, request: &Request) -> Reply {
        let (id, kind) = (&request.resource, &request.json["TypeName"]);
        let Some(properties) = self.networks.get(id) else {
            let message = format!("Resource of type {kind} with identifier {id} was not found.");
            return Reply::json_error(400, "ResourceNotFoundException", &message);
        };
        let described = json!({ "Identifier": id, "Properties": properties.to_string() });
        Reply::json(&json!({ "TypeName": kind, "ResourceDescription": described }))
    }

    fn schedule(&self, body: &Value) -> Reply {
        let name = body["Name"].as_str().unwrap_or_default();
        if self.gone.contains(name) {
            return Reply::json_error(400, "ResourceNotFoundException", "Rule does not exist.");
        }
        let state = if self.switched_off.contains(name) {
            "DISABLED"
        } else {
            "ENABLED"
        };
        Reply::json(&json!({ "Name": name, "State": state }))
    }

    fn describe_alarms(&self) -> Reply {
        let of_kind = |is_composite: bool| {
            let alarms = self
                .alarms
                .iter()
                .filter(|alarm| alarm.is_composite == is_composite);
            let alarms = alarms.map(|alarm| {
                json!({ "AlarmName": alarm.name, "StateValue": alarm.state, "AlarmDescription": alarm.description,
                    "ActionsEnabled": !alarm.is_silenced })
            });
            alarms.collect::<Vec<_>>()
        };
        cbor::reply(
            200,
            &json!({ "MetricAlarms": of_kind(false), "CompositeAlarms": of_kind(true) }),
        )
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "an operator's command holds the date of STS against the clock of this machine, not of the account"
)]
fn machine_time() -> Timestamp {
    Timestamp::now()
}

/// Writes the reply of a service that does not let the caller do this.
pub(crate) fn denial(request: &Request) -> Reply {
    let message = format!("not authorized to perform: {}", request.operation);
    match request.service {
        Service::S3 => s3::error(403, "AccessDenied", &message),
        Service::Sts | Service::CloudFormation => query::error(403, "AccessDenied", &message),
        Service::CloudWatch => Reply {
            error: Some("AccessDenied".to_owned()),
            ..cbor::reply(403, &json!({ "__type": "AccessDenied", "message": message }))
        },
        _ => Reply::json_error(400, "AccessDeniedException", &message),
    }
}
