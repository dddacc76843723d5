//! Whole runs of the receiver under duplicates, reordering, crashes, throttling and lost replies.
//!
//! `SIMULATION_SEEDS` sets how many seeds are run; `SIMULATION_SEED` runs one.

#![expect(clippy::unwrap_used, reason = "a run that cannot go on fails")]
#![expect(clippy::print_stderr, reason = "a failing seed has to be told")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fake_aws::{Call, Fault, FaultRates, Outcome, Rng};
use pipeline::stores::archive::ArchivedDelivery;
use pipeline::stores::events::{LoggedEvent, conflict_key};
use upvest::category::{CATEGORIES, Role, UNRECOGNISED};
use upvest::projection::Placed;
use upvest::{EntityKey, Event, Projection};
use verify_and_store::Policy;
use webhook_tests::deliveries::import_key;
use webhook_tests::effects::Trouble;
use webhook_tests::receiver::{CHANGES, Receiver};
use webhook_tests::story::{Delivery, Story};

/// How many seeds a run takes where nobody says otherwise.
const SEEDS: u64 = 1_000;

#[test]
fn nothing_is_lost_doubled_or_taken_on_trust_whatever_fails() {
    let one = std::env::var("SIMULATION_SEED")
        .ok()
        .map(|seed| seed.parse::<u64>().unwrap());
    let count = std::env::var("SIMULATION_SEEDS").map_or(SEEDS, |count| count.parse().unwrap());
    let seeds = one.map_or(0..count, |seed| seed..seed + 1);
    std::thread::scope(|scope| {
        for parity in 0..2 {
            let seeds = seeds.clone().filter(move |seed| seed % 2 == parity);
            scope.spawn(move || seeds.for_each(simulate));
        }
    });
}

fn simulate(seed: u64) {
    let run = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(Run::new(seed).complete());
    };
    if let Err(panic) = std::panic::catch_unwind(run) {
        eprintln!(
            "seed {seed} fails; to run it alone:\n  \
             SIMULATION_SEED={seed} cargo test --workspace --test it simulation"
        );
        std::panic::resume_unwind(panic);
    }
}

