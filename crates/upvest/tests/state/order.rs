//! Ties: the last of the lifecycle, or the last that Upvest sent, wins, whatever the ids and the order of arrival.

use proptest::prelude::*;
use serde_json::json;
use upvest::category::{CATEGORIES, Category, Role};

use super::support::{Logged, event, fold, object};

/// The rows whose events give their entity a status, with more than one step to it.
fn lifecycles() -> Vec<&'static Category> {
    let rows = CATEGORIES.iter();
    rows.filter(|row| row.lifecycle.len() > 1 && row.role == Role::Snapshot)
        .collect()
}

/// A status that the step with this rank has, if its events say one.
fn status_of(row: &Category, rank: u8) -> Option<&'static str> {
    row.statuses
        .iter()
        .find(|step| step.rank == rank)
        .map(|step| step.names[0])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn of_events_of_one_second_the_last_of_the_lifecycle_wins(
        row in prop::sample::select(lifecycles()),
        numbers in Just((0..8_usize).collect::<Vec<_>>()).prop_shuffle(),
        receipts in prop::collection::vec((0..3_u8, 0..3_u16), 8),
        arrival in Just((0..8_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let events: Vec<Logged> = row.lifecycle.iter().enumerate().map(|(at, step)| {
            let mut object = object(row);
            // As Upvest's objects do: with a status, where the row knows one for the step.
            if let Some(status) = status_of(row, step.rank) {
                object[row.status_field] = json!(status);
            }
            let id = format!("e{}", numbers[at]);
            let json = event(&id, &format!("{}.{}", row.name, step.names[0]), 0, &object);
            Logged::new(&json, receipts[at].0, receipts[at].1)
        }).collect();
        let last = events.last().unwrap().clone();
        let arrived: Vec<Logged> = arrival.iter().filter_map(|at| events.get(*at).cloned()).collect();
        let state = fold(&arrived);
        let event = last.event();
        prop_assert_eq!(state.status().map(str::to_owned), event.status().map(|status| status.into_owned()));
        prop_assert_eq!(state.newest.as_ref().unwrap().event_type.as_str(), event.event_type());
        prop_assert_eq!(state.moved_back_from(), None);
    }

    #[test]
    fn of_events_without_a_lifecycle_the_last_in_the_delivery_and_the_last_delivery_win(
        row in prop::sample::select(CATEGORIES.iter().filter(|row| {
            row.lifecycle.is_empty() && row.role == Role::Snapshot && row.notices.len() == 1
        }).collect::<Vec<_>>()),
        numbers in Just((0..6_usize).collect::<Vec<_>>()).prop_shuffle(),
        arrival in Just((0..6_usize).collect::<Vec<_>>()).prop_shuffle(),
        in_one_delivery in any::<bool>(),
    ) {
        let events: Vec<Logged> = (0..6_u8).map(|at| {
            let json = event(
                &format!("e{}", numbers[usize::from(at)]),
                &format!("{}.{}", row.name, row.notices[0].names[0]),
                0,
                &object(row),
            );
            // Six in one delivery, or one each in six, whose positions say nothing.
            let (second, position) = if in_one_delivery { (0, at.into()) } else { (at, 10 - u16::from(at)) };
            Logged::new(&json, second, position)
        }).collect();
        let arrived: Vec<Logged> = arrival.iter().map(|at| events[*at].clone()).collect();
        prop_assert_eq!(&fold(&arrived).newest.unwrap().occurred, &events[5].occurred);
    }
}

fn account(id: &str, state: &str, status: &str, updated: &str, position: u16) -> Logged {
    let object =
        json!({ "id": "a", "status": status, "updated_at": format!("2026-01-01T00:00:00{updated}Z") });
    Logged::new(&event(id, &format!("ACCOUNT.{state}"), 0, &object), 0, position)
}

#[test]
fn of_statuses_that_can_be_left_again_the_later_object_wins_and_then_the_one_sent_last() {
    let locked = account("e2", "LOCKED", "LOCKED", ".2", 0);
    let active = account("e1", "ACTIVATED", "ACTIVE", ".1", 1);
    let state = fold(&[locked.clone(), active]);
    assert_eq!(state.status(), Some("LOCKED"));
    let unlocked = account("e1", "UPDATED", "ACTIVE", ".2", 1);
    for events in [[locked.clone(), unlocked.clone()], [unlocked, locked]] {
        let state = fold(&events);
        assert_eq!(state.status(), Some("ACTIVE"));
        assert_eq!(state.moved_back_from(), None);
    }
}

#[test]
fn an_account_that_is_created_active_was_created_before_it_was_locked() {
    let events = [
        account("e1", "LOCKED", "LOCKED", "", 0),
        account("e2", "CREATED", "ACTIVE", "", 1),
    ];
    assert_eq!(fold(&events).status(), Some("LOCKED"));
}

#[test]
fn an_event_from_the_year_9999_does_not_freeze_its_entity() {
    let order = |id: &str, created_at: &str, status: &str, second| {
        let json = json!({
            "id": id, "created_at": created_at, "type": format!("ORDER.{status}"), "object": { "id": "o1" },
        });
        Logged::new(&json.to_string(), second, 0)
    };
    let events = [
        order("e1", "9999-12-31T23:59:59Z", "NEW", 1),
        order("e2", "2026-01-01T00:01:02Z", "FILLED", 3),
    ];
    assert_eq!(fold(&events).status(), Some("FILLED"));
}

#[test]
fn a_later_time_beats_a_later_step() {
    let order = |id: &str, second, status: &str| {
        Logged::new(
            &event(id, &format!("ORDER.{status}"), second, &json!({ "id": "o1" })),
            0,
            0,
        )
    };
    assert_eq!(
        fold(&[order("e1", 2, "PROCESSING"), order("e2", 1, "FILLED")]).status(),
        Some("PROCESSING")
    );
}

#[test]
fn an_unknown_type_is_never_taken_for_progress() {
    let new = Logged::new(&event("e1", "ORDER.NEW", 0, &json!({ "id": "o1" })), 0, 0);
    let odd = Logged::new(
        &event(
            "e2",
            "ORDER.TELEPORTED",
            0,
            &json!({ "id": "o1", "status": "FILLED" }),
        ),
        1,
        0,
    );
    assert!(odd.occurred < new.occurred);
}
