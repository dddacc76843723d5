//! DynamoDB through the SDK.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use fake_aws::{Aws, CallFilter, Fault, Outcome, Service};
use serde_json::json;

pub(crate) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(crate) fn events() -> Aws {
    let aws = Aws::new(1);
    aws.create_table("events", "event_id", None);
    aws
}

/// Creates a table `(name, key)` with an index whose keys `(partition, order)` are texts, as the table's own is.
pub(crate) fn create_indexed_table(aws: &Aws, (table, key): (&str, &str), index: &str, sorted: (&str, &str)) {
    let mut names = vec![key, sorted.0, sorted.1];
    names.sort_unstable();
    names.dedup();
    let definition = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
    aws.create_table_from(json!({
        "TableName": table,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{ "AttributeName": key, "KeyType": "HASH" }],
        "AttributeDefinitions": names.into_iter().map(definition).collect::<Vec<_>>(),
        "GlobalSecondaryIndexes": [{
            "IndexName": index,
            "KeySchema": [
                { "AttributeName": sorted.0, "KeyType": "HASH" },
                { "AttributeName": sorted.1, "KeyType": "RANGE" },
            ],
            "Projection": { "ProjectionType": "KEYS_ONLY" },
        }],
    }));
}

/// Stores an event unless it is there, and asks for the one that is.
pub(crate) fn claim(aws: &Aws, event: &str, owner: &str) -> PutItemFluentBuilder {
    aws.dynamodb()
        .put_item()
        .table_name("events")
        .item("event_id", text(event))
        .item("delivery_id", text(owner))
        .condition_expression("attribute_not_exists(event_id)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
}

#[tokio::test(start_paused = true)]
async fn a_failed_condition_is_a_typed_error_with_the_old_item() {
    let aws = events();
    claim(&aws, "e1", "first").send().await.unwrap();
    let error = claim(&aws, "e1", "second")
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    let aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(failed) = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(failed.item.unwrap()["delivery_id"], text("first"));
}

#[tokio::test(start_paused = true)]
async fn a_partial_read_returns_the_rest_as_unprocessed_keys() {
    let aws = events();
    for event in 0..20 {
        claim(&aws, &format!("e{event}"), "first").send().await.unwrap();
    }
    aws.inject(Fault::Partial, CallFilter::any());
    let keys = (0..20).map(|event| HashMap::from([("event_id".to_owned(), text(&format!("e{event}")))]));
    let keys = KeysAndAttributes::builder()
        .set_keys(Some(keys.collect()))
        .consistent_read(true)
        .build()
        .unwrap();
    let read = aws
        .dynamodb()
        .batch_get_item()
        .request_items("events", keys)
        .send();
    let read = aws.invoke("test", read).await.unwrap().unwrap();
    let found = read.responses.unwrap()["events"].len();
    let left = &read.unprocessed_keys.unwrap()["events"];
    assert!((1..20).contains(&found), "{found}");
    assert_eq!(found + left.keys().len(), 20);
    assert_eq!(left.consistent_read(), Some(true));
}

#[tokio::test(start_paused = true)]
async fn a_transaction_is_cancelled_with_a_reason_per_action() {
    let aws = events();
    claim(&aws, "e1", "first").send().await.unwrap();
    let put = |event: &str| {
        let put = Put::builder().table_name("events").item("event_id", text(event));
        let put = put
            .condition_expression("attribute_not_exists(event_id)")
            .build()
            .unwrap();
        TransactWriteItem::builder().put(put).build()
    };
    let sent = aws
        .dynamodb()
        .transact_write_items()
        .transact_items(put("e2"))
        .transact_items(put("e1"))
        .send();
    let error = sent.await.unwrap_err().into_service_error();
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        panic!("{error:?}");
    };
    let codes: Vec<_> = cancelled
        .cancellation_reasons()
        .iter()
        .map(|reason| reason.code())
        .collect();
    assert_eq!(codes, [Some("None"), Some("ConditionalCheckFailed")]);
    assert_eq!(aws.items("events").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_guarded_update_keeps_the_newer_value() {
    let aws = events();
    let update = |occurred: &str| {
        aws.dynamodb()
            .update_item()
            .table_name("events")
            .key("event_id", text("e1"))
            .update_expression("SET occurred = :occurred")
            .condition_expression("attribute_not_exists(occurred) OR occurred < :occurred")
            .expression_attribute_values(":occurred", text(occurred))
            .send()
    };
    update("2").await.unwrap();
    let error = update("1").await.unwrap_err().into_service_error();
    assert!(error.is_conditional_check_failed_exception());
    let read = aws
        .dynamodb()
        .get_item()
        .table_name("events")
        .key("event_id", text("e1"))
        .send()
        .await
        .unwrap();
    assert_eq!(read.item.unwrap()["occurred"], text("2"));
}

#[tokio::test(start_paused = true)]
async fn an_index_is_queried_in_the_order_of_its_sort_key() {
    let aws = Aws::new(1);
    create_indexed_table(
        &aws,
        ("events", "event_id"),
        "by-aggregate",
        ("aggregate", "occurred"),
    );
    for (event, occurred) in [("e1", "3"), ("e2", "1"), ("e3", "2")] {
        let put = claim(&aws, event, "first")
            .item("aggregate", text("ORDER#1"))
            .item("occurred", text(occurred));
        put.send().await.unwrap();
    }
    let query = aws
        .dynamodb()
        .query()
        .table_name("events")
        .index_name("by-aggregate");
    let query = query.key_condition_expression("#aggregate = :aggregate");
    let query = query.expression_attribute_names("#aggregate", "aggregate");
    let found = query
        .expression_attribute_values(":aggregate", text("ORDER#1"))
        .send()
        .await
        .unwrap();
    let order: Vec<_> = found
        .items()
        .iter()
        .map(|item| item["event_id"].as_s().unwrap().as_str())
        .collect();
    assert_eq!(order, ["e2", "e3", "e1"]);
}

#[tokio::test(start_paused = true)]
async fn the_lost_reply_of_a_claim_looks_like_a_duplicate_of_its_own() {
    let aws = events();
    aws.inject(
        Fault::LoseReply,
        CallFilter::operation(Service::DynamoDb, "PutItem"),
    );
    let claimed = aws
        .invoke("verify-and-store", claim(&aws, "e1", "mine").send())
        .await
        .unwrap();
    let error = claimed.unwrap_err().into_service_error();
    assert!(error.is_conditional_check_failed_exception());
    let outcomes: Vec<_> = aws.calls().into_iter().map(|call| call.outcome).collect();
    let refused = Outcome::Refused("ConditionalCheckFailedException".to_owned());
    assert_eq!(outcomes, [Outcome::Struck(Fault::LoseReply), refused]);
    assert_eq!(aws.items("events")[0]["delivery_id"]["S"], "mine");
}

#[tokio::test(start_paused = true)]
async fn a_missing_table_is_a_typed_error() {
    let aws = Aws::new(1);
    let error = aws
        .dynamodb()
        .get_item()
        .table_name("none")
        .key("id", text("1"))
        .send()
        .await
        .unwrap_err();
    assert!(error.into_service_error().is_resource_not_found_exception());
}
