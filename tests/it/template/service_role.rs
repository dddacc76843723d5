//! On what CloudFormation's role may do what its resources need: an action that is allowed elsewhere helps nobody.
//!
//! `handlers.rs` holds the names of the actions against AWS's schemas; this holds the resources of the statements that name
//! them, and how long the stack's name may be for the names that begin with it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::cloudformation::{Template, one_or_more, repository_file, text_of};
use super::deployers::{SERVICE_ROLE, of_the_service_role};
use super::handlers::{handlers, left_out, templates};
use super::iam::{matches, rendered};
use super::{FUNCTION, QUEUE, ROLE, TABLE};

/// What the handlers of each type reach, as a statement of the role would write it: one of the stack's resources, and what it
/// refers to. Of each ARN that is what follows the partition.
const REACHED: [(&str, &[&str]); 28] = [
    (
        "AWS::ApiGatewayV2::Api",
        &["apigateway:${AWS::Region}::/apis/a1b2"],
    ),
    (
        "AWS::ApiGatewayV2::ApiMapping",
        &["apigateway:${AWS::Region}::/domainnames/hooks.example.com/apimappings/a1b2"],
    ),
    (
        "AWS::ApiGatewayV2::DomainName",
        &[
            "apigateway:${AWS::Region}::/domainnames/hooks.example.com",
            "s3:::${TruststoreBucket}/upvest.pem",
        ],
    ),
    (
        "AWS::ApiGatewayV2::Integration",
        &["apigateway:${AWS::Region}::/apis/a1b2/integrations/c3d4"],
    ),
    (
        "AWS::ApiGatewayV2::Route",
        &["apigateway:${AWS::Region}::/apis/a1b2/routes/c3d4"],
    ),
    (
        "AWS::ApiGatewayV2::Stage",
        &["apigateway:${AWS::Region}::/apis/a1b2/stages/$default"],
    ),
    (
        "AWS::Budgets::Budget",
        &[
            "budgets::${AWS::AccountId}:budget/Budget-A1b2",
            "billing::${AWS::AccountId}:billingview/primary",
        ],
    ),
    (
        "AWS::CloudFormation::Stack",
        &["cloudformation:${AWS::Region}:${AWS::AccountId}:stack/${StackName}-Alarms-A1b2/c3d4"],
    ),
    (
        "AWS::CloudWatch::Alarm",
        &["cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:${StackName}-Alarms-A1b2-Alarm-C3d4"],
    ),
    (
        "AWS::CloudWatch::CompositeAlarm",
        &["cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:${StackName}-Alarms-A1b2-Alarm-C3d4"],
    ),
    (
        "AWS::CloudWatch::Dashboard",
        &["cloudwatch::${AWS::AccountId}:dashboard/${StackName}-Dashboard-A1b2"],
    ),
    (
        TABLE,
        &["dynamodb:${AWS::Region}:${AWS::AccountId}:table/${StackName}-EventsTable-A1b2"],
    ),
    (
        "AWS::Events::EventBus",
        &["events:${AWS::Region}:${AWS::AccountId}:event-bus/${StackName}"],
    ),
    (
        "AWS::Events::Rule",
        &["events:${AWS::Region}:${AWS::AccountId}:rule/${StackName}-CanarySchedule-A1b2"],
    ),
    (
        "AWS::IAM::Policy",
        &["iam::${AWS::AccountId}:role${RolePath}${StackName}-IngestRole-A1b2"],
    ),
    (
        ROLE,
        &["iam::${AWS::AccountId}:role${RolePath}${StackName}-IngestRole-A1b2"],
    ),
    (
        "AWS::Lambda::EventSourceMapping",
        &["lambda:${AWS::Region}:${AWS::AccountId}:event-source-mapping:a1b2"],
    ),
    (
        "AWS::Lambda::Function",
        &[
            "lambda:${AWS::Region}:${AWS::AccountId}:function:${StackName}-IngestFunction-A1b2",
            "lambda:${AWS::Region}:${AWS::AccountId}:code-signing-config:csc-a1b2",
            "iam::${AWS::AccountId}:role${RolePath}${StackName}-IngestRole-A1b2",
            "s3:::${ArtifactBucket}/upvest-webhooks/functions/ingest.zip",
        ],
    ),
    (
        "AWS::Lambda::Permission",
        &["lambda:${AWS::Region}:${AWS::AccountId}:function:${StackName}-IngestFunction-A1b2"],
    ),
    (
        "AWS::Logs::LogGroup",
        &["logs:${AWS::Region}:${AWS::AccountId}:log-group:${StackName}-IngestLogs-A1b2"],
    ),
    (
        "AWS::Logs::MetricFilter",
        &["logs:${AWS::Region}:${AWS::AccountId}:log-group:${StackName}-IngestLogs-A1b2"],
    ),
    (
        "AWS::Route53::RecordSet",
        &["route53:::hostedzone/Z0", "route53:::change/C0"],
    ),
    ("AWS::S3::Bucket", &["s3:::${StackName}-archivebucket-a1b2"]),
    ("AWS::S3::BucketPolicy", &["s3:::${StackName}-archivebucket-a1b2"]),
    (
        "AWS::SNS::Subscription",
        &["sns:${AWS::Region}:${AWS::AccountId}:${StackName}-AlarmTopic-A1b2"],
    ),
    (
        "AWS::SNS::Topic",
        &["sns:${AWS::Region}:${AWS::AccountId}:${StackName}-AlarmTopic-A1b2"],
    ),
    (
        QUEUE,
        &["sqs:${AWS::Region}:${AWS::AccountId}:${StackName}-DeliveriesQueue-A1b2"],
    ),
    (
        "AWS::SecretsManager::Secret",
        &["secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:CanarySecret-A1b2"],
    ),
];

