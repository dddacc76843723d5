//! register-webhook between a simulated Upvest, an endpoint, and a server in place of CloudFormation's.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

mod answering;
mod checking;
mod creating;
mod deleting;
pub(crate) mod stack;
mod updating;

use std::time::Duration;

use pipeline::runtime::clock::Clock;
use pipeline::stores::subscriptions::Subscriptions;
use pipeline::stores::subscriptions::attributes::{OURS, WEBHOOK_ID};
use register_webhook::{Deps, RegisterError, Settings};
use serde_json::json;
use upvest_simulator::{Subscription, TestBehaviour, Trouble};

use self::stack::{REQUEST_ID, Stack};
use crate::upvest::{Log, SECRET, secrets};

fn delayed(answers: u32, delay_ms: u64) -> Trouble {
    Trouble {
        answers,
        delay_ms,
        path_prefix: Some("/webhooks".to_owned()),
        ..Trouble::default()
    }
}

/// The subscriptions that verify-and-store is told are ours. The store does not list them, and asking it for one that is
/// not ours would note that.
fn ours(stack: &Stack) -> Vec<String> {
    let rows = stack.aws.items("subscriptions").into_iter();
    let ours = rows.filter(|row| row[OURS]["BOOL"] == true);
    ours.map(|row| row[WEBHOOK_ID]["S"].as_str().unwrap().to_owned())
        .collect()
}
