//! What has to hold when all is over: the promises of the receiver.

use std::collections::{BTreeMap, BTreeSet};

use fake_aws::{Call, Fault, Outcome};
use pipeline::stores::archive::{ArchivedDelivery, BAD_SIGNATURE, VERIFIED_PREFIX};
use pipeline::stores::events::{LoggedEvent, conflict_key};
use upvest::projection::Placed;
use upvest::{EntityKey, Event, Projection};

use super::Run;
use crate::receiver::CHANGES;
use crate::stored::quarantine_reason;

impl Run {
    pub(super) async fn hold_promises(&mut self) {
        self.count();
        self.hold_log().await;
        self.hold_archive();
        self.hold_strangers();
        let events = self.hold_states().await;
        self.hold_effects(&events);
        self.hold_order();
        self.figures.events = self.log().await.len() as u64;
    }

    fn count(&mut self) {
        let calls = self.receiver.aws.calls();
        let struck = calls
            .iter()
            .filter(|call| matches!(call.outcome, Outcome::Struck(_)));
        self.figures.calls = calls.len() as u64;
        self.figures.faults = struck.count() as u64;
        self.figures.outages = self.weather.outages;
        self.figures.actions = self.receiver.effects.runs().len() as u64;
    }

    /// Reads the log, by key: event id and hash of the event.
    async fn log(&self) -> BTreeMap<String, LoggedEvent> {
        let events = self.receiver.logged().await.into_iter();
        events.map(|event| (event.event_id.clone(), event)).collect()
    }

    /// Every version of every genuine event is in the log exactly once, and nothing else is.
    async fn hold_log(&self) {
        let mut log = self.log().await;
        let mut versions: BTreeMap<String, BTreeMap<String, &str>> = BTreeMap::new();
        for json in self.story.genuine_events() {
            let event = Event::parse(json).expect("a good event");
            let of_id = versions.entry(event.id().to_owned()).or_default();
            of_id.insert(event.identity().to_hex(), json);
        }
        for (id, mut versions) in versions {
            let logged = log
                .remove(&id)
                .unwrap_or_else(|| panic!("event {id} is not in the log"));
            let json = versions
                .remove(&logged.sha256)
                .expect("the log has what was sent");
            let event = Event::parse(json).expect("a good event");
            assert_eq!(logged.object.as_deref(), Some(event.object().get()));
            for (hash, _) in versions {
                assert!(
                    log.remove(&conflict_key(&id, &hash)).is_some(),
                    "a conflict of {id} is not kept"
                );
            }
        }
        assert_eq!(log, BTreeMap::new(), "the log has what Upvest never sent");
    }

    /// Lists the objects of the bucket by the delivery that they are named after.
    fn places(&self) -> BTreeMap<String, Vec<String>> {
        let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for key in self.receiver.kept().into_keys() {
            let delivery_id = key.rsplit('/').next().unwrap_or_default().to_owned();
            places.entry(delivery_id).or_default().push(key);
        }
        places
    }

    /// Every answered delivery is in the archive, byte for byte, or, if it was forged, in quarantine.
    fn hold_archive(&self) {
        let (objects, places) = (self.receiver.kept(), self.places());
        for (delivery, ids) in self.story.deliveries.iter().zip(&self.answered) {
            for id in ids {
                let keys = places
                    .get(id)
                    .unwrap_or_else(|| panic!("delivery {id} is nowhere"));
                let verified = keys.iter().find(|key| key.starts_with(VERIFIED_PREFIX));
                let forged = || {
                    assert_eq!(verified, None, "a forged delivery counts as verified");
                    keys.iter()
                        .find(|key| quarantine_reason(key) == Some(BAD_SIGNATURE))
                };
                let key = if delivery.genuine { verified } else { forged() };
                let key = key.unwrap_or_else(|| panic!("delivery {id} is in {keys:?}"));
                let archived = ArchivedDelivery::parse(&objects[key].bytes).expect("a delivery");
                assert_eq!(archived.envelope.body, delivery.body);
                assert!(!delivery.genuine || archived.key_id.is_some());
            }
        }
        // One whose answer was lost may be there too; each of those is Upvest's.
        for (id, keys) in &places {
            let Some(key) = keys.iter().find(|key| key.starts_with(VERIFIED_PREFIX)) else {
                continue;
            };
            let archived = ArchivedDelivery::parse(&objects[key].bytes).expect("a delivery");
            let mut genuine = self.story.deliveries.iter().filter(|delivery| delivery.genuine);
            assert!(
                genuine.any(|delivery| delivery.body == archived.envelope.body),
                "delivery {id} counts as verified"
            );
        }
    }

