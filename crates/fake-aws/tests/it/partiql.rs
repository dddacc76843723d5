//! The statements with which the receiver writes many items at a time.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::batch_execute_statement::BatchExecuteStatementError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementErrorCodeEnum, BatchStatementRequest, BatchStatementResponse,
    ReturnValuesOnConditionCheckFailure,
};
use fake_aws::{Aws, CallFilter, Fault, Service};
use serde_json::json;

use crate::dynamodb::{create_indexed_table, events, text};

fn number(value: u32) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The entities table as the template has it, with its sparse index.
fn entities() -> Aws {
    let aws = Aws::new(1);
    create_indexed_table(
        &aws,
        ("entities", "aggregate"),
        "by-user",
        ("user_id", "aggregate"),
    );
    aws
}

fn statement(statement: &str, parameters: Vec<AttributeValue>) -> BatchStatementRequest {
    BatchStatementRequest::builder()
        .statement(statement)
        .set_parameters(Some(parameters))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .unwrap()
}

/// Stores an event unless it is there.
fn claim(event: &str, owner: &str) -> BatchStatementRequest {
    statement(
        r#"INSERT INTO "events" VALUE {'event_id': ?, 'delivery_id': ?}"#,
        vec![text(event), text(owner)],
    )
}

/// Inserts an item with a value of every kind that items have.
fn insert(aggregate: &str) -> BatchStatementRequest {
    statement(
        r#"INSERT INTO "entities" VALUE {'aggregate':?,'version':?,'status':?,'parts':?,'history':?,'figures':?,'is_truncated':?,'user_id':?}"#,
        vec![
            text(aggregate),
            number(1),
            text("NEW"),
            AttributeValue::B(Blob::new([0, 159, 255])),
            AttributeValue::L(vec![text("a"), number(2), AttributeValue::Bool(false)]),
            AttributeValue::M([("quantity".to_owned(), text("1.50"))].into()),
            AttributeValue::Bool(true),
            text("u1"),
        ],
    )
}

/// Sets two attributes and removes two, where the version is this.
fn update(aggregate: &str, version: u32) -> BatchStatementRequest {
    statement(
        r#"UPDATE "entities" SET "status"=? SET "version"=? SET "parts"=? SET "history"=? REMOVE "figures" REMOVE "user_id" WHERE "aggregate"=? AND "version"=?"#,
        vec![
            text("FILLED"),
            number(version + 1),
            AttributeValue::B(Blob::new([1])),
            AttributeValue::L(vec![]),
            text(aggregate),
            number(version),
        ],
    )
}

async fn try_to_execute(
    aws: &Aws,
    statements: Vec<BatchStatementRequest>,
) -> Result<Vec<BatchStatementResponse>, SdkError<BatchExecuteStatementError>> {
    let request = aws.dynamodb().batch_execute_statement();
    let answer = request.set_statements(Some(statements)).send().await?;
    Ok(answer.responses.unwrap())
}

async fn execute(aws: &Aws, statements: Vec<BatchStatementRequest>) -> Vec<BatchStatementResponse> {
    try_to_execute(aws, statements).await.unwrap()
}

