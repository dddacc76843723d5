//! Runs the processor of the domain `transfers`. Written by `make generate`.

use std::process::ExitCode;

use processors::actions::transfers;
use upvest::Domain;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    pipeline::processor::run(Domain::Transfers, transfers::actions).await
}
