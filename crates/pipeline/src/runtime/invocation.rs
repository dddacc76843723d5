//! An invocation of a function: who works, and until when Lambda lets it.

use jiff::Timestamp;
use lambda_runtime::Context;

/// Says who works, and until when at most: an invocation of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// Gives its request id, no two alike: the owner token of what it claims.
    pub request_id: String,
    /// Tells when Lambda ends it: the end of its leases.
    pub deadline: Timestamp,
}

impl Invocation {
    /// Reads who works off what Lambda says of an invocation.
    #[must_use]
    pub fn of(context: Context) -> Self {
        let deadline = i64::try_from(context.deadline).unwrap_or(i64::MAX);
        Self {
            request_id: context.request_id,
            deadline: Timestamp::from_millisecond(deadline).unwrap_or(Timestamp::MAX),
        }
    }
}
