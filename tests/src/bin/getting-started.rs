//! Runs the processor of the domain `orders` with the action that docs/getting-started.md comes to in the end.

use std::process::ExitCode;

use upvest::Domain;
use webhook_tests::getting_started::desk;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    pipeline::processor::run(Domain::Orders, desk::actions).await
}
