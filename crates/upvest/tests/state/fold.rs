//! The fold: commutative, idempotent, and open about what it did.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;
use upvest::packing::{pack_history, unpack_history};
use upvest::projection::{Applied, MAX_ENTRIES, MAX_UNKNOWN_TYPES, Newest, Parts, Projection};
use upvest::{EntityKey, Occurred};

use super::support::{Logged, event, fold, shuffled};

/// What a state shows: status, figures, parts, the newest object, unknown types.
fn shown(state: &Projection, entity_type: &str) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        state.status().map(str::to_owned),
        state.derived(entity_type),
        state.parts.clone(),
        state.newest.clone(),
        state.unknown_types.clone(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_order_with_any_repeats_folds_to_the_same_state((entity, events, shuffled) in shuffled()) {
        let (straight, shuffled) = (fold(&events), fold(&shuffled));
        prop_assert_eq!(straight.derived(entity), shuffled.derived(entity));
        prop_assert_eq!(straight.status(), shuffled.status());
        prop_assert_eq!(straight.moved_back_from(), shuffled.moved_back_from());
        prop_assert_eq!(straight, shuffled);
    }

    #[test]
    fn an_event_is_fresh_when_it_changes_what_is_shown_and_never_twice((entity, _, shuffled) in shuffled()) {
        let mut state = Projection::default();
        let mut fresh = BTreeSet::new();
        for event in &shuffled {
            let before = shown(&state, entity);
            let applied = event.fold(&mut state);
            prop_assert_eq!(applied == Applied::Fresh, before != shown(&state, entity));
            if applied == Applied::Fresh {
                prop_assert!(fresh.insert(event.occurred.event_id.clone()), "{:?} was fresh twice", event);
            }
        }
        prop_assert!(!fresh.is_empty());
    }

    #[test]
    fn an_event_that_is_shown_is_a_duplicate_when_it_comes_again((_, events, _) in shuffled()) {
        let mut state = fold(&events);
        let last = events.iter().max_by_key(|event| &event.occurred).unwrap();
        // The last of all events is the newest of whatever it is about.
        prop_assert_eq!(last.fold(&mut state), Applied::Duplicate);
        prop_assert_eq!(&state.last.as_ref().unwrap().occurred, &last.occurred);
    }

    #[test]
    fn all_events_of_an_entity_have_its_key((entity, events, _) in shuffled()) {
        let keys: BTreeSet<&EntityKey> = events.iter().map(|event| &event.aggregate).collect();
        prop_assert_eq!(keys.len(), 1);
        prop_assert_eq!(keys.first().unwrap().entity_type(), entity);
    }

    #[test]
    fn a_state_that_a_table_keeps_comes_back_whole((entity, events, _) in shuffled()) {
        let state = fold(&events);
        for parts in state.parts.values() {
            prop_assert_eq!(&Parts::unpack(&parts.pack()).unwrap(), parts);
        }
        let newest = state.newest.as_ref().map(|newest| {
            Newest::from_stored(
                newest.event_type.clone(),
                newest.occurred.clone(),
                state.derived(entity),
                state.related(),
                state.user_id().map(str::to_owned),
            )
        });
        prop_assert_eq!(&newest, &state.newest);
        prop_assert_eq!(&unpack_history(&pack_history(&state.history)).unwrap(), &state.history);
        for occurred in state.unknown_types.values() {
            prop_assert_eq!(&Occurred::from_stored(&occurred.to_string()).unwrap(), occurred);
        }
    }
}

fn order(id: &str, second: u8, status: &str) -> Logged {
    let object = json!({ "id": "o1", "status": status });
    Logged::new(&event(id, &format!("ORDER.{status}"), second, &object), 0, 0)
}

fn plan_execution(id: &str, second: u8, state: &str) -> Logged {
    let event_type = format!("SAVINGS_PLAN_EXECUTION.{state}");
    Logged::new(&event(id, &event_type, second, &json!({ "id": "x" })), 0, 0)
}

#[test]
fn a_state_that_moves_backwards_is_applied_and_flagged_in_any_order() {
    let events = [order("e1", 1, "FILLED"), order("e2", 2, "PROCESSING")];
    let reversed = [events[1].clone(), events[0].clone()];
    for state in [fold(&events), fold(&reversed)] {
        assert_eq!(state.status(), Some("PROCESSING"));
        assert_eq!(state.moved_back_from(), Some("FILLED"));
    }
    let forward = fold(&[order("e1", 1, "NEW"), order("e2", 2, "FILLED")]);
    assert_eq!(forward.moved_back_from(), None);
}

