//! The account of an organisation, as its platform team prepared it: a bucket for releases, CloudFormation's role, and somebody
//! who has the deployer's policy and nothing else.

use std::collections::BTreeMap;
use std::process::Command;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{Capability, Parameter};
use aws_sdk_dynamodb::config::Credentials;
use local_stack::Emulated;
use pipeline::runtime::aws::connections;
use serde_json::{Value, json};

use super::super::stack::until;
use super::super::upvest::SECRET;
use super::ROOT;
use crate::template::cloudformation::repository_file;

/// Names the bucket that releases are put into.
pub(super) const BUCKET: &str = "releases-of-the-bank";
const REGION: &str = "eu-central-1";
/// The network of a stack with every parameter: types, ids, and the zones of subnets.
const NETWORK: [(&str, &str, Option<&str>); 3] = [
    ("AWS::EC2::Subnet", "subnet-0a1b2c3d", Some("eu-central-1a")),
    ("AWS::EC2::Subnet", "subnet-0d3c2b1a", Some("eu-central-1b")),
    ("AWS::EC2::SecurityGroup", "sg-0a1b2c3d", None),
];

/// Holds what the platform team made.
pub(super) struct Account {
    /// Gives the ARN of the role that CloudFormation deploys with.
    pub(super) service_role: String,
    /// Gives the ARN of a role that the deployer has nothing to do with.
    pub(super) other_role: String,
    pub(super) boundary: String,
    pub(super) topic: String,
    pub(super) zone: String,
    pub(super) access_logs: String,
    /// Configures AWS clients of the deployer's.
    pub(super) deployer: SdkConfig,
    credentials: Credentials,
    endpoint_url: String,
}

impl Account {
    /// Prepares the account for the deployment of a stack of this name.
    pub(super) async fn prepare(emulated: &Emulated, stack: &str) -> Self {
        let config = emulated.sdk_config();
        let client = Client::new(config);
        let role = repository_file("infra/examples/service-role.yaml");
        let settings = [("StackName", stack), ("ArtifactBucket", BUCKET)];
        let role = make(&client, "service-role", role, &settings).await;
        let service_role = role["RoleArn"].clone();
        make_network(config).await;
        let platform = platform(stack, &service_role).to_string();
        let mut made = make(&client, "platform", platform, &[]).await;
        let credentials = session(config, &made["Deployer"]).await;
        let endpoint_url = config.endpoint_url().unwrap().to_owned();
        let deployer = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(&endpoint_url)
            .http_client(connections())
            .credentials_provider(credentials.clone());
        let mut output = |name: &str| made.remove(name).unwrap();
        Self {
            other_role: output("OtherRole"),
            boundary: output("Boundary"),
            topic: output("Topic"),
            zone: output("Zone"),
            access_logs: output("AccessLogs"),
            deployer: deployer.load().await,
            service_role,
            credentials,
            endpoint_url,
        }
    }

    /// Makes a client of S3 with the deployer's credentials.
    pub(super) fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.deployer).force_path_style(true);
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// Prepares a command with the deployer's credentials.
    pub(super) fn command(&self, line: &[&str]) -> Command {
        let mut command = Command::new(format!("{ROOT}/target/debug/upvest-webhooks"));
        command
            .args(line)
            .env_remove("AWS_PROFILE")
            .env_remove("UPVEST_WEBHOOKS_LOCAL")
            .env_remove("UPVEST_WEBHOOKS_STACK")
            .env_remove("UPVEST_WEBHOOKS_CONTEXT")
            .env("UPVEST_WEBHOOKS_CONFIG", "/nowhere/config.toml")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL", &self.endpoint_url)
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", self.credentials.access_key_id())
            .env("AWS_SECRET_ACCESS_KEY", self.credentials.secret_access_key())
            .env(
                "AWS_SESSION_TOKEN",
                self.credentials.session_token().unwrap_or_default(),
            )
            .env("NO_PROXY", "127.0.0.1,localhost");
        command
    }
}

