//! What deploying calls, held against the policy of those who deploy.

use std::collections::BTreeSet;

use fake_aws::{Call, Outcome};

use super::*;

/// Lists what the policy allows for whoever looks at a stack, or mends one by hand; and the tags, which AWS asks for where a
/// change set has some, and which are no calls of their own.
const BY_HAND: [&str; 8] = [
    "cloudformation:ContinueUpdateRollback",
    "cloudformation:DescribeStackResources",
    "cloudformation:GetTemplateSummary",
    "cloudformation:ListStackResources",
    "cloudformation:RollbackStack",
    "cloudformation:TagResource",
    "cloudformation:UntagResource",
    "s3:GetBucketLocation",
];
/// Lists what Cloud Control asks EC2 for as the deployer, by AWS's schemas of subnets and security groups.
const BY_CLOUD_CONTROL: [&str; 3] = [
    "ec2:DescribeNetworkAcls",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
];
/// Hands the role over that CloudFormation works as, and is no call of its own.
const HANDED_OVER: &str = "iam:PassRole";

fn policy() -> BTreeSet<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/examples/deployer.json");
    let policy: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    let actions = statements
        .iter()
        .flat_map(|statement| match &statement["Action"] {
            Value::Array(actions) => actions.clone(),
            action => vec![action.clone()],
        });
    actions
        .map(|action| action.as_str().unwrap().to_owned())
        .collect()
}

/// Names the action of IAM that a call takes; `None` for what is allowed to everybody.
fn action(call: &Call) -> Option<String> {
    let operation = match call.operation.as_str() {
        "HeadBucket" => "ListBucket",
        "HeadObject" => "GetObject",
        other => other,
    };
    Some(match call.service {
        Service::Sts => return None,
        Service::CloudControl | Service::CloudFormation => format!("cloudformation:{operation}"),
        Service::S3 => format!("s3:{operation}"),
        Service::Lambda => format!("lambda:{operation}"),
        Service::SecretsManager => format!("secretsmanager:{operation}"),
        other => panic!("{other:?} is not called"),
    })
}

#[tokio::test(start_paused = true)]
async fn a_deployer_with_the_policy_deploys_and_configures_and_needs_all_of_it() {
    let site = Site::new();
    site.aws.create_bucket("artifacts");
    site.aws
        .create_secret_string("upvest/credentials", "nobody reads it");
    let policy = policy();
    // What the policy lacks is denied, and what is called all the same is done without.
    site.aws.edit_account(|account| {
        account.denied = ["GetSecretValue", "GetBucketPolicy", "CreateBucket"]
            .map(str::to_owned)
            .into();
    });
    let deploy =
        "deploy --release $RELEASE --artifacts-bucket artifacts --set UpvestSecret=upvest/credentials";
    site.run(&format!("{deploy} --dry-run")).await.unwrap();
    site.run(&format!("{deploy} --yes")).await.unwrap();
    // What is replaced has the stack's policy looked at.
    site.would_change(modified("IngestFunction", "AWS::Lambda::Function", "True"));
    network::prepare(&site);
    site.aws
        .edit_account(|account| account.code_signing = Some("Warn"));
    let network = "--set VpcSubnetIds=subnet-a,subnet-b --set VpcSecurityGroupIds=sg-a";
    let signing = site.code_signing();
    site.run(&format!("configure {network} --set {signing} --yes"))
        .await
        .unwrap();
    let calls = site.aws.calls();
    let done = calls
        .iter()
        .filter(|call| call.outcome == Outcome::Ok)
        .filter_map(action);
    let done: BTreeSet<String> = done.collect();
    let beyond: Vec<_> = done.difference(&policy).collect();
    assert!(beyond.is_empty(), "the policy lacks {beyond:?}");
    let own = BY_HAND.into_iter().chain(BY_CLOUD_CONTROL).chain([HANDED_OVER]);
    let own: BTreeSet<String> = own.map(str::to_owned).collect();
    let unused: Vec<_> = policy
        .difference(&done)
        .filter(|action| !own.contains(*action))
        .collect();
    assert!(unused.is_empty(), "nothing needs {unused:?}");
}
