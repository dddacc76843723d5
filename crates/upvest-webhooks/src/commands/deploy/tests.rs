//! Releases deployed into an AWS in process, and what stops each before harm.

mod configuring;
mod ending;
mod executing;
mod network;
mod permitted;
mod refusing;
mod reviewing;
mod storing;

use std::cell::RefCell;

use clap::Parser;
use fake_aws::{Aws, PlannedChange, ResourceEvent, Service};
use operator::deploy::{Deployment, Plan, Settings, Target, deploy};
use operator::release::{RELEASE_FILE, Release, checksum};
use operator::{Error, Progress, Reporter, Result, Stack, StackFinder};
use pipeline::runtime::clock::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;
use webhook_tests::schemas::assert_described;

use crate::Cli;

const STACK: &str = "upvest-webhooks";
const TABLE: &str = "AWS::DynamoDB::Table";
/// Defines what every template of a release has before its own parameters.
const PLACE: &str =
    "Parameters:\n  ArtifactsBucket:\n    Type: String\n  ArtifactsPrefix:\n    Type: String\n";

/// Holds the template that is nested in it.
const NESTED: &str = "Resources: {}";

/// An account without a stack, and a release.
struct Site {
    aws: Aws,
    stacks: StackFinder<'static>,
    release: TempDir,
}