/// Makes a stack, as the account's owner; gives its outputs.
async fn make(
    client: &Client,
    name: &str,
    template: String,
    settings: &[(&str, &str)],
) -> BTreeMap<String, String> {
    let parameters = settings.iter().map(|(key, value)| {
        let parameter = Parameter::builder().parameter_key(*key);
        parameter.parameter_value(*value).build()
    });
    let create = client.create_stack().stack_name(name).template_body(template);
    let create = create
        .set_parameters(Some(parameters.collect()))
        .capabilities(Capability::CapabilityIam);
    create.send().await.unwrap();
    let outputs = until("the stack is made", async || {
        let stacks = client.describe_stacks().stack_name(name).send().await.ok()?;
        let stack = stacks.stacks().first()?;
        let status = stack.stack_status()?.as_str();
        assert!(!status.contains("ROLLBACK"), "{name}: {status}");
        (status == "CREATE_COMPLETE").then(|| stack.outputs().to_vec())
    });
    let outputs = outputs.await.into_iter();
    outputs
        .filter_map(|output| Some((output.output_key?, output.output_value?)))
        .collect()
}

/// Makes the network by Cloud Control, which in the emulator knows what it made itself, under the id that it is given.
async fn make_network(config: &SdkConfig) {
    let client = aws_sdk_cloudcontrol::Client::new(config);
    for (resource_type, id, zone) in NETWORK {
        let state = json!({ "Id": id, "VpcId": "vpc-0a1b2c3d", "AvailabilityZone": zone });
        let create = client.create_resource().type_name(resource_type);
        create.desired_state(state.to_string()).send().await.unwrap();
    }
}

/// The template of what the platform team makes besides CloudFormation's role.
fn platform(stack: &str, service_role: &str) -> Value {
    let document = |path: &str| repository_file(&format!("infra/examples/{path}"));
    let role_name = service_role.rsplit('/').next().unwrap();
    let deployer = document("deployer.json")
        .replace("SERVICE_ROLE", role_name)
        .replace("ARTIFACT_BUCKET", BUCKET)
        .replace("PARTITION", "aws")
        .replace("REGION", REGION)
        .replace("ACCOUNT", "000000000000")
        .replace("STACK", stack);
    // That of the stack which is deployed with every parameter. The emulator begins the name of a secret as all others.
    let boundary = document("permissions-boundary.json")
        .replace("UPVEST_SECRET", SECRET)
        .replace("PARTITION", "aws")
        .replace("secret:CanarySecret-", "secret:STACK-CanarySecret-")
        .replace("STACK", "upvest-webhooks");
    let policy = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    let trusting = |principal: Value| {
        json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" }],
        })
    };
    let of_account = json!({ "AWS": "arn:aws:iam::000000000000:root" });
    let of_service = json!({ "Service": "cloudformation.amazonaws.com" });
    let output = |value: Value| json!({ "Value": value });
    json!({
        "Resources": {
            "Releases": { "Type": "AWS::S3::Bucket", "Properties": { "BucketName": BUCKET } },
            "AccessLogs": { "Type": "AWS::S3::Bucket" },
            "Topic": { "Type": "AWS::SNS::Topic" },
            "Zone": { "Type": "AWS::Route53::HostedZone", "Properties": { "Name": "example.com" } },
            "Boundary": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": { "PolicyDocument": policy(&boundary) },
            },
            "OtherRole": {
                "Type": "AWS::IAM::Role",
                "Properties": { "AssumeRolePolicyDocument": trusting(of_service) },
            },
            "Deployer": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": trusting(of_account),
                    "Policies": [{ "PolicyName": "deployer", "PolicyDocument": policy(&deployer) }],
                },
            },
        },
        "Outputs": {
            "Deployer": output(json!({ "Fn::GetAtt": ["Deployer", "Arn"] })),
            "OtherRole": output(json!({ "Fn::GetAtt": ["OtherRole", "Arn"] })),
            "Boundary": output(json!({ "Ref": "Boundary" })),
            "Topic": output(json!({ "Ref": "Topic" })),
            "Zone": output(json!({ "Ref": "Zone" })),
            "AccessLogs": output(json!({ "Ref": "AccessLogs" })),
        },
    })
}

/// Credentials of somebody who took on a role.
async fn session(config: &SdkConfig, role: &str) -> Credentials {
    let assume = aws_sdk_sts::Client::new(config).assume_role().role_arn(role);
    let assumed = assume.role_session_name("deployer").send().await.unwrap();
    let credentials = assumed.credentials().unwrap();
    Credentials::new(
        credentials.access_key_id(),
        credentials.secret_access_key(),
        Some(credentials.session_token().to_owned()),
        None,
        "deployer",
    )
}