fn codes(responses: &[BatchStatementResponse]) -> Vec<Option<BatchStatementErrorCodeEnum>> {
    responses
        .iter()
        .map(|response| response.error.as_ref()?.code.clone())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_insert_takes_values_of_every_kind() {
    let aws = entities();
    let responses = execute(&aws, vec![insert("ORDER#1"), insert("ORDER#2")]).await;
    assert_eq!(codes(&responses), [None, None]);
    assert_eq!(
        aws.items("entities")[0],
        json!({
            "aggregate": { "S": "ORDER#1" },
            "version": { "N": "1" },
            "status": { "S": "NEW" },
            "parts": { "B": "AJ//" },
            "history": { "L": [{ "S": "a" }, { "N": "2" }, { "BOOL": false }] },
            "figures": { "M": { "quantity": { "S": "1.50" } } },
            "is_truncated": { "BOOL": true },
            "user_id": { "S": "u1" },
        })
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_sets_and_removes_where_the_condition_holds() {
    let aws = entities();
    execute(&aws, vec![insert("ORDER#1")]).await;
    let responses = execute(&aws, vec![update("ORDER#1", 1)]).await;
    assert_eq!(codes(&responses), [None]);
    assert_eq!(
        aws.items("entities")[0],
        json!({
            "aggregate": { "S": "ORDER#1" },
            "version": { "N": "2" },
            "status": { "S": "FILLED" },
            "parts": { "B": "AQ==" },
            "history": { "L": [] },
            "is_truncated": { "BOOL": true },
        })
    );
}

#[tokio::test(start_paused = true)]
async fn statements_whose_condition_fails_fail_alone() {
    let aws = entities();
    execute(
        &aws,
        vec![insert("ORDER#1"), insert("ORDER#2"), insert("ORDER#3")],
    )
    .await;
    let statements = vec![
        update("ORDER#1", 7),
        update("ORDER#2", 1),
        update("ORDER#4", 1),
        insert("ORDER#3"),
        insert("ORDER#5"),
    ];
    let responses = execute(&aws, statements).await;
    assert_eq!(
        codes(&responses),
        [
            Some(BatchStatementErrorCodeEnum::ConditionalCheckFailed),
            None,
            Some(BatchStatementErrorCodeEnum::ConditionalCheckFailed),
            Some(BatchStatementErrorCodeEnum::DuplicateItem),
            None
        ]
    );
    // An update of an item that is not there makes none.
    assert_eq!(aws.items("entities").len(), 4);
}

#[tokio::test(start_paused = true)]
async fn an_item_beyond_the_limit_fails_alone() {
    let aws = entities();
    execute(&aws, vec![insert("ORDER#1")]).await;
    let large = || AttributeValue::B(Blob::new(vec![1; 410_000]));
    let statements = vec![
        statement(
            r#"INSERT INTO "entities" VALUE {'aggregate':?,'parts':?}"#,
            vec![text("ORDER#2"), large()],
        ),
        statement(
            r#"UPDATE "entities" SET "parts"=? WHERE "aggregate"=? AND "version"=?"#,
            vec![large(), text("ORDER#1"), number(1)],
        ),
        insert("ORDER#3"),
    ];
    let responses = execute(&aws, statements).await;
    let codes = codes(&responses);
    assert!(
        codes[0].is_some() && codes[1].is_some() && codes[2].is_none(),
        "{codes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_insert_fails_alone_and_does_not_name_the_owner() {
    let aws = events();
    execute(&aws, vec![claim("e1", "first")]).await;
    let responses = execute(&aws, vec![claim("e1", "second"), claim("e2", "second")]).await;
    assert_eq!(
        codes(&responses),
        [Some(BatchStatementErrorCodeEnum::DuplicateItem), None]
    );
    assert_eq!(responses[0].error.as_ref().unwrap().item, None);
    assert_eq!(responses[0].table_name.as_deref(), Some("events"));
    assert_eq!(aws.items("events").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn two_inserts_of_one_key_in_a_batch_are_refused_as_a_whole() {
    let aws = events();
    let statements = vec![claim("e1", "first"), claim("e1", "second")];
    let error = try_to_execute(&aws, statements).await.unwrap_err();
    assert_eq!(error.into_service_error().code(), Some("ValidationException"));
    assert!(aws.items("events").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_throttled_statement_leaves_the_others_done() {
    let aws = events();
    aws.inject(
        Fault::Partial,
        CallFilter::operation(Service::DynamoDb, "BatchExecuteStatement"),
    );
    let statements = (0..25)
        .map(|event| claim(&format!("e{event}"), "first"))
        .collect();
    let responses = aws.invoke("test", execute(&aws, statements)).await.unwrap();
    let failed = codes(&responses).iter().flatten().count();
    assert!((1..25).contains(&failed), "{failed}");
    assert_eq!(aws.items("events").len(), 25 - failed);
    for (event, response) in responses.iter().enumerate() {
        let stored = aws
            .items("events")
            .iter()
            .any(|item| item["event_id"]["S"] == format!("e{event}"));
        assert_eq!(stored, response.error.is_none());
    }
}
