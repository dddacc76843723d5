//! Generates events for load tests: lives of fictional investors, many at a time.

mod order;
mod payments;
mod securities;
mod story;

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::subscription::Subscription;
use story::{Draft, Scene};

/// Says how many stories are told at the same time.
const CONCURRENT_STORIES: usize = 24;
/// Bounds the longest time between two events, in microseconds.
const LONGEST_PAUSE_MICROSECONDS: i64 = 400_000;

#[derive(Serialize)]
struct Event {
    id: String,
    created_at: String,
    r#type: &'static str,
    object: Value,
    webhook_id: &'static str,
}

/// Generates `count` events as JSON texts; the same seed gives the same events, and a larger `count` continues them.
///
/// Users, accounts and instruments are used again and again, stories (an account is opened, an order is executed in
/// parts, a direct debit is charged back ...) of every domain interleave, and now and then an execution precedes its order. Each event has an id
/// of its own, and `created_at` never goes backwards. The names in it are made up.
#[must_use]
pub fn generate(seed: u64, count: usize) -> Vec<String> {
    let mut generator = Generator::new(seed);
    (0..count).map(|_| generator.next_event()).collect()
}

struct Generator {
    scene: Scene,
    stories: Vec<VecDeque<Draft>>,
    now: Timestamp,
}

impl Generator {
    fn new(seed: u64) -> Self {
        Self {
            scene: Scene::new(seed),
            stories: vec![VecDeque::new(); CONCURRENT_STORIES],
            now: story::first_day(),
        }
    }

    fn next_event(&mut self) -> String {
        let pause = self.scene.random.i64(1..=LONGEST_PAUSE_MICROSECONDS);
        self.now += jiff::SignedDuration::from_micros(pause);
        let chosen = self.scene.random.usize(..self.stories.len());
        let next = loop {
            if let Some(next) = self.stories[chosen].pop_front() {
                break next;
            }
            self.stories[chosen] = self.scene.next_story(self.now).into();
        };
        let event = Event {
            id: self.scene.uuid(),
            created_at: self.now.to_string(),
            r#type: next.event_type,
            object: next.object_at(self.now),
            webhook_id: Subscription::SAMPLE_ID,
        };
        serde_json::to_string(&event).expect("texts and JSON values can be written")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet, HashSet};

    use upvest::projection::Placed;
    use upvest::time::Instant;
    use upvest::{Domain, EntityKey, Placement, Projection, Receipt};

    use super::*;

    fn parsed(events: &[String]) -> Vec<upvest::Event<'_>> {
        events
            .iter()
            .map(|json| upvest::Event::parse(json).unwrap())
            .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_events() {
        assert_eq!(generate(5, 300), generate(5, 300));
        assert_eq!(generate(5, 300)[..100], generate(5, 100));
        assert_ne!(generate(5, 300), generate(6, 300));
    }

    #[test]
    fn events_are_well_formed_in_order_and_about_entities_that_recur() {
        let texts = generate(1, 3_000);
        let events = parsed(&texts);
        let ids: HashSet<&str> = events.iter().map(upvest::Event::id).collect();
        assert_eq!(ids.len(), events.len());
        assert!(events.is_sorted_by(|left, right| left.created_at() <= right.created_at()));
        let entities: BTreeSet<EntityKey> = events.iter().map(|event| event.entity_key().unwrap()).collect();
        assert!(entities.len() * 2 < events.len(), "{} entities", entities.len());
        let types: BTreeSet<&str> = events.iter().map(upvest::Event::event_type).collect();
        for expected in [
            "USER.ACTIVATED",
            "USER_CHECK.FAILED",
            "ORDER.FILLED",
            "ORDER.CANCELLED",
            "ORDER_CANCELLATION.REJECTED",
            "EXECUTION.SETTLED",
            "WITHDRAWAL.CONFIRMED",
            "DIRECT_DEBIT.CONFIRMED",
            "CASH_TRANSACTION.EXECUTED",
            "PORTFOLIO_ORDER.SETTLED",
            "SAVINGS_PLAN_EXECUTION.FILLED",
            "FEE_COLLECTION.FINALISED",
            "TAX_COLLECTION.FINALISED",
            "SECURITIES_TRANSFER.SETTLED",
            "CORPORATE_ACTION.UPDATED",
            "INSTRUMENT.ACTIVATED",
            "ACCOUNT_RETURNS.CREATED",
            "REPORT.CREATED",
        ] {
            assert!(types.contains(expected), "{types:?}");
        }
    }

