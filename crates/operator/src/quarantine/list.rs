//! Listing what is in quarantine.

use jiff::Timestamp;
use pipeline::stores::archive::{ArchivedDelivery, Quarantined};
use serde::Serialize;
use uuid::Uuid;

use super::selection::Selection;
use crate::error::Result;
use crate::stack::Stack;

/// Lists what is in quarantine, in the order of receipt.
#[derive(Debug, Serialize)]
pub struct List {
    /// Gives the instant from which relative times of the selection are counted.
    pub at: Timestamp,
    /// Repeats which quarantined deliveries were asked for.
    pub selection: Selection,
    /// Lists what was found, once for each reason of a delivery.
    pub quarantine: Vec<Listed>,
    /// Tells whether the limit cut the list short.
    pub more: bool,
}

/// Describes one object of the quarantine. A delivery has one for each reason.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// Names the delivery, as `quarantine show` takes it.
    pub delivery_id: Uuid,
    /// Names why it was put there, like `unknown-key`.
    pub reason: String,
    /// Gives the time at which the receiver took the delivery, which orders the list.
    pub received_at: Timestamp,
    /// Gives the IP address that posted it; `None` when the request named none.
    pub source_address: Option<String>,
    /// Names the key by which its sender claims to have signed.
    pub key_id: Option<String>,
    /// Lists the positions of the events in the batch; all where there are none.
    pub events: Vec<usize>,
    /// Gives the size of the whole body in bytes, not only of the events in quarantine.
    pub bytes: usize,
}

/// Lists up to `limit` objects of what is selected.
///
/// # Errors
///
/// [`Error`](crate::Error) when the quarantine cannot be read.
pub async fn list(stack: &Stack, selection: &Selection, limit: u16, at: Timestamp) -> Result<List> {
    let (mut quarantine, mut more) = (Vec::new(), false);
    let visit = async |quarantined: Quarantined, delivery: ArchivedDelivery| {
        more = quarantine.len() == usize::from(limit);
        if !more {
            quarantine.push(Listed {
                delivery_id: quarantined.delivery_id(),
                reason: quarantined.reason().to_owned(),
                received_at: quarantined.received_at(),
                bytes: delivery.envelope.body.len(),
                source_address: delivery.envelope.request.source_address,
                key_id: delivery.key_id,
                events: delivery.events,
            });
        }
        Ok(!more)
    };
    selection.each(&stack.archive()?, at, visit).await?;
    Ok(List {
        at,
        selection: selection.clone(),
        quarantine,
        more,
    })
}
