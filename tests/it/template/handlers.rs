//! What CloudFormation asks of AWS for the resources of the stack, and the role that it asks with.
//!
//! The emulator makes resources without asking IAM, so that a deployment on it proves nothing of the role. AWS's schema of
//! each resource type names the permissions of its handlers; `tools/handler_permissions.py` writes them into `handlers.json`, from the
//! schemas that cfn-lint has. Each of them is allowed to the role, or is left out here with the reason.

use std::collections::BTreeSet;

use serde_json::Value;

use super::FUNCTION;
use super::cloudformation::{Template, one_or_more, repository_file, text_of};
use super::deployers::{SERVICE_ROLE, actions, of_the_service_role};
use super::iam::matches;

/// Asked for where a property of a type is set, and no resource of the stack sets it.
const OF_PROPERTIES: [(&str, &str, &[&str]); 36] = [
    (
        "AWS::DynamoDB::Table",
        "ContributorInsightsSpecification",
        &["dynamodb:UpdateContributorInsights"],
    ),
    (
        "AWS::DynamoDB::Table",
        "ImportSourceSpecification",
        &[
            "dynamodb:ImportTable",
            "dynamodb:DescribeImport",
            "logs:CreateLogStream",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
        ],
    ),
    (
        "AWS::DynamoDB::Table",
        "KinesisStreamSpecification",
        &[
            "dynamodb:EnableKinesisStreamingDestination",
            "dynamodb:UpdateKinesisStreamingDestination",
            "dynamodb:DisableKinesisStreamingDestination",
            "kinesis:DescribeStream",
            "kinesis:PutRecords",
        ],
    ),
    (
        "AWS::DynamoDB::Table",
        "ResourcePolicy",
        &["dynamodb:PutResourcePolicy", "dynamodb:DeleteResourcePolicy"],
    ),
    (
        "AWS::Events::EventBus",
        "Policy",
        &["events:PutPermission", "events:RemovePermission"],
    ),
    (
        "AWS::IAM::Policy",
        "Groups",
        &[
            "iam:GetGroupPolicy",
            "iam:PutGroupPolicy",
            "iam:DeleteGroupPolicy",
        ],
    ),
    (
        "AWS::IAM::Policy",
        "Users",
        &["iam:GetUserPolicy", "iam:PutUserPolicy", "iam:DeleteUserPolicy"],
    ),
    ("AWS::IAM::Role", "Description", &["iam:UpdateRoleDescription"]),
    // Who could put a policy of AWS's on a role would not be bounded by what the template says.
    (
        "AWS::IAM::Role",
        "ManagedPolicyArns",
        &["iam:AttachRolePolicy", "iam:DetachRolePolicy"],
    ),
    (
        FUNCTION,
        "CapacityProviderConfig",
        &["lambda:PassCapacityProvider"],
    ),
    (
        FUNCTION,
        "FileSystemConfigs",
        &[
            "elasticfilesystem:DescribeMountTargets",
            "s3files:ListMountTargets",
        ],
    ),
    (
        FUNCTION,
        "FunctionScalingConfig",
        &["lambda:PutFunctionScalingConfig"],
    ),
    (FUNCTION, "Layers", &["lambda:GetLayerVersion"]),
    (FUNCTION, "AutoPublishAlias", &["lambda:PublishVersion"]),
    (FUNCTION, "RecursiveLoop", &["lambda:PutFunctionRecursionConfig"]),
    (
        FUNCTION,
        "RuntimeManagementConfig",
        &["lambda:PutRuntimeManagementConfig"],
    ),
    (
        "AWS::Logs::LogGroup",
        "BearerTokenAuthenticationEnabled",
        &["logs:PutBearerTokenAuthentication"],
    ),
    (
        "AWS::Logs::LogGroup",
        "DataProtectionPolicy",
        &[
            "logs:PutDataProtectionPolicy",
            "logs:DeleteDataProtectionPolicy",
            "firehose:TagDeliveryStream",
        ],
    ),
    (
        "AWS::Logs::LogGroup",
        "DeletionProtectionEnabled",
        &["logs:PutLogGroupDeletionProtection"],
    ),
    (
        "AWS::Logs::LogGroup",
        "FieldIndexPolicies",
        &["logs:PutIndexPolicy", "logs:DeleteIndexPolicy"],
    ),
    (
        "AWS::Logs::LogGroup",
        "ResourcePolicyDocument",
        &["logs:DeleteResourcePolicy"],
    ),
    ("AWS::S3::Bucket", "AbacStatus", &["s3:PutBucketAbac"]),
    (
        "AWS::S3::Bucket",
        "AccelerateConfiguration",
        &["s3:PutAccelerateConfiguration"],
    ),
    (
        "AWS::S3::Bucket",
        "AccessControl",
        &["s3:PutBucketAcl", "s3:PutObjectAcl"],
    ),
    (
        "AWS::S3::Bucket",
        "AnalyticsConfigurations",
        &["s3:PutAnalyticsConfiguration"],
    ),
    ("AWS::S3::Bucket", "CorsConfiguration", &["s3:PutBucketCORS"]),
    (
        "AWS::S3::Bucket",
        "IntelligentTieringConfigurations",
        &["s3:PutIntelligentTieringConfiguration"],
    ),
    (
        "AWS::S3::Bucket",
        "InventoryConfigurations",
        &["s3:PutInventoryConfiguration"],
    ),
    (
        "AWS::S3::Bucket",
        "MetadataConfiguration",
        &[
            "s3:CreateBucketMetadataTableConfiguration",
            "s3:DeleteBucketMetadataTableConfiguration",
            "s3:UpdateBucketMetadataAnnotationTableConfiguration",
            "s3:UpdateBucketMetadataInventoryTableConfiguration",
            "s3:UpdateBucketMetadataJournalTableConfiguration",
        ],
    ),
    (
        "AWS::S3::Bucket",
        "MetadataTableConfiguration",
        &[
            "s3tables:CreateNamespace",
            "s3tables:CreateTable",
            "s3tables:CreateTableBucket",
            "s3tables:GetTable",
            "s3tables:GetTableMetadataLocation",
            "s3tables:PutTableBucketPolicy",
            "s3tables:PutTableEncryption",
            "s3tables:PutTablePolicy",
            "s3tables:UpdateTableMetadataLocation",
        ],
    ),
    (
        "AWS::S3::Bucket",
        "MetricsConfigurations",
        &["s3:PutMetricsConfiguration"],
    ),
    (
        "AWS::S3::Bucket",
        "NotificationConfiguration",
        &["s3:PutBucketNotification"],
    ),
    (
        "AWS::S3::Bucket",
        "ReplicationConfiguration",
        &["s3:PutReplicationConfiguration"],
    ),
    (
        "AWS::S3::Bucket",
        "WebsiteConfiguration",
        &["s3:PutBucketWebsite", "s3:DeleteBucketWebsite"],
    ),
    (
        "AWS::SecretsManager::Secret",
        "ReplicaRegions",
        &[
            "secretsmanager:ReplicateSecretToRegions",
            "secretsmanager:RemoveRegionsFromReplication",
        ],
    ),
    (
        "AWS::SNS::Topic",
        "DataProtectionPolicy",
        &["sns:PutDataProtectionPolicy"],
    ),
];