#[test]
fn a_notice_without_a_status_leaves_the_status_alone() {
    let state = fold(&[
        plan_execution("e1", 1, "NEW"),
        plan_execution("e2", 2, "REMINDER"),
    ]);
    assert_eq!(state.status(), Some("NEW"));
    assert_eq!(
        state.newest.unwrap().event_type,
        "SAVINGS_PLAN_EXECUTION.REMINDER"
    );
}

#[test]
fn a_status_that_arrives_after_a_later_notice_without_one_is_fresh() {
    let (reminder, new) = (
        plan_execution("e2", 2, "REMINDER"),
        plan_execution("e1", 1, "NEW"),
    );
    let mut state = fold(std::slice::from_ref(&reminder));
    assert_eq!(new.fold(&mut state), Applied::Fresh);
    assert_eq!(state.status(), Some("NEW"));
    assert_eq!(new.fold(&mut state), Applied::Late);
}

#[test]
fn an_unknown_type_of_a_known_category_stands_beside_the_state_and_changes_none_of_it() {
    let object = json!({ "id": "o1", "status": "NEW", "user_id": "u1", "cancellation_reason": "R" });
    let new = Logged::new(&event("e1", "ORDER.NEW", 1, &object), 0, 0);
    let known = fold(std::slice::from_ref(&new));
    let odd = |id: &str, second| {
        Logged::new(
            &event(
                id,
                "ORDER.TELEPORTED",
                second,
                &json!({ "id": "o1", "status": "GONE" }),
            ),
            0,
            0,
        )
    };
    let mut state = known.clone();
    assert_eq!(
        odd("e3", 3).fold(&mut state),
        Applied::Fresh,
        "somebody is to be told"
    );
    assert_eq!(odd("e2", 2).fold(&mut state), Applied::Late);
    assert_eq!(odd("e3", 3).fold(&mut state), Applied::Duplicate);
    assert_eq!((&state.newest, &state.history), (&known.newest, &known.history));
    assert_eq!(state.unknown_types["ORDER.TELEPORTED"].event_id, "e3");
    assert_eq!(state.last.unwrap().occurred.event_id, "e3");
}

#[test]
fn a_failed_exemption_is_cancelled_and_keeps_what_is_known() {
    let object = json!({ "id": "t", "status": "NEW", "user_ids": ["u1"] });
    let created = Logged::new(&event("e1", "TAX_EXEMPTION.CREATED", 1, &object), 0, 0);
    let failed = |state: &str| {
        let object = json!({ "id": "t", "reason": "REFUSED" });
        Logged::new(&event("e2", &format!("TAX_EXEMPTION.{state}"), 2, &object), 0, 0)
    };
    for (state, status) in [
        ("CREATION_FAILED", "CANCELLED"),
        ("UPDATE_FAILED", "NEW"),
        ("DELETION_FAILED", "NEW"),
    ] {
        let exemption = fold(&[created.clone(), failed(state)]);
        assert_eq!(exemption.status(), Some(status), "{state}");
        assert_eq!(exemption.user_id(), Some("u1"));
        assert!(exemption.parts["failures"].get("e2").is_some());
    }
}

#[test]
fn figures_are_those_of_the_newest_object_as_a_whole() {
    let withdrawal = |id: &str, second, object: serde_json::Value| {
        Logged::new(&event(id, "WITHDRAWAL.PROCESSING", second, &object), 0, 0)
    };
    let first = withdrawal(
        "e1",
        1,
        json!({ "id": "w", "user_id": "u", "cancellation_reason": "R" }),
    );
    let second = withdrawal("e2", 2, json!({ "id": "w", "account_group_id": "g" }));
    let state = fold(&[second, first]);
    assert!(
        state.derived("WITHDRAWAL").is_empty(),
        "what the newer one lacks is not there"
    );
    let related: Vec<String> = state.related().iter().map(EntityKey::to_string).collect();
    assert_eq!(
        (related, state.user_id()),
        (vec!["ACCOUNT_GROUP#g".to_owned()], None)
    );
}

#[test]
fn an_account_belongs_to_its_owner_and_a_user_to_itself() {
    let user_of = |event_type: &str, object: serde_json::Value| {
        let state = fold(&[Logged::new(&event("e1", event_type, 1, &object), 0, 0)]);
        state.user_id().map(str::to_owned)
    };
    let users =
        json!({ "id": "a", "users": [{ "id": "u1", "type": "AGENT" }, { "id": "u2", "type": "OWNER" }] });
    assert_eq!(user_of("ACCOUNT.CREATED", users).as_deref(), Some("u2"));
    let one = json!({ "id": "a", "users": [{ "id": "u1" }] });
    assert_eq!(user_of("ACCOUNT.CREATED", one).as_deref(), Some("u1"));
    assert_eq!(
        user_of("USER.CREATED", json!({ "id": "u3" })).as_deref(),
        Some("u3")
    );
    assert_eq!(
        user_of("ORDER.NEW", json!({ "id": "o", "user_id": "u4" })).as_deref(),
        Some("u4")
    );
    assert_eq!(
        user_of("ORDER.NEW", json!({ "id": "o", "user_id": "not a key" })),
        None
    );
}

