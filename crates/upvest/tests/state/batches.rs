//! Batches: whatever way events come together, the state is the same, and every change is told.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;
use upvest::batch::{Batch, Outcome, Stored};
use upvest::effects::{Attempt, Dispatch, Effect, Transition};
use upvest::packing::PackingError;
use upvest::projection::{Applied, RULES};

use super::support::{Logged, event, fold, history};

fn attempt(dispatch: Dispatch, receive_count: u32) -> Attempt {
    let at: Timestamp = "2026-01-01T00:02:00Z".parse().unwrap();
    Attempt {
        dispatch,
        receive_count,
        dispatched_at: Some(at),
        sent_at: Some(at),
        transition: None,
    }
}

/// Folds events into a batch, each by the same attempt.
fn run(batch: &mut Batch, events: &[&Logged], attempt: &Attempt) -> Vec<Outcome> {
    let fold = |event: &&Logged| batch.fold(event.placed(&event.event()), attempt).unwrap();
    events.iter().map(fold).collect()
}

fn start(event: &Logged, stored: Option<Stored>) -> Batch {
    Batch::start(event.aggregate.clone(), stored)
}

/// Folds and writes a batch: the outcomes, and what the table has then.
fn write(stored: Option<Stored>, events: &[&Logged], attempt: &Attempt) -> (Vec<Outcome>, Option<Stored>) {
    let mut batch = start(events[0], stored.clone());
    let outcomes = run(&mut batch, events, attempt);
    (outcomes, batch.finish().or(stored))
}

fn order(id: &str, second: u8, status: &str) -> Logged {
    Logged::new(
        &event(id, &format!("ORDER.{status}"), second, &json!({ "id": "o1" })),
        0,
        0,
    )
}

fn effects(outcomes: &[Outcome]) -> Vec<Effect> {
    outcomes.iter().map(|outcome| outcome.effect).collect()
}

#[test]
fn a_batch_is_one_write_with_a_transition_for_each_change() {
    let (new, processing, filled) = (
        order("e1", 1, "NEW"),
        order("e2", 2, "PROCESSING"),
        order("e3", 3, "FILLED"),
    );
    let (outcomes, stored) = write(None, &[&new, &processing, &filled], &attempt(Dispatch::First, 1));
    let stored = stored.unwrap();
    assert_eq!((stored.version, stored.fold), (1, RULES));
    let statuses = |transition: &Transition| {
        let previous = transition
            .previous
            .as_ref()
            .and_then(|previous| previous.status.clone());
        (previous, transition.current.status.clone())
    };
    let told = |text: &str| Some(text.to_owned());
    assert_eq!(
        stored.transitions.iter().map(statuses).collect::<Vec<_>>(),
        [
            (None, told("NEW")),
            (told("NEW"), told("PROCESSING")),
            (told("PROCESSING"), told("FILLED"))
        ],
        "each change has what was before it, not what was before the batch"
    );
    let packed = Transition::pack(&stored.transitions);
    assert!(packed.len() < 60, "no status is written twice: {packed:?}");
    assert_eq!(Transition::unpack(&packed).unwrap(), stored.transitions);
    for at in 0..packed.len() {
        assert_eq!(
            Transition::unpack(&packed[..at]),
            Err(PackingError),
            "cut at {at}"
        );
    }
    assert_eq!(effects(&outcomes), [Effect::Fresh; 3]);
    assert_eq!(outcomes[0].transition.current.version, 1);
}

#[test]
fn effects_that_did_not_end_are_resumed_with_what_they_began_with() {
    let (new, filled, late) = (
        order("e1", 1, "NEW"),
        order("e3", 3, "FILLED"),
        order("e2", 2, "PROCESSING"),
    );
    let (first, stored) = write(None, &[&new, &filled], &attempt(Dispatch::First, 1));
    // The first came to its end; the second comes again, with an event behind it that arrives late.
    let (second, stored) = write(stored, &[&filled, &late], &attempt(Dispatch::First, 2));
    assert_eq!(effects(&second), [Effect::Resume, Effect::Duplicate]);
    assert_eq!(second[0].transition, first[1].transition);
    // The late one left a trace, so there was a write: it keeps the transition of its own batch and drops the other.
    let kept: Vec<String> = stored
        .unwrap()
        .transitions
        .into_iter()
        .map(|kept| kept.event_id)
        .collect();
    assert_eq!(kept, ["e3"]);
}

#[test]
fn a_transition_that_went_to_the_dead_letter_queue_comes_back_with_its_message() {
    let (new, filled) = (order("e1", 1, "NEW"), order("e2", 2, "FILLED"));
    let (first, stored) = write(None, &[&new], &attempt(Dispatch::First, 1));
    let (_, stored) = write(stored, &[&filled], &attempt(Dispatch::First, 1));
    let redriven = Attempt {
        transition: Some(first[0].transition.clone()),
        ..attempt(Dispatch::Again, 1)
    };
    let (again, _) = write(stored.clone(), &[&new], &redriven);
    assert_eq!(
        (again[0].effect, &again[0].transition),
        (Effect::Resume, &first[0].transition)
    );
    // Without it nobody knows: told again, and as such.
    let (again, _) = write(stored, &[&new], &attempt(Dispatch::Again, 1));
    assert_eq!(again[0].effect, Effect::Duplicate);
}

