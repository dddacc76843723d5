//! Runs the processor of the domain `corporate-actions`. Written by `make generate`.

use std::process::ExitCode;

use processors::actions::corporate_actions;
use upvest::Domain;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    pipeline::processor::run(Domain::CorporateActions, corporate_actions::actions).await
}