/// Refused to the role, whatever the template sets.
const REFUSED: [&str; 18] = [
    // What was taken in stays: the template retains tables and buckets, and replicas of a table read and write its items.
    "dynamodb:DeleteTable",
    "dynamodb:AssociateTableReplica",
    "dynamodb:CreateTableReplica",
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "dynamodb:UpdateItem",
    "s3:DeleteBucket",
    "s3:DeleteObject",
    // Drift of a value that nobody is to know.
    "secretsmanager:GetSecretValue",
    // A role keeps its boundary.
    "iam:DeleteRolePermissionsBoundary",
    // The locks of the platform team.
    "cloudformation:SetStackPolicy",
    "cloudformation:UpdateTerminationProtection",
    // For keys by their alias, which `KmsKeyArn` is not; and the grants are those of DynamoDB itself.
    "kms:ListAliases",
    "kms:RevokeGrant",
];

/// The templates of the stack and of those in it.
const TEMPLATES: [&str; 3] = ["template.yaml", "infra/alarms.yaml", "infra/dashboard.yaml"];

/// The list that `tools/handler_permissions.py` writes.
pub(super) fn handlers() -> Value {
    let list = repository_file("tests/it/template/handlers.json");
    serde_json::from_str(&list).expect("the list is JSON")
}

