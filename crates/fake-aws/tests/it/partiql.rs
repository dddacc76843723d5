//! The statements with which the receiver writes many items at a time.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementErrorCodeEnum, BatchStatementRequest, BatchStatementResponse,
};
use fake_aws::Aws;
use serde_json::json;

use crate::dynamodb::{codes, text};

fn number(value: u32) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The entities table as the template has it, with its sparse index.
fn entities() -> Aws {
    let aws = Aws::new(1);
    aws.create_table_from(json!({
        "TableName": "entities",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{ "AttributeName": "aggregate", "KeyType": "HASH" }],
        "AttributeDefinitions": [
            { "AttributeName": "aggregate", "AttributeType": "S" },
            { "AttributeName": "user_id", "AttributeType": "S" },
        ],
        "GlobalSecondaryIndexes": [{
            "IndexName": "by-user",
            "KeySchema": [
                { "AttributeName": "user_id", "KeyType": "HASH" },
                { "AttributeName": "aggregate", "KeyType": "RANGE" },
            ],
            "Projection": { "ProjectionType": "KEYS_ONLY" },
        }],
    }));
    aws
}

fn statement(statement: &str, parameters: Vec<AttributeValue>) -> BatchStatementRequest {
    BatchStatementRequest::builder()
        .statement(statement)
        .set_parameters(Some(parameters))
        .build()
        .unwrap()
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

async fn execute(aws: &Aws, statements: Vec<BatchStatementRequest>) -> Vec<BatchStatementResponse> {
    let sent = aws
        .dynamodb()
        .batch_execute_statement()
        .set_statements(Some(statements))
        .send()
        .await;
    sent.unwrap().responses.unwrap()
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