/// Types that change another's resource, and reach what that one does.
const OF_ANOTHER: [(&str, &str); 2] = [
    ("AWS::SNS::TopicPolicy", "AWS::SNS::Topic"),
    ("AWS::SQS::QueuePolicy", QUEUE),
];

/// Asked for where a property of a type is set, and no resource of the stack sets it. The role has them for other types.
const OF_PROPERTIES: [(&str, &str, &[&str]); 9] = [
    ("AWS::ApiGatewayV2::Api", "BodyS3Location", &["s3:getObject"]),
    (
        "AWS::ApiGatewayV2::Integration",
        "CredentialsArn",
        &["iam:PassRole"],
    ),
    ("AWS::CloudFormation::Stack", "RoleARN", &["iam:PassRole"]),
    (
        TABLE,
        "ImportSourceSpecification",
        &[
            "logs:CreateLogGroup",
            "logs:DescribeLogGroups",
            "logs:PutRetentionPolicy",
            "s3:GetObject",
            "s3:ListBucket",
        ],
    ),
    (
        TABLE,
        "KinesisStreamSpecification",
        &["iam:CreateServiceLinkedRole"],
    ),
    ("AWS::Events::Rule", "RoleArn", &["iam:PassRole"]),
    ("AWS::S3::Bucket", "ReplicationConfiguration", &["iam:PassRole"]),
    (
        "AWS::SNS::Subscription",
        "SubscriptionRoleArn",
        &["iam:GetRole", "iam:PassRole"],
    ),
    (
        "AWS::SNS::Topic",
        "DeliveryStatusLogging",
        &["iam:GetRole", "iam:PassRole"],
    ),
];

/// Makes nothing for whoever has a permission that is narrower than all resources, by AWS's reference of the operation.
const NOT_NARROWED: &str = "cloudwatch:PutCompositeAlarm";

/// How many characters the names of a type have at most that begin with the stack's name.
const LONGEST_NAMES: [(&str, usize); 5] = [
    (FUNCTION, 64),
    (ROLE, 64),
    ("AWS::Events::Rule", 64),
    ("AWS::S3::Bucket", 63),
    (QUEUE, 80),
];

/// How many characters CloudFormation makes up at the end of a name.
const MADE_UP: usize = 12;

