//! The files of reports, from a simulated Upvest into the bucket.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

mod failures;

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use fake_aws::{Aws, CallFilter, Fault, Service, StoredObject};
use pipeline::actions::{ConfigError, DomainActions, Lookup, Setup};
use pipeline::queues::domains::{DomainQueues, EventMessage};
use pipeline::stores::idempotency::record_id;
use processors::report_files::{ReportFiles, Retrieval, SETTLEMENT_REPORTS};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use upvest::Domain;
use upvest::effects::Dispatch;
use upvest_simulator::Trouble;
use verify_and_store::Policy;
use webhook_tests::receiver::{Receiver, dead_letter_name, queue_name};

use crate::support::{event_at, message_of, post_events, receiver};
use crate::upvest::{Log, SECRET, Upvest, access, secrets};

const BUCKET: &str = "reports";

/// A receiver that retrieves files, and the Upvest that has them.
struct World {
    receiver: Receiver,
    upvest: Upvest,
    actions: DomainActions,
    directory: TempDir,
}

impl World {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Retrieval)) -> Self {
        let receiver = receiver(Policy::Flag).await;
        let aws = &receiver.aws;
        aws.create_bucket(BUCKET);
        let upvest = Upvest::start_in_time_of(aws).await;
        let directory = tempfile::tempdir().unwrap();
        let mut retrieval = Retrieval::new(access(aws), aws.s3().clone(), BUCKET.to_owned());
        retrieval.directory = directory.path().to_owned();
        change(&mut retrieval);
        Self {
            actions: DomainActions::new(ReportFiles::new(Some(retrieval))),
            receiver,
            upvest,
            directory,
        }
    }

    fn aws(&self) -> &Aws {
        &self.receiver.aws
    }

    /// Has the events delivered, and their files retrieved if that goes well at once.
    async fn deliver(&self, events: &[String]) {
        post_events(&self.receiver, events).await;
        self.process().await;
    }

    async fn process(&self) {
        let (receiver, actions) = (&self.receiver, &self.actions);
        while receiver.process_with(Domain::Reports, actions).await.is_some() {}
    }

    async fn retry(&self) {
        self.aws().clock().advance(Duration::from_secs(900));
        self.process().await;
    }

    /// Has an event come to the domain's queue once more.
    async fn dispatch(&self, json: &str, replay: Option<&str>) {
        // The queue drops the same event for five minutes.
        self.aws().clock().advance(Duration::from_secs(301));
        let dispatch = if replay.is_some() {
            Dispatch::Replay
        } else {
            Dispatch::Again
        };
        let message = EventMessage {
            replay: replay.map(str::to_owned),
            ..message_of(json, dispatch, self.aws().clock().timestamp())
        };
        let queues = DomainQueues::new(self.aws().sqs().clone(), self.receiver.routes());
        queues.send(vec![message]).await.unwrap();
        self.process().await;
    }

    fn put_report(&self, id: &str) {
        let report = json!({ "id": id, "type": "BUY_ORDER" });
        self.upvest.simulator.put_report(report);
    }

    fn put_file(&self, name: &str, bytes: impl Into<Vec<u8>>) {
        self.upvest.simulator.put_file(SETTLEMENT_REPORTS, name, bytes);
    }

    fn trouble(&self, path: &str, status: u16, answers: u32) {
        self.upvest.simulator.add_trouble(Trouble {
            answers,
            status: Some(status),
            path_prefix: Some(path.to_owned()),
            ..Trouble::default()
        });
    }

    fn objects(&self) -> BTreeMap<String, StoredObject> {
        self.aws().objects(BUCKET)
    }

    fn keys(&self) -> Vec<String> {
        self.objects().into_keys().collect()
    }

    /// The result in the record of an event's action.
    async fn result(&self, event_id: &str) -> Value {
        let id = record_id(Domain::Reports, event_id, None);
        let data = self.receiver.record(&id).await.data;
        serde_json::from_str(data.as_deref().unwrap_or("null")).unwrap()
    }

    /// Why the only message of the dead-letter queue is there.
    fn reason(&self) -> String {
        let dead = self.aws().messages(&dead_letter_name(Domain::Reports));
        assert_eq!(dead.len(), 1);
        dead[0].attributes["reason"].string_value.clone().unwrap()
    }

    /// How many requests for reports and files there were.
    fn fetches(&self) -> usize {
        let requests = self.upvest.simulator.api_requests();
        let of_files = |path: &str| path.starts_with("/reports/") || path.starts_with("/files/");
        requests.iter().filter(|request| of_files(&request.path)).count()
    }

    fn is_waiting(&self) -> bool {
        !self.aws().messages(&queue_name(Domain::Reports)).is_empty()
    }

    fn temporary_files(&self) -> usize {
        fs::read_dir(&self.directory).unwrap().count()
    }
}

