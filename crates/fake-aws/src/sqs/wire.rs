//! How requests of SQS are read, and refused.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::message::{SqsError, invalid};
use crate::reply::Reply;

pub(super) fn refusal(error: &SqsError) -> Reply {
    let mut reply = Reply::json_error(400, &format!("com.amazonaws.sqs#{}", error.code), &error.message);
    reply.headers.push((
        "x-amzn-query-error".to_owned(),
        format!("{};Sender", query_code(error.code)),
    ));
    reply
}

/// Names the code that the older query protocol knows the error by; the SDK goes by it where it is given.
fn query_code(code: &str) -> String {
    match code {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
        "BatchEntryIdsNotDistinct"
        | "BatchRequestTooLong"
        | "EmptyBatchRequest"
        | "InvalidBatchEntryId"
        | "MessageNotInflight"
        | "TooManyEntriesInBatchRequest"
        | "UnsupportedOperation" => format!("AWS.SimpleQueueService.{code}"),
        other => other.to_owned(),
    }
}

pub(super) fn check_batch(entries: &[Value]) -> Result<(), SqsError> {
    if entries.is_empty() {
        return Err(SqsError::new(
            "EmptyBatchRequest",
            "There should be at least one entry in the request.",
        ));
    }
    if entries.len() > 10 {
        let message = format!(
            "Maximum number of entries per request are 10. You have sent {}.",
            entries.len()
        );
        return Err(SqsError::new("TooManyEntriesInBatchRequest", message));
    }
    let mut seen = BTreeSet::new();
    for id in entries.iter().map(|entry| text(entry, "Id")) {
        let well_formed = (1..=80).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if !well_formed {
            let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores, and \
                           can be at most 80 letters long.";
            return Err(SqsError::new("InvalidBatchEntryId", message));
        }
        if !seen.insert(id) {
            return Err(SqsError::new(
                "BatchEntryIdsNotDistinct",
                format!("Id {id} repeated."),
            ));
        }
    }
    Ok(())
}

pub(super) fn read<T: serde::de::DeserializeOwned>(json: &Value) -> Result<T, SqsError> {
    serde_json::from_value(json.clone()).map_err(|error| invalid(error.to_string()))
}

pub(super) fn text<'a>(json: &'a Value, name: &str) -> &'a str {
    json[name].as_str().unwrap_or_default()
}