    /// What a stranger was answered for is in quarantine, for whatever reason, and nowhere else.
    fn hold_strangers(&self) {
        let places = self.places();
        for id in self.strangers.answered() {
            let keys = places
                .get(id)
                .unwrap_or_else(|| panic!("a stranger's {id} is nowhere"));
            let quarantined = keys.iter().all(|key| quarantine_reason(key).is_some());
            assert!(quarantined, "a stranger's {id} is in {keys:?}");
        }
    }

    /// Every entity's state is the fold of its logged events, in whatever order; gives the events that are about one.
    async fn hold_states(&self) -> BTreeSet<String> {
        let (log, entities) = (self.receiver.log(), self.receiver.entities());
        let mut about = BTreeSet::new();
        let logged = self.log().await.into_values();
        let aggregates: BTreeSet<EntityKey> = logged.filter_map(|event| event.aggregate).collect();
        let stored = self.receiver.stored("entities");
        let expected = aggregates.iter().map(|aggregate| aggregate.as_str());
        assert_eq!(stored, expected.collect::<Vec<_>>());
        for aggregate in aggregates {
            let mut history = log.history(&aggregate).await.expect("the log can be read");
            // The fold may not depend on the order; the time line's is the one that the processors saw least.
            history.reverse();
            let mut rebuilt = Projection::default();
            for logged in &history {
                let json = logged.to_json().expect("it was stored from JSON");
                let event = Event::parse(&json).expect("a good event");
                let placed = Placed {
                    event: &event,
                    aggregate: &aggregate,
                    occurred: &logged.occurred,
                };
                rebuilt.fold(placed).expect("a logged event folds");
                about.insert(logged.event_id.clone());
            }
            let stored = entities.load(&aggregate).await.expect("the table can be read");
            let stored = stored.unwrap_or_else(|| panic!("{aggregate} has no state"));
            assert_eq!(stored.projection, rebuilt, "{aggregate}");
        }
        about
    }

    /// Every event about an entity was told, as a change or as late, and its action ran, once whichever it was: unless
    /// a crash, a failed call or a wrong clock kept its record from being completed.
    fn hold_effects(&self, events: &BTreeSet<String>) {
        let mut went_well: BTreeMap<String, usize> = BTreeMap::new();
        for run in self.receiver.effects.runs() {
            assert_eq!(run.key, run.event_id);
            *went_well.entry(run.event_id).or_default() += usize::from(run.returned);
        }
        let changes = self.receiver.aws.published(CHANGES).into_iter();
        let published: BTreeSet<String> = changes
            .map(|change| {
                let detail: serde_json::Value = serde_json::from_str(&change.detail).expect("it is JSON");
                detail["event"]["id"]
                    .as_str()
                    .expect("it names the event")
                    .to_owned()
            })
            .collect();
        assert_eq!(&published, events, "published");
        for event in events {
            let runs = went_well.get(event).copied().unwrap_or_default();
            assert!(runs > 0, "no action for {event}");
        }
        let again: usize = went_well.values().map(|runs| runs.saturating_sub(1)).sum();
        let calls = self.receiver.aws.calls();
        let excused = calls.iter().filter(|call| excuses_a_second_run(call)).count();
        let excused = excused + self.figures.deaths as usize;
        assert!(
            again <= excused || self.weather.clocks_were_wrong,
            "{again} actions ran again, {excused} with an excuse"
        );
    }

    /// The actions of each entity went well in the order in which its queue had the events, those apart that were
    /// buried and sent back.
    fn hold_order(&self) {
        let mut first: BTreeMap<String, usize> = BTreeMap::new();
        let runs = self.receiver.effects.runs().into_iter().enumerate();
        for (at, run) in runs.filter(|(_, run)| run.returned) {
            first.entry(run.event_id).or_insert(at);
        }
        for (entity, events) in self.handed_out.in_order() {
            let acted: Vec<_> = events.iter().map(|event| first.get(*event)).collect();
            assert!(
                acted.is_sorted(),
                "{entity} had {events:?} in its queue, and acted at {acted:?}"
            );
        }
    }
}

/// Says whether a call could keep an action's record from being completed.
fn excuses_a_second_run(call: &Call) -> bool {
    match call.outcome {
        Outcome::Struck(Fault::CrashBeforeEffect | Fault::CrashAfterEffect) => true,
        Outcome::Struck(_) => call.resource == "idempotency",
        _ => false,
    }
}
