//! How many messages are in a queue, as SQS estimates it.

use std::collections::HashMap;
use std::io;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName::{
    self, ApproximateNumberOfMessages, ApproximateNumberOfMessagesDelayed,
    ApproximateNumberOfMessagesNotVisible,
};
use pipeline::error::{AwsError, Kind};

const OPERATION: &str = "GetQueueAttributes";

/// Counts the messages of a queue. SQS's counts may be a minute old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Counts the messages that can be received at once.
    pub visible: usize,
    /// Counts those that somebody has received, and not deleted or given back.
    pub in_flight: usize,
    /// Counts those that were sent with a delay which is not over.
    pub delayed: usize,
}

/// Asks SQS how many messages the queue at this URL has.
///
/// # Errors
///
/// [`AwsError`] when SQS does not say: a count that is missing is none of 0.
pub async fn queue_depth(client: &Client, url: &str) -> Result<Depth, AwsError> {
    let names = [
        ApproximateNumberOfMessages,
        ApproximateNumberOfMessagesNotVisible,
        ApproximateNumberOfMessagesDelayed,
    ];
    let request = client.get_queue_attributes().queue_url(url);
    let answer = request.set_attribute_names(Some(names.to_vec())).send().await;
    let attributes = answer.map_err(AwsError::of(OPERATION))?.attributes;
    Depth::of(&attributes.unwrap_or_default())
}

impl Depth {
    /// Reads the counts among the attributes of a queue.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when one is missing or no number: a queue that is taken for empty may be deleted.
    pub(crate) fn of(attributes: &HashMap<QueueAttributeName, String>) -> Result<Self, AwsError> {
        let count = |name: QueueAttributeName| {
            let count = attributes.get(&name).and_then(|count| count.parse().ok());
            count.ok_or_else(|| {
                let missing = io::Error::other(format!("the answer has no {name}"));
                AwsError::beside(OPERATION, Kind::Infrastructure)(missing)
            })
        };
        Ok(Self {
            visible: count(ApproximateNumberOfMessages)?,
            in_flight: count(ApproximateNumberOfMessagesNotVisible)?,
            delayed: count(ApproximateNumberOfMessagesDelayed)?,
        })
    }

    /// Counts all messages, those included that are being worked on.
    #[must_use]
    pub fn total(self) -> usize {
        self.visible + self.in_flight + self.delayed
    }
}

#[cfg(test)]
mod tests {
    use pipeline::error::ErrorChain;

    use super::*;

    #[test]
    fn a_count_that_is_missing_or_no_number_is_an_error_and_not_0() {
        let all = HashMap::from([
            (ApproximateNumberOfMessages, "3".to_owned()),
            (ApproximateNumberOfMessagesNotVisible, "2".to_owned()),
            (ApproximateNumberOfMessagesDelayed, "1".to_owned()),
        ]);
        assert_eq!(Depth::of(&all).unwrap().total(), 6);
        for name in all.keys() {
            let mut missing = all.clone();
            missing.remove(name);
            let error = Depth::of(&missing).unwrap_err();
            assert_eq!(
                ErrorChain(&error).to_string(),
                format!("GetQueueAttributes failed: the answer has no {name}")
            );
            let mut unreadable = all.clone();
            unreadable.insert(name.clone(), "many".to_owned());
            assert!(Depth::of(&unreadable).is_err(), "{name}");
        }
    }
}
