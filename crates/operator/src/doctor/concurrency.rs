//! Whether Lambda has room for ingest beside what the queues set going. What is not let through is answered with an error,
//! on which Upvest holds back all later deliveries; messages in queues merely wait.

use aws_sdk_lambda::types::AccountLimit;
use upvest::Domain;

use super::check::{CheckError, Checked};
use super::deployment::Parameters;
use super::finding::Finding;
use crate::stack::Stack;

const CONCURRENCY: &str = "concurrency";
/// Bounds how many batches of a queue are handled at once where the stack does not say: the template's default.
const DEFAULT_BOUND: i64 = 10;
/// Names the parameter that keeps concurrent executions for ingest.
pub(crate) const RESERVED: &str = "IngestReservedConcurrency";
/// Is the command that asks AWS for more concurrent executions.
pub(crate) const HIGHER_QUOTA: &str = "aws service-quotas request-service-quota-increase --service-code lambda \
                                       --quota-code L-B99A9384 --desired-value 1000";

/// Checks that the queues leave the account enough concurrent executions for ingest.
pub(super) async fn check(stack: &Stack, parameters: &Parameters) -> Checked {
    let settings = stack.lambda().get_account_settings().send().await;
    let settings = settings.map_err(CheckError::of("lambda:GetAccountSettings"))?;
    let number = |name: &str| parameters.get(name).and_then(|value| value.parse::<i64>().ok());
    Ok(vec![match settings.account_limit() {
        Some(limit) => room_for_ingest(limit, number),
        None => Finding::skipped(CONCURRENCY, "Lambda tells no limit"),
    }])
}

/// Tells whether an account with this limit has room for ingest. `number` gives parameters of the stack that are numbers.
pub(crate) fn room_for_ingest(limit: &AccountLimit, number: impl Fn(&str) -> Option<i64>) -> Finding {
    let all = limit.concurrent_executions();
    let shared = i64::from(limit.unreserved_concurrent_executions().unwrap_or(all));
    let bound = |name: &str| number(name).unwrap_or(DEFAULT_BOUND);
    let verifiers = bound("VerifyMaximumConcurrency");
    let processors = bound("ProcessorMaximumConcurrency").saturating_mul(Domain::ALL.len() as i64);
    let by_queues = verifiers.saturating_add(processors);
    let more_room = || format!("{HIGHER_QUOTA}, and then deploy with {RESERVED}");
    let reserved = number(RESERVED).unwrap_or_default();
    if reserved > 0 {
        Finding::ok(CONCURRENCY, format!("{reserved} of {all} are kept for ingest"))
    } else if shared > by_queues {
        let found = format!("{shared}, of which queues take {by_queues} at most");
        Finding::ok(CONCURRENCY, found)
    } else if shared > verifiers {
        let found =
            format!("{shared}, of which queues can take {by_queues}, so that nothing is left for ingest");
        Finding::warning(CONCURRENCY, found, more_room())
    } else {
        let found =
            format!("{shared}, all of which verify-and-store alone can take, so that ingest is refused");
        Finding::failed(CONCURRENCY, found, more_room())
    }
}