#[test]
fn a_replay_has_no_effects_and_takes_none_from_the_event_itself() {
    let new = order("e1", 1, "NEW");
    let (replayed, stored) = write(None, &[&new], &attempt(Dispatch::Replay, 1));
    assert_eq!(
        (replayed[0].effect, replayed[0].applied),
        (Effect::Replay, Applied::Fresh)
    );
    let (own, _) = write(stored, &[&new], &attempt(Dispatch::Again, 1));
    assert_eq!(
        (own[0].effect, &own[0].transition),
        (Effect::Resume, &replayed[0].transition)
    );
}

#[test]
fn an_event_that_a_rebuild_put_into_the_state_is_told_when_it_comes() {
    let new = order("e1", 1, "NEW");
    let rebuilt = Stored::rebuilt(None, fold(std::slice::from_ref(&new)));
    let (outcomes, stored) = write(Some(rebuilt.clone()), &[&new], &attempt(Dispatch::First, 1));
    assert_eq!(
        (outcomes[0].effect, &outcomes[0].transition.previous),
        (Effect::Fresh, &None)
    );
    assert_eq!(stored, Some(rebuilt), "there is nothing to write");
}

#[test]
fn the_same_event_twice_in_a_batch_changes_the_state_once() {
    let new = order("e1", 1, "NEW");
    let (outcomes, stored) = write(None, &[&new, &new], &attempt(Dispatch::First, 1));
    assert_eq!(effects(&outcomes), [Effect::Fresh, Effect::Resume]);
    assert_eq!(outcomes[0].transition, outcomes[1].transition);
    assert_eq!(stored.unwrap().transitions.len(), 1);
}

#[test]
fn an_event_that_cannot_be_folded_is_left_out() {
    let new = order("e1", 1, "NEW");
    let json = event("e2", "EXECUTION.FILLED", 2, &json!({ "order_id": "o1" }));
    let broken = upvest::Event::parse(&json).unwrap();
    let mut batch = start(&new, None);
    run(&mut batch, &[&new], &attempt(Dispatch::First, 1));
    let before = batch.clone().finish();
    assert!(
        batch
            .fold(new.placed(&broken), &attempt(Dispatch::First, 1))
            .is_err()
    );
    assert_eq!(batch.finish(), before);
}

#[test]
fn a_state_of_older_rules_says_so_until_it_is_rebuilt() {
    let (new, filled) = (order("e1", 1, "NEW"), order("e2", 2, "FILLED"));
    let (_, stored) = write(None, &[&new], &attempt(Dispatch::First, 1));
    let old = Stored {
        fold: RULES - 1,
        ..stored.unwrap()
    };
    let (_, stored) = write(Some(old), &[&filled], &attempt(Dispatch::First, 1));
    let stored = stored.unwrap();
    assert!(!stored.is_of_current_rules());
    let rebuilt = Stored::rebuilt(Some(stored.clone()), stored.projection.clone());
    assert!(rebuilt.is_of_current_rules());
    assert_eq!((rebuilt.version, rebuilt.transitions), (3, stored.transitions));
}

#[test]
fn a_move_backwards_is_flagged_once() {
    let events = [
        order("e1", 1, "FILLED"),
        order("e2", 2, "PROCESSING"),
        order("e3", 3, "PROCESSING"),
    ];
    let (outcomes, _) = write(
        None,
        &[&events[0], &events[1], &events[2]],
        &attempt(Dispatch::First, 1),
    );
    let moves: Vec<bool> = outcomes.iter().map(|outcome| outcome.moves_back).collect();
    assert_eq!(moves, [false, true, false]);
    assert_eq!(outcomes[2].moved_back_from.as_deref(), Some("FILLED"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// The messages of an entity's queue arrive in batches of any size. Before the effects of a message the process may
    /// die: then it, and all behind it in the queue, come again.
    #[test]
    fn every_event_is_told_at_least_once_and_every_change_as_one(
        (_, events) in history(),
        deaths in prop::collection::vec((1..4_usize, 0..5_usize), 1..30),
    ) {
        let (mut stored, mut done) = (None, 0);
        let mut received = vec![0; events.len()];
        let mut told: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut fresh = BTreeSet::new();
        for (size, death) in deaths.into_iter().chain(std::iter::repeat_n((3, 9), events.len())) {
            let end = events.len().min(done + size);
            let mut batch = Batch::start(events[0].aggregate.clone(), stored.clone());
            let mut outcomes = Vec::new();
            for index in done..end {
                received[index] += 1;
                let attempt = attempt(Dispatch::First, received[index]);
                outcomes.push(batch.fold(events[index].placed(&events[index].event()), &attempt).unwrap());
            }
            let Some(written) = batch.finish().or(stored.clone()) else { continue };
            stored = Some(written);
            for (event, outcome) in events[done..end].iter().zip(&outcomes) {
                if outcome.applied == Applied::Fresh {
                    fresh.insert(event.occurred.event_id.as_str());
                }
            }
            let survived = death.min(end - done);
            for (event, outcome) in events[done..done + survived].iter().zip(&outcomes) {
                told.entry(&event.occurred.event_id).or_default().insert(outcome.effect.name());
            }
            done += survived;
        }
        let transitions = &stored.as_ref().unwrap().transitions;
        prop_assert_eq!(&Transition::unpack(&Transition::pack(transitions)).unwrap(), transitions);
        prop_assert_eq!(told.len(), events.len());
        for (event, effects) in &told {
            let as_change = effects.contains("fresh") || effects.contains("resume");
            prop_assert_eq!(as_change, fresh.contains(event), "{}: {:?}", event, effects);
        }
        prop_assert_eq!(stored.unwrap().projection, fold(&events));
    }
}
