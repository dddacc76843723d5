//! What the rooms of the DynamoDB tables have in common: attributes of items, and writes under a condition.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Debug;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::error::AwsError;

/// Maps the names of an item's attributes to their values.
pub(super) type Item = HashMap<String, AttributeValue>;

/// Makes the value of a text attribute (`S`), as keys, times and JSON are kept.
pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// Makes the value of a number attribute (`N`), which `DynamoDB` takes as decimal digits.
pub(super) fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Reads a text attribute; `None` where it is missing or of another kind.
pub(super) fn text_of<'i>(item: &'i Item, name: &str) -> Option<&'i str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// Reads a number attribute; `None` where it is missing or of another kind.
pub(super) fn number_of(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// Takes a text attribute out of an item that is not needed any longer, without a copy.
pub(super) fn take_text(item: &mut Item, name: &str) -> Option<String> {
    match item.remove(name)? {
        AttributeValue::S(text) => Some(text),
        _ => None,
    }
}

/// Tells whether the condition of a write held. Any other failure is an error of `call`.
pub(super) fn condition_held<T, E, R>(
    written: Result<T, SdkError<E, R>>,
    call: &'static str,
) -> Result<bool, AwsError>
where
    E: ConditionalWriteError,
    R: Debug + Send + Sync + 'static,
{
    match written {
        Ok(_) => Ok(true),
        Err(error) => item_in_the_way(error, call).map(|_| false),
    }
}

/// Gives the item for which the condition of a write did not hold, empty unless the write asked for it. Any other
/// failure is an error of `call`.
pub(super) fn item_in_the_way<E, R>(error: SdkError<E, R>, call: &'static str) -> Result<Item, AwsError>
where
    E: ConditionalWriteError,
    R: Debug + Send + Sync + 'static,
{
    match error
        .as_service_error()
        .and_then(ConditionalWriteError::item_in_the_way)
    {
        Some(item) => Ok(item),
        None => Err(AwsError::of(call)(error)),
    }
}

/// Reads the error of a write that may have a condition. The SDK has a type for each operation, and no trait for what
/// they share.
pub(super) trait ConditionalWriteError: Error + ProvideErrorMetadata + Send + Sync + 'static {
    /// Gives the item for which the condition did not hold; `None` for any other failure.
    fn item_in_the_way(&self) -> Option<Item>;
}

macro_rules! conditional_write_errors {
    ($($error:ty),*) => {$(
        impl ConditionalWriteError for $error {
            fn item_in_the_way(&self) -> Option<Item> {
                match self {
                    Self::ConditionalCheckFailedException(failure) => Some(failure.item().cloned().unwrap_or_default()),
                    _ => None,
                }
            }
        }
    )*};
}

conditional_write_errors!(PutItemError, UpdateItemError, DeleteItemError);
