//! Runs the processor of the domain `unrecognised`. Written by `make generate`.

use std::process::ExitCode;

use processors::actions::unrecognised;
use upvest::Domain;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    pipeline::processor::run(Domain::Unrecognised, unrecognised::actions).await
}