#[test]
fn a_ledger_line_that_is_corrected_keeps_the_places_of_what_it_was() {
    let line = |id: &str, second, amount: &str| {
        let object = json!({ "id": "l", "delta": { "amount": amount } });
        Logged::new(&event(id, "CASH_TRANSACTION.EXECUTED", second, &object), 0, 0)
    };
    let versions = [line("e1", 1, "10"), line("e3", 3, "12"), line("e2", 2, "11")];
    let mut state = fold(&versions);
    assert_eq!(state.newest.as_ref().unwrap().occurred.event_id, "e3");
    let earlier = |state: &Projection| -> Vec<String> {
        state.parts["earlier"]
            .iter()
            .map(|(id, _)| id.to_owned())
            .collect()
    };
    assert_eq!(earlier(&state), ["e1", "e2"]);
    assert_eq!(versions[2].fold(&mut state), Applied::Duplicate);
}

#[test]
fn maps_that_nothing_bounds_keep_the_newest_entries_and_the_history_says_so() {
    let numbered = |kind: &str, number: u32, event_type: &str, object: serde_json::Value| {
        let created_at = format!("2025-01-01T00:{:02}:{:02}Z", number / 60, number % 60);
        let json = json!({ "id": format!("{kind}{number}"), "type": event_type, "object": object, "created_at": created_at });
        Logged::new(&json.to_string(), 0, 0)
    };
    let mut events: Vec<Logged> = Vec::new();
    for number in 0..250 {
        events.push(numbered(
            "f",
            number,
            "USER.DATA_CHANGE_FAILED",
            json!({ "user_id": "u" }),
        ));
        events.push(numbered(
            "a",
            number,
            "USER.ACTIVATED",
            json!({ "id": "u", "status": format!("S{number}") }),
        ));
        events.push(numbered(
            "o",
            number,
            &format!("USER.ODD{number}"),
            json!({ "id": "u" }),
        ));
    }
    let straight = fold(&events);
    let failures = &straight.parts["data_change_failures"];
    assert_eq!(failures.len(), MAX_ENTRIES);
    assert!(failures.get("f249").is_some() && failures.get("f149").is_none());
    assert_eq!(
        (straight.history.len(), straight.history_truncated),
        (MAX_ENTRIES, true)
    );
    assert_eq!(straight.status(), Some("S249"));
    assert_eq!(straight.unknown_types.len(), MAX_UNKNOWN_TYPES);
    assert!(!fold(&events[..300]).history_truncated);
    let mut full = straight.clone();
    for older_than_all_that_is_kept in [&events[0], &events[2]] {
        assert_eq!(older_than_all_that_is_kept.fold(&mut full), Applied::Late);
    }
    assert_eq!(full, straight);
    events.reverse();
    assert_eq!(fold(&events), straight);
}

#[test]
fn an_event_of_a_part_that_does_not_say_of_which_leaves_the_state_as_it_was() {
    let known = order("e1", 1, "NEW");
    let json = event("e2", "EXECUTION.FILLED", 2, &json!({ "order_id": "o1" }));
    let event = upvest::Event::parse(&json).unwrap();
    let mut state = fold(std::slice::from_ref(&known));
    let before = state.clone();
    let placed = upvest::projection::Placed {
        event: &event,
        ..known.placed(&event)
    };
    assert!(state.fold(placed).is_err());
    assert_eq!(state, before);
}

#[test]
fn executions_add_up_exactly_even_before_their_order() {
    let execution = |id: &str, second, status: &str, quantity: &str| {
        let object = json!({ "id": id, "order_id": "o1", "status": status, "share_quantity": quantity, "cash_amount": "0.1" });
        Logged::new(
            &event(
                &format!("e{id}{second}"),
                &format!("EXECUTION.{status}"),
                second,
                &object,
            ),
            0,
            0,
        )
    };
    let filled = [
        execution("x1", 2, "FILLED", "0.000000000000000000000000001"),
        execution("x2", 1, "FILLED", "10"),
        execution("x2", 3, "SETTLED", "10"),
    ];
    let state = fold(&filled);
    let value = |state: &Projection, name: &str| state.derived("ORDER").get(name).map(|value| json!(value));
    assert_eq!(state.newest, None);
    assert_eq!(
        value(&state, "filled_quantity"),
        Some(json!("10.000000000000000000000000001"))
    );
    assert_eq!(value(&state, "filled_amount"), Some(json!("0.2")));
    let cancelled = fold(&[filled.to_vec(), vec![execution("x2", 4, "CANCELLED", "10")]].concat());
    assert_eq!(
        value(&cancelled, "filled_quantity"),
        Some(json!("0.000000000000000000000000001"))
    );
    let odd = fold(&[execution("x1", 1, "FILLED", "ten")]);
    assert_eq!(value(&odd, "filled_quantity"), None);
    assert_eq!(
        value(&odd, "unreadable"),
        Some(json!(["executions.x1.share_quantity"]))
    );
}

