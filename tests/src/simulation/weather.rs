//! What goes wrong for a while: services, clocks, deployments, and messages that end their process.

use std::collections::BTreeMap;
use std::time::Duration;

use fake_aws::{CallFilter, Fault, Rng, Service};
use jiff::SignedDuration;
use upvest::{Domain, Event};

use crate::effects::Trouble;
use crate::receiver::{CHANGES, DELIVERIES, Receiver, queue_name};
use crate::story::Story;

/// Outlasts every run.
const UNTIL_MENDED: Duration = Duration::from_secs(365 * 24 * 3600);
/// Bounds an outage, in seconds.
const LONGEST_OUTAGE: usize = 8 * 3600;
/// Bounds how far a clock is wrong, in seconds.
const WRONG_BY: usize = 600;

/// Makes up what goes wrong, in one run.
#[derive(Debug)]
pub(super) struct Weather {
    rng: Rng,
    events: Vec<String>,
    domains: Vec<Domain>,
    deployed: BTreeMap<Domain, Domain>,
    pub(super) outages: u64,
    /// Says whether a clock was wrong at any time.
    pub(super) clocks_were_wrong: bool,
}

impl Weather {
    pub(super) fn new(receiver: &Receiver, story: &Story) -> Self {
        let events = story.genuine_events().into_iter();
        let events = events.map(|json| Event::parse(json).expect("a good event").id().to_owned());
        Self {
            rng: receiver.aws.rng().fork("weather"),
            events: events.collect(),
            domains: receiver.domains().collect(),
            deployed: BTreeMap::new(),
            outages: 0,
            clocks_were_wrong: false,
        }
    }

    /// Makes the action fail, panic, never end or ends its process for some events, and storing one of them ends its process
    /// too, as an exhausted memory does, until all is mended. In some runs the queues have few messages in flight at a time.
    pub(super) fn trouble_some_messages(&mut self, receiver: &Receiver) {
        let kinds = [
            Trouble::Fails,
            Trouble::Hopeless,
            Trouble::Panics,
            Trouble::Hangs,
            Trouble::Kills,
        ];
        for event in &self.events {
            if self.rng.chance(30) {
                let kind = kinds[self.rng.below(kinds.len())];
                receiver.effects.trouble(event, kind);
            }
        }
        if self.rng.chance(200) {
            let domains = self.domains.iter().map(|domain| queue_name(*domain));
            for queue in domains.chain([DELIVERIES.to_owned()]) {
                receiver.aws.limit_in_flight(&queue, 1 + self.rng.below(12));
            }
        }
        if self.rng.chance(100) {
            let fatal = &self.events[self.rng.below(self.events.len())];
            let put = CallFilter::operation(Service::DynamoDb, "PutItem").on("events");
            let put = put.carrying(format!("\"{fatal}\""));
            receiver
                .aws
                .begin_outage(Fault::CrashBeforeEffect, put, UNTIL_MENDED);
        }
    }

    /// Changes one thing: a service fails for a while, clocks jump, a deployment begins or ends.
    pub(super) fn change(&mut self, receiver: &Receiver) {
        match self.rng.below(4) {
            0 | 1 => self.begin_outage(receiver),
            2 if self.clocks_may_be_wrong(receiver) => self.jump(receiver),
            _ => self.deploy(),
        }
    }

    /// Clocks are right in every second run, in which an action may not run again without another reason.
    fn clocks_may_be_wrong(&self, receiver: &Receiver) -> bool {
        receiver.aws.rng().fork("clocks").chance(500)
    }

    fn jump(&mut self, receiver: &Receiver) {
        self.clocks_were_wrong = true;
        let ahead = if self.rng.chance(300) {
            0
        } else {
            self.rng.below(2 * WRONG_BY) as i64 - WRONG_BY as i64
        };
        receiver.jump_clocks(SignedDuration::from_secs(ahead));
    }

    /// Runs one function in a version that gives its categories to another domain; the next change ends that.
    fn deploy(&mut self) {
        if self.deployed.is_empty() {
            let function = self.domains[self.rng.below(self.domains.len())];
            let other = self.domains[self.rng.below(self.domains.len())];
            // The catch-all takes whatever it gets.
            if other != Domain::Unrecognised {
                self.deployed.insert(function, other);
            }
        } else {
            self.deployed.clear();
        }
    }

    /// Gives the domain that the deployed version of a function takes its queue for, where that is another one.
    pub(super) fn deployed_as(&self, domain: Domain) -> Option<Domain> {
        self.deployed
            .get(&domain)
            .copied()
            .filter(|other| *other != domain)
    }

    fn begin_outage(&mut self, receiver: &Receiver) {
        self.outages += 1;
        let faults = [Fault::Deny, Fault::Throttle, Fault::FailBeforeEffect];
        let fault = faults[self.rng.below(faults.len())];
        // A minute is as likely as hours.
        let longest = LONGEST_OUTAGE >> self.rng.below(9);
        let lasts = Duration::from_secs(60 + self.rng.below(longest) as u64);
        let calls = self.some_calls();
        receiver.aws.begin_outage(fault, calls, lasts);
    }

    fn some_calls(&mut self) -> CallFilter {
        let queue = queue_name(self.domains[self.rng.below(self.domains.len())]);
        let writes = [
            (Service::DynamoDb, "PutItem"),
            (Service::DynamoDb, "UpdateItem"),
            (Service::DynamoDb, "BatchExecuteStatement"),
            (Service::S3, "PutObject"),
            (Service::S3, "DeleteObject"),
            (Service::EventBridge, "PutEvents"),
            (Service::Sqs, "DeleteMessageBatch"),
        ];
        match self.rng.below(10) {
            0..3 => CallFilter::any().on(queue),
            3 => CallFilter::any().on(DELIVERIES),
            4 => CallFilter::any().on(CHANGES),
            5 => {
                let tables = ["events", "entities", "idempotency", "keys"];
                CallFilter::any().on(tables[self.rng.below(tables.len())])
            }
            6 => {
                let buckets = ["archive", "quarantine", "pending"];
                CallFilter::any().on(buckets[self.rng.below(buckets.len())])
            }
            _ => {
                let (service, operation) = writes[self.rng.below(writes.len())];
                CallFilter::operation(service, operation)
            }
        }
    }

    /// Ends all that is wrong.
    pub(super) fn clear_up(&mut self, receiver: &Receiver) {
        receiver.aws.heal();
        receiver.effects.mend();
        receiver.jump_clocks(SignedDuration::ZERO);
        self.deployed.clear();
    }
}
