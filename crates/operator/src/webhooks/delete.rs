//! Deleting a subscription.

use upvest_api::{Client, Deletion, ResourceId, Webhook};

use super::outcome::{Outcome, PlannedRequest};
use crate::error::Result;

/// Asks whether a subscription is to be deleted.
pub type Confirm<'c> = &'c mut dyn FnMut(&Webhook) -> Result<bool>;

/// Deletes a subscription, after `confirm` has seen it; without a `confirm` it is not even looked at.
///
/// # Errors
///
/// [`Error`](crate::Error) when Upvest refuses, or `confirm` fails.
pub async fn delete(
    upvest: &Client,
    id: ResourceId,
    dry_run: bool,
    confirm: Option<Confirm<'_>>,
) -> Result<Outcome> {
    if dry_run {
        let request = PlannedRequest {
            method: "DELETE",
            path: format!("/webhooks/{}", upvest.webhook(&id).await?.id),
            body: None,
        };
        return Ok(Outcome::planned(vec![request], Vec::new()));
    }
    if let Some(confirm) = confirm
        && !confirm(&upvest.webhook(&id).await?)?
    {
        return Ok(Outcome::Deleted { id, result: "kept" });
    }
    let result = match upvest.delete_webhook(&id).await? {
        Deletion::Deleted => "deleted",
        Deletion::AlreadyGone => "not there",
    };
    Ok(Outcome::Deleted { id, result })
}
