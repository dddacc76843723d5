//! Runs the processor of the domain `orders`. Written by `make generate`.

use lambda_runtime::Error;
use processors::actions::orders;
use upvest::Domain;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    pipeline::processor::run(Domain::Orders, orders::actions).await
}