struct Run {
    receiver: Receiver,
    story: Story,
    rng: Rng,
    /// For each delivery of the story: the ids under which it was answered 200.
    answered: Vec<BTreeSet<String>>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let receiver = Receiver::new(seed, Policy::Flag);
        let mut rng = receiver.aws.rng();
        let story = Story::new(&mut rng);
        let answered = vec![BTreeSet::new(); story.deliveries.len()];
        Self {
            receiver,
            story,
            rng,
            answered,
        }
    }

    async fn complete(mut self) {
        import_key(&self.receiver.aws, self.story.keys[0].clone()).await;
        self.receiver.aws.set_fault_rates(FaultRates::stormy());
        self.trouble_some_actions();
        for _ in 0..60 + self.rng.below(60) {
            self.step().await;
        }
        self.receiver.aws.heal();
        self.receiver.effects.mend();
        import_key(&self.receiver.aws, self.story.keys[1].clone()).await;
        while let Some(delivery) = self.answered.iter().position(BTreeSet::is_empty) {
            self.post(delivery).await;
        }
        self.receiver.drain().await;
        // What was sent on and lost in a crash counts as on its way for an hour.
        self.receiver.aws.clock().advance(Duration::from_secs(3_601));
        assert!(self.send_on().await);
        self.receiver.drain().await;
        self.assert_log().await;
        self.assert_archive();
        let events = self.assert_projections().await;
        self.assert_effects(&events);
    }

    /// The action fails, panics or never ends for some events, until all is healed.
    fn trouble_some_actions(&mut self) {
        let events: Vec<String> = self
            .story
            .genuine_events()
            .into_iter()
            .map(str::to_owned)
            .collect();
        for json in events {
            if self.rng.chance(30) {
                let kinds = [Trouble::Fails, Trouble::Hopeless, Trouble::Panics, Trouble::Hangs];
                let event = Event::parse(&json).unwrap();
                self.receiver
                    .effects
                    .trouble(event.id(), kinds[self.rng.below(kinds.len())]);
            }
        }
    }

    /// One thing that happens: Upvest posts, a function runs, time passes.
    async fn step(&mut self) {
        let domains: Vec<_> = self.receiver.domains().collect();
        let domain = domains[self.rng.below(domains.len())];
        match self.rng.below(20) {
            0..8 => {
                // Mostly the next one that was not answered; at times one that was, as after a lost 200.
                let unanswered = self.answered.iter().position(BTreeSet::is_empty);
                let any = self.rng.below(self.answered.len());
                let again = self.rng.chance(150);
                self.post(unanswered.filter(|_| !again).unwrap_or(any)).await;
            }
            8..12 => drop(self.receiver.verify_and_store().await),
            12 => self.receiver.verify_and_store_twice().await,
            13..17 => drop(self.receiver.process(domain).await),
            17 => self.receiver.process_twice(domain).await,
            // A fetch of the keys, whatever becomes of it.
            18 => drop(self.send_on().await),
            _ => self
                .receiver
                .aws
                .clock()
                .advance(Duration::from_secs(self.rng.below(600) as u64)),
        }
    }

    /// Sends on what waits for Upvest's keys, as a fetch does; says whether nothing failed.
    async fn send_on(&self) -> bool {
        let keys = self.story.keys.iter().filter_map(|key| key.key_id());
        let waiting = self.receiver.waiting_for_keys();
        waiting.send_on(keys, Duration::from_secs(60)).await.is_ok()
    }

    async fn post(&mut self, index: usize) {
        let Delivery { headers, body, .. } = &self.story.deliveries[index];
        let Ok((status, answer)) = self.receiver.post(headers, body).await else {
            return;
        };
        if status == 200 {
            let body: serde_json::Value = serde_json::from_str(&answer).unwrap();
            self.answered[index].insert(body["delivery_id"].as_str().unwrap().to_owned());
        } else {
            assert_eq!(status, 503, "a failure of our own asks for another delivery");
        }
    }

    /// The log, by key: event id and hash of the event.
    async fn log(&self) -> BTreeMap<String, LoggedEvent> {
        let events = self.receiver.logged().await.into_iter();
        events.map(|event| (event.event_id.clone(), event)).collect()
    }

    /// Every version of every genuine event is in the log exactly once, and nothing else is.
    async fn assert_log(&self) {
        let mut log = self.log().await;
        let mut versions: BTreeMap<String, BTreeMap<String, &str>> = BTreeMap::new();
        for json in self.story.genuine_events() {
            let id = Event::parse(json).unwrap().id().to_owned();
            versions.entry(id).or_default().insert(hash(json), json);
        }
        for (id, mut versions) in versions {
            let logged = log
                .remove(&id)
                .unwrap_or_else(|| panic!("event {id} is not in the log"));
            let json = versions
                .remove(&logged.sha256)
                .expect("the log has what was sent");
            let object = Event::parse(json).unwrap().object().get().to_owned();
            assert_eq!(logged.object, Some(object));
            for (hash, _) in versions {
                assert!(
                    log.remove(&conflict_key(&id, &hash)).is_some(),
                    "a conflict of {id} is not kept"
                );
            }
        }
        assert_eq!(log, BTreeMap::new(), "the log has what Upvest never sent");
    }

    /// Every answered delivery is in the archive, byte for byte, or, if it was forged, in quarantine.
    fn assert_archive(&self) {
        let objects = self.receiver.aws.objects("archive");
        let mut by_delivery: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for key in objects.keys() {
            by_delivery
                .entry(key.rsplit('/').next().unwrap().to_owned())
                .or_default()
                .push(key);
        }
        for (delivery, ids) in self.story.deliveries.iter().zip(&self.answered) {
            for id in ids {
                let keys = by_delivery
                    .get(id)
                    .unwrap_or_else(|| panic!("delivery {id} is nowhere"));
                let of = |prefix| keys.iter().find(|key| key.starts_with(prefix));
                let place = if delivery.genuine {
                    "verified/"
                } else {
                    "quarantine/bad-signature/"
                };
                let key = of(place).unwrap_or_else(|| panic!("delivery {id} is in {keys:?}"));
                assert!(
                    delivery.genuine || of("verified/").is_none(),
                    "a forged delivery counts as verified"
                );
                let archived = ArchivedDelivery::parse(&objects[*key].bytes).unwrap();
                assert_eq!(archived.envelope.body, delivery.body);
                assert!(!delivery.genuine || archived.key_id.is_some());
            }
        }
    }

    /// Every entity's state is the fold of its logged events, in whatever order; gives the events that are about one.
    async fn assert_projections(&self) -> BTreeSet<String> {
        let (log, entities) = (self.receiver.log(), self.receiver.entities());
        let mut about = BTreeSet::new();
        let logged = self.log().await.into_values();
        let aggregates: BTreeSet<EntityKey> = logged.filter_map(|event| event.aggregate).collect();
        let stored = self.receiver.stored("entities");
        let expected = aggregates.iter().map(|aggregate| aggregate.as_str());
        assert_eq!(stored, expected.collect::<Vec<_>>());
        for aggregate in aggregates {
            let mut history = log.history(&aggregate).await.unwrap();
            // The fold may not depend on the order; the time line's is the one that the processors saw least.
            history.reverse();
            let mut rebuilt = Projection::default();
            for logged in &history {
                let json = logged.to_json().unwrap();
                let event = Event::parse(&json).unwrap();
                let placed = Placed {
                    event: &event,
                    aggregate: &aggregate,
                    occurred: &logged.occurred,
                };
                rebuilt.fold(placed).unwrap();
                about.insert(logged.event_id.clone());
            }
            let stored = entities.load(&aggregate).await.unwrap();
            let stored = stored.unwrap_or_else(|| panic!("{aggregate} has no state"));
            assert_eq!(stored.projection, rebuilt, "{aggregate}");
        }
        about
    }

    /// Every event about an entity was told, as a change or as late, and its action ran, once whichever it was: unless
    /// a crash or a failed call kept its record from being completed.
    fn assert_effects(&self, events: &BTreeSet<String>) {
        let mut went_well: BTreeMap<String, usize> = BTreeMap::new();
        for run in self.receiver.effects.runs() {
            assert_eq!(run.key, run.event_id);
            *went_well.entry(run.event_id).or_default() += usize::from(run.returned);
        }
        let changes = self.receiver.aws.published(CHANGES).into_iter();
        let published: BTreeSet<String> = changes
            .map(|change| {
                let detail: serde_json::Value = serde_json::from_str(&change.detail).unwrap();
                detail["event"]["id"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(&published, events, "published");
        for event in events {
            assert!(
                went_well.get(event).is_some_and(|runs| *runs > 0),
                "no action for {event}"
            );
        }
        let again: usize = went_well.values().map(|runs| runs.saturating_sub(1)).sum();
        let calls = self.receiver.aws.calls();
        let excused = calls.iter().filter(|call| excuses_a_second_run(call)).count();
        assert!(
            again <= excused,
            "{again} actions ran again, {excused} with an excuse"
        );
    }
}

/// Whether a call could keep an action's record from being completed.
fn excuses_a_second_run(call: &Call) -> bool {
    match call.outcome {
        Outcome::Struck(Fault::CrashBeforeEffect | Fault::CrashAfterEffect) => true,
        Outcome::Struck(_) => call.resource == "idempotency",
        _ => false,
    }
}

fn hash(json: &str) -> String {
    Event::parse(json).unwrap().identity().to_hex()
}

#[test]
fn the_stories_have_something_of_everything() {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for seed in 0..400 {
        let story = Story::new(&mut Rng::new(seed));
        for json in story.genuine_events() {
            let event = Event::parse(json).unwrap();
            seen.insert(event.category().name);
            let oddities = [
                ("about no entity", event.entity_key().is_err()),
                ("a status never seen", json.contains("\"TELEPORTED\"")),
                ("no decimal", json.contains("\"ten\"")),
                ("a type never seen", event.is_of_unknown_type()),
            ];
            let told = oddities.into_iter().filter(|(_, is_told)| *is_told);
            seen.extend(told.map(|(oddity, _)| oddity));
        }
        if story.deliveries.iter().any(|delivery| !delivery.genuine) {
            seen.insert("forged");
        }
    }
    let mut all: BTreeSet<&str> = CATEGORIES.iter().map(|row| row.name).collect();
    all.extend([
        UNRECOGNISED.name,
        "about no entity",
        "a status never seen",
        "no decimal",
        "a type never seen",
        "forged",
    ]);
    assert_eq!(seen, all);
}

#[test]
fn a_part_may_come_before_its_whole() {
    let first_is_a_part = |seed| {
        let story = Story::new(&mut Rng::new(seed));
        let mut first: BTreeMap<EntityKey, Event<'_>> = BTreeMap::new();
        for json in story.genuine_events() {
            let event = Event::parse(json).unwrap();
            let Ok(entity) = event.entity_key() else { continue };
            let earlier = first
                .get(&entity)
                .is_none_or(|other| event.created_at() < other.created_at());
            if earlier {
                first.insert(entity, event);
            }
        }
        first
            .values()
            .any(|event| matches!(event.category().role, Role::Part { .. }))
    };
    assert!((0..50).any(first_is_a_part));
}