/// What the handlers of a type reach.
fn reached(kind: &str) -> &'static [&'static str] {
    let of = OF_ANOTHER.iter().find(|(own, _)| *own == kind);
    let kind = of.map_or(kind, |(_, other)| *other);
    let known = REACHED.iter().find(|(own, _)| *own == kind);
    known.unwrap_or_else(|| panic!("what does {kind} reach?")).1
}

/// Whether the role may do this on a resource.
fn may(statements: &[&Value], action: &str, resource: &str) -> bool {
    let action = action.to_lowercase();
    statements.iter().any(|statement| {
        let mut actions = one_or_more(&statement["Action"]).into_iter();
        let mut resources = one_or_more(&statement["Resource"]).into_iter();
        actions.any(|pattern| matches(&text_of(pattern).to_lowercase(), &action))
            && resources.any(|pattern| matches(&rendered(pattern), resource))
    })
}

/// Whether the role may do this on what the handlers of a type reach through the service of the action.
fn reaches(statements: &[&Value], kind: &str, action: &str) -> bool {
    let (service, _) = action.split_once(':').expect("an action has a service");
    // A key has its own ARN: the one that the stack is deployed with.
    if service == "kms" {
        return may(statements, action, "${KmsKeyArn}");
    }
    let arns = reached(kind).iter();
    let mut own = arns.filter(|arn| arn.split(':').next() == Some(service));
    own.any(|arn| may(statements, action, &format!("arn:${{AWS::Partition}}:{arn}")))
}

#[test]
fn the_role_may_do_what_cloudformation_does_on_what_it_does_it_with() {
    let role = Template::read_file(SERVICE_ROLE);
    let statements = of_the_service_role(&role);
    let handlers = handlers();
    let elsewhere = left_out();
    let mut out_of_reach = BTreeMap::new();
    let mut asked = 0;
    for (kind, handled) in handlers.as_object().expect("the list is a map") {
        let of_kind = OF_PROPERTIES.iter().filter(|(own, ..)| own == kind);
        let not_asked: BTreeSet<&str> = of_kind.flat_map(|(.., actions)| *actions).copied().collect();
        let unscoped = one_or_more(&handled["unscoped"]);
        for permission in one_or_more(&handled["permissions"]) {
            let action = text_of(permission);
            if elsewhere.contains(action) || not_asked.contains(action) {
                continue;
            }
            asked += 1;
            let is_allowed = match unscoped.contains(&permission) || action == NOT_NARROWED {
                true => may(&statements, action, "*"),
                false => reaches(&statements, kind, action),
            };
            if !is_allowed {
                out_of_reach.entry(kind).or_insert_with(Vec::new).push(action);
            }
        }
    }
    assert!(asked > 200, "{asked}");
    assert!(out_of_reach.is_empty(), "{out_of_reach:?}");
}

#[test]
fn no_resource_has_a_property_that_needs_what_the_role_has_for_others() {
    for (kind, property, actions) in OF_PROPERTIES {
        for template in &templates() {
            for (name, resource) in template.resources(kind) {
                let properties = resource["Properties"].to_string();
                let is_set = properties.contains(&format!("\"{property}\":"));
                assert!(!is_set, "{name} has {property}: the role needs {actions:?}");
            }
        }
    }
}

#[test]
fn the_stacks_name_leaves_room_for_the_longest_names_that_begin_with_it() {
    let template = Template::read();
    let rooms = LONGEST_NAMES.iter().flat_map(|(kind, longest)| {
        let ids = template.resources(kind).map(|(id, _)| id);
        ids.map(move |id| (longest - id.len() - MADE_UP - "--".len(), id))
    });
    let (room, id) = rooms.min().expect("there are functions");
    let role = Template::read_file(SERVICE_ROLE);
    let name = &role.section("Parameters")["StackName"];
    assert_eq!(name["MaxLength"], json!(room), "{id}");
    assert!(text_of(&name["Default"]).len() <= room);
    let page = repository_file("docs/platform.md");
    assert!(page.contains(&format!("has at most {room} characters")), "{room}");
    let example = repository_file(SERVICE_ROLE);
    assert!(example.contains(id), "the comment names {id}");
}
