//! Whether the signed deliveries are all there, and say what the log says; sending again what the log lacks.

mod delivery;
mod report;
mod resend;
mod verify;

use std::ops::Range;

use jiff::Timestamp;
use pipeline::runtime::clock::Clock;

pub use report::{Finding, Problem, VerifyReport};
pub use resend::{ResendReport, Unreadable, resend};

use crate::error::Result;
use crate::records::Records;
use crate::refusal::Refusals;
use crate::reporter::Reporter;
use crate::stack::Stack;

/// Verifies the deliveries that were received in a time once more, and compares them with the event log both ways.
///
/// # Errors
///
/// [`Error`](crate::Error) when a store cannot be read. What does not hold is a finding.
pub async fn verify(
    stack: &Stack,
    received: Range<Timestamp>,
    reporter: Reporter<'_>,
) -> Result<VerifyReport> {
    let clock = Clock::system();
    let verification = verify::Verification {
        reporter,
        records: Records::of(stack)?,
        refusals: Refusals::of(stack, clock.clone()),
        keys: stack.verifying_keys(clock)?,
        received,
    };
    verification.run().await
}
