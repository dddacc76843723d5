//! Counts and lists what waits in dead-letter queues, and gives back all that it received for that.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use jiff::Timestamp;
use serde::Serialize;

use super::filter::Selection;
use super::message::About;
use super::queue::{DeadLetterQueue, QueueCounts};
use super::sweep::look;
use crate::error::Result;
use crate::reporter::Reporter;
use crate::stack::Stack;

/// Tells how many messages there are, and which.
#[derive(Debug, Serialize)]
pub struct List {
    /// Gives the time at which the list was begun; the ages of messages count up to it.
    pub at: Timestamp,
    /// Repeats which messages were asked for.
    pub selection: Selection,
    /// Lists the queues, in the order in which they were looked through.
    pub queues: Vec<QueueCounts>,
    /// Tells what the messages are about, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<About>>,
    /// Tells whether more matched than the limit let through.
    pub more: bool,
    /// Names the groups of which there may be more than SQS shows.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub cut_off: BTreeSet<String>,
}

/// Counts the messages of the queues. With a `limit` it lists those that are selected too, as many of each queue at most:
/// they are received for that and given back.
///
/// # Errors
///
/// [`Error`](crate::Error) when a queue is not known or cannot be read.
pub async fn list(
    stack: &Stack,
    selection: &Selection,
    limit: Option<u16>,
    at: Timestamp,
    reporter: Reporter<'_>,
) -> Result<List> {
    let mut list = List {
        at,
        selection: selection.clone(),
        queues: Vec::new(),
        messages: limit.map(|_| Vec::new()),
        more: false,
        cut_off: BTreeSet::new(),
    };
    for queue in DeadLetterQueue::of(stack, &selection.queues)? {
        list.queues.push(queue.counts().await?);
        let (Some(messages), Some(limit)) = (&mut list.messages, limit) else {
            continue;
        };
        let full = messages.len() + usize::from(limit);
        let cut_off = look(&queue, reporter, |message| {
            if !selection.takes(message) {
                return ControlFlow::Continue(());
            }
            if messages.len() == full {
                list.more = true;
                return ControlFlow::Break(());
            }
            messages.push(message.about.clone());
            ControlFlow::Continue(())
        });
        list.cut_off.extend(cut_off.await?);
    }
    Ok(list)
}
