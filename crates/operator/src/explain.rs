//! From a state back to the bytes that were signed, and forward to what was done about it.

mod actions;
mod contents;
mod duplicates;
mod evidence;
mod explanation;
mod publication;
mod reading;
mod signed;

use std::time::Duration;

use pipeline::runtime::clock::Clock;

pub use actions::Action;
pub use contents::{DeliveredEvent, DeliveryContents, Outcome, Quarantine};
pub use duplicates::OtherDelivery;
pub use evidence::{Delivery, KeyHistory, Signature};
pub use explanation::{EntityAccount, EventAccount, Explanation};
pub use publication::{Follows, Publication};
use reading::Reader;
pub use signed::Bytes;

use crate::error::{ErrorKind, Result};
use crate::find;
use crate::stack::Stack;

/// Tells what is to be explained, and how much of it.
#[derive(Debug, Clone)]
pub struct Question {
    /// Names what is to be explained: an entity, written `TYPE#ID` or as its bare id, or the id of an event or a delivery.
    pub subject: String,
    /// Limits how many events of an entity are shown: the newest ones.
    pub limit: usize,
    /// Tells how long after an event other deliveries of it are looked for.
    pub duplicates_within: Option<Duration>,
    /// Tells whether objects are shown, which hold personal data.
    pub with_objects: bool,
}

/// Explains an entity, an event or a delivery: where it came from, whether that holds, and what it led to.
///
/// # Errors
///
/// [`Error`](crate::Error) of the kind not-found for a subject that is nowhere. What does not hold is a finding.
pub async fn explain(stack: &Stack, question: &Question, clock: &Clock) -> Result<Explanation> {
    let reader = Reader::of(stack, clock)?;
    let mut explanation = if question.subject.contains('#') {
        let entity = find::entity(stack, &question.subject).await?;
        reader.entity(entity.as_str(), question.limit).await?
    } else if let Some(event) = (reader.records.log)
        .find(&find::event_id(stack, &question.subject).await?)
        .await?
    {
        reader.event(event, question.duplicates_within).await?
    } else {
        match reader.delivery(&question.subject).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // Last, because it reads most.
                // The first error is told, because it names all that the subject may have been.
                let entity = find::entity(stack, &question.subject).await.map_err(|_| error)?;
                reader.entity(entity.as_str(), question.limit).await?
            }
            explained => explained?,
        }
    };
    if !question.with_objects {
        explanation.leave_objects_out();
    }
    Ok(explanation)
}
