//! Finding the stack to work on, and the names of what is in it.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use pipeline::error::AwsError;
use pipeline::runtime::config::Lookup;
use pipeline::verification::FreshnessPolicy;
use serde::Deserialize;
use tokio::sync::OnceCell;
use upvest::Domain;

use crate::cli::StackArgs;
use crate::output;

/// Where `make run` describes the stack that it runs.
pub(crate) const LOCAL_STACK_FILE: &str = ".local/stack.json";
/// The name under which `make run` deploys (`samconfig.toml`).
const LOCAL_STACK_NAME: &str = "upvest-webhooks";

/// The stack to work on: how to talk to it, and the names in it.
#[derive(Debug)]
pub(crate) struct Stack {
    config: SdkConfig,
    name: Option<String>,
    outputs: BTreeMap<String, String>,
}

/// A queue of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Queue {
    /// Deliveries on their way to verify-and-store.
    Deliveries,
    /// Requests to fetch verification keys.
    KeyRequests,
    /// Events on their way to a domain.
    Domain(Domain),
}

impl fmt::Display for Queue {
    /// Its name in the template: `Deliveries`, `CorporateActions`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let domain = match self {
            Self::Deliveries => return f.write_str("Deliveries"),
            Self::KeyRequests => return f.write_str("KeyRequests"),
            Self::Domain(domain) => domain.name(),
        };
        for word in domain.split('-') {
            let (first, rest) = word.split_at(1);
            write!(f, "{}{rest}", first.to_uppercase())?;
        }
        Ok(())
    }
}

/// The stack to work on, looked for when it is first asked for: some commands can do without.
pub(crate) struct StackFinder<'l> {
    args: StackArgs,
    variables: Lookup<'l>,
    found: OnceCell<Stack>,
}

/// Why there is no stack to work on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StackError {
    #[error("no stack is named: use --stack NAME, or --local for the one that `make run` starts")]
    NothingNamed,
    #[error("no stack is named: use --stack NAME or --local, or set {variable}")]
    NotNamed { variable: &'static str },
    #[error(
        "no stack is named: use --stack NAME or --local, because the secret's name begins with the stack's"
    )]
    NameNeeded,
    #[error("no AWS region is configured: use --region or set AWS_REGION")]
    NoRegion,
    #[error("cannot read {}: start the local stack with `make run`, or name a stack with --stack", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} does not describe a stack; `make run` writes such a file", path.display())]
    NotAStack {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error(
        "stack {name} cannot be looked up: check its name, the region (--region) and the credentials (--aws-profile)"
    )]
    Lookup { name: String, source: AwsError },
    #[error("stack {stack} has no output {output}: is it a stack of this receiver, and completely deployed?")]
    NoOutput { stack: String, output: String },
}

impl StackError {
    /// Whether another command line would have helped.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::NothingNamed | Self::NotNamed { .. } | Self::NameNeeded | Self::NoRegion
        )
    }
}

/// Where the stack is.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Local { file: PathBuf, chosen: bool },
    Named(String),
    Unnamed,
}

/// The content of `stack.json`.
#[derive(Deserialize)]
struct Connection {
    endpoint_url: String,
    region: String,
    access_key_id: String,
    secret_access_key: String,
    outputs: BTreeMap<String, String>,
}

impl<'l> StackFinder<'l> {
    /// Finds the stack as [`Stack::find`] does.
    pub(crate) fn new(args: StackArgs, variables: Lookup<'l>) -> Self {
        Self {
            args,
            variables,
            found: OnceCell::new(),
        }
    }

    /// The stack.
    ///
    /// # Errors
    ///
    /// [`StackError`] when it cannot be found out about.
    pub(crate) async fn stack(&self) -> Result<&Stack, StackError> {
        let find = || Stack::find(&self.args, &self.variables);
        self.found.get_or_try_init(find).await
    }

