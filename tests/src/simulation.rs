//! Whole runs of the receiver in a hostile world, and what has to hold at the end of each.
//!
//! | Module | Makes up |
//! |---|---|
//! | [`crate::story`] | what Upvest tells |
//! | `strangers` | what others post |
//! | `weather` | outages, wrong clocks, deployments, messages that end their process |
//! | `queues` | which events the queues handed out, in which order, and which were buried |
//! | `promises` | what is held against the receiver when all is over |
//!
//! One seed decides everything in a run, so that a failure can be looked at again.

mod promises;
mod queues;
mod strangers;
mod weather;

use std::collections::BTreeSet;
use std::time::Duration;

use fake_aws::lambda::Settlement;
use fake_aws::{FaultRates, Rng};
use pipeline::sending_on::Folder;
use pipeline::stores::archive::UNKNOWN_KEY;
use serde::{Deserialize, Serialize};
use upvest::Domain;
use upvest::signature::Headers;
use verify_and_store::Policy;

use crate::deliveries::import_key;
use crate::receiver::{DELIVERIES_DLQ, Receiver, dead_letter_name};
use crate::story::{Delivery, Story};
use queues::HandedOut;
use strangers::Strangers;
use weather::Weather;

/// Counts what happened in one run, or in many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Counts runs.
    pub runs: u64,
    /// Counts deliveries of Upvest's that were answered with 200, repeated ones included.
    pub deliveries: u64,
    /// Counts requests of strangers that were answered with 200.
    pub strangers: u64,
    /// Counts events in the log.
    pub events: u64,
    /// Counts runs of the user's action, those that failed included.
    pub actions: u64,
    /// Counts calls of AWS.
    pub calls: u64,
    /// Counts calls that a fault struck.
    pub faults: u64,
    /// Counts outages.
    pub outages: u64,
    /// Counts invocations that were killed.
    pub deaths: u64,
    /// Counts messages that were in a dead-letter queue.
    pub buried: u64,
    /// Adds up the time that passed, in seconds.
    pub seconds: u64,
}

impl Figures {
    /// Adds the figures of other runs to these.
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.deliveries += other.deliveries;
        self.strangers += other.strangers;
        self.events += other.events;
        self.actions += other.actions;
        self.calls += other.calls;
        self.faults += other.faults;
        self.outages += other.outages;
        self.deaths += other.deaths;
        self.buried += other.buried;
        self.seconds += other.seconds;
    }

    /// Counts all requests that were answered with 200.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.deliveries + self.strangers
    }
}

/// Runs the receiver through the story and the troubles that `seed` makes up.
///
/// # Panics
///
/// If a promise does not hold.
#[must_use]
pub fn simulate(seed: u64) -> Figures {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime of one thread can be made");
    runtime.block_on(Box::pin(Run::new(seed).complete()))
}

struct Run {
    receiver: Receiver,
    story: Story,
    rng: Rng,
    weather: Weather,
    strangers: Strangers,
    handed_out: HandedOut,
    /// Lists, for each delivery of the story, the ids under which it was answered 200.
    answered: Vec<BTreeSet<String>>,
    figures: Figures,
}

impl Run {
    fn new(seed: u64) -> Self {
        let receiver = Receiver::new(seed, Policy::Flag);
        let mut rng = receiver.aws.rng();
        let story = Story::new(&mut rng);
        Self {
            weather: Weather::new(&receiver, &story),
            strangers: Strangers::new(&receiver, &story),
            handed_out: HandedOut::default(),
            answered: vec![BTreeSet::new(); story.deliveries.len()],
            figures: Figures {
                runs: 1,
                ..Figures::default()
            },
            receiver,
            story,
            rng,
        }
    }

    async fn complete(mut self) -> Figures {
        let began_ms = self.receiver.aws.clock().unix_ms();
        import_key(&self.receiver.aws, self.story.keys[0].clone()).await;
        self.receiver.aws.set_fault_rates(FaultRates::stormy());
        self.weather.trouble_some_messages(&self.receiver);
        for _ in 0..60 + self.rng.below(60) {
            self.step().await;
        }
        if self.rng.chance(200) {
            self.let_trouble_last().await;
        }
        self.weather.clear_up(&self.receiver);
        import_key(&self.receiver.aws, self.story.keys[1].clone()).await;
        while let Some(delivery) = self.answered.iter().position(BTreeSet::is_empty) {
            self.post(delivery).await;
        }
        self.drain().await;
        // What was sent on and lost in a crash counts as on its way for an hour.
        self.receiver.aws.clock().advance(Duration::from_secs(3_601));
        assert!(self.send_on().await, "what waits for a key can be sent on");
        self.drain().await;
        self.figures.seconds = (self.receiver.aws.clock().unix_ms() - began_ms) / 1000;
        self.hold_promises().await;
        self.figures
    }