#[test]
fn the_status_of_a_part_is_its_own() {
    let object = json!({ "id": "x1", "order_id": "o1", "status": "SETTLED" });
    let settled = Logged::new(&event("e2", "EXECUTION.SETTLED", 2, &object), 0, 0);
    let state = fold(&[order("e1", 1, "FILLED"), settled]);
    assert_eq!(state.status(), Some("FILLED"));
    assert_eq!(
        state.parts["executions"].get("x1").unwrap().status.as_deref(),
        Some("SETTLED")
    );
}

#[test]
fn a_user_is_cleared_once_active_and_with_the_newest_check_of_each_type_passed() {
    let user = |second, status: &str| {
        let object = json!({ "id": "u1", "status": status });
        Logged::new(
            &event(&format!("u{second}"), "USER.ACTIVATED", second, &object),
            0,
            0,
        )
    };
    let check = |id: &str, second, kind: &str, status: &str| {
        let object = json!({ "id": id, "user_id": "u1", "type": kind, "status": status });
        Logged::new(
            &event(&format!("c{id}{second}"), "USER_CHECK.CREATED", second, &object),
            0,
            0,
        )
    };
    let cleared = |events: &[Logged]| json!(fold(events).derived("USER")["cleared"]) == json!(true);
    let (active, passed) = (user(2, "ACTIVE"), check("1", 1, "KYC", "PASSED"));
    assert!(!cleared(std::slice::from_ref(&active)), "no check yet");
    assert!(!cleared(std::slice::from_ref(&passed)), "user not known yet");
    assert!(cleared(&[passed.clone(), active.clone()]));
    assert!(!cleared(&[passed.clone(), user(3, "INACTIVE")]));
    assert!(!cleared(&[
        passed.clone(),
        active.clone(),
        check("2", 3, "INSTRUMENT_FIT", "IN_PROGRESS")
    ]));
    assert!(cleared(&[
        check("0", 0, "KYC", "FAILED"),
        passed.clone(),
        active.clone()
    ]));
    assert!(!cleared(&[passed, active, check("2", 3, "KYC", "FAILED")]));
}

#[test]
fn funds_are_available_while_a_deposit_is_booked() {
    for (status, available) in [
        ("NEW", false),
        ("PROCESSING", false),
        ("CONFIRMED", true),
        ("SETTLED", true),
        ("CANCELLED", false),
        ("NOVEL", false),
    ] {
        for (deposit, state) in [
            ("TOPUP", "CONFIRMED"),
            ("DIRECT_DEBIT", "CONFIRMED"),
            ("CREDIT_FUNDING", "CONFIRMED"),
            ("VIRTUAL_CASH_INCREASE", "ISSUED"),
        ] {
            let object = json!({ "id": "d", "status": status });
            let state = fold(&[Logged::new(
                &event("e1", &format!("{deposit}.{state}"), 1, &object),
                0,
                0,
            )]);
            assert_eq!(
                json!(state.derived(deposit)["funds_available"]),
                json!(available),
                "{deposit} {status}"
            );
        }
    }
}

#[test]
fn a_corporate_actions_status_is_that_of_its_announcement() {
    let object = json!({ "id": "c", "announcement_status": "PRELIMINARY" });
    let state = fold(&[Logged::new(
        &event("e1", "CORPORATE_ACTION.UPDATED", 1, &object),
        0,
        0,
    )]);
    assert_eq!(state.status(), Some("PRELIMINARY"));
}

#[test]
fn any_json_beside_what_is_needed_is_folded() {
    let json = r#"{"id":"e1","created_at":"2026-01-01T00:00:00Z","type":"ORDER.NEW",
        "object":{"id":"o0","x":"\ud800","\udc00":1,"n":-1e999999,"id":"o1","status":"NEW","status":"FILLED"}}"#;
    let state = fold(&[Logged::new(json, 0, 0)]);
    assert_eq!(state.status(), Some("FILLED"));
}