    /// How AWS clients reach the stack, or the operator's account where none is named.
    ///
    /// # Errors
    ///
    /// [`StackError`] when there is no region, or the stack that is named cannot be found out about.
    pub(crate) async fn aws(&self) -> Result<SdkConfig, StackError> {
        match self.stack().await {
            Ok(stack) => Ok(stack.config().clone()),
            Err(StackError::NothingNamed) => aws_config(&self.args).await,
            Err(error) => Err(error),
        }
    }

    /// The variables of the environment.
    pub(crate) fn variables(&self) -> &Lookup<'l> {
        &self.variables
    }
}

#[cfg(test)]
impl Stack {
    /// A stack that was found.
    pub(crate) fn of(config: SdkConfig, outputs: &[(&str, &str)]) -> Self {
        let outputs = outputs.iter();
        Self {
            config,
            name: Some(LOCAL_STACK_NAME.to_owned()),
            outputs: outputs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }
}

#[cfg(test)]
impl StackFinder<'static> {
    /// Has found this stack.
    pub(crate) fn of(stack: Stack) -> Self {
        Self {
            found: OnceCell::new_with(Some(stack)),
            ..Self::new(StackArgs::default(), Lookup::new(&|_| None))
        }
    }
}

impl Stack {
    /// Finds the stack that the command line names, or else the environment, or else the one that runs on this
    /// machine. Variables of the environment that name a part of it (`KEYS_TABLE` ...) win over its outputs.
    ///
    /// # Errors
    ///
    /// [`StackError`] when it cannot be found out about. That a part is missing shows when it is asked for.
    pub(crate) async fn find(args: &StackArgs, variables: &Lookup<'_>) -> Result<Self, StackError> {
        let part = |(variable, output): &(&'static str, &str)| {
            let value = variables.optional(variable)?;
            Some(((*output).to_owned(), value))
        };
        let parts: Vec<_> = PARTS.iter().filter_map(part).collect();
        let mut stack = match place(args, variables, Path::new(LOCAL_STACK_FILE).exists()) {
            Place::Local { file, chosen } => {
                if chosen {
                    let file = file.display();
                    output::note(&format!(
                        "using the local stack of {file} (--stack NAME for another)"
                    ));
                }
                Self::local(&file).await?
            }
            Place::Named(name) => Self::named(args, name).await?,
            // Without a region, that nothing is named is what to say first.
            Place::Unnamed if parts.is_empty() => return Err(StackError::NothingNamed),
            Place::Unnamed => Self {
                config: aws_config(args).await?,
                name: None,
                outputs: BTreeMap::new(),
            },
        };
        stack.outputs.extend(parts);
        Ok(stack)
    }

