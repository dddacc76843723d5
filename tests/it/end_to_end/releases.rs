//! A release on the emulator, from its folder to its end: deployed by somebody with the deployer's policy alone, changed, taken
//! back where a change fails, and deleted; and deployed with every parameter that the template has.
//!
//! What the emulator cannot show: it makes resources without asking IAM, so that CloudFormation's own role is held by a test of the
//! template (`handlers.rs`), and a deployment without that role would prove nothing.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

mod account;
mod parameters;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use local_stack::{Emulated, LocalStack, Options};
use pipeline::stores::archive::VERIFIED_PREFIX;
use pipeline::stores::audit::attributes::ID;
use pipeline::stores::events::attributes::EVENT_ID;
use release::ARCHITECTURE;
use serde_json::Value;

use self::account::{Account, BUCKET};
use super::stack::{Stack, refused, until_within};

/// The stack that the deployer may deploy.
const STACK: &str = "from-release";
/// Beside the folders of the other stacks, relative to the repository.
const DIRECTORY: &str = "target/end-to-end-release";
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// How long the emulator may take to make a stack, or to delete one.
const A_DEPLOYMENT: Duration = Duration::from_secs(240);

/// Packages the binaries of the development build; gives the release's folder.
async fn packaged() -> PathBuf {
    // It has all binaries be built.
    let _stack = Stack::shared().await;
    let dist = Path::new(ROOT).join(DIRECTORY).join("dist");
    let mut command = Command::new(format!("{ROOT}/target/debug/release"));
    command
        .arg("--dist")
        .arg(&dist)
        .args(["--functions", &format!("{ARCHITECTURE}={ROOT}/target/debug")])
        .arg("--fast");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", printed(&output));
    dist
}

