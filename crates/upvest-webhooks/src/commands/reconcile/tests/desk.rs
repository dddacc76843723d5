//! A stack and the simulated Upvest that it is compared with, and what is said of them.

use tempfile::NamedTempFile;
use webhook_tests::schemas::fitting;

use super::*;

#[derive(Debug, Parser)]
pub(super) struct Line {
    #[command(flatten)]
    pub(super) reconcile: Arguments,
}

/// Holds a world whose receiver has processed all that was delivered.
pub(super) struct Desk {
    pub(super) world: ConnectedDeployment,
    pub(super) key_file: NamedTempFile,
}

/// Holds the report of a command, and whether it succeeded.
pub(super) struct Outcome {
    pub(super) json: Value,
    pub(super) text: String,
    pub(super) succeeded: bool,
}

impl Desk {
    pub(super) async fn open() -> Self {
        let world = ConnectedDeployment::new().await;
        world.know_keys().await;
        world.know_secret("smoke", KEY).await;
        let subscription = Subscription {
            delay: Duration::from_millis(1),
            ..Subscription::new("s", world.url.parse().unwrap())
        };
        world.simulator.subscribe(subscription).unwrap();
        let key_file = NamedTempFile::new().unwrap();
        webhook_tests::files::write_secret(key_file.path(), KEY);
        let mut desk = Self { world, key_file };
        desk.adopt();
        desk
    }

    /// Has commands find the whole stack.
    pub(super) fn adopt(&mut self) {
        self.world.add_outputs(&[
            ("EntitiesTableName", "entities"),
            ("AuditTableName", "audit"),
            ("UpvestSecret", UPVEST_SECRET),
        ]);
    }

    /// Lets events happen, and the receiver process them.
    pub(super) async fn happen(&self, events: &[String]) {
        self.world
            .simulator
            .queue(&format!("[{}]", events.join(",")))
            .unwrap();
        self.world.catch_up();
        self.world.receiving(self.world.simulator.delivered()).await;
        self.world.receiver.drain().await;
    }

    /// Lets events happen that are never delivered.
    pub(super) fn lose(&self, events: &[String]) {
        self.world
            .simulator
            .lose(&format!("[{}]", events.join(",")))
            .unwrap();
    }

    pub(super) async fn run(&self, line: &str) -> Result<Outcome> {
        let words = std::iter::once("reconcile").chain(line.split_whitespace());
        let arguments = Line::try_parse_from(words).unwrap().reconcile;
        self.world.catch_up();
        let clock = Clock::system();
        let run = arguments.run(&self.world.stacks, &clock);
        let report = self.world.receiving(run).await?;
        let outcome = Outcome {
            json: fitting("reconcile", &report),
            text: report.text(),
            succeeded: report.succeeded(),
        };
        self.world
            .assert_no_secret_in(&format!("{} {}", outcome.text, outcome.json));
        Ok(outcome)
    }

    pub(super) async fn compare(&self, what: &str) -> Outcome {
        self.run(&format!("{what} --rate 10000")).await.unwrap()
    }

    /// Repairs, and has the receiver process what it was told.
    pub(super) async fn repair(&self, what: &str) -> Outcome {
        let repaired = self.tell(what).await;
        self.world.receiver.drain().await;
        repaired
    }

    /// Repairs, and leaves what the receiver was told in its queues.
    pub(super) async fn tell(&self, what: &str) -> Outcome {
        let line = format!(
            "{what} --rate 10000 {REPAIR} {} --reason r",
            self.key_file.path().display()
        );
        self.run(&line).await.unwrap()
    }

    /// Reads the status of an entity from the table.
    pub(super) async fn status(&self, entity: &str) -> Option<String> {
        self.world.receiver.status(entity).await
    }

    /// Lists the events of the log.
    pub(super) async fn logged(&self) -> Vec<LoggedEvent> {
        self.world.receiver.logged().await
    }
}

impl Outcome {
    /// Lists the differences: entity, kind, fields.
    pub(super) fn differences(&self) -> Vec<(String, String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let differences = self.json["differences"].as_array().unwrap().iter();
        differences
            .map(|difference| {
                let fields = difference["fields"].as_array().unwrap().iter();
                let fields = fields.map(text).collect::<Vec<_>>().join(" ");
                (text(&difference["entity"]), text(&difference["kind"]), fields)
            })
            .collect()
    }

    pub(super) fn category(&self, name: &str) -> &Value {
        let categories = self.json["categories"].as_array().unwrap();
        categories
            .iter()
            .find(|category| category["category"] == name)
            .unwrap()
    }
}