/// The types of which SAM, or CloudFormation, makes resources for one of the template.
fn expanded(kind: &str) -> Vec<&str> {
    match kind {
        FUNCTION => vec!["AWS::Lambda::Function", "AWS::Lambda::EventSourceMapping"],
        "AWS::Serverless::Application" => vec!["AWS::CloudFormation::Stack"],
        // Functions of the stack do what these stand for, which the role has to be allowed to call.
        "Custom::UpvestKeys" | "Custom::UpvestSubscription" => Vec::new(),
        kind => vec![kind],
    }
}

/// The types of all resources of the stack, as CloudFormation makes them.
fn types(templates: &[Template]) -> BTreeSet<&str> {
    let resources = templates
        .iter()
        .flat_map(|template| template.section("Resources").values());
    resources
        .flat_map(|resource| expanded(text_of(&resource["Type"])))
        .collect()
}

pub(super) fn templates() -> [Template; 3] {
    TEMPLATES.map(Template::read_file)
}

/// The actions that the role does not have, each for its reason.
pub(super) fn left_out() -> BTreeSet<&'static str> {
    let of_properties = OF_PROPERTIES.iter().flat_map(|(_, _, actions)| *actions);
    of_properties.chain(&REFUSED).copied().collect()
}

#[test]
fn the_role_may_do_all_that_cloudformation_does_for_the_resources_of_the_stack() {
    let templates = templates();
    let handlers = handlers();
    let known = handlers.as_object().expect("the list is a map").keys();
    let known: BTreeSet<&str> = known.map(String::as_str).collect();
    assert_eq!(
        types(&templates),
        known,
        "tools/handler_permissions.py writes the list"
    );

    let role = Template::read_file(SERVICE_ROLE);
    let allowed = actions(&of_the_service_role(&role));
    let allowed: Vec<String> = allowed.iter().map(|action| action.to_lowercase()).collect();
    let is_allowed = |action: &str| {
        let action = action.to_lowercase();
        allowed.iter().any(|pattern| matches(pattern, &action))
    };
    assert!(is_allowed("lambda:InvokeFunction"), "the custom resources");
    let asked: BTreeSet<&str> = known
        .iter()
        .flat_map(|kind| one_or_more(&handlers[kind]["permissions"]))
        .map(text_of)
        .collect();
    assert!(asked.len() > 200, "{}", asked.len());
    let missing: BTreeSet<&str> = asked.into_iter().filter(|action| !is_allowed(action)).collect();
    assert_eq!(missing, left_out());
}

#[test]
fn no_resource_has_a_property_that_needs_what_the_role_may_not() {
    let templates = templates();
    let globals = &templates[0].section("Globals")["Function"];
    for (kind, property, actions) in OF_PROPERTIES {
        for template in &templates {
            for (name, resource) in template.resources(kind) {
                let is_set = resource["Properties"].get(property).is_some();
                assert!(!is_set, "{name} has {property}: the role needs {actions:?}");
            }
        }
        assert!(
            kind != FUNCTION || globals.get(property).is_none(),
            "functions have {property}: the role needs {actions:?}"
        );
    }
    // Each event of a function's is a queue's: another kind would be another resource.
    for (name, function) in templates[0].resources(FUNCTION) {
        let events = function["Properties"]["Events"].as_object().into_iter().flatten();
        for (event, source) in events {
            assert_eq!(source["Type"], "SQS", "{name}: {event}");
        }
    }
}

#[test]
fn the_page_says_which_types_take_no_tags() {
    let page = repository_file("docs/platform.md");
    let tags = page
        .split("\n## Tags\n")
        .nth(1)
        .and_then(|rest| rest.split("\n## ").next());
    let tags = tags.expect("the page has a section on tags");
    let named: BTreeSet<&str> = tags
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| code.starts_with("AWS::"))
        .collect();
    let handlers = handlers();
    let without: BTreeSet<&str> = handlers
        .as_object()
        .expect("the list is a map")
        .iter()
        .filter(|(_, kind)| kind["taggable"] == false)
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(named, without);
}