    async fn local(file: &Path) -> Result<Self, StackError> {
        let text = std::fs::read(file).map_err(|source| StackError::Unreadable {
            path: file.to_owned(),
            source,
        })?;
        let connection: Connection =
            serde_json::from_slice(&text).map_err(|source| StackError::NotAStack {
                path: file.to_owned(),
                source,
            })?;
        let (id, secret) = (connection.access_key_id, connection.secret_access_key);
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(connection.region))
            .endpoint_url(connection.endpoint_url)
            .credentials_provider(Credentials::new(id, secret, None, None, "stack.json"));
        Ok(Self {
            config: config.load().await,
            name: Some(LOCAL_STACK_NAME.to_owned()),
            outputs: connection.outputs,
        })
    }

    async fn named(args: &StackArgs, name: String) -> Result<Self, StackError> {
        let config = aws_config(args).await?;
        let client = aws_sdk_cloudformation::Client::new(&config);
        let answer = client.describe_stacks().stack_name(&name).send().await;
        let stacks = answer
            .map_err(AwsError::of("cloudformation:DescribeStacks"))
            .map_err(|source| StackError::Lookup {
                name: name.clone(),
                source,
            })?;
        let outputs = stacks.stacks().iter().flat_map(|stack| stack.outputs());
        let outputs = outputs
            .filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned())));
        Ok(Self {
            outputs: outputs.collect(),
            config,
            name: Some(name),
        })
    }

    /// How AWS clients reach the stack.
    pub(crate) fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// The stack's name.
    pub(crate) fn name(&self) -> Result<&str, StackError> {
        self.name.as_deref().ok_or(StackError::NameNeeded)
    }

    /// The name of the keys table.
    pub(crate) fn keys_table(&self) -> Result<String, StackError> {
        self.part("KEYS_TABLE")
    }

    /// The name of the events table.
    pub(crate) fn events_table(&self) -> Result<String, StackError> {
        self.part("EVENTS_TABLE")
    }

    /// The name of the entities table.
    pub(crate) fn entities_table(&self) -> Result<String, StackError> {
        self.part("ENTITIES_TABLE")
    }

    /// The name of the idempotency table.
    pub(crate) fn idempotency_table(&self) -> Result<String, StackError> {
        self.part("IDEMPOTENCY_TABLE")
    }

    /// The name of the audit table.
    pub(crate) fn audit_table(&self) -> Result<String, StackError> {
        self.part("AUDIT_TABLE")
    }

    /// The URL of a queue.
    pub(crate) fn queue_url(&self, queue: Queue) -> Result<String, StackError> {
        self.output(&format!("{queue}QueueUrl"))
    }

    /// The URL of a queue's dead-letter queue.
    pub(crate) fn dead_letter_queue_url(&self, queue: Queue) -> Result<String, StackError> {
        self.output(&format!("{queue}DeadLetterQueueUrl"))
    }

    /// The name of the archive bucket.
    pub(crate) fn archive_bucket(&self) -> Result<String, StackError> {
        self.part("ARCHIVE_BUCKET")
    }

    /// The event bus that changes are published to, if the stack publishes any.
    pub(crate) fn event_bus(&self) -> Option<&str> {
        self.outputs.get("EventBusName").map(String::as_str)
    }

    /// What the stack does about signatures that are out of their time: its parameter of that name.
    pub(crate) fn freshness_policy(&self) -> FreshnessPolicy {
        let policy = self
            .outputs
            .get("FreshnessPolicy")
            .and_then(|name| name.parse().ok());
        policy.unwrap_or(FreshnessPolicy::Flag)
    }

    /// The secret with the credentials of the Upvest API client, if the stack has one.
    pub(crate) fn upvest_secret(&self) -> Option<&str> {
        self.outputs.get("UpvestSecret").map(String::as_str)
    }

    /// The URL to deliver to.
    pub(crate) fn webhook_url(&self) -> Result<String, StackError> {
        self.part("WEBHOOK_URL")
    }

    /// An output that not every stack has.
    pub(crate) fn optional(&self, output: &str) -> Option<&str> {
        self.outputs.get(output).map(String::as_str)
    }

    fn part(&self, variable: &'static str) -> Result<String, StackError> {
        let output = PARTS.iter().find(|(name, _)| *name == variable);
        let output = output.map_or(variable, |(_, output)| *output);
        match (&self.name, self.outputs.get(output)) {
            (None, None) => Err(StackError::NotNamed { variable }),
            _ => self.output(output),
        }
    }

    fn output(&self, output: &str) -> Result<String, StackError> {
        let value = self.outputs.get(output).cloned();
        value.ok_or_else(|| match &self.name {
            Some(stack) => StackError::NoOutput {
                stack: stack.clone(),
                output: output.to_owned(),
            },
            None => StackError::NothingNamed,
        })
    }
}

/// The variable of the environment and the stack's output that name the same part.
const PARTS: [(&str, &str); 8] = [
    ("KEYS_TABLE", "KeysTableName"),
    ("EVENTS_TABLE", "EventsTableName"),
    ("ENTITIES_TABLE", "EntitiesTableName"),
    ("IDEMPOTENCY_TABLE", "IdempotencyTableName"),
    ("AUDIT_TABLE", "AuditTableName"),
    ("ARCHIVE_BUCKET", "ArchiveBucketName"),
    ("WEBHOOK_URL", "WebhookUrl"),
    ("UPVEST_SECRET", "UpvestSecret"),
];