    #[test]
    fn every_event_is_of_a_type_that_upvest_is_known_to_send() {
        let texts = generate(4, 3_000);
        let mut domains = BTreeSet::new();
        for event in parsed(&texts) {
            let (category, event_type) = (event.category(), event.event_type());
            let state = event_type.rsplit('.').next().unwrap();
            assert!(category.knows_state(state), "{event_type}");
            domains.insert(category.domain);
        }
        let documented = include_str!("../../../events/documented-categories.txt").lines();
        let documented: BTreeSet<Domain> = documented.map(|name| upvest::category::of(name).domain).collect();
        assert_eq!(domains, documented);
    }

    #[test]
    fn a_charge_back_takes_back_what_a_direct_debit_brought() {
        let mut debits: BTreeMap<String, String> = BTreeMap::new();
        let mut charged_back = 0;
        for event in parsed(&generate(5, 6_000)) {
            let object: Value = serde_json::from_str(event.object().get()).unwrap();
            let text = |path: &str| object.pointer(path).and_then(Value::as_str).map(str::to_owned);
            if event.event_type() == "DIRECT_DEBIT.CONFIRMED" {
                debits.insert(text("/id").unwrap(), text("/cash_amount").unwrap());
            }
            if text("/type").as_deref() == Some("SEPA_DIRECT_DEBIT_CHARGE_BACK") {
                let brought = &debits[&text("/references/0/id").unwrap()];
                assert_eq!(text("/delta/amount"), Some(format!("-{brought}")));
                charged_back += 1;
            }
        }
        assert!(charged_back > 5, "{charged_back}");
    }

    #[test]
    fn most_events_are_about_orders_and_people() {
        let texts = generate(2, 3_000);
        let of = |domain: Domain| {
            let events = parsed(&texts);
            events
                .iter()
                .filter(|event| event.category().domain == domain)
                .count()
        };
        assert!(of(Domain::Orders) > 1_000, "{}", of(Domain::Orders));
        assert!(of(Domain::Users) > 100, "{}", of(Domain::Users));
    }

    #[test]
    fn executions_add_up_to_what_their_order_says() {
        let texts = generate(3, 4_000);
        let mut orders: BTreeMap<EntityKey, Projection> = BTreeMap::new();
        let mut objects: BTreeMap<&str, &str> = BTreeMap::new();
        let events = parsed(&texts);
        let received_at = Instant::parse("2026-12-01T00:00:00Z").unwrap();
        for (position, event) in (0..).zip(&events) {
            if event.category().domain == Domain::Orders {
                let aggregate = event.entity_key().unwrap();
                let receipt = Receipt {
                    received_at,
                    position,
                };
                let placed = Placed {
                    event,
                    aggregate: &aggregate,
                    occurred: &Placement::of(event, &receipt).occurred,
                };
                orders.entry(aggregate.clone()).or_default().fold(placed).unwrap();
                objects.insert(event.id(), event.object().get());
            }
        }
        let mut filled = 0;
        for order in orders.values().filter(|order| order.status() == Some("FILLED")) {
            let newest = &order.newest.as_ref().unwrap().occurred.event_id;
            let object: Value = serde_json::from_str(objects[newest.as_str()]).unwrap();
            let sum = order.derived("ORDER")["filled_quantity"].clone();
            let quantity: upvest::decimal::Decimal = object["quantity"].as_str().unwrap().parse().unwrap();
            assert_eq!(sum, upvest::projection::Derived::Text(quantity.to_string()));
            filled += 1;
        }
        assert!(filled > 100, "{filled}");
    }
}
