//! The incidents of docs/incidents.md: staged on the emulator, and ended with the commands of that page as they stand there.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use pipeline::stores::events::conflict_key;
use serde_json::json;
use upvest::Event;
use uuid::Uuid;
use webhook_tests::stored::by_hand::BROKEN;

use super::sender::{Sender, event, new_id, new_order};
use super::stack::{Stack, until};

const PAGE: &str = include_str!("../../../docs/incidents.md");
/// Above a block whose last command is to find something wrong.
const FINDS: &str = "# exits with 4";

/// Runs the commands of an incident, block by block.
pub(super) struct Walk<'s> {
    stack: &'s Stack,
    blocks: std::vec::IntoIter<&'static str>,
    variables: Vec<(&'static str, String)>,
}

impl<'s> Walk<'s> {
    pub(super) fn through(title: &str, stack: &'s Stack) -> Self {
        let section = PAGE
            .split("\n## ")
            .find(|section| section.starts_with(&format!("{title}\n")));
        let section = section.unwrap_or_else(|| panic!("the page has a section {title}"));
        let blocks = section.split("```sh\n").skip(1);
        let blocks: Vec<_> = blocks.map(|block| block.split("```").next().unwrap()).collect();
        Self {
            stack,
            blocks: blocks.into_iter(),
            variables: Vec::new(),
        }
    }

    /// Gives a variable that the page names a value.
    pub(super) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.variables.push((name, value.into()));
    }

    /// Runs the next block as it stands on the page; gives what it printed.
    pub(super) async fn run(&mut self) -> String {
        let block = self.blocks.next().expect("there is another block");
        assert!(!block.starts_with("make "), "not for a test to run: {block}");
        let mut command = self.command(block);
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .unwrap()
            .unwrap();
        let expected = if block.starts_with(FINDS) { 4 } else { 0 };
        let printed = printed(&output);
        assert_eq!(output.status.code(), Some(expected), "{block}{printed}");
        printed
    }

    /// Runs the next block, whatever it finds; gives what it printed.
    pub(super) async fn look(&mut self) -> String {
        let block = self.blocks.next().expect("there is another block");
        let mut command = self.command(block);
        let output = tokio::task::spawn_blocking(move || command.output()).await;
        printed(&output.unwrap().unwrap())
    }

    /// Runs the next block again and again until what it prints is as wanted: the emulator takes its time.
    pub(super) async fn run_until(&mut self, wanted: &str) -> String {
        let block = self.blocks.next().expect("there is another block");
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let mut command = self.command(block);
            let output = tokio::task::spawn_blocking(move || command.output())
                .await
                .unwrap()
                .unwrap();
            let printed = printed(&output);
            if output.status.success() && printed.contains(wanted) {
                return printed;
            }
            assert!(
                Instant::now() < deadline,
                "{block}does not print {wanted}: {printed}"
            );
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Passes over a block for a tool whose work the test does itself.
    pub(super) fn skip(&mut self, tool: &str) {
        let block = self.blocks.next().expect("there is another block");
        assert!(block.starts_with(tool), "{block}");
    }

    pub(super) fn end(mut self) {
        assert_eq!(self.blocks.next(), None, "all of the page was run");
    }

    fn command(&self, block: &str) -> Command {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let path = std::env::var("PATH").unwrap_or_default();
        let stand_ins = concat!(env!("CARGO_MANIFEST_DIR"), "/it/end_to_end/bin");
        let connection = self.stack.connection();
        let mut command = Command::new("sh");
        command
            .args(["-euc", block])
            .current_dir(root)
            .env("PATH", format!("{root}/target/debug:{stand_ins}:{path}"))
            .env("UPVEST_WEBHOOKS_LOCAL", self.stack.description())
            .env("AWS_ENDPOINT_URL", &connection.endpoint_url)
            .env("AWS_DEFAULT_REGION", &connection.region)
            .env("AWS_ACCESS_KEY_ID", &connection.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &connection.secret_access_key)
            .envs(self.variables.iter().map(|(name, value)| (*name, value)));
        command
    }
}