/// Lists what is in the folder of a release: a template, and the code of functions.
fn files() -> [(&'static str, String); 4] {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml");
    let template = std::fs::read_to_string(path).unwrap();
    let template = template.replacen("Parameters:\n", PLACE, 1);
    let sum = checksum(NESTED.as_bytes());
    let nested = format!("Metadata:\n  NestedTemplates:\n    infra/alarms.yaml: \"{sum}\"\n");
    [
        ("template.yaml", template.replacen("Metadata:\n", &nested, 1)),
        ("infra/alarms.yaml", NESTED.to_owned()),
        ("functions/arm64/ingest.zip", "code".to_owned()),
        ("cli/README.md", "not of the stack".to_owned()),
    ]
}

impl Site {
    fn new() -> Self {
        let aws = Aws::new(1);
        let stack = Stack::new(aws.sdk_config().clone(), Some(STACK.to_owned()), []);
        let release = tempfile::tempdir().unwrap();
        let files = files();
        for (path, content) in &files {
            let path = release.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let sums = files
            .iter()
            .map(|(path, content)| ((*path).to_owned(), checksum(content.as_bytes())));
        let document = Release {
            version: "0.1.0".to_owned(),
            commit: None,
            architectures: vec!["arm64".to_owned()],
            template: "template.yaml".to_owned(),
            files: sums.collect(),
            checksum: String::new(),
        };
        std::fs::write(release.path().join(RELEASE_FILE), document.document().unwrap()).unwrap();
        aws.edit_account(|account| {
            account.has_no_stack = true;
            account.stack_outputs = [
                ("EventsTableName", "events"),
                ("WebhookUrl", "https://hooks.example.com/"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
            account.change_sets.changes = vec![added("EventsTable", TABLE)];
            account.change_sets.ends_as = "CREATE_COMPLETE";
            account.change_sets.template = files[0].1.clone();
        });
        Self {
            aws,
            stacks: StackFinder::of(stack),
            release,
        }
    }

    /// An account with a stack of the release.
    async fn deployed() -> Self {
        let site = Self::new();
        site.run("deploy --release $RELEASE --yes").await.unwrap();
        site.would_change(modified("IngestFunction", "AWS::Lambda::Function", "False"));
        site.aws.clear_calls();
        site
    }

    /// Has the next change set change this, well.
    fn would_change(&self, change: PlannedChange) {
        self.aws.edit_account(|account| {
            account.change_sets.changes = vec![change];
            account.change_sets.ends_as = "UPDATE_COMPLETE";
        });
    }

    /// Runs a command line; gives its JSON, which is as its schema says.
    async fn run(&self, line: &str) -> Result<Value> {
        let release = self.release.path().display().to_string();
        let words = line
            .split_whitespace()
            .map(|word| word.replace("$RELEASE", &release));
        let words: Vec<String> = [STACK.to_owned(), "--json".to_owned()]
            .into_iter()
            .chain(words)
            .collect();
        let cli = Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{error}"));
        let answer = cli.run_on(&self.stacks, &Clock::system()).await?;
        assert_described::<Cli>(&words, answer.text());
        Ok(serde_json::from_str(answer.text()).unwrap())
    }

    /// Runs a command line; gives what a person reads.
    async fn read(&self, line: &str) -> String {
        let release = self.release.path().display().to_string();
        let words = line
            .split_whitespace()
            .map(|word| word.replace("$RELEASE", &release));
        let words: Vec<String> = std::iter::once(STACK.to_owned()).chain(words).collect();
        let cli = Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{error}"));
        let answer = cli.run_on(&self.stacks, &Clock::system()).await.unwrap();
        answer.text().to_owned()
    }

    /// Gives why a command line was refused, with all causes.
    async fn refusal(&self, line: &str) -> String {
        let error = self.run(line).await.unwrap_err();
        pipeline::error::ErrorChain(&error).to_string()
    }

    /// Gives the members of the last request to make a change set.
    fn request(&self) -> std::collections::BTreeMap<String, String> {
        let mut last = None;
        self.aws
            .edit_account(|account| last = account.change_sets.requests.last().cloned());
        last.expect("a change set was made")
    }

    /// Counts the change sets that were neither executed nor deleted.
    fn waiting(&self) -> usize {
        let mut waiting = 0;
        self.aws
            .edit_account(|account| waiting = account.change_sets.waiting.len());
        waiting
    }

    /// Counts the calls of an operation since they were last forgotten.
    fn count(&self, service: Service, operation: &str) -> usize {
        let calls = self.aws.calls().into_iter();
        calls
            .filter(|call| call.service == service && call.operation == operation)
            .count()
    }

    fn executions(&self) -> usize {
        self.count(Service::CloudFormation, "ExecuteChangeSet")
    }

    /// Fails unless nothing was uploaded, and no change set was made.
    fn assert_untouched(&self) {
        assert_eq!(self.count(Service::S3, "PutObject"), 0);
        assert_eq!(self.count(Service::CloudFormation, "CreateChangeSet"), 0);
    }
}

fn added(resource: &'static str, resource_type: &'static str) -> PlannedChange {
    PlannedChange {
        action: "Add",
        resource,
        resource_type,
        ..PlannedChange::default()
    }
}

fn modified(resource: &'static str, resource_type: &'static str, replacement: &'static str) -> PlannedChange {
    PlannedChange {
        action: "Modify",
        replacement,
        resource,
        resource_type,
        property: "KeySchema",
    }
}

fn failed(resource: &'static str, reason: &'static str) -> ResourceEvent {
    ResourceEvent {
        resource,
        resource_type: TABLE,
        status: "CREATE_FAILED",
        reason,
        at: "",
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_becomes_a_stack_and_only_what_is_missing_is_uploaded() {
    let site = Site::new();
    let done = site
        .run("deploy --release $RELEASE --yes --set Environment=sandbox")
        .await
        .unwrap();
    assert_eq!(
        (
            &done["uploaded"],
            &done["is_new"],
            &done["status"],
            &done["failure"]
        ),
        (&json!(3), &json!(true), &json!("CREATE_COMPLETE"), &Value::Null)
    );
    assert_eq!(done["outputs"]["WebhookUrl"], "https://hooks.example.com/");
    let request = site.request();
    assert_eq!(request["ChangeSetType"], "CREATE");
    let capabilities = ["Capabilities.member.1", "Capabilities.member.2"].map(|name| request[name].as_str());
    assert_eq!(capabilities, ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]);
    let bucket = site
        .aws
        .calls()
        .into_iter()
        .find(|call| call.operation == "PutObject")
        .unwrap()
        .resource;
    let url = &request["TemplateURL"];
    assert!(
        url.contains(&format!(".amazonaws.com/{bucket}/upvest-webhooks/0.1.0-")),
        "{url}"
    );
    assert!(url.ends_with("/template.yaml"), "{url}");
    assert_eq!(site.aws.objects(&bucket).len(), 3);

    site.would_change(modified("IngestFunction", "AWS::Lambda::Function", "False"));
    site.aws.clear_calls();
    let done = site.run("deploy --release $RELEASE --yes").await.unwrap();
    assert_eq!((&done["uploaded"], &done["is_new"]), (&json!(0), &json!(false)));
    assert_eq!(site.request()["ChangeSetType"], "UPDATE");
    assert_eq!(site.count(Service::S3, "CreateBucket"), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_to_change_ends_well_and_leaves_no_change_set() {
    let site = Site::deployed().await;
    site.aws
        .edit_account(|account| account.change_sets.changes.clear());
    let done = site.run("deploy --release $RELEASE --yes").await.unwrap();
    assert_eq!((&done["status"], &done["failure"]), (&Value::Null, &Value::Null));
    assert_eq!((site.executions(), site.waiting()), (0, 0));
    let told = site.read("deploy --release $RELEASE --yes").await;
    assert!(told.contains("nothing changes"), "{told}");
}

/// Deploys with an answer of the test's own; the operator may end it meanwhile.
async fn answered(site: &Site, stop: &Notify, answer: impl AsyncFnOnce() -> Result<bool>) -> Result<Value> {
    told(site, stop, Reporter::silent(), answer).await
}

/// Deploys so, and has the test hear what an operator is told.
async fn told(
    site: &Site,
    stop: &Notify,
    reporter: Reporter<'_>,
    answer: impl AsyncFnOnce() -> Result<bool>,
) -> Result<Value> {
    let target = Target {
        config: site.aws.sdk_config(),
        stack: STACK,
        reporter,
        stop,
    };
    let deployment = Deployment {
        release: site.release.path().display().to_string(),
        settings: Settings::default(),
        ..Deployment::default()
    };
    let done = deploy(&target, &deployment, async |_: &Plan| answer().await).await?;
    Ok(serde_json::to_value(done).unwrap())
}

/// Deploys so; gives what an operator is told besides.
async fn noted(
    site: &Site,
    stop: &Notify,
    answer: impl AsyncFnOnce() -> Result<bool>,
) -> (Result<Value>, Vec<String>) {
    let notes = RefCell::default();
    let done = told(site, stop, Reporter::new(&notes_into(&notes)), answer).await;
    (done, notes.take())
}

/// Makes a dry run; gives what would change, and what an operator is told besides.
async fn dry_run(site: &Site, settings: Settings) -> (Plan, Vec<String>) {
    let notes = RefCell::default();
    let take = notes_into(&notes);
    let target = Target {
        config: site.aws.sdk_config(),
        stack: STACK,
        reporter: Reporter::new(&take),
        stop: &Notify::new(),
    };
    let deployment = Deployment {
        release: site.release.path().display().to_string(),
        settings,
        dry_run: true,
        ..Deployment::default()
    };
    let done = deploy(&target, &deployment, async |_: &Plan| Ok(false))
        .await
        .unwrap();
    (done.plan, notes.take())
}

fn notes_into(notes: &RefCell<Vec<String>>) -> impl Fn(Progress<'_>) {
    |progress| {
        if let Progress::Note(note) = progress {
            notes.borrow_mut().push(note.to_owned());
        }
    }
}
