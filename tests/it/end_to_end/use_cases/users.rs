//! Changes of a user's account and of the due-diligence checks.

use serde_json::json;

use super::super::sender::new_id;
use super::{Case, Subject, late, related, statuses, turns, types};

const PAGE: &str = include_str!("../../../../docs/use-cases/users.md");
/// The pattern on the page for everything about users and accounts.
const ALL: usize = 0;
/// The one for the moment a user may invest.
const CLEARED: usize = 1;

fn user() -> Subject {
    Subject::new(
        "USER",
        json!({ "first_name": "Erika", "last_name": "Mustermann" }),
    )
}

fn check(user: &Subject, check_type: &str) -> Subject {
    Subject::new("USER_CHECK", json!({ "user_id": user.id(), "type": check_type }))
}

/// A user's event, whose type is not named like the status.
fn user_event(user: &Subject, minute: u8, state: &str, status: &str) -> String {
    user.event_with(minute, state, &json!({ "status": status }))
}

fn check_created(check: &Subject, minute: u8) -> String {
    check.event_with(minute, "CREATED", &json!({ "status": "IN_PROGRESS" }))
}

#[tokio::test]
async fn a_user_is_cleared_once_with_all_checks_passed_and_the_account_active() {
    let case = Case::new().await;
    let user = user();
    let [kyc, fit] = ["KYC", "INSTRUMENT_FIT"].map(|check_type| check(&user, check_type));
    let changes = case
        .deliver(&[
            user_event(&user, 1, "CREATED", "INACTIVE"),
            check_created(&kyc, 2),
            kyc.event(3, "PASSED"),
            fit.event(4, "PASSED"),
            user_event(&user, 5, "ACTIVATED", "ACTIVE"),
            user_event(&user, 6, "DATA_CHANGED", "ACTIVE"),
        ])
        .await;
    let told = [
        "USER.CREATED",
        "USER_CHECK.CREATED",
        "USER_CHECK.PASSED",
        "USER_CHECK.PASSED",
        "USER.ACTIVATED",
        "USER.DATA_CHANGED",
    ];
    assert_eq!(types(&changes), told);
    assert_eq!(
        statuses(&changes)[3..],
        [Some("INACTIVE"), Some("ACTIVE"), Some("ACTIVE")]
    );
    assert_eq!(turns(&changes, "cleared"), [("USER.ACTIVATED", true)]);
    assert_eq!(changes[2]["detail"]["object"]["type"], "KYC");
    assert_eq!(case.selected(PAGE, ALL, &changes).await, told);
    assert_eq!(case.selected(PAGE, CLEARED, &changes).await, ["USER.ACTIVATED"]);
    assert_eq!(
        case.state(&user).await,
        ("ACTIVE".to_owned(), "USER.DATA_CHANGED".to_owned())
    );
}

#[tokio::test]
async fn a_user_whose_events_arrive_backwards_is_cleared_once_by_the_one_that_was_missing() {
    let case = Case::new().await;
    let user = user();
    let kyc = check(&user, "KYC");
    let activated = user_event(&user, 5, "ACTIVATED", "ACTIVE");
    let passed = kyc.event(3, "PASSED");
    case.deliver(std::slice::from_ref(&activated)).await;
    case.deliver(std::slice::from_ref(&passed)).await;
    let changes = case
        .deliver(&[
            check_created(&kyc, 2),
            user_event(&user, 1, "CREATED", "INACTIVE"),
            passed,
            activated,
            user_event(&user, 6, "DATA_CHANGED", "ACTIVE"),
        ])
        .await;
    assert_eq!(
        types(&changes),
        [
            "USER.CREATED",
            "USER_CHECK.CREATED",
            "USER_CHECK.PASSED",
            "USER.ACTIVATED",
            "USER.DATA_CHANGED"
        ]
    );
    assert_eq!(late(&changes), ["USER.CREATED", "USER_CHECK.CREATED"]);
    assert_eq!(turns(&changes, "cleared"), [("USER_CHECK.PASSED", true)]);
    assert_eq!(
        case.selected(PAGE, CLEARED, &changes).await,
        ["USER_CHECK.PASSED"]
    );
}

#[tokio::test]
async fn a_check_that_fails_is_told_and_only_the_newest_of_its_type_counts() {
    let case = Case::new().await;
    let user = user();
    let [first, second, third] = [(); 3].map(|()| check(&user, "KYC"));
    let changes = case
        .deliver(&[
            user_event(&user, 1, "ACTIVATED", "ACTIVE"),
            first.event(2, "FAILED"),
            second.event(3, "PASSED"),
            third.event(4, "FAILED"),
        ])
        .await;
    assert_eq!(changes[1]["detail"]["object"]["status"], "FAILED");
    assert_eq!(
        turns(&changes, "cleared"),
        [("USER_CHECK.PASSED", true), ("USER_CHECK.FAILED", false)]
    );
    assert_eq!(
        case.selected(PAGE, CLEARED, &changes).await,
        ["USER_CHECK.PASSED"]
    );
}

#[tokio::test]
async fn a_user_who_is_deactivated_is_not_cleared_any_more() {
    let case = Case::new().await;
    let user = user();
    let changes = case
        .deliver(&[
            check(&user, "KYC").event(1, "PASSED"),
            user_event(&user, 2, "ACTIVATED", "ACTIVE"),
            user_event(&user, 3, "DEACTIVATED", "INACTIVE"),
        ])
        .await;
    assert_eq!(
        turns(&changes, "cleared"),
        [("USER.ACTIVATED", true), ("USER.DEACTIVATED", false)]
    );
}

#[tokio::test]
async fn an_account_is_told_from_its_approval_to_its_end() {
    let case = Case::new().await;
    let (user, group) = (new_id(), new_id());
    let account = Subject::new(
        "ACCOUNT",
        json!({ "account_group_id": group, "type": "TRADING", "users": [{ "id": user, "type": "OWNER" }] }),
    );
    let status =
        |minute, state, status: &str| account.event_with(minute, state, &json!({ "status": status }));
    let changes = case
        .deliver(&[
            status(1, "CREATED", "PENDING_APPROVAL"),
            status(2, "ACTIVATED", "ACTIVE"),
            status(3, "LOCKED", "LOCKED"),
            status(4, "CLOSING_INITIATED", "CLOSING"),
            status(5, "CLOSED", "CLOSED"),
        ])
        .await;
    assert_eq!(
        statuses(&changes),
        ["PENDING_APPROVAL", "ACTIVE", "LOCKED", "CLOSING", "CLOSED"].map(Some)
    );
    assert_eq!(changes[1]["detail"]["previous"]["status"], "PENDING_APPROVAL");
    let keys = [format!("ACCOUNT_GROUP#{group}"), format!("USER#{user}")];
    assert_eq!(related(&changes[0]), keys.iter().map(String::as_str).collect());
    assert_eq!(case.selected(PAGE, ALL, &changes).await, types(&changes));
    assert_eq!(case.selected(PAGE, CLEARED, &changes).await, [""; 0]);
}