fn printed(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

#[tokio::test]
async fn forged_deliveries_are_looked_at_and_discarded() {
    let stack = Stack::shared().await;
    let forger = Sender::known(&stack).await.impostor(&stack);
    let (order, _) = new_order(&new_id());
    let delivery = stack.deliver(&forger.delivery(&[order])).await;
    stack.quarantine_of(&delivery).await;
    let mut walk = Walk::through("Forged deliveries", &stack);
    walk.set("DELIVERY", &delivery);
    let seen = walk.run().await;
    assert!(
        seen.contains(&delivery) && seen.contains(&forger.key_id),
        "{seen}"
    );
    let done = walk.run().await;
    assert!(done.contains("INC-1: forged"), "{done}");
    assert!(stack.quarantined(&delivery).await.is_empty());
    walk.end();
}

#[tokio::test]
async fn a_rotated_key_is_fetched_by_hand() {
    let stack = Stack::shared().await;
    let overlap = Duration::from_secs(600);
    let key = stack.upvest().rotate_key(overlap).unwrap();
    let mut walk = Walk::through("A rotated key", &stack);
    let keys = walk.run().await;
    assert!(keys.contains(key.key_id().unwrap()), "{keys}");
    walk.end();
}

#[tokio::test]
async fn a_poison_event_is_sent_back_once_its_entity_is_mended() {
    let stack = Stack::shared().await;
    let sender = Sender::known(&stack).await;
    let order = new_id();
    let entity = format!("ORDER#{order}");
    let status = |id: &str, status: &str| {
        event(
            id,
            &format!("ORDER.{status}"),
            &json!({ "id": order, "status": status }),
        )
    };
    // Of events of one instant, the one further along the lifecycle is the newer, whatever its id.
    let mut ids = [new_id(), new_id()];
    ids.sort();
    let [second, first] = ids;
    stack.deliver(&sender.delivery(&[status(&first, "NEW")])).await;
    until("the order has a state", async || stack.entity(&entity).await).await;
    stack.entity_rows().set(&entity, BROKEN).await;
    stack
        .deliver(&sender.delivery(&[status(&second, "FILLED")]))
        .await;
    let mut walk = Walk::through("A poison event", &stack);
    walk.set("EVENT", &second);
    walk.set("ENTITY", &entity);
    let seen = walk.run_until(&second).await;
    assert!(seen.contains(BROKEN.0), "it says why: {seen}");
    let rebuilt = walk.run().await;
    assert!(
        rebuilt.contains(&second) && rebuilt.contains("left out"),
        "what waits is left out: {rebuilt}"
    );
    walk.run().await;
    until("the order is filled", async || {
        stack
            .entity(&entity)
            .await
            .filter(|state| state.projection.status() == Some("FILLED"))
    })
    .await;
    let explained = walk.run_until("FILLED").await;
    assert!(
        explained.contains(&first) && explained.contains(&second),
        "{explained}"
    );
    walk.end();
}

#[tokio::test]
async fn a_conflicting_payload_is_explained() {
    let stack = Stack::shared().await;
    let sender = Sender::known(&stack).await;
    let (order, id) = (new_id(), new_id());
    let events = ["NEW", "CANCELLED"].map(|status| {
        let object = json!({ "id": order, "status": status });
        event(&id, "ORDER.NEW", &object)
    });
    for event in &events {
        let delivery = sender.delivery(std::slice::from_ref(event));
        let delivery = stack.deliver(&delivery).await;
        stack.archived(&delivery).await;
        until("the event is in the log", async || stack.event(&id).await).await;
    }
    let second = Event::parse(&events[1]).unwrap();
    let conflict = conflict_key(&id, &second.identity().to_hex());
    until("both are in the log", async || stack.event(&conflict).await).await;
    until("the order has a state", async || {
        stack.entity(&format!("ORDER#{order}")).await
    })
    .await;
    let mut walk = Walk::through("A conflicting payload", &stack);
    walk.set("CONFLICT", &conflict);
    let explained = walk.run().await;
    assert!(explained.contains("conflicts with"), "{explained}");
    assert!(
        explained.matches(&id).count() > 1,
        "the first one too: {explained}"
    );
    walk.end();
}

#[tokio::test]
async fn a_deleted_archive_object_is_missed_and_comes_back() {
    let stack = Stack::shared().await;
    let sender = Sender::known(&stack).await;
    let (order, id) = (new_id(), new_id());
    let object = json!({ "id": order, "status": "NEW" });
    let delivery = stack
        .deliver(&sender.delivery(&[event(&id, "ORDER.NEW", &object)]))
        .await;
    until("the event is in the log", async || stack.event(&id).await).await;
    let received_at = stack.archived(&delivery).await.envelope.received_at;
    let key = pipeline::stores::archive::verified_key(&stack.archived(&delivery).await.envelope);
    let (s3, bucket) = (&stack.clients.s3, stack.output("ArchiveBucketName"));
    let deleted = s3.delete_object().bucket(bucket).key(&key).send().await.unwrap();
    let marker = deleted.version_id.expect("the bucket keeps versions");
    let mut walk = Walk::through("A deleted archive object", &stack);
    walk.set("RECEIVED", received_at.to_string());
    let later: Timestamp = received_at + SignedDuration::from_nanos(1);
    walk.set("A_MOMENT_LATER", later.to_string());
    let missed = walk.run().await;
    assert!(missed.contains(&id) && missed.contains("extra"), "{missed}");
    walk.set("BUCKET", bucket);
    walk.set("KEY", &key);
    walk.set("DELETE_MARKER", marker);
    walk.run().await;
    walk.run().await;
    walk.end();
}

#[tokio::test]
async fn a_dropped_subscription_is_created_again() {
    let stack = Stack::shared().await;
    let url = format!("{}?dropped", stack.url());
    let mut walk = Walk::through("A dropped subscription", &stack);
    walk.set("URL", &url);
    let title = format!("Incident {}", &Uuid::new_v4().to_string()[..8]);
    walk.set("TITLE", &title);
    let listed = walk.run().await;
    assert!(listed.contains(&title), "{listed}");
    walk.end();
    let mut created = stack.upvest().subscriptions();
    created.retain(|subscription| subscription.title == title);
    assert!(created.len() == 1 && created[0].enabled);
    assert!(stack.upvest().drop_subscription(&created[0].id));
}