fn report(event_id: &str, id: &str, replaces: Option<&str>) -> String {
    let object = json!({ "id": id, "user_id": "u1", "type": "BUY_ORDER", "substituted_report_id": replaces });
    event_at(event_id, 1, "REPORT.CREATED", &object.to_string())
}

fn treasury_report(id: &str, name: &str) -> String {
    let object = json!({ "id": id, "type": "TRADING", "report_date": "2025-12-31", "filename": name });
    event_at(
        &format!("e-{id}"),
        1,
        "TREASURY_REPORT.CREATED",
        &object.to_string(),
    )
}

fn note<'o>(object: &'o StoredObject, name: &str) -> Option<&'o str> {
    object
        .headers
        .get(&format!("x-amz-meta-{name}"))
        .map(String::as_str)
}

#[tokio::test]
async fn the_pdf_of_a_report_is_kept_with_the_way_back_to_its_event() {
    let world = World::new().await;
    world.put_report("r1");
    world.deliver(&[report("e1", "r1", None)]).await;
    let objects = world.objects();
    let pdf = &objects["reports/2026/01/01/r1.pdf"];
    assert!(pdf.bytes.starts_with(b"%PDF"));
    assert_eq!(pdf.headers["content-type"], "application/pdf");
    assert_eq!(note(pdf, "event-id"), Some("e1"));
    assert_eq!(note(pdf, "entity"), Some("REPORT#r1"));
    assert_eq!(note(pdf, "report-type"), Some("BUY_ORDER"));
    assert_eq!(note(pdf, "substitutes"), None);
    let logged = world.receiver.event("e1").await;
    assert_eq!(note(pdf, "delivery-id"), Some(&*logged.delivery_id));
    let sha256 = hex::encode(Sha256::digest(&pdf.bytes));
    assert_eq!(note(pdf, "sha256"), Some(&*sha256));
    let result = json!({
        "bucket": "reports",
        "key": "reports/2026/01/01/r1.pdf",
        "bytes": pdf.bytes.len(),
        "sha256": sha256,
    });
    assert_eq!(world.result("e1").await, result);
    assert_eq!((world.receiver.waiting(), world.temporary_files()), (0, 0));
}

#[tokio::test]
async fn of_a_report_that_a_developer_made_up_no_file_is_asked_for() {
    let world = World::new().await;
    world.deliver(&[report("synthetic-1", "r1", None)]).await;
    assert_eq!((world.fetches(), world.receiver.waiting()), (0, 0));
    assert_eq!(world.receiver.status("REPORT#r1").await, None);
    assert_eq!(world.receiver.stored("entities"), ["REPORT#r1"]);
}

#[tokio::test]
async fn the_file_of_a_treasury_report_is_kept_under_its_date_and_id() {
    let world = World::new().await;
    world.put_file("trading_buy.csv", "1;2\n");
    world.deliver(&[treasury_report("t1", "trading_buy.csv")]).await;
    let objects = world.objects();
    let file = &objects["treasury-reports/2025-12-31/t1/trading_buy.csv"];
    assert_eq!(file.bytes, b"1;2\n");
    assert_eq!(file.headers["content-type"], "application/octet-stream");
    assert_eq!(note(file, "entity"), Some("TREASURY_REPORT#t1"));
    assert_eq!(note(file, "report-type"), Some("TRADING"));
    assert_eq!(world.temporary_files(), 0);
}