    /// Does one thing: Upvest or a stranger posts, a function runs, time passes, or the weather changes.
    async fn step(&mut self) {
        let domains: Vec<_> = self.receiver.domains().collect();
        let domain = domains[self.rng.below(domains.len())];
        match self.rng.below(25) {
            0..8 => {
                // Mostly the next one that was not answered; at times one that was, as after a lost 200.
                let unanswered = self.answered.iter().position(BTreeSet::is_empty);
                let any = self.rng.below(self.answered.len());
                let again = self.rng.chance(150);
                self.post(unanswered.filter(|_| !again).unwrap_or(any)).await;
            }
            8..12 => {
                let settled = self.receiver.verify_and_store().await;
                self.count_death(settled.as_ref());
            }
            12 => self.receiver.verify_and_store_twice().await,
            13..17 => {
                self.handed_out.look(&self.receiver, domain);
                let settled = match self.weather.deployed_as(domain) {
                    None => self.receiver.process(domain).await,
                    Some(other) => self.receiver.process_by_version_of(domain, other).await,
                };
                self.count_death(settled.as_ref());
            }
            17 => {
                self.handed_out.look(&self.receiver, domain);
                self.receiver.process_twice(domain).await;
            }
            // A fetch of the keys, whatever becomes of it.
            18 => drop(self.send_on().await),
            19 => self.flood().await,
            20 => drop(self.receiver.try_to_drain_dead_letters().await),
            21 => self.weather.change(&self.receiver),
            22 => self.redrive(domain),
            _ => {
                let most = if self.rng.chance(100) { 6 * 3600 } else { 600 };
                let passes = Duration::from_secs(self.rng.below(most) as u64);
                self.receiver.aws.clock().advance(passes);
            }
        }
    }

    /// Lets hours pass in which all that is wrong stays so and every queue is polled, so that messages are buried.
    async fn let_trouble_last(&mut self) {
        let domains: Vec<_> = self.receiver.domains().collect();
        for _ in 0..60 {
            let settled = self.receiver.verify_and_store().await;
            self.count_death(settled.as_ref());
            for &domain in &domains {
                self.handed_out.look(&self.receiver, domain);
                let settled = self.receiver.process(domain).await;
                self.count_death(settled.as_ref());
            }
            self.receiver.aws.clock().advance(Duration::from_secs(300));
        }
    }

    /// Has an operator send everything of one domain back that was buried.
    fn redrive(&mut self, domain: Domain) {
        self.handed_out.look(&self.receiver, domain);
        self.figures.buried += self.receiver.aws.redrive(&dead_letter_name(domain)) as u64;
    }

    fn count_death(&mut self, settled: Option<&Settlement>) {
        self.figures.deaths += u64::from(settled == Some(&Settlement::Crashed));
    }

    /// Sends on what waits for Upvest's keys, as a fetch does; says whether nothing failed.
    async fn send_on(&self) -> bool {
        let keys = self.story.keys.iter().filter_map(|key| key.key_id());
        let folders = keys.map(|key_id| Folder::of(UNKNOWN_KEY, key_id));
        let waiting = self.receiver.waiting_for_keys();
        waiting.send_on(folders, Duration::from_secs(60)).await.is_ok()
    }

    async fn post(&mut self, index: usize) {
        let Delivery { headers, body, .. } = &self.story.deliveries[index];
        let answer = accepted(&self.receiver, headers, body).await;
        if let Some(delivery_id) = answer.expect("a delivery of Upvest's is never refused for its content") {
            self.figures.deliveries += 1;
            self.answered[index].insert(delivery_id);
        }
    }

    async fn flood(&mut self) {
        for request in self.strangers.flood() {
            let answer = accepted(&self.receiver, &request.headers, &request.body).await;
            if let Ok(Some(delivery_id)) = answer {
                self.figures.strangers += 1;
                self.strangers.was_answered(delivery_id);
            }
        }
    }

    /// Polls every queue until all are empty, dead-letter queues redriven; time passes where nothing is visible.
    async fn drain(&mut self) {
        let domains: Vec<_> = self.receiver.domains().collect();
        for _ in 0..1_000 {
            let mut worked = self.receiver.verify_and_store().await.is_some();
            for &domain in &domains {
                self.handed_out.look(&self.receiver, domain);
                worked |= self.receiver.process(domain).await.is_some();
            }
            if worked {
                continue;
            }
            if self.receiver.waiting() == 0 {
                return;
            }
            for &domain in &domains {
                self.redrive(domain);
            }
            self.figures.buried += self.receiver.aws.redrive(DELIVERIES_DLQ) as u64;
            self.receiver.aws.clock().advance(Duration::from_secs(600));
        }
        panic!("{} messages are never done", self.receiver.waiting());
    }
}

/// Posts a request; gives the delivery's id where it was accepted, `None` where it is to be sent again.
async fn accepted(receiver: &Receiver, headers: &Headers, body: &[u8]) -> Result<Option<String>, i64> {
    // Ingest was killed: the sender got no answer.
    let Ok((status, answer)) = receiver.post(headers, body).await else {
        return Ok(None);
    };
    match status {
        200 => {
            let answer: serde_json::Value = serde_json::from_str(&answer).expect("the answer is JSON");
            let delivery_id = answer["delivery_id"].as_str().expect("it names the delivery");
            Ok(Some(delivery_id.to_owned()))
        }
        // A failure of our own asks for another delivery.
        503 => Ok(None),
        refused => Err(refused),
    }
}
