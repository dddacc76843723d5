//! Having Upvest test a subscription.

use std::time::Duration;

use pipeline::error::ErrorChain;
use serde::Serialize;
use upvest_api::{Client, EndpointAnswer, ResourceId, TestOutcome, Webhook};

use super::arrival::{Arrival, search};
use crate::error::Result;
use crate::stack::StackFinder;

/// Tells of a test of a subscription, and what became of it.
#[derive(Debug, Serialize)]
pub struct Tested {
    /// Shows the subscription that was tested, as Upvest has it.
    pub webhook: Webhook,
    /// Repeats what the endpoint answered, if Upvest tells.
    pub response: Option<EndpointAnswer>,
    /// Tells what became of the delivery in the stack.
    pub arrival: Arrival,
}

/// Has Upvest post a test delivery, and looks for it in the stack for up to `at_most`, if one is named.
///
/// # Errors
///
/// [`Error`](crate::Error) when Upvest does not make the test. That the delivery cannot be found is a result.
pub async fn test(
    upvest: &Client,
    stacks: &StackFinder<'_>,
    id: &ResourceId,
    at_most: Duration,
) -> Result<Tested> {
    let webhook = upvest.webhook(id).await?;
    let response = match upvest.test_webhook(id).await? {
        TestOutcome::Answered(answer) => Some(answer),
        // Upvest's specification also has an answer without a body, 202.
        _ => None,
    };
    let arrival = match &response {
        Some(answer) => Box::pin(search(stacks, &webhook.url, answer, at_most))
            .await
            .unwrap_or_else(|error| Arrival::unknown(ErrorChain(&error).to_string())),
        None => Arrival::unknown("Upvest does not tell what it was answered"),
    };
    Ok(Tested {
        webhook,
        response,
        arrival,
    })
}
