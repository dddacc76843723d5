//! Who deploys: the policy of a person or a pipeline, the role of CloudFormation, and what neither may do to what is kept.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::cloudformation::{Template, as_written, one_or_more, target, text_of};

/// Gives the path of the template of the role that CloudFormation deploys with.
pub(super) const SERVICE_ROLE: &str = "infra/examples/service-role.yaml";

/// Lists the statements of CloudFormation's role.
pub(super) fn of_the_service_role(template: &Template) -> Vec<&Value> {
    let policies = template.resources("AWS::IAM::ManagedPolicy");
    let statements =
        policies.flat_map(|(_, policy)| one_or_more(&policy["Properties"]["PolicyDocument"]["Statement"]));
    statements.map(super::cloudformation::when_true).collect()
}

/// Lists the actions that statements name.
pub(super) fn actions<'v>(statements: &[&'v Value]) -> BTreeSet<&'v str> {
    let actions = statements
        .iter()
        .flat_map(|statement| one_or_more(&statement["Action"]));
    actions.map(text_of).collect()
}

#[test]
fn cloudformation_may_ask_the_functions_of_its_custom_resources_and_no_others() {
    let template = Template::read();
    let resources = template.section("Resources").values();
    let custom = resources.filter(|resource| text_of(&resource["Type"]).starts_with("Custom::"));
    let asked: BTreeSet<String> = custom
        .map(|resource| {
            format!(
                "${{StackName}}-{}-*",
                target(&resource["Properties"]["ServiceToken"])
            )
        })
        .collect();
    let role = Template::read_file(SERVICE_ROLE);
    let statements = of_the_service_role(&role).into_iter();
    let asking = statements
        .filter(|statement| actions(&[*statement]).contains("lambda:InvokeFunction"))
        .flat_map(|statement| one_or_more(&statement["Resource"]));
    let allowed: BTreeSet<String> = asking
        .map(|arn| {
            let (_, function) = text_of(&arn["Fn::Sub"])
                .rsplit_once(':')
                .expect("an ARN has parts");
            function.to_owned()
        })
        .collect();
    assert_eq!(allowed, asked);
}

#[test]
fn nobody_who_deploys_may_delete_a_table_a_bucket_or_what_is_in_them() {
    // The template retains both, a first deployment that fails included.
    let template = Template::read();
    for kind in ["AWS::DynamoDB::Table", "AWS::S3::Bucket"] {
        for (name, resource) in template.resources(kind) {
            assert_eq!(resource["DeletionPolicy"], "Retain", "{name}");
        }
    }
    let role = Template::read_file(SERVICE_ROLE);
    for action in actions(&of_the_service_role(&role)) {
        let (service, operation) = action.split_once(':').expect("an action has a service");
        let deletes = operation.starts_with("Delete") && operation != "DeleteBucketPolicy";
        let touches_items = ["Object", "Item", "PartiQL", "ReceiveMessage", "SendMessage"]
            .iter()
            .any(|part| operation.contains(part));
        match service {
            "dynamodb" => assert!(!deletes && !touches_items, "{action}"),
            // The settings of the lock are called after its objects, and code is read.
            "s3" => assert!(
                !deletes
                    && (!touches_items
                        || operation.starts_with("GetObject")
                        || operation == "PutBucketObjectLockConfiguration"),
                "{action}"
            ),
            "sqs" => assert!(!touches_items, "{action}"),
            "secretsmanager" => assert_ne!(operation, "GetSecretValue"),
            _ => {}
        }
        assert_ne!(operation, "*", "{action}");
    }
}

#[test]
fn roles_are_made_under_their_path_with_their_boundary_and_passed_to_lambda_alone() {
    let role = Template::read_file(SERVICE_ROLE);
    let place =
        json!({ "Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role${RolePath}${StackName}-*" });
    let mut seen = BTreeSet::new();
    for statement in of_the_service_role(&role) {
        let of_roles = one_or_more(&statement["Action"]).into_iter().map(text_of);
        let of_roles: Vec<&str> = of_roles.filter(|action| action.starts_with("iam:")).collect();
        if of_roles.is_empty() || of_roles == ["iam:CreateServiceLinkedRole"] {
            continue;
        }
        assert_eq!(statement["Resource"], place, "{of_roles:?}");
        for action in of_roles {
            match action {
                "iam:PassRole" => assert_eq!(
                    statement["Condition"],
                    json!({ "StringEquals": { "iam:PassedToService": "lambda.amazonaws.com" } })
                ),
                "iam:CreateRole" | "iam:PutRolePolicy" | "iam:PutRolePermissionsBoundary" => {
                    let bounded = &statement["Condition"]["Fn::If"];
                    assert_eq!(
                        (&bounded[0], &bounded[1]),
                        (
                            &json!("HasBoundary"),
                            &json!({ "StringEquals": { "iam:PermissionsBoundary": { "Ref": "PermissionsBoundaryArn" } } })
                        ),
                        "{action}"
                    );
                }
                _ => {}
            }
            seen.insert(action);
        }
    }
    assert!(seen.contains("iam:PassRole") && seen.contains("iam:PutRolePolicy"));
    // Who could take a boundary off, or put a policy of AWS's on, would not be bounded.
    assert!(!seen.contains("iam:DeleteRolePermissionsBoundary") && !seen.contains("iam:AttachRolePolicy"));
}