fn printed(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// Runs a command of somebody's that changes a stack; gives whether that went well, and its document.
fn changed(account: &Account, line: &[&str]) -> (bool, Value) {
    let output = account.command(line).output().unwrap();
    let document = serde_json::from_slice(&output.stdout);
    let document = document.unwrap_or_else(|error| panic!("{error}: {}", printed(&output)));
    (output.status.success(), document)
}

/// Deploys the release with nothing set but the machine's own architecture, and with a tag.
fn deploy(account: &Account, dist: &Path) -> Value {
    let (dist, architecture) = (dist.display().to_string(), format!("Architecture={ARCHITECTURE}"));
    let line = [
        "deploy",
        "--release",
        &dist,
        "--stack",
        STACK,
        "--artifacts-bucket",
        BUCKET,
        "--role-arn",
        &account.service_role,
        "--set",
        &architecture,
        "--tag",
        "cost-centre=4711",
        "--yes",
        "--json",
    ];
    let (is_good, document) = changed(account, &line);
    assert!(is_good, "{document}");
    document
}

fn configure(account: &Account, settings: &[&str]) -> (bool, Value) {
    let mut line = vec!["configure", "--stack", STACK, "--yes", "--json"];
    line.extend(settings.iter().flat_map(|setting| ["--set", *setting]));
    changed(account, &line)
}

/// The value that a parameter of the deployed stack has.
async fn parameter(owner: &Client, name: &str) -> String {
    let stacks = owner.describe_stacks().stack_name(STACK).send().await.unwrap();
    let parameters = stacks.stacks()[0].parameters();
    let found = parameters
        .iter()
        .find(|parameter| parameter.parameter_key() == Some(name));
    found.unwrap().parameter_value().unwrap_or_default().to_owned()
}

/// Deletes a stack as its owner, and waits until it is gone.
async fn delete(owner: &Client, stack: &str) {
    let stacks = owner.describe_stacks().stack_name(stack).send().await.unwrap();
    let id = stacks.stacks()[0].stack_id().unwrap().to_owned();
    owner.delete_stack().stack_name(&id).send().await.unwrap();
    let deleted = until_within(A_DEPLOYMENT, "the stack is deleted", async || {
        let stacks = owner.describe_stacks().stack_name(&id).send().await.ok()?;
        let status = stacks.stacks().first()?.stack_status()?.as_str().to_owned();
        (!status.ends_with("IN_PROGRESS")).then_some(status)
    });
    assert_eq!(deleted.await, "DELETE_COMPLETE");
}

/// Fails unless the stack's tag is on what it consists of.
async fn assert_tagged(emulated: &Emulated, outputs: &Value) {
    let config = emulated.sdk_config();
    let cloudformation = Client::new(config);
    let function = cloudformation
        .describe_stack_resource()
        .stack_name(STACK)
        .logical_resource_id("IngestFunction")
        .send()
        .await
        .unwrap();
    let function = function.stack_resource_detail().unwrap().physical_resource_id();
    let lambda = aws_sdk_lambda::Client::new(config).get_function();
    let lambda = lambda.function_name(function.unwrap()).send().await.unwrap();
    let sqs = aws_sdk_sqs::Client::new(config).list_queue_tags();
    let sqs = sqs.queue_url(outputs["DeliveriesQueueUrl"].as_str().unwrap());
    let sqs = sqs.send().await.unwrap();
    for tags in [lambda.tags(), sqs.tags()] {
        assert_eq!(tags.unwrap()["cost-centre"], "4711");
    }
}

/// Fails unless the deployer is refused all that a deployer must not do.
async fn assert_refused(account: &Account, outputs: &Value) {
    let output = |name: &str| outputs[name].as_str().unwrap().to_owned();
    let key = || AttributeValue::S("x".to_owned());
    let dynamodb = aws_sdk_dynamodb::Client::new(&account.deployer);
    let get = dynamodb.get_item().table_name(output("EventsTableName"));
    refused("GetItem of events", get.key(EVENT_ID, key()).send().await);
    let scan = dynamodb.scan().table_name(output("EventsTableName"));
    refused("Scan of events", scan.send().await);
    let update = dynamodb.update_item().table_name(output("AuditTableName"));
    let update = update.key(ID, key()).send().await;
    refused("UpdateItem of the audit table", update);
    let delete = dynamodb.delete_item().table_name(output("AuditTableName"));
    let delete = delete.key(ID, key()).send().await;
    refused("DeleteItem of the audit table", delete);
    let secrets = aws_sdk_secretsmanager::Client::new(&account.deployer);
    let secret = secrets.get_secret_value().secret_id(super::upvest::SECRET);
    refused("GetSecretValue", secret.send().await);
    let s3 = account.s3();
    let object = s3.get_object().bucket(output("ArchiveBucketName"));
    refused(
        "GetObject",
        object.key(format!("{VERIFIED_PREFIX}x")).send().await,
    );
    let receive = aws_sdk_sqs::Client::new(&account.deployer).receive_message();
    let receive = receive.queue_url(output("DeliveriesQueueUrl")).send().await;
    refused("ReceiveMessage", receive);
    let client = Client::new(&account.deployer);
    refused(
        "DeleteStack",
        client.delete_stack().stack_name(STACK).send().await,
    );
    let policy = client
        .set_stack_policy()
        .stack_name(STACK)
        .stack_policy_body("{}");
    refused("SetStackPolicy", policy.send().await);
    let unprotect = client.update_termination_protection().stack_name(STACK);
    let unprotect = unprotect.enable_termination_protection(false).send().await;
    refused("UpdateTerminationProtection", unprotect);
    let template = |bucket: &str| format!("https://s3.eu-central-1.amazonaws.com/{bucket}/x/template.yaml");
    for (stack, bucket, role) in [
        (STACK, BUCKET, Some(account.other_role.clone())),
        ("another-stack", BUCKET, None),
        (STACK, "another-bucket", Some(account.service_role.clone())),
    ] {
        let change = client.create_change_set().stack_name(stack).change_set_name("x");
        let change = change.template_url(template(bucket)).set_role_arn(role);
        refused(
            &format!("CreateChangeSet of {stack} from {bucket}"),
            change.send().await,
        );
    }
}

/// Fails unless a subnet and a secret that are not there are refused. The emulator lets nobody look for them without the
/// permission.
fn assert_nothing_missing_is_taken(account: &Account) {
    for (settings, told) in [
        (
            [
                "VpcSubnetIds=subnet-0a1b2c3d,subnet-0f",
                "VpcSecurityGroupIds=sg-0a1b2c3d",
            ]
            .as_slice(),
            "VpcSubnetIds names what is not there in eu-central-1: subnet-0f;",
        ),
        (
            ["UpvestSecret=upvest/misspelt"].as_slice(),
            "UpvestSecret names what is not there in eu-central-1: upvest/misspelt;",
        ),
    ] {
        let mut line = vec!["configure", "--stack", STACK, "--yes", "--json"];
        line.extend(settings.iter().flat_map(|setting| ["--set", *setting]));
        let output = account.command(&line).output().unwrap();
        let printed = printed(&output);
        assert!(!output.status.success() && printed.contains(told), "{printed}");
    }
}

/// Deploys the release with every parameter set, has an event delivered and stored, and deletes the stack.
async fn deploy_with_everything(emulated: Emulated, account: &Account) {
    let upvest = super::upvest::start(emulated.sdk_config()).await;
    let thumbprint = upvest.verify_keys().keys[0].thumbprint();
    let parameters = parameters::every(account, &thumbprint);
    let local = emulated.deploy(parameters).await.unwrap();
    assert_eq!(upvest.subscriptions().len(), 1);
    let events = &local.outputs()["EventsTableName"];
    super::upvest::delivered(&upvest, local.sdk_config(), events).await;
    delete(&Client::new(local.sdk_config()), "upvest-webhooks").await;
    assert_eq!(upvest.subscriptions().len(), 0);
    local.stop();
}

#[tokio::test]
async fn a_release_is_deployed_changed_taken_back_and_deleted_with_nothing_set_and_with_everything() {
    let dist = packaged().await;
    let emulated = LocalStack::prepare(Options {
        auth: true,
        directory: DIRECTORY.into(),
        release: Some(dist.clone()),
        parameters: Vec::new(),
        ..Options::default()
    });
    let emulated = emulated.await.unwrap();
    let account = Account::prepare(&emulated, STACK).await;
    let owner = Client::new(emulated.sdk_config());

    let deployed = deploy(&account, &dist);
    assert_eq!(deployed["status"], "CREATE_COMPLETE");
    let outputs = &deployed["outputs"];
    assert!(outputs["WebhookUrl"].as_str().unwrap().starts_with("https://"));
    assert_tagged(&emulated, outputs).await;
    assert_refused(&account, outputs).await;

    assert_nothing_missing_is_taken(&account);
    let (is_good, changed) = configure(&account, &["LogRetentionDays=30"]);
    assert!(is_good, "{changed}");
    assert_eq!(changed["status"], "UPDATE_COMPLETE");
    assert_eq!(changed["outputs"]["EventsTableName"], outputs["EventsTableName"]);
    assert_eq!(parameter(&owner, "LogRetentionDays").await, "30");
    let (is_good, same) = configure(&account, &["LogRetentionDays=30"]);
    assert!(is_good && same["status"].is_null(), "{same}");

    // There is no such zone.
    let certificate = "CertificateArn=arn:aws:acm:eu-central-1:000000000000:certificate/a";
    let (is_good, failed) = configure(
        &account,
        &["DomainName=hooks.example.com", certificate, "HostedZoneId=Z0"],
    );
    assert!(!is_good, "{failed}");
    assert_eq!(failed["status"], "UPDATE_ROLLBACK_COMPLETE");
    let cause = failed["failure"].as_str().unwrap();
    assert!(cause.contains("ApiDomainRecord"), "{cause}");
    assert_eq!(parameter(&owner, "DomainName").await, "");
    assert_eq!(parameter(&owner, "LogRetentionDays").await, "30");

    delete(&owner, STACK).await;
    let tables = aws_sdk_dynamodb::Client::new(emulated.sdk_config()).list_tables();
    let tables = tables.send().await.unwrap();
    let mut left = tables.table_names().iter();
    let events = outputs["EventsTableName"].as_str().unwrap();
    assert!(left.any(|table| table == events), "tables outlive their stack");
    deploy_with_everything(emulated, &account).await;
}
