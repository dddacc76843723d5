//! The process of a function: its log and its metrics are there before anything else happens, and it says why it ends.

use std::error::Error;
use std::pin::Pin;
use std::process::ExitCode;

use crate::error::ErrorChain;
use crate::runtime::config::environment;
use crate::runtime::{log, metrics};

/// Names the errors of Lambda's runtime.
type BoxError = Box<dyn Error + Send + Sync>;

/// Serves a function's invocations until the process ends, with its log and its metrics directed to Lambda.
///
/// An error is logged like every other. As the result of `main` it would be printed as plain text, which Lambda takes for
/// a line of the level `INFO`.
///
/// `serve` is boxed, because it is too deep for the compiler within the future of a `main`.
pub async fn run(serve: Pin<Box<dyn Future<Output = Result<(), BoxError>> + '_>>) -> ExitCode {
    log::install();
    let stack = environment("STACK_NAME").unwrap_or_default();
    metrics::install(&stack, environment("OBSERVABILITY").as_deref() == Some("lean"));
    match serve.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %ErrorChain(&*error), "the function cannot run");
            ExitCode::FAILURE
        }
    }
}