#[tokio::test]
async fn a_replacement_names_the_report_that_it_replaces_and_leaves_it_alone() {
    let world = World::new().await;
    world.put_report("r1");
    world.put_report("r2");
    world.deliver(&[report("e1", "r1", None)]).await;
    let before = world.objects();
    world.deliver(&[report("e2", "r2", Some("r1"))]).await;
    let after = world.objects();
    assert_eq!(
        note(&after["reports/2026/01/01/r2.pdf"], "substitutes"),
        Some("r1")
    );
    let replaced = "reports/2026/01/01/r1.pdf";
    assert_eq!(after[replaced], before[replaced]);
}

#[tokio::test]
async fn an_event_that_comes_again_or_is_replayed_fetches_nothing() {
    let world = World::new().await;
    world.put_report("r1");
    let event = report("e1", "r1", None);
    world.deliver(std::slice::from_ref(&event)).await;
    world.deliver(std::slice::from_ref(&event)).await;
    world.dispatch(&event, None).await;
    world.dispatch(&event, Some("after-the-fix")).await;
    assert_eq!(world.fetches(), 1);
    assert_eq!(world.receiver.stored("idempotency"), ["reports#e1"]);
    assert_eq!(world.receiver.waiting(), 0);
}

#[tokio::test]
async fn another_event_for_the_same_report_and_an_older_one_leave_what_is_there() {
    let world = World::new().await;
    world.put_report("r1");
    let at = |second, id| event_at(id, second, "REPORT.CREATED", r#"{"id":"r1","type":"BUY_ORDER"}"#);
    world.deliver(&[at(5, "e2")]).await;
    let before = world.objects();
    world
        .upvest
        .simulator
        .put_report(json!({ "id": "r1", "type": "ANOTHER" }));
    world.deliver(&[at(6, "e3")]).await;
    world.deliver(&[at(1, "e1")]).await;
    assert_eq!(world.objects(), before);
    let told = json!({ "bucket": "reports", "key": "reports/2026/01/01/r1.pdf", "already_there": true });
    assert_eq!(world.result("e3").await, told);
    let records = world.receiver.stored("idempotency");
    assert!(records.contains(&"reports#e1".to_owned()), "{records:?}");
    assert_eq!((world.receiver.waiting(), world.temporary_files()), (0, 0));
}

#[tokio::test]
async fn a_late_report_has_its_file_retrieved_all_the_same() {
    let world = World::new().await;
    world.put_report("r1");
    let newer = event_at("e2", 5, "REPORT.CHANGED", r#"{"id":"r1"}"#);
    world.deliver(&[newer]).await;
    assert_eq!(world.fetches(), 0);
    world.deliver(&[report("e1", "r1", None)]).await;
    assert_eq!(world.keys(), ["reports/2026/01/01/r1.pdf"]);
}

#[tokio::test]
async fn what_is_in_the_bucket_already_is_never_overwritten() {
    let world = World::new().await;
    world.put_report("r1");
    let put = world.aws().s3().put_object().bucket(BUCKET);
    let put = put
        .key("reports/2026/01/01/r1.pdf")
        .body(b"before".to_vec().into());
    put.send().await.unwrap();
    world.deliver(&[report("e1", "r1", None)]).await;
    assert_eq!(world.objects()["reports/2026/01/01/r1.pdf"].bytes, b"before");
    assert_eq!(world.result("e1").await["already_there"], true);
    assert_eq!(world.receiver.waiting(), 0);
}

#[tokio::test]
async fn a_strange_file_name_stays_in_its_place() {
    let world = World::new().await;
    let strange = "..%2F..%2Freports a?b#c\u{e4}.csv";
    world.put_file(strange, "strange");
    world.deliver(&[treasury_report("t1", strange)]).await;
    let objects = world.objects();
    let file = &objects["treasury-reports/2025-12-31/t1/_.._2F.._2Freports_a_b_c_.csv"];
    assert_eq!(file.bytes, b"strange");
}

#[tokio::test]
async fn a_file_name_that_is_a_path_is_not_asked_for() {
    for name in ["../../reports/r1.pdf", "..", "a\\b", "a\nb", ""] {
        let world = World::new().await;
        world.deliver(&[treasury_report("t1", name)]).await;
        let reason = world.reason();
        assert!(reason.contains("not the name of a file"), "{reason}");
        assert_eq!((world.fetches(), world.objects().len()), (0, 0), "{name:?}");
    }
}

#[tokio::test]
async fn a_large_file_passes_through_unchanged() {
    let world = World::new().await;
    let bytes: Vec<u8> = (0..20 * 1024 * 1024_u32)
        .map(|number| (number % 251) as u8)
        .collect();
    world.put_file("large.csv", bytes.clone());
    world.deliver(&[treasury_report("t1", "large.csv")]).await;
    let objects = world.objects();
    assert!(objects["treasury-reports/2025-12-31/t1/large.csv"].bytes == bytes);
    let result = world.result("e-t1").await;
    assert_eq!(result["bytes"], bytes.len());
    assert_eq!(result["sha256"], hex::encode(Sha256::digest(&bytes)));
    assert_eq!(world.temporary_files(), 0);
}

#[tokio::test]
async fn many_reports_of_one_delivery_are_all_retrieved() {
    let world = World::new().await;
    let events: Vec<String> = (0..10)
        .map(|number| {
            world.put_report(&format!("r{number}"));
            report(&format!("e{number}"), &format!("r{number}"), None)
        })
        .collect();
    world.deliver(&events).await;
    assert_eq!((world.objects().len(), world.receiver.waiting()), (10, 0));
    assert_eq!(world.temporary_files(), 0);
}

#[tokio::test]
async fn another_folder_can_be_named() {
    let world = World::with(|retrieval| retrieval.treasury_folder = "treasury".to_owned()).await;
    world.upvest.simulator.put_file("treasury", "a.csv", "1");
    world.deliver(&[treasury_report("t1", "a.csv")]).await;
    assert_eq!(world.objects().len(), 1);
}

fn from_environment(
    aws: &Aws,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<ReportFiles, ConfigError> {
    ReportFiles::from_setup(&Setup::new(aws.sdk_config(), &Lookup::new(environment)))
}

#[tokio::test]
async fn without_a_bucket_nothing_is_retrieved() {
    let world = World::new().await;
    world.put_report("r1");
    let no_variables = |_: &str| None;
    let files = from_environment(world.aws(), &no_variables).unwrap();
    let actions = DomainActions::new(files);
    post_events(&world.receiver, &[report("e1", "r1", None)]).await;
    let settled = world.receiver.process_with(Domain::Reports, &actions).await;
    assert!(settled.is_some());
    assert_eq!(world.receiver.waiting(), 0);
    assert_eq!((world.fetches(), world.objects().len()), (0, 0));
    assert!(world.aws().items("idempotency").is_empty());
}

#[test]
fn a_bucket_without_credentials_is_told_at_the_start() {
    let aws = Aws::new(1);
    let bucket = |name: &str| (name == "REPORTS_BUCKET").then(|| BUCKET.to_owned());
    let refused = from_environment(&aws, &bucket);
    assert_eq!(refused.unwrap_err(), ConfigError::Missing("UPVEST_SECRET"));
    let both = |name: &str| (name != "TREASURY_REPORTS_FOLDER").then(|| "name".to_owned());
    assert!(from_environment(&aws, &both).is_ok());
}

#[tokio::test]
async fn neither_log_nor_record_nor_dead_letter_holds_a_secret() {
    let log = Log::default();
    let kept = log.keep();
    let world = World::new().await;
    world.put_report("r1");
    world.put_file("a.csv", "1;2\n");
    world.trouble("/storage", 403, 4);
    world.trouble("/reports", 406, 1);
    let events = [report("e1", "r1", None), treasury_report("t1", "a.csv")];
    world.deliver(&events).await;
    world.retry().await;
    drop(kept);
    assert_eq!(world.objects().len(), 1);
    let dead = world.aws().messages(&dead_letter_name(Domain::Reports));
    let held = format!(
        "{} {:?} {dead:?} {:?}",
        log.text(),
        world.aws().items("idempotency"),
        world.aws().items("entities")
    );
    assert!(held.contains("the location of a file gave nothing"));
    let requests = world.upvest.simulator.api_requests();
    let storage = requests.iter().filter_map(|request| {
        let token = request.path.strip_prefix("/storage/")?;
        Some(token.to_owned())
    });
    let mut secrets: Vec<String> = storage.collect();
    assert!(secrets.len() > 4);
    secrets.extend(self::secrets(&world.upvest.credentials()));
    for secret in secrets {
        assert!(!held.contains(&secret), "{secret}");
    }
}