#[test]
fn cloudformation_may_go_back_to_the_key_of_before_as_it_may_use_the_other() {
    let role = Template::read_file(SERVICE_ROLE);
    let named = |condition: &str, parameter: &str| -> Value {
        json!({ "Fn::If": [condition, { "Ref": parameter }, { "Ref": "AWS::NoValue" }] })
    };
    let keys = json!([
        named("HasKmsKey", "KmsKeyArn"),
        named("HasFormerKmsKey", "FormerKmsKeyArn"),
    ]);
    let statements = of_the_service_role(&role).into_iter();
    let of_keys =
        statements.filter(|statement| statement["Sid"] == "Key" || statement["Sid"] == "GrantsForServices");
    let of_keys: Vec<&Value> = of_keys.collect();
    assert!(of_keys.len() == 2 && of_keys.iter().all(|statement| statement["Resource"] == keys));
}

#[test]
fn who_deploys_hands_over_to_cloudformation_and_touches_no_resource_himself() {
    let policy = as_written("infra/examples/deployer.json");
    for statement in one_or_more(&policy["Statement"]) {
        for action in one_or_more(&statement["Action"]).into_iter().map(text_of) {
            match action.split_once(':').expect("an action has a service") {
                ("cloudformation", operation) => {
                    let for_the_platform = ["DeleteStack", "SetStackPolicy", "UpdateTerminationProtection"];
                    assert!(!for_the_platform.contains(&operation), "{action}");
                    let of_the_bucket = "https://s3.REGION.amazonaws.com/ARTIFACT_BUCKET/*";
                    let is_of_stacks = one_or_more(&statement["Resource"])
                        .into_iter()
                        .any(|arn| text_of(arn).contains(":stack/"));
                    assert!(
                        operation != "CreateChangeSet"
                            || !is_of_stacks
                            || statement["Condition"]
                                == json!({ "StringLike": { "cloudformation:TemplateUrl": of_the_bucket } }),
                        "{action}"
                    );
                }
                ("iam", "PassRole") => assert_eq!(
                    statement["Condition"],
                    json!({ "StringEquals": { "iam:PassedToService": "cloudformation.amazonaws.com" } })
                ),
                // Whether ingest has room, and unsigned code is taken: neither says anything of anybody's data.
                ("lambda", "GetAccountSettings" | "GetCodeSigningConfig") => {}
                // Whether a secret is there: what is in it takes another permission. A misspelt name is that of any other.
                ("secretsmanager", "DescribeSecret") => {}
                // Whether subnets and security groups are there: what Cloud Control reads besides takes permissions of its own.
                ("ec2", "DescribeNetworkAcls" | "DescribeSecurityGroups" | "DescribeSubnets") => {}
                ("s3", _) => {
                    let bucket = text_of(&statement["Resource"]);
                    assert!(
                        bucket.starts_with("arn:PARTITION:s3:::ARTIFACT_BUCKET"),
                        "{bucket}"
                    );
                    // A bucket of this name that somebody else has would take our code, or give his.
                    let ours = json!({ "StringEquals": { "aws:ResourceAccount": "ACCOUNT" } });
                    assert_eq!(statement["Condition"], ours, "{action}");
                }
                _ => panic!("{action}"),
            }
        }
    }
}

#[test]
fn the_stack_policy_refuses_to_replace_or_delete_what_is_retained_whatever_happens() {
    let policy = as_written("infra/examples/stack-policy.json");
    let statements = one_or_more(&policy["Statement"]);
    assert_eq!(
        (&statements[0]["Effect"], &statements[0]["Action"]),
        (&json!("Allow"), &json!("Update:*"))
    );
    let mut protected = BTreeSet::new();
    for refusal in &statements[1..] {
        assert_eq!(refusal["Effect"], "Deny");
        assert_eq!(refusal["Action"], json!(["Update:Replace", "Update:Delete"]));
        let kinds = one_or_more(&refusal["Condition"]["StringEquals"]["ResourceType"]);
        protected.extend(kinds.into_iter().filter_map(Value::as_str));
        let names = one_or_more(&refusal["Resource"]).into_iter().map(text_of);
        protected.extend(names.filter_map(|name| name.strip_prefix("LogicalResourceId/")));
    }
    let template = Template::read();
    for (name, resource) in template.section("Resources") {
        // It is retained because there is nothing of it that could be deleted.
        if resource["Type"] == "Custom::UpvestKeys" {
            continue;
        }
        let is_protected =
            protected.contains(name.as_str()) || protected.contains(text_of(&resource["Type"]));
        assert_eq!(is_protected, resource["DeletionPolicy"] == "Retain", "{name}");
    }
}
