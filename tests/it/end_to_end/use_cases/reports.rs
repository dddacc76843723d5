//! Reports that are ready.

use serde_json::{Value, json};

use super::super::sender::new_id;
use super::super::stack::last;
use super::{Case, Subject, related, types};

const PAGE: &str = include_str!("../../../../docs/use-cases/reporting.md");
/// The pattern on the page for every report.
const ALL: usize = 0;
/// The one for a report that replaces another.
const REPLACING: usize = 1;

fn report(user: &str, replaced: &Value) -> Subject {
    Subject::new(
        "REPORT",
        json!({ "user_id": user, "type": "BUY_ORDER", "substituted_report_id": replaced }),
    )
}

/// Upvest has the report, whose file the stack retrieves before it tells of it.
fn keep_at_upvest(case: &Case, report: &Subject) {
    case.stack.upvest().put_report(report.object.clone());
}

fn created(report: &Subject, minute: u8) -> String {
    report.event_with(minute, "CREATED", &Value::Null)
}

#[tokio::test]
async fn a_report_is_told_once_though_it_is_delivered_twice() {
    let case = Case::new().await;
    let user = new_id();
    let report = report(&user, &Value::Null);
    keep_at_upvest(&case, &report);
    let event = created(&report, 1);
    let changes = case.deliver(std::slice::from_ref(&event)).await;
    assert_eq!(types(&changes), ["REPORT.CREATED"]);
    assert_eq!(changes[0]["detail"]["object"]["type"], "BUY_ORDER");
    assert_eq!(
        related(&changes[0]),
        [&*format!("USER#{user}")].into_iter().collect()
    );
    assert_eq!(case.selected(PAGE, ALL, &changes).await, ["REPORT.CREATED"]);
    assert_eq!(case.selected(PAGE, REPLACING, &changes).await, [""; 0]);

    // What comes after the duplicate in its delivery is published: so would be the duplicate.
    let again = created(&report, 2);
    let changes = case.deliver(&[event, again]).await;
    assert_eq!(changes.len(), 2);
    let entity = case.stack.entity(&report.key()).await.unwrap();
    assert_eq!(last(&entity).event_type, "REPORT.CREATED");
}

#[tokio::test]
async fn a_report_that_replaces_another_names_it_and_leaves_it_as_it_is() {
    let case = Case::new().await;
    let user = new_id();
    let first = report(&user, &Value::Null);
    keep_at_upvest(&case, &first);
    case.deliver(&[created(&first, 1)]).await;
    let second = report(&user, &json!(first.id()));
    keep_at_upvest(&case, &second);
    let changes = case.deliver(&[created(&second, 2)]).await;
    assert_eq!(
        related(&changes[0]),
        [&*first.key(), &*format!("USER#{user}")].into_iter().collect()
    );
    assert_eq!(case.selected(PAGE, ALL, &changes).await, ["REPORT.CREATED"]);
    assert_eq!(case.selected(PAGE, REPLACING, &changes).await, ["REPORT.CREATED"]);
    assert_eq!(case.state(&first).await.1, "REPORT.CREATED");
}

#[tokio::test]
async fn a_treasury_report_is_told_with_the_name_of_its_file() {
    let case = Case::new().await;
    let report = Subject::new(
        "TREASURY_REPORT",
        json!({ "type": "TRADING", "filename": "trading_buy_05012026.csv" }),
    );
    let file = "trading_buy_05012026.csv";
    case.stack.upvest().put_file("settlement_reports", file, "1;2\n");
    let changes = case.deliver(&[created(&report, 1)]).await;
    assert_eq!(
        changes[0]["detail"]["object"]["filename"],
        "trading_buy_05012026.csv"
    );
    assert_eq!(
        case.selected(PAGE, ALL, &changes).await,
        ["TREASURY_REPORT.CREATED"]
    );
}