fn place(args: &StackArgs, variables: &Lookup<'_>, local_exists: bool) -> Place {
    let local = |file: PathBuf| Place::Local { file, chosen: false };
    let from_arguments = args
        .local
        .clone()
        .map(local)
        .or_else(|| args.stack.clone().map(Place::Named));
    let from_variables = || {
        let file = variables.optional("UPVEST_WEBHOOKS_LOCAL");
        let name = || variables.optional("UPVEST_WEBHOOKS_STACK");
        file.map(|file| local(file.into()))
            .or_else(|| name().map(Place::Named))
    };
    from_arguments
        .or_else(from_variables)
        .unwrap_or(match local_exists {
            true => Place::Local {
                file: LOCAL_STACK_FILE.into(),
                chosen: true,
            },
            false => Place::Unnamed,
        })
}

async fn aws_config(args: &StackArgs) -> Result<SdkConfig, StackError> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(profile) = &args.aws_profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &args.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let config = loader.load().await;
    match config.region() {
        Some(_) => Ok(config),
        None => Err(StackError::NoRegion),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place_of(local: Option<&str>, stack: Option<&str>, variables: &[(&str, &str)], exists: bool) -> Place {
        let args = StackArgs {
            local: local.map(PathBuf::from),
            stack: stack.map(str::to_owned),
            ..StackArgs::default()
        };
        let find = |name: &str| {
            let found = variables.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        place(&args, &Lookup::new(&find), exists)
    }

    #[test]
    fn the_command_line_wins_over_the_environment_and_both_over_a_running_local_stack() {
        let both = [("UPVEST_WEBHOOKS_LOCAL", "l"), ("UPVEST_WEBHOOKS_STACK", "s")];
        let local = |file: &str, chosen| Place::Local {
            file: file.into(),
            chosen,
        };
        assert_eq!(
            place_of(None, Some("n"), &both, true),
            Place::Named("n".to_owned())
        );
        assert_eq!(place_of(Some("f"), None, &both, true), local("f", false));
        assert_eq!(place_of(None, None, &both, true), local("l", false));
        assert_eq!(
            place_of(None, None, &both[1..], true),
            Place::Named("s".to_owned())
        );
        assert_eq!(place_of(None, None, &[], true), local(LOCAL_STACK_FILE, true));
        assert_eq!(place_of(None, None, &[], false), Place::Unnamed);
    }

    #[tokio::test]
    async fn a_local_stack_is_read_from_its_file_and_the_environment_wins() {
        let file = std::env::temp_dir().join(format!("stack-{}.json", std::process::id()));
        let json = r#"{"endpoint_url": "http://127.0.0.1:1", "region": "eu-central-1", "access_key_id": "a",
            "secret_access_key": "b", "outputs": {"KeysTableName": "keys", "EventsTableName": "events"}}"#;
        std::fs::write(&file, json).unwrap();
        let args = StackArgs {
            local: Some(file.clone()),
            ..StackArgs::default()
        };
        let variables = |name: &str| (name == "EVENTS_TABLE").then(|| "other".to_owned());
        let stack = Stack::find(&args, &Lookup::new(&variables)).await.unwrap();
        std::fs::remove_file(file).unwrap();
        assert_eq!(stack.keys_table().unwrap(), "keys");
        assert_eq!(stack.events_table().unwrap(), "other");
        assert_eq!(stack.name().unwrap(), "upvest-webhooks");
        let error = stack.entities_table().unwrap_err().to_string();
        assert!(
            error.starts_with("stack upvest-webhooks has no output EntitiesTableName"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_missing_file_says_what_to_do() {
        let args = StackArgs {
            local: Some("/nowhere/stack.json".into()),
            ..StackArgs::default()
        };
        let error = Stack::find(&args, &Lookup::new(&|_| None))
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("make run"), "{error}");
    }
}
