//! Runs the processor of the domain `users`. Written by `make generate`.

use std::process::ExitCode;

use processors::actions::users;
use upvest::Domain;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    pipeline::processor::run(Domain::Users, users::actions).await
}
