//! Releases deployed into an AWS in process, and what stops each before harm.

mod configuring;
mod executing;
mod network;
mod permitted;
mod refusing;
mod reviewing;
mod storing;

use std::cell::RefCell;
use std::path::PathBuf;

use clap::Parser;
use fake_aws::{Aws, PlannedChange, ResourceEvent, Service};
use operator::deploy::{Deployment, Plan, Settings, Target, deploy};
use operator::release::{RELEASE_FILE, Release, checksum};
use operator::{Error, Progress, Reporter, Result, Stack, StackFinder};
use pipeline::runtime::clock::Clock;
use serde_json::{Value, json};
use tokio::sync::Notify;
use webhook_tests::schemas::assert_described;

use crate::Cli;

const STACK: &str = "upvest-webhooks";
const TABLE: &str = "AWS::DynamoDB::Table";
/// What every template of a release has before its own parameters.
const PLACE: &str =
    "Parameters:\n  ArtifactsBucket:\n    Type: String\n  ArtifactsPrefix:\n    Type: String\n";

/// What is nested in it.
const NESTED: &str = "Resources: {}";

/// An account without a stack, and a release.
struct Site {
    aws: Aws,
    stacks: StackFinder<'static>,
    release: PathBuf,
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.release);
    }
}

/// What is in the folder of a release: a template, and the code of functions.
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
    fn new(name: &str) -> Self {
        let aws = Aws::new(1);
        let stack = Stack::new(aws.sdk_config().clone(), Some(STACK.to_owned()), []);
        let release = std::env::temp_dir().join(format!("deploy-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&release);
        let files = files();
        for (path, content) in &files {
            let path = release.join(path);
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
        std::fs::write(release.join(RELEASE_FILE), document.document().unwrap()).unwrap();
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
    async fn deployed(name: &str) -> Self {
        let site = Self::new(name);
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
        let release = self.release.display().to_string();
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
        let release = self.release.display().to_string();
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
    let site = Site::new("uploads");
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
async fn the_bucket_for_releases_is_closed_before_anything_is_put_into_it() {
    let site = Site::new("bucket");
    site.run("deploy --release $RELEASE --yes").await.unwrap();
    let calls = site.aws.calls().into_iter();
    let writes: Vec<String> = calls
        .filter(|call| call.service == Service::S3 && !call.operation.starts_with("Head"))
        .map(|call| call.operation)
        .take(5)
        .collect();
    let made = [
        "CreateBucket",
        "PutPublicAccessBlock",
        "PutBucketVersioning",
        "PutBucketPolicy",
        "PutObject",
    ];
    assert_eq!(writes, made);

    // Interrupted before its policy was set, its making is done again.
    site.aws.edit_account(|account| account.bucket_policies.clear());
    site.aws.clear_calls();
    site.would_change(added("OrdersQueue", "AWS::SQS::Queue"));
    site.run("deploy --release $RELEASE --yes").await.unwrap();
    assert_eq!(site.count(Service::S3, "CreateBucket"), 0);
    assert_eq!(site.count(Service::S3, "PutPublicAccessBlock"), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_to_change_ends_well_and_leaves_no_change_set() {
    let site = Site::deployed("nothing").await;
    site.aws
        .edit_account(|account| account.change_sets.changes.clear());
    let done = site.run("deploy --release $RELEASE --yes").await.unwrap();
    assert_eq!((&done["status"], &done["failure"]), (&Value::Null, &Value::Null));
    assert_eq!((site.executions(), site.waiting()), (0, 0));
    let told = site.read("deploy --release $RELEASE --yes").await;
    assert!(told.contains("nothing changes"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_shows_what_would_change_in_words_and_changes_nothing() {
    let site = Site::deployed("dry").await;
    site.would_change(modified("EventsTable", TABLE, "True"));
    let told = site
        .read("deploy --release $RELEASE --dry-run --set LogLevel=DEBUG")
        .await;
    for line in [
        "! EventsTable (AWS::DynamoDB::Table) would be replaced by an empty one",
        "LogLevel",
        "REPLACED",
        "KeySchema",
        "dry run: nothing of the stack was changed",
    ] {
        assert!(told.contains(line), "{told}");
    }
    assert_eq!((site.executions(), site.waiting()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_failed_deployment_names_its_first_cause_and_what_to_do() {
    let site = Site::new("fails");
    site.aws.edit_account(|account| {
        account.change_sets.events = vec![
            failed("KeysTable", "Resource creation cancelled"),
            failed("EventsTable", "Limit exceeded for tables"),
            failed("AuditTable", "a second one"),
            ResourceEvent {
                resource: "ArchiveBucket",
                status: "DELETE_SKIPPED",
                ..ResourceEvent::default()
            },
            ResourceEvent {
                resource: "UpvestKeys",
                resource_type: "Custom::UpvestKeys",
                status: "DELETE_SKIPPED",
                ..ResourceEvent::default()
            },
        ];
        account.change_sets.ends_as = "ROLLBACK_COMPLETE";
    });
    let done = site.run("deploy --release $RELEASE --yes").await.unwrap();
    let failure = done["failure"].as_str().unwrap();
    assert!(
        failure.starts_with("EventsTable (AWS::DynamoDB::Table): Limit exceeded for tables\n"),
        "{failure}"
    );
    assert!(
        failure.contains("aws cloudformation delete-stack --stack-name upvest-webhooks"),
        "{failure}"
    );
    assert_eq!(done["left"], json!(["ArchiveBucket (ArchiveBucket-1)"]));
    let refusal = site.refusal("deploy --release $RELEASE --yes").await;
    assert!(refusal.contains("ROLLBACK_COMPLETE"), "{refusal}");
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_went_back_says_that_it_is_what_it_was() {
    let site = Site::deployed("back").await;
    site.aws.edit_account(|account| {
        account.change_sets.events = vec![failed("EventsTable", "no permission")];
        account.change_sets.ends_as = "UPDATE_ROLLBACK_COMPLETE";
    });
    let told = site.read("deploy --release $RELEASE --yes").await;
    assert!(
        told.contains("✗ EventsTable (AWS::DynamoDB::Table): no permission"),
        "{told}"
    );
    assert!(
        told.contains("stack upvest-webhooks is what it was before"),
        "{told}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_protects_a_stack_is_set_after_it_and_again_where_nothing_changes() {
    let site = Site::new("protects");
    let policy = site.release.join("policy.json");
    std::fs::write(&policy, r#"{"Statement": []}"#).unwrap();
    let line = "deploy --release $RELEASE --yes --termination-protection --stack-policy $RELEASE/policy.json";
    site.run(line).await.unwrap();
    let count = |operation| site.count(Service::CloudFormation, operation);
    assert_eq!(
        (count("SetStackPolicy"), count("UpdateTerminationProtection")),
        (1, 1)
    );
    site.aws.edit_account(|account| {
        account.change_sets.changes.clear();
        account.denied.insert("SetStackPolicy".to_owned());
    });
    let done = site.run(line).await.unwrap();
    let failure = done["failure"].as_str().unwrap();
    assert!(
        failure.contains("not protected as it was to be: cloudformation:SetStackPolicy"),
        "{failure}"
    );
    assert_eq!(
        site.count(Service::CloudFormation, "UpdateTerminationProtection"),
        2
    );
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
        release: site.release.display().to_string(),
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
    let notes = RefCell::new(Vec::new());
    let take = |progress: Progress<'_>| {
        if let Progress::Note(note) = progress {
            notes.borrow_mut().push(note.to_owned());
        }
    };
    let done = told(site, stop, Reporter::new(&take), answer).await;
    (done, notes.take())
}

#[tokio::test(start_paused = true)]
async fn a_change_set_that_is_not_agreed_to_is_deleted_however_that_ends() {
    let site = Site::deployed("declined").await;
    let stop = Notify::new();
    let done = answered(&site, &stop, async || Ok(false)).await.unwrap();
    assert_eq!(done["declined"], true);
    let failed = answered(&site, &stop, async || Err(Error::failed("no terminal"))).await;
    assert_eq!(failed.unwrap_err().to_string(), "no terminal");
    let ended = answered(&site, &stop, async || {
        stop.notify_one();
        std::future::pending().await
    });
    let ended = ended.await.unwrap_err().to_string();
    assert!(ended.contains("nothing of the stack was changed"), "{ended}");
    assert_eq!((site.executions(), site.waiting()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_is_ended_says_that_aws_goes_on_and_where_to_look() {
    let site = Site::deployed("ended").await;
    site.aws
        .edit_account(|account| account.change_sets.ends_as = "UPDATE_IN_PROGRESS");
    let stop = Notify::new();
    let done = answered(&site, &stop, async || {
        stop.notify_one();
        Ok(true)
    });
    let done = done.await.unwrap();
    let failure = done["failure"].as_str().unwrap();
    assert!(
        failure.contains("AWS goes on") && failure.contains("doctor"),
        "{failure}"
    );
    assert_eq!((site.executions(), site.waiting()), (1, 0));
    let refusal = site.refusal("deploy --release $RELEASE --yes").await;
    assert!(refusal.contains("wait for its end"), "{refusal}");
}

#[tokio::test(start_paused = true)]
async fn a_change_set_of_somebody_else_is_told_of_before_it_is_deleted_with_the_execution() {
    let site = Site::deployed("others").await;
    site.aws.edit_account(|account| {
        account.change_sets.of_others.insert("of-a-colleague".to_owned());
    });
    let (done, notes) = noted(&site, &Notify::new(), async || Ok(false)).await;
    assert_eq!(done.unwrap()["declined"], true);
    assert!(
        notes.iter().any(|note| note.contains("of-a-colleague")),
        "{notes:?}"
    );
}
