//! What is read of a small specification, and of the one of Upvest.

use super::*;
use crate::error::ErrorKind;

const SMALL: &str = include_str!("small.yaml");

/// Lists what one side has alone of a subject: category and name.
fn only_in(report: &SpecificationReport, side: Side, subject: Subject) -> Vec<(&str, &str)> {
    let found = report.differences.iter();
    found
        .filter(|found| found.only_in == side && found.subject == subject)
        .map(|found| (found.category.as_deref().unwrap_or("any"), found.name.as_str()))
        .collect()
}

#[test]
fn what_the_specification_has_alone_is_found() {
    let report = compare(SMALL).unwrap();
    let only = |subject| only_in(&report, Side::Specification, subject);
    assert_eq!(only(Subject::Category), [("PARCEL", "PARCEL"), ("SHIP", "SHIP")]);
    assert_eq!(
        only(Subject::EventType),
        [("ORDER", "ORDER.TELEPORTED"), ("SHIP", "SHIP.SUNK")]
    );
    assert_eq!(only(Subject::StatusField), [("WITHDRAWAL", "withdrawal_status")]);
    assert_eq!(
        only(Subject::Status),
        [("CASH_TRANSACTION", "NEW"), ("ORDER", "PAUSED")]
    );
    assert_eq!(only(Subject::Key), [("ACCOUNT_RETURNS", "id")]);
    assert_eq!(
        only(Subject::Reference),
        [
            ("CASH_TRANSACTION", "owner_ids[]"),
            ("EXECUTION", "parent.id"),
            ("ORDER", "broker_id"),
            ("SHIP", "broker_id"),
        ]
    );
    assert_eq!(only(Subject::ReferenceType), [("any", "SHIP")]);
    assert!(!report.knows_all());
}

#[test]
fn what_the_table_has_alone_is_found() {
    let report = compare(SMALL).unwrap();
    let only = |subject| only_in(&report, Side::Table, subject);
    assert!(only(Subject::Category).contains(&("ROLE", "ROLE")));
    assert!(!only(Subject::Category).contains(&("ORDER", "ORDER")));
    assert_eq!(
        only(Subject::EventType),
        [
            ("ORDER", "ORDER.CANCELLED"),
            ("ORDER", "ORDER.FILLED"),
            ("WITHDRAWAL", "WITHDRAWAL.CANCELLED"),
            ("WITHDRAWAL", "WITHDRAWAL.CONFIRMED"),
            ("WITHDRAWAL", "WITHDRAWAL.PROCESSING"),
        ]
    );
    assert_eq!(only(Subject::StatusField), [("WITHDRAWAL", "status")]);
    assert_eq!(only(Subject::Status), [("ORDER", "CANCELLED")]);
    assert_eq!(only(Subject::Key), [("EXECUTION", "order_id")]);
    let references = only(Subject::Reference);
    assert!(references.contains(&("any", "savings_plan_id")));
    assert!(!references.contains(&("any", "user_id")) && !references.contains(&("any", "references[].id")));
    assert_eq!(
        only(Subject::ReferenceType),
        [
            ("any", "TREASURY_PAYMENT"),
            ("any", "VIRTUAL_CASH_DECREASE"),
            ("any", "VIRTUAL_CASH_INCREASE"),
        ]
    );
}

#[test]
fn what_both_have_is_no_difference_and_json_is_read_as_yaml() {
    let json = r##"{"info": {"title": "T", "version": "2"}, "webhooks": {"w": {"post": {"requestBody": {"content": {
        "application/json": {"schema": {"properties": {
            "type": {"enum": ["REPORT.CREATED"]},
            "object": {"properties": {"id": {"type": "string"}, "user_id": {"type": "string"}}}}}}}}}}}}"##;
    let report = compare(json).unwrap();
    assert!(report.knows_all());
    assert_eq!((report.title.as_str(), report.version.as_str()), ("T", "2"));
    assert_eq!((report.categories, report.event_types), (1, 1));
    assert!(
        report
            .differences
            .iter()
            .all(|found| found.category.as_deref() != Some("REPORT"))
    );
}

#[test]
fn what_is_no_specification_of_webhooks_is_refused() {
    for text in [
        "",
        "7",
        "[]",
        "a: b",
        "x-webhooks: {a: {post: {}}}",
        "a: [",
        "\tx: 1",
    ] {
        assert_eq!(compare(text).unwrap_err().kind(), ErrorKind::Usage, "{text}");
    }
    let missing = check(Path::new("/nowhere/openapi.yaml")).unwrap_err();
    assert!(missing.to_string().contains("/nowhere/openapi.yaml"));
}
