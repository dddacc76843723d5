//! Keeps the latest object of every event without a processor of its own.

use lambda_runtime::Error;
use upvest::Domain;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    pipeline::processor::run(Domain::Unrecognised).await
}
